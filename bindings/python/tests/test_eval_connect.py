"""Evaluation on the engine's own connections."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import ormai
import pytest
from databases import Ground
from evaluating import ACME, POLICY, UMBRELLA, changed
from ormai.core import RunContext
from ormai.eval import (
    ALL_INVARIANTS,
    Case,
    EvalHarness,
    Evidence,
    Recorder,
    determinism,
    diff,
    invariant,
    isolation,
    isolation_sync,
    load,
    replay,
)
from ormai.store import MemoryAuditStore
from ormai.tools import ToolContext, tool
from shop import Order
from sqlalchemy import func, select

pytestmark = pytest.mark.drivers("pysqlite", "psycopg", "pymysql")
NAMES = {"orders": "Order", "users": "User", "items": "Item", "tenants": "Tenant"}
SCHEMES = {"sqlite": "sqlite", "postgresql": "postgres", "mysql": "mysql"}
OPTIONS: dict[str, Any] = {"model_names": NAMES, "hash_key": b"sixteen bytes or more"}


def url_of(shop: Ground) -> str:
    if shop.driver.database == "sqlite":
        return f"sqlite:{shop.url.database}"
    url = shop.url
    path = url.query.get("unix_socket")
    if path is not None:
        url = url.difference_update_query(["unix_socket"]).update_query_dict({"socket": path})
    return url.set(drivername=SCHEMES[shop.driver.database]).render_as_string(hide_password=False)


@invariant(rows=["Order"])
def orders_are_all_there(evidence: Evidence) -> bool:
    return len(evidence.rows["Order"]) == 12


def test_what_is_evaluated_on_sessions_is_evaluated_without_them(shop: Ground, tmp_path: Path) -> None:
    async def main() -> None:
        connected = await ormai.connect(url_of(shop), POLICY, audit_store=MemoryAuditStore(), **OPTIONS)
        async with connected as toolset:
            ctx = RunContext(principal=ACME)
            suite = await EvalHarness(toolset, POLICY).run_suite(
                ctx,
                [
                    Case("query", {"model": "Order", "include": [{"relation": "user"}]}, expect="success"),
                    Case("query", {"model": "Order"}, UMBRELLA, invariants=[*ALL_INVARIANTS, orders_are_all_there]),
                    Case("get", {"model": "Order", "id": 2}, expect="RECORD_NOT_FOUND"),
                    Case("update", {"model": "Order", "id": 1, "data": {"status": "paid"}}, expect="success"),
                ],
            )
            assert suite.passed, str(suite)

            recorder = Recorder(toolset, answers=True)
            for model in ("Order", "User"):
                await recorder.toolset.query(ctx, model=model)
            recorder.save(tmp_path / "calls.jsonl")
            recording = load(tmp_path / "calls.jsonl")
            assert (await replay(toolset, ctx, recording)).passed
            assert (await determinism(toolset, ctx, recording)).passed
            found = await diff(toolset, ctx, POLICY, changed(scoping={}, write_policy={}), recording=recording)
            assert found.is_wider and found.calls["wider"] == 1

            report = await isolation(toolset, ctx, POLICY, requests=60)
            assert report.passed, str(report)

    asyncio.run(main())


def test_what_a_tool_of_ones_own_writes_is_undone(shop: Ground) -> None:
    """Also where its calls would have a connection of their own."""

    @tool
    async def move_orders(ctx: ToolContext) -> int:
        """Marks one's orders as moved."""
        asked: dict[str, Any] = {"model": "Order", "filters": [{"field": "status", "op": "ne", "value": "moved"}]}
        rows = (await ctx.toolset.query(ctx, **asked)).rows
        for row in rows:
            await ctx.toolset.update(ctx, model="Order", id=row["id"], data={"status": "moved"})
        return len(rows) - len((await ctx.toolset.query(ctx, **asked)).rows)

    @invariant(rows=["Order"])
    def moves_own_orders_alone(evidence: Evidence) -> bool:
        moved = [row["tenant_id"] for row in evidence.rows["Order"] if row["status"] == "moved"]
        return evidence.data == 6 and moved == ["acme"] * 6

    def moved() -> int:
        return shop.run(lambda session: session.scalar(select(func.count()).where(Order.status == "moved"))) or 0

    async def main() -> None:
        connected = await ormai.connect(url_of(shop), POLICY, tools=[move_orders], **OPTIONS)
        async with connected as toolset:
            ctx = RunContext(principal=ACME)
            harness = EvalHarness(toolset, POLICY)
            result = await harness.run(ctx, "move_orders", expect="success", invariants=[moves_own_orders_alone])
            assert result.passed, str(result)
            assert moved() == 0

            recorder = Recorder(toolset)
            async with recorder.toolset.transaction(ctx) as tx:
                await recorder.toolset.call(tx, "move_orders", {})
            assert moved() == 6
            await toolset.update(ctx, model="Order", id=1, data={"status": "paid"})
            assert (await replay(toolset, ctx, recorder.recording(), writes=True)).made == 1
            assert (await determinism(toolset, ctx, recorder.recording(), writes=True)).passed
            assert moved() == 5
            kept = EvalHarness(toolset, POLICY, keep_writes=True)
            assert (await kept.run(ctx, "move_orders", invariants=[])).data == 1
            assert moved() == 6

    asyncio.run(main())


def test_a_program_without_an_event_loop_blocks(shop: Ground) -> None:
    toolset = ormai.connect_sync(url_of(shop), POLICY, audit_store=MemoryAuditStore(), **OPTIONS)
    ctx = RunContext(principal=ACME)
    with toolset.sync:
        made = {"model": "Order", "data": {"id": 901, "user_id": "acme-1", "status": "made"}}
        result = EvalHarness(toolset, POLICY).sync.run(ctx, "create", made, expect="success")
        assert result.passed, str(result)
        assert isolation_sync(toolset, ctx, POLICY, requests=60).passed
