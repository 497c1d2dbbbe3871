"""What is measured on: 100,000 orders of 100 tenants, and the one query that every variant makes.

It is imported with any SQLAlchemy from 2.0 on, and without OrmAI.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, DateTime, Index, Integer, Numeric, String, create_engine, insert, select
from sqlalchemy.orm import declarative_base

TENANTS = 100
ORDERS = 100_000
ROWS = 10
TENANT = "tenant-42"
STATUS = "pending"
FIELDS = ("id", "tenant_id", "status", "total", "created_at")

Base: Any = declarative_base()


class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    tenant_id = Column(String(40), nullable=False)
    status = Column(String(20), nullable=False)
    total = Column(Numeric(12, 2), nullable=False)
    created_at = Column(DateTime, nullable=False)
    __table_args__ = (Index("orders_of_tenant", "tenant_id", "id"),)


def fill(url: str) -> None:
    """Makes the table with its rows."""
    engine = create_engine(url)
    begin = dt.datetime(2026, 1, 1)
    rows = [
        {
            "id": n + 1,
            "tenant_id": f"tenant-{n % TENANTS}",
            "status": ("pending", "paid", "shipped")[n // TENANTS % 3],
            "total": Decimal(n % 10_000) / 100,
            "created_at": begin + dt.timedelta(seconds=n),
        }
        for n in range(ORDERS)
    ]
    with engine.begin() as connection:
        Base.metadata.drop_all(connection)
        Base.metadata.create_all(connection)
        for at in range(0, ORDERS, 10_000):
            connection.execute(insert(Order), rows[at : at + 10_000])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()


def by_hand() -> Any:
    """The query as somebody writes it who remembers the tenant."""
    columns = [getattr(Order, name) for name in FIELDS]
    return select(*columns).where(Order.tenant_id == TENANT, Order.status == STATUS).order_by(Order.id).limit(ROWS)
