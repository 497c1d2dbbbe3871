"""Tools of a project's own."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Annotated, Any

import pytest
from ormai.core import Principal
from ormai.core.errors import ConflictError
from ormai.store import MemoryAuditStore
from ormai.tools import Tool, ToolContext, tool
from pydantic import BaseModel, Field
from sqlite_shop import context, database, shop


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """The shop."""
    connection = database()
    yield connection
    connection.close()


@tool(roles=["support"], recorded=["id"])
async def cancel_order(ctx: ToolContext, id: int, note: str | None = None) -> dict[str, int]:
    """Cancel an order
    that is not paid yet.

    More about it.
    """
    await ctx.toolset.update(ctx, model="Order", id=id, data={"status": "cancelled"})
    return {"cancelled": id}


class Kind(str, Enum):
    """Of orders."""

    OPEN = "pending"
    DONE = "shipped"


class Counted(BaseModel):
    """What the tool answers."""

    kind: Kind
    count: int


class CountParameters(BaseModel):
    """What the tool takes."""

    kind: Kind
    title: Annotated[str, Field(description="Of the report.", max_length=5)] = "x"


class CountOrders(Tool):
    """Count orders of a kind."""

    parameters = CountParameters
    writes = False

    def run(self, ctx: ToolContext, arguments: CountParameters) -> Counted:
        found = ctx.toolset.sync.aggregate(
            ctx,
            model="Order",
            aggregations=[{"function": "count"}],
            filters=[{"field": "status", "value": arguments.kind.value}],
        )
        return Counted(kind=arguments.kind, count=found.rows[0]["count"])


class Plain(Tool):
    name = "plain"
    description = "Take arguments of a schema."
    parameters = {  # noqa: RUF012
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "size": {"enum": ["s", "m"]},
            "note": {"type": ["string", "null"]},
            "tags": {"type": "array"},
        },
        "required": ["id"],
    }

    def run(self, ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        return arguments


def test_tools_are_listed_with_the_others_for_those_who_may_use_them(db: sqlite3.Connection) -> None:
    toolset = shop(tools=[cancel_order, CountOrders, Plain()])
    assert [each["name"] for each in toolset.definitions(context(db))][-2:] == ["count_orders", "plain"]
    cancel, count, _ = toolset.definitions(context(db, "acme", "support"))[-3:]
    assert cancel == {
        "name": "cancel_order",
        "description": "Cancel an order that is not paid yet.",
        "parameters": {
            "type": "object",
            "properties": {
                "id": {"type": "integer"},
                "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            },
            "required": ["id"],
            "additionalProperties": False,
        },
    }
    assert count["description"] == "Count orders of a kind."
    # What is called `title` stays, and titles go.
    assert count["parameters"]["properties"]["title"] == {
        "type": "string",
        "description": "Of the report.",
        "default": "x",
        "maxLength": 5,
    }


def test_for_others_a_tool_is_not_there(db: sqlite3.Connection) -> None:
    toolset = shop(tools=[cancel_order])
    refused = toolset.sync.call(context(db), "cancel_order", {"id": 1})
    unknown = toolset.sync.call(context(db), "cancel_ordre", {"id": 1})
    assert refused.error is not None and unknown.error is not None
    assert refused.error["message"] == "there is no tool `cancel_order`"
    assert {**refused.error, "message": ""} == {**unknown.error, "message": ""}
    assert db.execute("SELECT status FROM orders WHERE id = 1").fetchone() == ("pending",)


def test_whether_a_tool_is_open_can_depend_on_the_principal(
    db: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    def is_open(principal: Principal) -> bool:
        return bool(principal.metadata["level"] > 3)

    @tool(is_open=is_open)
    def peek(ctx: ToolContext) -> str:
        """Peek."""
        return "seen"

    toolset = shop(tools=[peek])

    def level(number: Any) -> Any:
        ctx = context(db)
        return ctx.replace(principal=ctx.principal.replace(metadata={"level": number}))

    assert toolset.sync.call(level(4), "peek", {}).data == "seen"
    assert not toolset.sync.call(level(3), "peek", {}).success
    # What cannot be said is closed.
    assert not toolset.sync.call(context(db), "peek", {}).success
    assert "whether the tool 'peek' is open cannot be said" in caplog.text


@pytest.mark.parametrize("is_sync", [True, False])
def test_the_calls_of_a_tool_are_scoped_and_linked_to_its_record(db: sqlite3.Connection, is_sync: bool) -> None:
    store = MemoryAuditStore()
    toolset = shop(tools=[cancel_order, CountOrders], audit_store=store)
    ctx = context(db, "acme", "support")

    def call(name: str, arguments: dict[str, Any]) -> Any:
        if is_sync:
            return toolset.sync.call(ctx, name, arguments)
        return asyncio.run(toolset.call(ctx, name, arguments))

    assert call("cancel_order", {"id": 1, "note": "secret"}).data == {"cancelled": 1}
    # That of another tenant is not there.
    assert call("cancel_order", {"id": 7}).error["code"] == "RECORD_NOT_FOUND"
    assert call("count_orders", {"kind": "pending"}).data == {"kind": "pending", "count": 1}
    assert db.execute("SELECT status FROM orders WHERE id IN (1, 7)").fetchall() == [("cancelled",), ("pending",)]
    records = store.sync.query()
    assert [(record.tool_name, record.outcome) for record in records] == [
        ("aggregate", "answered"),
        ("count_orders", "answered"),
        ("update", "refused"),
        ("cancel_order", "refused"),
        ("update", "answered"),
        ("cancel_order", "answered"),
    ]
    for inner, outer in ((0, 1), (2, 3), (4, 5)):
        assert records[inner].parent == records[outer].id
    assert records[5].inputs == {"id": 1, "note": "[HIDDEN]"}


def test_arguments_are_held_to_their_hints(db: sqlite3.Connection) -> None:
    toolset = shop(tools=[cancel_order, CountOrders])
    ctx = context(db, "acme", "support")
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("cancel_order", {}, "id"),
        ("cancel_order", {"id": "x"}, "id"),
        ("cancel_order", {"id": 1, "iid": 2}, "iid"),
        ("count_orders", {"kind": "lost"}, "kind"),
        ("count_orders", {"kind": "pending", "title": "too long"}, "title"),
    ]
    for name, arguments, path in wrong:
        error = toolset.sync.call(ctx, name, arguments).error
        assert error is not None
        assert (error["code"], error["details"]) == ("VALIDATION_ERROR", {"path": path})
    assert db.execute("SELECT count(*) FROM orders WHERE status = 'cancelled'").fetchone() == (0,)


def test_arguments_are_held_to_their_schema(db: sqlite3.Connection) -> None:
    toolset = shop(tools=[Plain])
    good = {"id": 1, "size": "m", "note": None, "tags": []}
    assert toolset.sync.call(context(db), "plain", good).data == good
    for arguments, told in [
        ({}, "`id` is missing"),
        ({"id": True}, "`id` must be of type integer"),
        ({"id": 1, "size": "xl"}, "`size` must be one of s, m"),
        ({"id": 1, "note": 7}, "`note` must be of type string or null"),
        ({"id": 1, "tag": []}, "`tag` is not known: did you mean `tags`?"),
        ([], "expected an object"),
    ]:
        error = toolset.sync.call(context(db), "plain", arguments).error  # type: ignore[arg-type]
        assert error is not None
        assert (error["code"], error["message"]) == ("VALIDATION_ERROR", told)


def test_what_a_tool_fails_with_is_told_to_the_log_alone(
    db: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    @tool
    def breaks(ctx: ToolContext) -> None:
        """Break."""
        raise RuntimeError("hunter2")

    @tool
    def refuses(ctx: ToolContext) -> None:
        """Refuse."""
        raise ConflictError("the stock is empty", hint="order more")

    @tool
    def odd(ctx: ToolContext) -> Any:
        """Answer with what is no JSON."""
        return {1, 2}

    @tool
    def mumbles(ctx: ToolContext) -> None:
        """Refuse with what is no JSON."""
        raise ConflictError("the stock is empty", details={"missing": {1, 2}})

    store = MemoryAuditStore()
    toolset = shop(tools=[breaks, refuses, odd, mumbles], audit_store=store)
    with caplog.at_level(logging.ERROR, logger="ormai.tools"):
        broken = toolset.sync.call(context(db), "breaks")
        strange = toolset.sync.call(context(db), "odd")
        mumbled = toolset.sync.call(context(db), "mumbles")
        awaited = asyncio.run(toolset.call(context(db), "mumbles"))
    assert broken.error == {"code": "INTERNAL", "message": "the tool `breaks` failed", "retryable": False}
    assert strange.error == {"code": "INTERNAL", "message": "the tool `odd` failed", "retryable": False}
    assert mumbled.error == {"code": "INTERNAL", "message": "the tool `mumbles` failed", "retryable": False}
    assert awaited.error == mumbled.error
    assert "hunter2" in caplog.text
    refused = toolset.sync.call(context(db), "refuses")
    assert refused.error is not None
    assert (refused.error["code"], refused.error["hint"]) == ("CONFLICT", "order more")
    assert "hunter2" not in str(store.sync.query())


def test_a_context_of_a_tool_ends_with_the_tool(db: sqlite3.Connection) -> None:
    kept: list[ToolContext] = []

    @tool
    def keep(ctx: ToolContext) -> str:
        """Keep the context."""
        kept.append(ctx)
        return "kept"

    toolset = shop(tools=[keep])
    assert toolset.sync.call(context(db), "keep").data == "kept"
    with pytest.raises(RuntimeError, match="is over"):
        toolset.sync.query(kept[0], model="Order")


def test_tools_call_tools_and_transactions(db: sqlite3.Connection) -> None:
    @tool
    async def twice(ctx: ToolContext, fails: bool) -> list[Any]:
        """Cancel two orders, or none."""
        async with ctx.toolset.transaction(ctx) as tx:
            first = await ctx.toolset.call(tx, "cancel_order", {"id": 1})
            second = await ctx.toolset.call(tx, "cancel_order", {"id": 7 if fails else 3})
            second.unwrap()
        return [first.data, second.data]

    toolset = shop(tools=[cancel_order, twice])
    ctx = context(db, "acme", "support")
    refused = asyncio.run(toolset.call(ctx, "twice", {"fails": True}))
    assert refused.error is not None
    assert refused.error["code"] == "RECORD_NOT_FOUND"
    assert db.execute("SELECT count(*) FROM orders WHERE status = 'cancelled'").fetchone() == (0,)
    done = asyncio.run(toolset.call(ctx, "twice", {"fails": False}))
    assert done.data == [{"cancelled": 1}, {"cancelled": 3}]
    assert db.execute("SELECT count(*) FROM orders WHERE status = 'cancelled'").fetchone() == (2,)


def test_a_tool_is_still_its_function() -> None:
    @tool
    def double(ctx: Any, number: int) -> int:
        """Double a number."""
        return 2 * number

    assert double(None, 4) == 8
    assert double.__doc__ == "Double a number."
    assert repr(double) == "<tool double>"


def test_what_is_no_tool_is_refused_before_anything_is_mounted(monkeypatch: pytest.MonkeyPatch) -> None:
    def named(ctx: Any) -> None:
        """Say nothing."""

    def undescribed(ctx: Any) -> None: ...

    def unhinted(ctx: Any, id) -> None:  # type: ignore[no-untyped-def]
        """Say nothing."""

    def spread(ctx: Any, *ids: int) -> None:
        """Say nothing."""

    def lonely() -> None:
        """Say nothing."""

    refused: list[tuple[Callable[[], Any], type[Exception], str]] = [
        (lambda: tool(name="no name")(named), ValueError, "cannot be named 'no name'"),
        (lambda: tool(undescribed), ValueError, "needs a description"),
        (lambda: tool(unhinted), TypeError, "`id` of the tool `unhinted` needs a type hint"),
        (lambda: tool(spread), TypeError, "its arguments have names"),
        (lambda: tool(lonely), TypeError, "must be its context"),
        (lambda: tool(roles="admin")(named), TypeError, "`roles` of the tool `named` must be a list"),
        (lambda: tool(parameters={"type": "array"})(named), ValueError, 'with `"type": "object"`'),
        (lambda: tool(parameters=7)(named), TypeError, "must be a JSON Schema or a pydantic model"),
        (lambda: shop(tools=[named]), TypeError, "decorate a function with `@tool`"),
        (lambda: shop(tools=[tool(named), tool(named)]), ValueError, "two tools named `named`"),
    ]
    for make, kind, told in refused:
        with pytest.raises(kind) as raised:
            make()
        assert told in str(raised.value)
    with pytest.raises(Exception, match="`query`"):
        shop(tools=[tool(name="query")(named)])
    monkeypatch.setitem(sys.modules, "pydantic", None)
    with pytest.raises(TypeError, match="needs pydantic"):
        tool(_hinted)
    assert tool(named).schema()["properties"] == {}


def _hinted(ctx: Any, id: int) -> None:
    """Say nothing."""
