"""Runs one variant in a process of its own: `worker.py VARIANT URL`.

It says `ready`, and then for each number on its standard input makes that many calls and prints how long each took,
in nanoseconds, as a list in JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from data import FIELDS, ROWS, STATUS, TENANT, Base, Order, by_hand

Call = Callable[[], Awaitable[list[Any]]]


async def core(url: str) -> Call:
    """The query built with SQLAlchemy Core and run, each time."""
    session = opened(url)

    async def call() -> list[Any]:
        return [dict(row) for row in session.execute(by_hand()).mappings()]

    return call


async def core_async(url: str) -> Call:
    """The same on an AsyncSession."""
    session = opened_async(url)

    async def call() -> list[Any]:
        return [dict(row) for row in (await session.execute(by_hand())).mappings()]

    return call


async def toolset(url: str) -> Call:
    """`await toolset.query` on a Session."""
    return queries(url, opened(url))


async def toolset_async(url: str) -> Call:
    """`await toolset.query` on an AsyncSession."""
    return queries(url, opened_async(url))


async def connect(url: str) -> Call:
    """`await toolset.query` with connections of OrmAI's own."""
    import ormai

    return query(await ormai.connect(url, policy()), None)


async def upstream(url: str) -> Call:
    """The package `ormai` 0.2.1 from PyPI, on a Session."""
    from ormai.core.context import RunContext
    from ormai.quickstart import mount_sqlalchemy

    session = opened(url)
    tools = mount_sqlalchemy(session.get_bind(), [Order], enable_mcp=False).toolset
    ctx = RunContext.create(tenant_id=TENANT, user_id="user-1", db=session)
    where = [{"field": "status", "op": "eq", "value": STATUS}]
    request = {"model": "Order", "where": where, "take": ROWS, "select": list(FIELDS)}
    request["order_by"] = [{"field": "id", "direction": "asc"}]

    async def call() -> list[Any]:
        result = await tools.execute("db.query", request, ctx)
        assert result.success, result.error
        data = result.data
        rows = data["data"] if isinstance(data, dict) else data.data
        return list(rows)

    return call


def opened(url: str) -> Any:
    """A session."""
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    return Session(create_engine(url))


def opened_async(url: str) -> Any:
    """An asynchronous session."""
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    return AsyncSession(create_async_engine(url))


def policy() -> Any:
    """Who may see what."""
    from ormai.policy import ModelPolicy, Policy

    fields = dict.fromkeys(FIELDS, "allow")
    return Policy(models={"Order": ModelPolicy(fields=fields, scoping={"tenant_id": "principal.tenant_id"})})


def queries(url: str, session: Any) -> Call:
    """Calls on a session."""
    from ormai.quickstart import mount_sqlalchemy

    return query(mount_sqlalchemy(session.get_bind(), Base, policy()), session)


def query(tools: Any, session: Any) -> Call:
    """The query through a toolset."""
    from ormai.core import Principal, RunContext

    ctx = RunContext(principal=Principal(tenant_id=TENANT, user_id="user-1"), db=session)

    async def call() -> list[Any]:
        filters = [{"field": "status", "op": "eq", "value": STATUS}]
        result = await tools.query(ctx, model="Order", filters=filters, select=FIELDS, limit=ROWS)
        return list(result.rows)

    return call


VARIANTS: dict[str, Callable[[str], Awaitable[Call]]] = {
    "core": core,
    "core_async": core_async,
    "toolset": toolset,
    "toolset_async": toolset_async,
    "connect": connect,
    "upstream": upstream,
}


async def main() -> None:
    """Answers the numbers on standard input."""
    call = await VARIANTS[sys.argv[1]](sys.argv[2])
    rows = await call()
    assert [row["id"] for row in rows] == [43 + 300 * n for n in range(ROWS)], rows
    print("ready", flush=True)
    for line in sys.stdin:
        took = []
        for _ in range(int(line)):
            began = time.perf_counter_ns()
            await call()
            took.append(time.perf_counter_ns() - began)
        print(json.dumps(took), flush=True)


asyncio.run(main())
