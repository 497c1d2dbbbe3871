"""The tables, and a few rows of two tenants to begin with."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import ForeignKey, Numeric, String
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    """The base of the models."""


class Customer(Base):
    """Who orders."""

    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(40), index=True)
    name: Mapped[str] = mapped_column(String(80))
    card: Mapped[str] = mapped_column(String(20))


class Order(Base):
    """What was ordered."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(40), index=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    status: Mapped[str] = mapped_column(String(20))
    total: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    customer: Mapped[Customer] = relationship()


def seed(session: Session) -> None:
    """Fills an empty database."""
    if session.query(Customer).first() is not None:
        return
    session.add_all(
        [
            Customer(id=1, tenant_id="acme", name="Ada", card="4111 1111 1111 1111"),
            Customer(id=2, tenant_id="globex", name="Gus", card="5500 0000 0000 0004"),
        ]
    )
    session.flush()
    session.add_all(
        [
            Order(id=1, tenant_id="acme", customer_id=1, status="pending", total=Decimal("12.50")),
            Order(id=2, tenant_id="acme", customer_id=1, status="shipped", total=Decimal("99.00")),
            Order(id=3, tenant_id="globex", customer_id=2, status="pending", total=Decimal("7.00")),
        ]
    )
    session.flush()
