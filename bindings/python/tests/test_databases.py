"""That the tests' databases are what they say."""

from __future__ import annotations

from sqlalchemy import func, select

from databases import Ground
from shop import Order


def test_each_driver_has_a_shop_of_two_tenants(shop: Ground) -> None:
    counted = select(Order.tenant_id, func.count()).group_by(Order.tenant_id).order_by(Order.tenant_id)
    rows = shop.run(lambda session: [tuple(row) for row in session.execute(counted)])
    assert rows == [("acme", 6), ("umbrella", 6)]
