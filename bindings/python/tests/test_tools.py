"""The tools as methods: what they are given, and what they come to."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from ormai.core.errors import (
    ConflictError,
    FieldNotAllowedError,
    MaxAffectedRowsExceededError,
    ModelNotAllowedError,
    OrmAiError,
    PolicyInvalidError,
    RecordNotFoundError,
    TenantScopeRequiredError,
    ValidationError,
    WriteNotAllowedError,
)
from ormai.policy import ModelPolicy, RowPolicy
from ormai.store import MemoryAuditStore
from ormai.tools import SyncToolset, Toolset
from sqlite_shop import POLICY, AsyncConnection, Connection, context, database, shop

TOOLS = ("query", "get", "aggregate", "describe_schema", "create", "update", "delete", "bulk_update")


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """The shop."""
    connection = database()
    yield connection
    connection.close()


class Caller:
    """Calls the tools in one of the ways in which they are called."""

    def __init__(self, toolset: Toolset, *, is_sync: bool) -> None:
        self.toolset = toolset
        self.is_sync = is_sync

    def __getattr__(self, tool: str) -> Any:
        method = getattr(self.toolset.sync if self.is_sync else self.toolset, tool)
        return method if self.is_sync else lambda *given, **named: asyncio.run(method(*given, **named))


@pytest.fixture(params=["sync", "async", "async driver"])
def tools(request: pytest.FixtureRequest) -> Caller:
    """The tools, called in each of the ways."""
    kind = AsyncConnection if request.param == "async driver" else Connection
    return Caller(shop(open_connection=kind), is_sync=request.param == "sync")


def test_a_query_answers_with_rows_of_the_tenant(tools: Caller, db: sqlite3.Connection) -> None:
    page = tools.query(
        context(db),
        model="Order",
        filters=[{"field": "status", "op": "eq", "value": "pending"}],
        select=["id", "total", "card"],
        order=[{"field": "id", "direction": "desc"}],
        include=[{"relation": "items", "select": ["sku"]}],
        limit=1,
        with_total=True,
    )
    assert page.rows == [{"id": 3, "total": "30", "card": None, "items": {"rows": [], "has_more": False}}]
    assert (page.has_more, page.total) == (True, 2)
    assert page.data["rows"] == page.rows
    assert page.metadata["policies_applied"] == ["Order.tenant_id", "Item.tenant_id"]
    assert page.metadata["row_count"] == 1
    following = tools.query(
        context(db),
        model="Order",
        filters=[{"field": "status", "op": "eq", "value": "pending"}],
        select=["id", "total", "card"],
        order=[{"field": "id", "direction": "desc"}],
        include=[{"relation": "items", "select": ["sku"]}],
        limit=1,
        cursor=page.next_cursor,
        with_total=True,
    )
    assert [row["card"] for row in following.rows] == ["****1111"]
    assert following.rows[0]["items"]["rows"] == [{"sku": "A-1"}, {"sku": "B-1"}]
    assert (following.has_more, following.next_cursor) == (False, None)


def test_a_model_is_named_first(tools: Caller, db: sqlite3.Connection) -> None:
    assert tools.query(context(db), "Order").data == tools.query(context(db), model="Order").data
    assert tools.get(context(db), "Order", 1).row["id"] == 1


def test_a_row_of_another_tenant_is_as_one_that_is_not_there(tools: Caller, db: sqlite3.Connection) -> None:
    told = []
    for key in (7, 99):
        with pytest.raises(RecordNotFoundError) as raised:
            tools.get(context(db), model="Order", id=key)
        told.append(raised.value.to_dict())
    assert told[0] == told[1]


def test_figures_are_those_of_the_tenant(tools: Caller, db: sqlite3.Connection) -> None:
    figures = tools.aggregate(
        context(db),
        model="Order",
        aggregations=[{"function": "count"}, {"function": "sum", "field": "total", "alias": "revenue"}],
        group_by=["status"],
    )
    assert figures.rows == [
        {"status": "pending", "count": 2, "revenue": "40"},
        {"status": "shipped", "count": 1, "revenue": "20"},
    ]


def test_the_schema_is_that_of_the_principal(tools: Caller, db: sqlite3.Connection) -> None:
    assert [model["name"] for model in tools.describe_schema(context(db)).models] == ["Tenant", "Order", "Item"]
    (order,) = tools.describe_schema(context(db), model="Order").models
    assert {"name": "card", "type": "text", "nullable": True, "shown": "masked"} in order["fields"]


def test_writes_answer_with_what_is_stored(tools: Caller, db: sqlite3.Connection) -> None:
    ctx = context(db)
    made = tools.create(ctx, model="Order", data={"status": "new", "total": Decimal("1.50")}, reason="by phone")
    assert made.row == {
        "id": 8,
        "tenant_id": "acme",
        "user_id": None,
        "status": "new",
        "total": "1.5",
        "card": None,
    }
    assert (made.updated_count, made.is_pending, made.approval_id, made.is_dry_run) == (None, False, None, False)
    assert tools.update(ctx, model="Order", id=8, data={"status": "old"}).row["status"] == "old"
    assert tools.bulk_update(ctx, model="Order", ids=iter([1, 8]), data={"status": "bulk"}).updated_count == 2
    dry = tools.delete(ctx, model="Order", id=8, dry_run=True)
    assert (dry.is_dry_run, dry.row, dry.data["affected_count"]) == (True, None, 1)
    assert tools.delete(ctx, model="Order", id=8).row["id"] == 8
    assert db.execute("SELECT count(*) FROM orders WHERE tenant_id = 'acme'").fetchone() == (3,)


def test_a_row_that_looks_like_a_write_that_waits_is_a_row() -> None:
    from ormai.tools._results import CallResult, of_write

    data = {"status": "pending_approval", "approval_id": "apr-1"}
    row = of_write("create", {}, CallResult(True, data, None, {"row_count": 1}))
    waits = of_write("create", {}, CallResult(True, data, None, {"row_count": 0}))
    assert (row.row, row.is_pending) == (data, False)
    assert (waits.row, waits.is_pending, waits.approval_id) == (None, True, "apr-1")


@pytest.mark.parametrize("tool", TOOLS)
def test_an_unknown_argument_is_refused_with_the_nearest_known_one(
    tools: Caller, db: sqlite3.Connection, tool: str
) -> None:
    needed: dict[str, dict[str, Any]] = {
        "get": {"id": 1},
        "aggregate": {"aggregations": []},
        "create": {"data": {}},
        "update": {"id": 1, "data": {}},
        "delete": {"id": 1},
        "bulk_update": {"data": {}},
    }
    with pytest.raises(ValidationError) as raised:
        getattr(tools, tool)(context(db), model="Order", modell="Order", **needed.get(tool, {}))
    assert raised.value.hint == "did you mean `model`?"


def test_a_refusal_is_raised_as_its_own_type(tools: Caller, db: sqlite3.Connection) -> None:
    ctx = context(db)
    refused: list[tuple[type[OrmAiError], Any]] = [
        (ModelNotAllowedError, lambda: tools.query(ctx, model="Invoice")),
        (FieldNotAllowedError, lambda: tools.query(ctx, model="Order", select=["secret"])),
        (TenantScopeRequiredError, lambda: tools.query(context(db, None), model="Order")),
        (WriteNotAllowedError, lambda: tools.create(ctx, model="Tenant", data={"id": "x", "name": "x"})),
        (WriteNotAllowedError, lambda: tools.update(ctx, model="Order", id=1, data={"tenant_id": "globex"})),
        (RecordNotFoundError, lambda: tools.update(ctx, model="Order", id=7, data={"status": "x"})),
        (ConflictError, lambda: tools.create(ctx, model="Order", data={"id": 7})),
        (ValidationError, lambda: tools.bulk_update(ctx, model="Order", data={"status": "x"})),
        (MaxAffectedRowsExceededError, lambda: tools.bulk_update(ctx, model="Order", ids=[1, 2, 3], data={"total": 1})),
    ]
    before = db.execute("SELECT * FROM orders").fetchall()
    for kind, call in refused:
        with pytest.raises(kind) as raised:
            call()
        assert type(raised.value) is kind
        assert raised.value.request_id
    assert db.execute("SELECT * FROM orders").fetchall() == before


def test_call_answers_a_refusal_and_never_raises_it(tools: Caller, db: sqlite3.Connection) -> None:
    good = tools.call(context(db), "get", {"model": "Order", "id": 1, "select": ["id"]})
    assert (good.success, good.data, good.error) == (True, {"id": 1}, None)
    assert good.unwrap() == {"id": 1}
    for tool, arguments, code in [
        ("get", {"model": "Order", "id": 7}, "RECORD_NOT_FOUND"),
        ("qwery", {}, "VALIDATION_ERROR"),
        ("query", {"model": "Order", "filters": {1, 2}}, "VALIDATION_ERROR"),
        ("query", '{"model": "Order"', "VALIDATION_ERROR"),
        ("query", '{"model": "Order", "model": "Tenant"}', "VALIDATION_ERROR"),
        ("query", '"Order"', "VALIDATION_ERROR"),
        ("query", None, "VALIDATION_ERROR"),
    ]:
        refused = tools.call(context(db), tool, arguments)
        assert (refused.success, refused.data) == (False, None)
        assert refused.error["code"] == code
        assert refused.to_dict()["error"] == refused.error
        with pytest.raises(OrmAiError) as raised:
            refused.unwrap()
        assert raised.value.code == code


def test_call_takes_arguments_as_a_model_writes_them(tools: Caller, db: sqlite3.Connection) -> None:
    for arguments in ('{"model": "Tenant", "id": "acme"}', b'{"model": "Tenant", "id": "acme"}'):
        assert tools.call(context(db), "get", arguments).data == {"id": "acme", "name": "Acme"}


def test_results_survive_pickling(tools: Caller, db: sqlite3.Connection) -> None:
    ctx = context(db)
    for result in (
        tools.query(ctx, "Order"),
        tools.get(ctx, "Order", 1),
        tools.create(ctx, "Order", {"status": "x"}),
        tools.call(ctx, "query", {"model": "Order"}),
        tools.call(ctx, "query", {}),
    ):
        assert pickle.loads(pickle.dumps(result)) == result
        assert repr(result).startswith(type(result).__name__)


def test_the_sync_twin_has_the_same_tools_with_the_same_arguments() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(Toolset) - public(SyncToolset) == {"sync", "aclose"}
    assert public(SyncToolset) - public(Toolset) == {"close"}
    for name in (*TOOLS, "call", "definitions", "explain"):
        ours, twins = inspect.signature(getattr(Toolset, name)), inspect.signature(getattr(SyncToolset, name))
        assert list(ours.parameters.values()) == list(twins.parameters.values()), name


def test_the_arguments_of_each_tool_are_those_of_its_request(db: sqlite3.Connection) -> None:
    toolset = shop()
    for tool in TOOLS:
        signature = inspect.signature(getattr(Toolset, tool))
        named = {name for name in signature.parameters if name not in ("self", "ctx", "unknown")}
        refused = toolset.sync.call(context(db), tool, {"zzzzzzzzzz": 1})
        assert refused.error is not None
        known = refused.error["hint"].removeprefix("known: ").split(", ")
        assert named == set(known), tool


def test_a_call_that_blocks_takes_no_connection_that_needs_an_event_loop(db: sqlite3.Connection) -> None:
    toolset = shop(open_connection=AsyncConnection)
    for call in (
        lambda: toolset.sync.query(context(db), model="Order"),
        lambda: toolset.sync.call(context(db), "query", {"model": "Order"}),
        lambda: toolset.sync.transaction(context(db)).__enter__(),
    ):
        with pytest.raises(TypeError, match="takes no AsyncSession"):
            call()


def test_what_is_no_context_is_refused(db: sqlite3.Connection) -> None:
    toolset = shop()
    with pytest.raises(TypeError, match="`ctx` must be a RunContext, and this is dict"):
        toolset.sync.query({"tenant_id": "acme"}, model="Order")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`db` is a str"):
        toolset.sync.query(context("db"), model="Order")
    with pytest.raises(TypeError, match="must be a RunContext"):
        toolset.definitions(None)  # type: ignore[arg-type]


def test_calls_of_many_threads_are_those_of_their_own_principals() -> None:
    from concurrent.futures import ThreadPoolExecutor

    toolset = shop()

    def seen(number: int) -> set[str]:
        tenant = ("acme", "globex")[number % 2]
        with database() as db:
            rows = toolset.sync.query(context(db, tenant), model="Order").rows
        return {row["tenant_id"] for row in rows} | {tenant}

    with ThreadPoolExecutor(8) as threads:
        assert all(len(tenants) == 1 for tenants in threads.map(seen, range(200)))


async def _many(toolset: Toolset, db: sqlite3.Connection) -> list[set[str]]:
    async def seen(number: int) -> set[str]:
        tenant = ("acme", "globex")[number % 2]
        rows = (await toolset.query(context(db, tenant), model="Order")).rows
        return {row["tenant_id"] for row in rows} | {tenant}

    return await asyncio.gather(*map(seen, range(200)))


def test_calls_of_many_tasks_are_those_of_their_own_principals(db: sqlite3.Connection) -> None:
    found = asyncio.run(_many(shop(open_connection=AsyncConnection), db))
    assert all(len(tenants) == 1 for tenants in found)


# Transactions


def transact(toolset: Toolset, ctx: Any, *, is_sync: bool, raises: BaseException | None = None) -> None:
    """Makes two orders in a transaction, and leaves it by an exception if there is one."""
    if is_sync:
        with toolset.sync.transaction(ctx) as tx:
            toolset.sync.create(tx, model="Order", data={"status": "one"})
            with pytest.raises(ConflictError):
                toolset.sync.create(tx, model="Order", data={"id": 7})
            toolset.sync.create(tx, model="Order", data={"status": "two"})
            assert len(toolset.sync.query(tx, model="Order").rows) == 5
            if raises is not None:
                raise raises
        return

    async def inside() -> None:
        async with toolset.transaction(ctx) as tx:
            await toolset.create(tx, model="Order", data={"status": "one"})
            with pytest.raises(ConflictError):
                await toolset.create(tx, model="Order", data={"id": 7})
            await toolset.create(tx, model="Order", data={"status": "two"})
            assert len((await toolset.query(tx, model="Order")).rows) == 5
            if raises is not None:
                raise raises

    asyncio.run(inside())


WAYS = pytest.mark.parametrize(("is_sync", "kind"), [(True, Connection), (False, Connection), (False, AsyncConnection)])


@WAYS
def test_a_transaction_keeps_all_that_was_written_in_it(db: sqlite3.Connection, is_sync: bool, kind: Any) -> None:
    transact(shop(open_connection=kind), context(db), is_sync=is_sync)
    assert not db.in_transaction
    assert db.execute("SELECT count(*) FROM orders WHERE status IN ('one', 'two')").fetchone() == (2,)


@WAYS
@pytest.mark.parametrize("raised", [ZeroDivisionError(), KeyboardInterrupt(), asyncio.CancelledError()])
def test_a_transaction_that_an_exception_leaves_keeps_nothing(
    db: sqlite3.Connection, is_sync: bool, kind: Any, raised: BaseException
) -> None:
    with pytest.raises(type(raised)):
        transact(shop(open_connection=kind), context(db), is_sync=is_sync, raises=raised)
    assert not db.in_transaction
    assert db.execute("SELECT count(*) FROM orders").fetchone() == (4,)


@WAYS
def test_a_transaction_in_one_of_the_callers_is_a_part_of_it(db: sqlite3.Connection, is_sync: bool, kind: Any) -> None:
    db.execute("BEGIN")
    db.execute("UPDATE orders SET status = 'mine' WHERE id = 1")
    with pytest.raises(ZeroDivisionError):
        transact(shop(open_connection=kind), context(db), is_sync=is_sync, raises=ZeroDivisionError())
    assert db.in_transaction
    db.execute("COMMIT")
    assert db.execute("SELECT status FROM orders WHERE id = 1").fetchone() == ("mine",)
    assert db.execute("SELECT count(*) FROM orders").fetchone() == (4,)


def test_the_record_of_a_transaction_tells_what_ended_it(db: sqlite3.Connection) -> None:
    store = MemoryAuditStore()
    toolset = shop(audit_store=store)
    with pytest.raises(ConflictError), toolset.sync.transaction(context(db)) as tx:
        made = toolset.sync.create(tx, model="Order", data={"status": "one"})
        raise ConflictError("the stock is empty")
    (transaction,) = store.sync.query(filters={"tool_name": "transaction"})
    assert transaction.error is not None
    assert (transaction.outcome, transaction.error["code"]) == ("refused", "CONFLICT")
    (create,) = store.sync.query(filters={"id": made.metadata["audit_id"]})
    assert create.transaction == transaction.id


def test_the_context_of_a_transaction_ends_with_it(db: sqlite3.Connection) -> None:
    toolset = shop()
    transaction = toolset.sync.transaction(context(db))
    with transaction as tx, pytest.raises(TypeError, match="keeps its circumstances"):
        tx.replace(principal=context(db, "globex").principal)
    with pytest.raises(RuntimeError, match="is over"):
        toolset.sync.query(tx, model="Order")
    with pytest.raises(RuntimeError, match="entered once"), transaction:
        pass


def test_transactions_nest(db: sqlite3.Connection) -> None:
    toolset = shop()
    with toolset.sync.transaction(context(db)) as outer:
        toolset.sync.create(outer, model="Order", data={"status": "outer"})
        with pytest.raises(ZeroDivisionError), toolset.sync.transaction(outer) as inner:
            toolset.sync.create(inner, model="Order", data={"status": "inner"})
            raise ZeroDivisionError
        toolset.sync.create(outer, model="Order", data={"status": "outer"})
    assert db.execute("SELECT status, count(*) FROM orders WHERE id > 7 GROUP BY 1").fetchall() == [("outer", 2)]


# Set-up


def test_a_policy_that_does_not_fit_is_not_mounted_and_tells_everything() -> None:
    policy = POLICY.replace(
        models={
            "Order": ModelPolicy(
                fields={"idd": "allow"},
                scoping={"tenant_id": "principal.tenant_id"},
                row_policies=[RowPolicy("open", "status = 'x' AND")],
            ),
            "Ordr": ModelPolicy(scoping={}),
        }
    )
    with pytest.raises(PolicyInvalidError) as raised:
        shop(policy)
    errors = [finding["code"] for finding in raised.value.findings if finding["severity"] == "error"]
    assert errors == [
        "unknown-field",
        "condition-syntax",
        "unknown-model",
    ]
    told = str(raised.value)
    assert "- `Order` has no field `idd` (did you mean `id`?) [unknown-field]\n    idd: allow\n    ^^^" in told
    assert "condition: \"status = 'x' AND\"" in told
    assert pickle.loads(pickle.dumps(raised.value)).findings == raised.value.findings


def test_a_policy_is_mounted_from_its_document_and_from_its_file(tmp_path: Any, db: sqlite3.Connection) -> None:
    versions = set()
    for name, text in [("p.yaml", POLICY.to_yaml()), ("p.json", POLICY.to_json())]:
        (tmp_path / name).write_text(text)
        versions.add(shop(tmp_path / name).policy_version)
        versions.add(shop(str(tmp_path / name)).policy_version)
    versions |= {shop(POLICY).policy_version, shop(POLICY.to_dict()).policy_version}
    assert len(versions) == 1
    with pytest.raises(TypeError, match="a policy is a Policy, its document or the path"):
        shop(7)
    with pytest.raises(ValueError, match="ends in one of"):
        shop("policy.txt")
    (tmp_path / "bad.yaml").write_text("models:\n  Order:\n    scopping: {}\n")
    with pytest.raises(PolicyInvalidError, match="line 3, column 5: unknown key `scopping`"):
        shop(tmp_path / "bad.yaml")


def test_what_a_reviewer_would_say_is_told_with_its_lines(tmp_path: Any) -> None:
    text = (
        "models:\n  Order:\n    fields: {id: allow}\n    scoping: {tenant_id: principal.tenant_id}\n"
        "    row_policies:\n      - {name: parent, condition: tenant_id IN principal.metadata.tenants}\n"
    )
    (tmp_path / "policy.yaml").write_text(text)
    toolset = shop(tmp_path / "policy.yaml")
    (inferred,) = [finding for finding in toolset.findings() if finding["code"] == "inferred-permit"]
    assert (inferred["severity"], inferred["line"]) == ("note", 6)
    assert inferred["excerpt"].splitlines()[0] == text.splitlines()[5].strip()
    toolset.sync.reload({"models": {"Tenant": {"fields": {"id": "allow"}, "scoping": {"id": "principal.tenant_id"}}}})
    assert "inferred-permit" not in {finding["code"] for finding in toolset.sync.findings()}


def test_another_policy_comes_into_force_whole_or_not_at_all(db: sqlite3.Connection) -> None:
    toolset = shop()
    before = toolset.policy_version
    with pytest.raises(PolicyInvalidError):
        toolset.sync.reload({"models": {"Nope": {"scoping": {}}}})
    assert toolset.policy_version == before
    asyncio.run(toolset.reload({"models": {"Tenant": {"fields": {"id": "allow"}, "scoping": {}}}}))
    assert toolset.policy_version != before
    assert len(toolset.sync.query(context(db), model="Tenant").rows) == 2


def test_the_circumstances_of_a_call_are_those_of_the_context(db: sqlite3.Connection) -> None:
    store = MemoryAuditStore()
    toolset = shop(audit_store=store)
    berlin = timezone(timedelta(hours=2))
    ctx = context(db).replace(now=datetime(2026, 7, 1, 12, tzinfo=berlin), request_id="r-1", trace_id="t-1")
    made = toolset.sync.create(ctx, model="Item", data={"order_id": 1, "sku": "C-1"})
    assert made.row is not None
    assert made.row["packed_at"] == "2026-07-01T10:00:00Z"
    assert made.metadata["request_id"] == "r-1"
    (record,) = store.sync.query()
    assert (record.request_id, record.trace_id, record.user_id) == ("r-1", "t-1", "u1")


# What is told of the tools


def test_tools_are_told_in_the_shapes_of_the_interfaces_of_models(db: sqlite3.Connection) -> None:
    toolset = shop()
    names = [definition["name"] for definition in toolset.definitions(context(db))]
    assert names == ["describe_schema", "query", "get", "aggregate", "create", "update", "delete", "bulk_update"]
    for openai, anthropic, schema, definition in zip(
        toolset.to_openai_tools(context(db)),
        toolset.to_anthropic_tools(context(db)),
        toolset.sync.to_json_schemas(context(db)),
        toolset.sync.definitions(context(db)),
        strict=True,
    ):
        assert openai == {"type": "function", "function": definition}
        assert anthropic == {
            "name": definition["name"],
            "description": definition["description"],
            "input_schema": definition["parameters"],
        }
        assert schema["title"] == definition["name"]
        assert schema["type"] == "object"


def test_an_explanation_asks_nothing_of_the_database(db: sqlite3.Connection) -> None:
    toolset = shop()
    explained = toolset.explain(context(None), "query", {"model": "Order"})
    assert explained["success"]
    assert explained["scope"] == "tenant_id = 'acme'"
    refused = toolset.explain(context(None, None), "query", {"model": "Order"})
    assert (refused["success"], refused["error"]["code"]) == (False, "TENANT_SCOPE_REQUIRED")
    assert refused["refused_by"]["model"] == "Order"
