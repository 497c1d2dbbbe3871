"""Tools, transactions, tools of a project's own and approvals, over sqlite3."""

from __future__ import annotations

import copy
import json
import sqlite3
from typing import Any

import pytest
from native_shop import POLICY, Sqlite, context, finish, native, principal, shop
from ormai import _ormai

CREATE = {"model": "Order", "data": {"user_id": "a1", "status": "new", "total": "1.50"}}


def many(connection: sqlite3.Connection, status: str = "new") -> int:
    count: int = connection.execute("SELECT count(*) FROM orders WHERE status = ?", (status,)).fetchone()[0]
    return count


@pytest.fixture
def driver() -> Sqlite:
    return Sqlite(shop())


def test_another_tenant_is_neither_read_nor_written(driver: Sqlite) -> None:
    engine, shared = native(), context("tenant-a")
    theirs = {"model": "Order", "id": 1}
    for tool, arguments in [
        ("get", theirs),
        ("update", theirs | {"data": {"status": "stolen"}}),
        ("delete", theirs),
    ]:
        outcome = driver.finish(engine.call(shared, tool, arguments))
        assert outcome["error"]["code"] == "RECORD_NOT_FOUND", tool
    aimed = {"model": "Order", "filters": [{"field": "tenant_id", "op": "eq", "value": "tenant-b"}]}
    assert driver.finish(engine.call(shared, "query", aimed))["data"]["rows"] == []
    foreign = copy.deepcopy(CREATE)
    foreign["data"]["user_id"] = "b1"  # type: ignore[index]
    assert driver.finish(engine.call(shared, "create", foreign))["error"]["code"] == "VALIDATION_ERROR"
    assert many(driver.connection, "pending") == 20


def test_a_write_is_the_sessions_to_commit(driver: Sqlite) -> None:
    engine, shared = native(), context("tenant-a")
    created = driver.finish(engine.call(shared, "create", CREATE))
    assert created["data"] == {
        "id": 21,
        "tenant_id": "tenant-a",
        "user_id": "a1",
        "status": "new",
        "total": "1.5",
    }
    assert many(driver.connection) == 1
    driver.connection.rollback()
    assert many(driver.connection) == 0


def test_a_dry_run_changes_nothing(driver: Sqlite) -> None:
    outcome = driver.finish(native().call(context("tenant-a"), "create", CREATE | {"dry_run": True}))
    assert outcome["data"]["dry_run"] is True
    assert outcome["data"]["affected_count"] == 1
    assert many(driver.connection) == 0


def test_a_key_makes_a_write_once(driver: Sqlite) -> None:
    engine, shared = native(), context("tenant-a")
    keyed = CREATE | {"idempotency_key": "k-1"}
    refused = driver.finish(engine.call(shared, "create", keyed))
    assert refused["success"] is False
    for text in engine.own_tables().values():
        driver.connection.execute(text)
    first = driver.finish(engine.call(shared, "create", keyed))
    again = driver.finish(engine.call(shared, "create", keyed))
    assert first["data"] == again["data"]
    assert many(driver.connection) == 1


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_transaction_keeps_all_or_nothing(driver: Sqlite, is_kept: bool) -> None:
    engine, shared = native(), context("tenant-a")

    def inside(inner: _ormai.Context) -> bool:
        for _ in range(2):
            assert driver.finish(engine.call(inner, "create", CREATE))["success"] is True
        return is_kept

    driver.inside = inside
    outcome = driver.finish(engine.transaction(shared))
    assert outcome["success"] is is_kept
    assert many(driver.connection) == (2 if is_kept else 0)
    assert driver.connection.in_transaction


def test_why_the_work_of_a_transaction_failed_is_what_it_is_refused_with(driver: Sqlite) -> None:
    running = native().transaction(context("tenant-a"))
    driver.connection.execute("BEGIN")
    order: Any = running.step()
    while order[0] != "inside":
        order = driver.carried_out(running, order)
    order = running.refuse({"code": "CONFLICT", "message": "sold out", "hint": "wait", "details": {"left": 0}})
    while order[0] != "done":
        order = driver.carried_out(running, order)
    error = order[1]["error"]
    assert error == {
        "code": "CONFLICT",
        "message": "sold out",
        "hint": "wait",
        "details": {"left": 0},
        "retryable": False,
    }


def test_the_context_around_a_transaction_is_not_used_inside_of_it(driver: Sqlite) -> None:
    engine, shared = native(), context("tenant-a")
    found: list[Any] = []

    def inside(inner: _ormai.Context) -> bool:
        found.append(driver.finish(engine.call(shared, "create", CREATE)))
        return True

    driver.inside = inside
    assert driver.finish(engine.transaction(shared))["success"] is True
    assert found[0]["success"] is False
    assert many(driver.connection) == 0


def test_a_transaction_in_a_transaction_is_undone_alone(driver: Sqlite) -> None:
    engine, shared = native(), context("tenant-a")
    depth = 0

    def inside(inner: _ormai.Context) -> bool:
        nonlocal depth
        depth += 1
        here = depth
        driver.finish(engine.call(inner, "create", CREATE))
        if here == 1:
            assert driver.finish(engine.transaction(inner))["success"] is False
        return here == 1

    driver.inside = inside
    assert driver.finish(engine.transaction(shared))["success"] is True
    assert many(driver.connection) == 1


TOOL: dict[str, Any] = {
    "name": "cancel_order",
    "description": "Cancel an order.",
    "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
    "recorded": ["id"],
}


def test_a_tool_of_the_projects_own_calls_within_its_callers_scope(driver: Sqlite) -> None:
    store = _ormai.Store.memory()
    engine, shared = native(tools=[TOOL], stores=[store]), context("tenant-a")
    assert "cancel_order" in [definition["name"] for definition in engine.definitions(shared)]

    def cancel(arguments: Any, inner: _ormai.Context) -> Any:
        update = {"model": "Order", "id": arguments["id"], "data": {"status": "cancelled"}}
        return driver.finish(engine.call(inner, "update", update))["success"]

    driver.tools["cancel_order"] = cancel
    assert driver.finish(engine.call(shared, "cancel_order", {"id": 2, "note": "secret"}))["data"] is True
    assert driver.finish(engine.call(shared, "cancel_order", {"id": 1}))["data"] is False
    assert many(driver.connection, "cancelled") == 1
    records = finish(store.query({"tool_name": ["cancel_order", "update"]}))["records"]
    tools = {record["id"]: record for record in records if record["tool_name"] == "cancel_order"}
    updates = [record for record in records if record["tool_name"] == "update"]
    assert len(tools) == len(updates) == 2
    assert all(update["parent"] in tools for update in updates)
    assert [record["inputs"] for record in tools.values()] == [{"id": 1}, {"id": 2, "note": "[HIDDEN]"}]


def test_a_tool_is_open_to_its_roles_alone(driver: Sqlite) -> None:
    engine = native(tools=[TOOL | {"roles": ["support"]}])
    assert "cancel_order" not in str(engine.definitions(context("tenant-a")))
    refused = driver.finish(engine.call(context("tenant-a"), "cancel_order", {"id": 2}))
    assert refused["success"] is False
    driver.tools["cancel_order"] = lambda arguments, inner: None
    assert driver.finish(engine.call(context("tenant-a", "support"), "cancel_order", {"id": 2}))["success"] is True


def test_a_tool_refuses_in_its_own_words() -> None:
    running = native(tools=[TOOL]).call(context("tenant-a"), "cancel_order", {"id": 2})
    order: Any = running.step()
    assert order[:3] == ("tool", "cancel_order", {"id": 2})
    with pytest.raises(TypeError, match="`object` has no form here"):
        running.step(object())
    outcome: Any = running.refuse({"code": "NO_SUCH_CODE", "message": "not now"})
    assert outcome[1]["error"]["code"] == "INTERNAL"
    assert outcome[1]["error"]["message"] == "not now"


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ({"name": "x"}, "a tool has a `parameters`"),
        (TOOL | {"parameters": []}, "are a JSON Schema"),
        (TOOL | {"reads": True}, "the parts of a tool have no `reads`"),
        (TOOL | {"name": 3}, "`name`"),
    ],
)
def test_a_tool_that_is_not_in_its_form_is_refused(tool: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        native(tools=[tool])


@pytest.mark.parametrize("name", ["query", "no name", ""])
def test_a_tool_cannot_take_a_name_that_is_taken(name: str) -> None:
    with pytest.raises(_ormai.NativeError, match="a tool cannot be named"):
        native(tools=[TOOL | {"name": name}])


def with_approval() -> dict[str, Any]:
    policy = copy.deepcopy(POLICY)
    write = policy["models"]["Order"]["write_policy"]
    write["create"] = "require_approval"
    write["approver_roles"] = ["manager"]
    return policy


def parked(engine: _ormai.Native, driver: Sqlite) -> str:
    for text in engine.own_tables().values():
        driver.connection.execute(text)
    outcome = driver.finish(engine.call(context("tenant-a", user="clerk"), "create", CREATE))
    assert outcome["data"]["status"] == "pending_approval", outcome
    assert many(driver.connection) == 0
    name: str = outcome["data"]["approval_id"]
    return name


def test_a_write_is_made_by_an_approvers_word_in_the_approvers_transaction(driver: Sqlite) -> None:
    engine = native(policy=json.dumps(with_approval()), approvals=_ormai.Approvals.memory())
    name = parked(engine, driver)
    manager = context("tenant-a", "manager", user="boss")
    assert [approval["id"] for approval in driver.finish(engine.pending(manager))] == [name]
    with pytest.raises(_ormai.NativeError) as caught:
        driver.finish(engine.approve(context("tenant-a", "manager", user="clerk"), name))
    assert caught.value.error is not None
    assert caught.value.error["code"] == "WRITE_NOT_ALLOWED"
    with pytest.raises(_ormai.NativeError, match="RECORD_NOT_FOUND"):
        driver.finish(engine.approve(context("tenant-b", "manager", user="boss"), name))
    assert driver.finish(engine.approve(manager, name, "fine"))["status"] == "approved"
    assert many(driver.connection) == 1
    driver.connection.commit()
    resumed = driver.finish(engine.resume(manager, name))
    assert resumed["status"] == "executed"
    assert resumed["outcome"] == {"affected_count": 1}
    assert many(driver.connection) == 1


def test_an_approved_write_that_was_rolled_back_is_made_again_and_once(driver: Sqlite) -> None:
    engine = native(policy=json.dumps(with_approval()), approvals=_ormai.Approvals.memory())
    name = parked(engine, driver)
    driver.connection.commit()
    manager = context("tenant-a", "manager", user="boss")
    assert driver.finish(engine.approve(manager, name))["status"] == "approved"
    driver.connection.rollback()
    assert many(driver.connection) == 0
    again = context("tenant-a", "manager", user="boss")
    assert driver.finish(engine.approve(again, name))["status"] == "approved"
    driver.connection.commit()
    assert driver.finish(engine.approve(again, name))["status"] == "executed"
    assert many(driver.connection) == 1


def test_a_rejected_write_is_never_made(driver: Sqlite) -> None:
    engine = native(policy=json.dumps(with_approval()), approvals=_ormai.Approvals.memory())
    name = parked(engine, driver)
    manager = context("tenant-a", "manager", user="boss")
    assert driver.finish(engine.reject(manager, name, "no"))["status"] == "rejected"
    with pytest.raises(_ormai.NativeError, match="CONFLICT"):
        driver.finish(engine.approve(manager, name))
    assert driver.finish(engine.pending(manager)) == []
    assert [approval["id"] for approval in driver.finish(engine.pending(manager, status="all"))] == [name]
    assert driver.finish(engine.show_approval(manager, name))["decision"]["note"] == "no"
    with pytest.raises(ValueError, match="`lost` is no status"):
        engine.pending(manager, status="lost")
    assert many(driver.connection) == 0


def test_an_explanation_shows_what_would_run_and_why() -> None:
    engine = native()
    explained = engine.explain(context("tenant-a"), "query", {"model": "Order", "limit": 2})
    assert explained["success"] is True
    assert explained["explanation"]["scope"] == "tenant_id = 'tenant-a'"
    assert explained["explanation"]["statements"][0]["binds"] == ["tenant-a", 3]
    refused = engine.explain(context("tenant-a"), "query", {"model": "Secret"})
    assert refused["refusal"]["error"]["code"] == "MODEL_NOT_ALLOWED"
    with pytest.raises(TypeError, match="limit: a value of the type `set`"):
        engine.explain(context("tenant-a"), "query", {"model": "Order", "limit": {2}})


def test_definitions_are_those_of_the_principal() -> None:
    engine = native()
    names = [definition["name"] for definition in engine.definitions(context("tenant-a"))]
    assert names == ["describe_schema", "query", "get", "create", "update", "delete"]
    assert all(set(one) == {"name", "description", "parameters"} for one in engine.definitions(context("tenant-a")))


def test_a_tool_that_is_not_there_is_an_outcome_too() -> None:
    outcome = finish(native().call(_ormai.Context(principal=principal("tenant-a")), "drop_tables", {}))
    assert outcome["success"] is False
    assert outcome["error"]["hint"]
