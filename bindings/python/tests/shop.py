"""Models of the guide with a few rows of two tenants, `acme` and `umbrella`, whose rows look alike."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from sqlalchemy import DateTime, ForeignKey, Numeric, String
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

TENANTS = ("acme", "umbrella")


class Base(DeclarativeBase):
    """The base of the models."""


class Tenant(Base):
    __tablename__ = "tenants"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))


class User(Base):
    __tablename__ = "users"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(40), ForeignKey("tenants.id"), index=True)
    email: Mapped[str] = mapped_column(String(120))
    orders: Mapped[list[Order]] = relationship(back_populates="user")


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(40), ForeignKey("tenants.id"), index=True)
    user_id: Mapped[str] = mapped_column(String(40), ForeignKey("users.id"))
    status: Mapped[str | None] = mapped_column(String(20))
    total: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    created_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    user: Mapped[User] = relationship(back_populates="orders")
    items: Mapped[list[Item]] = relationship(back_populates="order")


class Item(Base):
    __tablename__ = "items"
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tenant_id: Mapped[str] = mapped_column(String(40), ForeignKey("tenants.id"), index=True)
    sku: Mapped[str] = mapped_column(String(40))
    order: Mapped[Order] = relationship(back_populates="items")


def fill(session: Session, orders: int = 6) -> None:
    """Adds the rows: of each tenant two users and `orders` orders, with an item each. Does not commit."""
    session.add_all(Tenant(id=tenant, name=tenant.title()) for tenant in TENANTS)
    session.flush()
    for tenant in TENANTS:
        session.add_all(User(id=f"{tenant}-{n}", tenant_id=tenant, email=f"user{n}@{tenant}.test") for n in (1, 2))
    session.flush()
    for at in range(2 * orders):
        tenant = TENANTS[at % 2]
        session.add(
            Order(
                id=at + 1,
                tenant_id=tenant,
                user_id=f"{tenant}-{at % 4 // 2 + 1}",
                status=("pending", "paid", "shipped")[at // 2 % 3],
                total=Decimal(at + 1) / 2,
                created_at=dt.datetime(2024, 5, 1, 12, 0, 0, 1, tzinfo=dt.timezone.utc) + dt.timedelta(minutes=at),
            )
        )
    session.flush()
    for at in range(2 * orders):
        session.add(Item(order_id=at + 1, position=1, tenant_id=TENANTS[at % 2], sku=f"A-{at}"))
    session.flush()
