"""Calls held to invariants, on the sessions of every driver."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from databases import Ground
from evaluating import ACME, POLICY, UMBRELLA, changed, execute, mounted, on_session
from ormai.core import RunContext
from ormai.core.errors import PolicyInvalidError
from ormai.eval import (
    ALL_INVARIANTS,
    Case,
    EvalHarness,
    Evidence,
    SuiteResult,
    Violation,
    ViolationError,
    invariant,
    no_cross_tenant_data,
    non_interference,
)
from ormai.tools import tool
from shop import Item, Order
from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.orm import Session

FEW = pytest.mark.drivers("pysqlite", "aiosqlite", "psycopg", "asyncpg", "pymysql", "asyncmy")
ONE = pytest.mark.drivers("pysqlite")


def test_a_call_is_held_to_every_invariant_and_its_session_is_left_as_it_was(shop: Ground) -> None:
    harness = EvalHarness(mounted(shop), POLICY)

    async def evaluated(ctx: RunContext) -> tuple[SuiteResult, list[Any]]:
        await execute(ctx.db, insert(Order).values(id=900, tenant_id="acme", user_id="acme-1", status="new"))
        asked = select(Order.id, Order.status, Order.tenant_id).order_by(Order.id)
        before = (await execute(ctx.db, asked)).all()
        suite = await harness.run_suite(
            ctx,
            [
                Case("query", {"model": "Order", "include": [{"relation": "items"}]}, expect="success"),
                Case("get", {"model": "Order", "id": 900}, expect="success"),
                Case("get", {"model": "Order", "id": 2}, expect="RECORD_NOT_FOUND"),
                Case("get", {"model": "Order", "id": 2}, principal=UMBRELLA, expect="success"),
                Case(
                    "aggregate",
                    {"model": "Order", "aggregations": [{"function": "sum", "field": "total", "alias": "all"}]},
                ),
                Case(
                    "create",
                    {"model": "Order", "data": {"id": 901, "user_id": "acme-1", "status": "made"}},
                    expect="success",
                ),
                Case("update", {"model": "Order", "id": 900, "data": {"status": "paid"}}, expect="success"),
                Case("delete", {"model": "Order", "id": 2}, expect="RECORD_NOT_FOUND"),
                Case("query", {"model": "User", "filters": [{"field": "emial", "op": "eq", "value": "a"}]}),
            ],
        )
        assert (await execute(ctx.db, asked)).all() == before
        return suite, before

    suite, _ = on_session(shop, evaluated)
    assert suite.passed, str(suite)
    assert all(len(result.invariants) == len(ALL_INVARIANTS) for result in suite)
    # Nothing of it was committed.
    assert shop.run(lambda session: session.scalar(select(func.count()).select_from(Order))) == 12


def test_a_policy_that_is_wider_than_meant_is_found(shop: Ground) -> None:
    """The toolset obeys another policy than the one that it is held to."""
    wide = mounted(shop, changed(scoping={}, write_policy={}))
    harness = EvalHarness(wide, POLICY)

    async def evaluated(ctx: RunContext) -> Any:
        return await harness.run(ctx, tool="query", kwargs={"model": "Order"}, invariants=[no_cross_tenant_data])

    result = on_session(shop, evaluated)
    assert result.answered and not result.passed
    found = result.violations[0]
    assert (found.invariant, found.model) == ("no_cross_tenant_data", "Order")
    assert "may not see" in found.message and "rows[" in found.message
    with pytest.raises(ViolationError, match="no_cross_tenant_data") as raised:
        result.raise_for_violations()
    assert raised.value.violations == result.violations


@FEW
def test_a_denied_field_a_missing_mask_and_interference_are_found(shop: Ground) -> None:
    open_users = {"fields": {"id": "allow", "email": "allow"}, "scoping": {}, "aggregations": {"count": True}}
    wide = mounted(shop, {**POLICY, "models": {**POLICY["models"], "User": open_users}})
    harness = EvalHarness(wide, POLICY)

    async def evaluated(ctx: RunContext) -> list[set[str]]:
        asked: list[tuple[str, dict[str, Any]]] = [
            ("query", {"model": "User", "select": ["id", "email"]}),
            ("aggregate", {"model": "User", "aggregations": [{"function": "count", "alias": "n"}]}),
        ]
        results = [await harness.run(ctx, tool, kwargs) for tool, kwargs in asked]
        return [{violation.invariant for violation in result.violations} for result in results]

    rows, count = on_session(shop, evaluated)
    assert {"no_cross_tenant_data", "masks_applied", "non_interference"} <= rows
    assert {"no_cross_tenant_data", "non_interference"} <= count


@FEW
def test_what_a_write_leaves_is_looked_at_before_it_is_undone(shop: Ground) -> None:
    harness = EvalHarness(mounted(shop, changed(write_policy={"update": "allow"})), POLICY)

    @invariant(rows=["Order", "Item"])
    def stays_ours(evidence: Evidence) -> Any:
        for row in evidence.rows["Order"]:
            if row["status"] == "stolen":
                yield Violation("an order was stolen", model="Order", row=row["id"], field="status")
        assert len(evidence.rows["Item"]) == 12, "items were lost"

    async def evaluated(ctx: RunContext) -> Any:
        changes = {"model": "Order", "id": 1, "data": {"status": "stolen"}}
        return await harness.run(ctx, tool="update", kwargs=changes, invariants=[stays_ours, no_cross_tenant_data])

    result = on_session(shop, evaluated)
    assert [str(found) for found in result.violations if found.invariant == "stays_ours"] == [
        "stays_ours: an order was stolen (Order 1), field `status`"
    ]
    assert shop.run(lambda session: session.scalar(select(Order.tenant_id).where(Order.id == 1))) == "acme"


@FEW
def test_an_invariant_of_ones_own_sees_answer_principal_and_records(shop: Ground) -> None:
    harness = EvalHarness(mounted(shop), POLICY)
    seen: list[Evidence] = []

    async def short(evidence: Evidence) -> list[str]:
        seen.append(evidence)
        return [f"{len(evidence.data['rows'])} rows"]

    def holds(evidence: Evidence) -> bool:
        return evidence.answered

    def fails(evidence: Evidence) -> None:
        assert not evidence.answered, "it was answered"

    def breaks(evidence: Evidence) -> None:
        raise LookupError("no such thing")

    async def evaluated(ctx: RunContext) -> Any:
        checks: list[Any] = [short, holds, fails, breaks, lambda _: False, "response_within_budget"]
        return await harness.run(ctx, tool="query", kwargs={"model": "Order"}, invariants=checks)

    result = on_session(shop, evaluated)
    assert result.invariants == ["short", "holds", "fails", "breaks", "<lambda>", "response_within_budget"]
    assert [str(found) for found in result.violations] == [
        "short: 6 rows",
        "fails: it was answered",
        "breaks: could not be decided: `breaks` raised LookupError: no such thing",
        "<lambda>: it does not hold",
    ]
    (evidence,) = seen
    assert (evidence.tool, evidence.kwargs, evidence.principal) == ("query", {"model": "Order"}, ACME)
    assert evidence.records is not None and [record["outcome"] for record in evidence.records] == ["answered"]
    assert evidence.metadata["audit_id"] == evidence.records[0]["id"]


@FEW
def test_tools_of_ones_own_are_held_to_invariants_too(shop: Ground) -> None:
    @tool
    async def move_orders(ctx: Any) -> dict[str, Any]:
        """Marks one's orders as moved."""
        page = await ctx.toolset.query(ctx, model="Order", limit=50)
        for row in page.rows:
            await ctx.toolset.update(ctx, model="Order", id=row["id"], data={"status": "moved"})
        moved = await ctx.toolset.query(ctx, model="Order", filters=[{"field": "status", "op": "eq", "value": "moved"}])
        return {"of": ctx.principal.tenant_id, "ids": [row["id"] for row in moved.rows]}

    @invariant(rows=["Order"])
    def moves_own_orders_alone(evidence: Evidence) -> Any:
        moved = [row for row in evidence.rows["Order"] if row["status"] == "moved"]
        assert sorted(row["id"] for row in moved) == sorted(evidence.data["ids"])
        return all(row["tenant_id"] == evidence.principal.tenant_id == evidence.data["of"] for row in moved)

    harness = EvalHarness(mounted(shop, tools=[move_orders]), POLICY)

    async def evaluated(ctx: RunContext) -> Any:
        cases = [
            Case("move_orders", {}, who, expect="success", invariants=[moves_own_orders_alone])
            for who in (ACME, UMBRELLA)
        ]
        return await harness.run_suite(ctx, cases)

    suite = on_session(shop, evaluated)
    assert suite.passed, str(suite)
    assert [result.data["ids"] for result in suite] == [[1, 3, 5, 7, 9, 11], [2, 4, 6, 8, 10, 12]]
    assert shop.run(lambda session: session.scalar(select(func.count()).where(Order.status == "moved"))) == 0


@FEW
def test_kept_writes_stay_in_the_callers_transaction(shop: Ground) -> None:
    harness = EvalHarness(mounted(shop), POLICY, keep_writes=True)

    async def evaluated(ctx: RunContext) -> Any:
        made = {"model": "Order", "data": {"id": 901, "user_id": "acme-1", "status": "made"}}
        first = await harness.run(ctx, "create", made, expect="success")
        then = await harness.run(ctx, "get", {"model": "Order", "id": 901}, expect="success")
        first.raise_for_violations()
        then.raise_for_violations()
        return (await execute(ctx.db, select(Order.status).where(Order.id == 901))).scalar()

    assert on_session(shop, evaluated) == "made"
    assert shop.run(lambda session: session.get(Order, 901)) is None


@pytest.mark.drivers("pysqlite", "psycopg", "psycopg2", "pymysql", "mysqlclient")
def test_the_sync_twin_blocks(shop: Ground) -> None:
    harness = EvalHarness(mounted(shop), POLICY)
    assert isinstance(shop.engine, Engine)
    with Session(shop.engine) as session:
        ctx = RunContext(principal=ACME, db=session)
        result = harness.sync.run(ctx, "query", {"model": "Order"}, invariants=[no_cross_tenant_data, non_interference])
        assert result.passed, str(result)
        suite = harness.sync.run_suite(
            ctx, [Case("get", {"model": "Order", "id": 1}), Case("get", {"model": "Order", "id": 2})]
        )
        assert suite.passed and str(suite).endswith("2 of 2 passed, 1 of them refused"), str(suite)
        session.execute(update(Item).values(sku="still usable"))


@FEW
def test_without_a_session_the_call_has_a_transaction_of_its_own(shop: Ground) -> None:
    import asyncio

    harness = EvalHarness(mounted(shop), POLICY)
    made = {"model": "Order", "data": {"id": 901, "user_id": "acme-1", "status": "made"}}
    result = asyncio.run(harness.run(RunContext(principal=ACME), "create", made, expect="success"))
    assert result.passed, str(result)
    assert shop.run(lambda session: session.get(Order, 901)) is None


@ONE
def test_a_suite_without_a_case_has_shown_nothing(shop: Ground) -> None:
    harness = EvalHarness(mounted(shop), POLICY)
    suite = harness.sync.run_suite(RunContext(principal=ACME), [])
    assert not suite.passed and str(suite) == "0 of 0 passed: there is no case"
    with pytest.raises(ViolationError):
        suite.raise_for_violations()


@ONE
def test_what_is_not_known_is_refused_with_the_nearest_word(shop: Ground) -> None:
    harness = EvalHarness(mounted(shop), POLICY)
    ctx = RunContext(principal=ACME)
    with pytest.raises(ValueError, match="did you mean `no_cross_tenant_data`"):
        harness.sync.run(ctx, "query", {"model": "Order"}, invariants=["no_cross_tenant_date"])
    with pytest.raises(ValueError, match="did you mean `RECORD_NOT_FOUND`"):
        harness.sync.run(ctx, "query", {"model": "Order"}, expect="RECORD_NOT_FOUNT")
    with pytest.raises(TypeError, match="a function or a name"):
        harness.sync.run(ctx, "query", {"model": "Order"}, invariants=[7])  # type: ignore[list-item]
    with pytest.raises(PolicyInvalidError, match="Ordr"):
        EvalHarness(mounted(shop), {**POLICY, "models": {"Ordr": {}}})
    with pytest.raises(TypeError, match="must be a Toolset"):
        EvalHarness(object(), POLICY)  # type: ignore[arg-type]


@ONE
def test_a_table_that_is_too_large_is_undecided_which_is_no_pass(shop: Ground) -> None:
    harness = EvalHarness(mounted(shop), POLICY, most_rows=3)
    result = harness.sync.run(
        RunContext(principal=ACME), "query", {"model": "Order"}, invariants=[no_cross_tenant_data]
    )
    assert not result.passed and "could not be decided" in str(result) and "more than 3 rows" in str(result)


@ONE
def test_without_an_audit_store_no_record_is_asked_for(shop: Ground) -> None:
    harness = EvalHarness(mounted(shop, audit_store=None), POLICY)
    assert not harness.is_recorded
    result = harness.sync.run(RunContext(principal=ACME), "query", {"model": "Order"})
    assert result.passed and "audited_once" not in result.invariants and result.records is None
    result = harness.sync.run(RunContext(principal=ACME), "query", {"model": "Order"}, invariants=["audited_once"])
    assert [found.message for found in result.violations] == ["there is no audit trail"]


@ONE
def test_a_violation_error_is_pickled_whole(shop: Ground) -> None:
    error = ViolationError("FAIL", [Violation("it shows", "Order", 4, "id", "no_cross_tenant_data")])
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.violations) == ("FAIL", error.violations)


@pytest.mark.drivers("aiosqlite")
def test_an_evaluation_that_is_cancelled_leaves_its_session_usable(shop: Ground) -> None:
    import asyncio

    harness = EvalHarness(mounted(shop), POLICY)

    async def evaluated(ctx: RunContext) -> Any:
        entered = asyncio.Event()

        async def waits(_: Evidence) -> None:
            entered.set()
            await asyncio.Event().wait()

        made = {"model": "Order", "data": {"id": 901, "user_id": "acme-1", "status": "made"}}
        task = asyncio.ensure_future(harness.run(ctx, "create", made, invariants=[waits]))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await execute(ctx.db, select(func.count()).select_from(Order))).scalar()

    assert on_session(shop, evaluated) == 12
