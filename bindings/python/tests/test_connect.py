"""Toolsets over connections of the engine's own."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import ormai
import pytest
from ormai.core.errors import DatabaseUnavailableError, OrmAiError, PolicyInvalidError, RecordNotFoundError
from ormai.store import JsonlAuditStore
from ormai.tools import ToolContext, Toolset, tool
from sqlite_shop import CATALOG, POLICY, ROWS, TABLES, context


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The shop in a file."""
    with sqlite3.connect(tmp_path / "shop.db") as db:
        db.executescript(TABLES + ROWS)
    return f"sqlite:{tmp_path}/shop.db"


@tool
async def count(ctx: ToolContext) -> int:
    """Count orders."""
    return len((await ctx.toolset.query(ctx, model="Order")).rows)


def test_a_program_without_an_event_loop_connects(url: str) -> None:
    toolset = ormai.connect_sync(url, POLICY, catalog=CATALOG, tools=[count])
    with toolset.sync as tools:
        assert [row["id"] for row in tools.query(context(None), model="Order").rows] == [1, 2, 3]
        with pytest.raises(RecordNotFoundError):
            tools.get(context(None), model="Order", id=7)
        with pytest.raises(ZeroDivisionError), tools.transaction(context(None)) as tx:
            tools.create(tx, model="Order", data={"status": "new"})
            raise ZeroDivisionError
        with tools.transaction(context(None)) as tx:
            tools.create(tx, model="Order", data={"status": "new"})
        assert tools.call(context(None), "count").data == 4


def test_a_program_with_an_event_loop_connects(url: str) -> None:
    async def main() -> None:
        async with await ormai.connect(url, POLICY, catalog=CATALOG, tools=[count]) as toolset:
            pages = await asyncio.gather(*(toolset.query(context(None), model="Order") for _ in range(50)))
            assert {len(page.rows) for page in pages} == {3}
            async with toolset.transaction(context(None)) as tx:
                made = await toolset.create(tx, model="Order", data={"status": "new"})
                assert (await toolset.get(tx, model="Order", id=made.row["id"])).row == made.row  # type: ignore[index]
            assert (await toolset.call(context(None), "count")).data == 4

    asyncio.run(main())


def test_a_call_that_is_cancelled_leaves_nothing_behind(url: str) -> None:
    async def main(toolset: Toolset) -> None:
        async def work() -> None:
            async with toolset.transaction(context(None)) as tx:
                await toolset.create(tx, model="Order", data={"status": "new"})
                await asyncio.Event().wait()

        task = asyncio.ensure_future(work())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len((await toolset.query(context(None), model="Order")).rows) == 3

    toolset = ormai.connect_sync(url, POLICY, catalog=CATALOG)
    asyncio.run(main(toolset))
    toolset.sync.close()


def test_the_database_is_read_where_no_catalog_is_given(url: str, tmp_path: Path) -> None:
    store = JsonlAuditStore(tmp_path / "audit.jsonl")
    policy: dict[str, Any] = {
        "models": {"Purchase": {"fields": {"id": "allow"}, "scoping": {"tenant_id": "principal.tenant_id"}}}
    }
    toolset = ormai.connect_sync(url, policy, audit_store=store, model_names={"orders": "Purchase"})
    assert len(toolset.sync.query(context(None), model="Purchase").rows) == 3
    toolset.sync.close()
    assert [record.tenant_id for record in store.sync.query()] == ["acme"]


def test_a_session_has_no_place_in_a_toolset_with_connections_of_its_own(url: str) -> None:
    toolset = ormai.connect_sync(url, POLICY, catalog=CATALOG)
    with pytest.raises(TypeError, match="connections of its own"):
        toolset.sync.query(context(object()), model="Order")
    toolset.sync.close()


def test_what_cannot_be_connected_says_why(url: str, tmp_path: Path) -> None:
    with pytest.raises(OrmAiError) as raised:
        ormai.connect_sync("oracle://u:hunter2@db/shop", POLICY)
    assert "hunter2" not in str(raised.value)
    with pytest.raises(DatabaseUnavailableError):
        ormai.connect_sync("postgres://nobody:hunter2@127.0.0.1:1/shop", POLICY, acquire_timeout_ms=500)
    with pytest.raises(PolicyInvalidError, match="`Order` has no field `nope`"):
        ormai.connect_sync(url, {"models": {"Order": {"fields": {"nope": "allow"}, "scoping": {}}}})
    with pytest.raises(TypeError, match="`max_connection`"):
        ormai.connect_sync(url, POLICY, max_connection=5)
