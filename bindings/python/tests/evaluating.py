"""What tests of evaluation share: the shop with a policy mounted on it, and a session of the driver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from databases import Ground
from ormai.core import Principal, RunContext
from ormai.quickstart import mount_sqlalchemy
from ormai.store import MemoryAuditStore
from ormai.tools import Toolset
from shop import Base
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

T = TypeVar("T")

SCOPED = {"tenant_id": "principal.tenant_id"}
POLICY: dict[str, Any] = {
    "version": 1,
    "budget": {"max_rows": 100},
    "models": {
        "User": {
            "fields": {"id": "allow", "tenant_id": "allow", "email": "mask"},
            "scoping": SCOPED,
            "relations": {"orders": {"allowed": True}},
        },
        "Order": {
            "fields": {"id": "allow", "tenant_id": "allow", "user_id": "allow", "status": "allow", "total": "allow"},
            "scoping": SCOPED,
            "relations": {"user": {"allowed": True}, "items": {"allowed": True}},
            "aggregations": {"count": True, "sum": ["total"]},
            "write_policy": {
                "create": "allow",
                "update": "allow",
                "delete": "allow",
                "auto_set": SCOPED,
                "immutable_fields": ["tenant_id"],
            },
        },
        "Item": {
            "fields": {"order_id": "allow", "position": "allow", "tenant_id": "allow", "sku": "allow"},
            "scoping": SCOPED,
        },
    },
}
ACME = Principal(tenant_id="acme", user_id="acme-1")
UMBRELLA = Principal(tenant_id="umbrella", user_id="umbrella-1")


def changed(**parts: Any) -> dict[str, Any]:
    """The policy with parts of `Order` otherwise."""
    return {**POLICY, "models": {**POLICY["models"], "Order": {**POLICY["models"]["Order"], **parts}}}


def mounted(shop: Ground, policy: Any = POLICY, **more: Any) -> Toolset:
    return mount_sqlalchemy(
        shop.engine, Base, policy, **{"audit_store": MemoryAuditStore(), "hash_key": b"sixteen bytes or more", **more}
    )


@asynccontextmanager
async def session_of(shop: Ground) -> AsyncIterator[Any]:
    """A session of the driver, which is rolled back."""
    if isinstance(shop.engine, AsyncEngine):
        async with AsyncSession(shop.engine) as session:
            yield session
        return
    with Session(shop.engine) as session:
        yield session


def on_session(shop: Ground, work: Callable[[RunContext], Awaitable[T]]) -> T:
    """Does something in a context on a session of the driver."""

    async def done() -> T:
        async with session_of(shop) as session:
            return await work(RunContext(principal=ACME, db=session))

    return asyncio.run(done())


async def execute(session: Any, statement: Any) -> Any:
    """Runs a statement of SQLAlchemy's on a session of either kind."""
    executed = session.execute(statement)
    return await executed if isinstance(executed, Awaitable) else executed
