"""Values between Python and the engine."""

from __future__ import annotations

import enum
import json
import uuid
from collections import OrderedDict
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from native_shop import Sqlite, context, field, finish, native, principal, shop
from ormai import _ormai

TYPES: dict[str, Any] = {
    "models": [
        {
            "name": "Thing",
            "table": "things",
            "fields": [
                field("id", "int"),
                field("tenant_id", "text"),
                field("flag", "bool", nullable=True),
                field("ratio", "float", nullable=True),
                field("price", "decimal", nullable=True),
                field("name", "text", nullable=True),
                field("kind", {"enum": ["large", "small"]}, nullable=True),
                field("raw", "bytes", nullable=True),
                field("uid", "uuid", nullable=True),
                field("at", "timestamp", nullable=True),
                field("local", "datetime", nullable=True),
                field("day", "date", nullable=True),
                field("clock", "time", nullable=True),
                field("document", "json", nullable=True),
            ],
            "primary_key": ["id"],
        }
    ]
}
NAMES = [described["name"] for described in TYPES["models"][0]["fields"]]
POLICY = {
    "version": 1,
    "models": {
        "Thing": {
            "fields": {name: "allow" for name in NAMES},
            "scoping": {"tenant_id": "principal.tenant_id"},
            "write_policy": {"create": "allow", "auto_set": {"tenant_id": "principal.tenant_id"}},
        }
    },
}


class Kind(enum.Enum):
    LARGE = "large"


class Word(str, enum.Enum):
    SMALL = "small"


class Text(str):
    pass


def things(dialect: str = "sqlite") -> _ormai.Native:
    return native(catalog=json.dumps(TYPES), policy=json.dumps(POLICY), dialect=dialect)


def asked(arguments: Any) -> dict[str, Any]:
    """What a query with these arguments is refused with, before any statement."""
    outcome = finish(native().call(context("tenant-a"), "query", arguments))
    assert outcome["success"] is False
    error: dict[str, Any] = outcome["error"]
    return error


def parameters(field: str, value: Any) -> Any:
    """What is bound for a comparison."""
    filters = [{"field": field, "op": "eq", "value": value}]
    order: Any = things().call(context("t"), "query", {"model": "Thing", "filters": filters}).step()
    assert order[0] == "statement", order
    return [parameter for parameter in order[2] if parameter not in ("t", 51)]


@pytest.mark.parametrize(
    ("name", "given", "written"),
    [
        ("id", 7, 7),
        ("flag", True, True),
        ("ratio", 0.1, 0.1),
        ("price", Decimal("12.50"), "12.50"),
        ("name", Text("x"), "x"),
        ("kind", Kind.LARGE, "large"),
        ("kind", Word.SMALL, "small"),
        ("uid", uuid.UUID(int=5), str(uuid.UUID(int=5))),
        ("at", datetime(2024, 5, 1, 14, tzinfo=timezone(timedelta(hours=2))), "2024-05-01T12:00:00Z"),
        ("local", datetime(2024, 5, 1, 14, 0, 0, 5), "2024-05-01T14:00:00.000005"),
        ("day", date(2024, 5, 1), "2024-05-01"),
        ("clock", time(14, 30), "14:30:00"),
    ],
)
def test_pythons_types_are_taken_like_their_texts(name: str, given: Any, written: Any) -> None:
    assert parameters(name, given) == parameters(name, written)
    assert parameters(name, given) != []


def test_bytes_are_taken_as_they_are() -> None:
    class Bytes(bytes):
        pass

    for given in (b"\x00\xff", bytearray(b"\x00\xff"), memoryview(b"\x00\xff"), Bytes(b"\x00\xff")):
        assert parameters("raw", given) == [b"\x00\xff"]


def test_tuples_and_made_dicts_are_taken() -> None:
    filters = (OrderedDict(field="id", op="in", value=(1, 2)),)
    order: Any = things().call(context("t"), "query", {"model": "Thing", "filters": filters}).step()
    assert order[0] == "statement"
    assert 2 in order[2]


class Endless(dict[str, Any]):
    pass


def cyclic() -> Any:
    endless: dict[str, Any] = {"model": "Order"}
    endless["filters"] = [endless]
    return endless


def deep(levels: int) -> Any:
    nested: Any = {"field": "id", "op": "eq", "value": 1}
    for _ in range(levels):
        nested = {"not": nested}
    return {"model": "Order", "filters": [nested]}


@pytest.mark.parametrize(
    ("arguments", "path", "words"),
    [
        ({"model": "Order", "limit": {1}}, "limit", "a value of the type `set` has no form here"),
        ({"model": "Order", "filters": [{"value": object()}]}, "filters[0].value", "`object` has no form here"),
        ({"model": "Order", "filters": [{"value": float("nan")}]}, "filters[0].value", "expected a finite number"),
        ({"model": "Order", "limit": float("inf")}, "limit", "expected a finite number"),
        ({"model": "Order", "limit": 10**30}, "limit", "an integer has at most 64 bits"),
        ({"model": "Order", "limit": -(10**30)}, "limit", "an integer has at most 64 bits"),
        ({"model": "Order", "select": ["\ud800"]}, "select[0]", "the text is not Unicode"),
        ({"model": "Order", 1: 2}, None, "the keys of a dict are texts"),
        (cyclic(), None, "nested deeper than 100 levels"),
        (deep(3000), None, "nested deeper than 100 levels"),
        (deep(80), None, "the request nests deeper than 64 levels"),
        (None, None, "expected an object"),
        ([], None, "expected an object"),
        (b"{}", None, "`model` is missing"),
        ('{"model": "Order", "model": "User"}', None, "stands twice"),
        ("{", None, "not valid JSON"),
        ("\ud800", None, "the text is not Unicode"),
        (b"\xff", None, "not valid JSON"),
    ],
)
def test_what_has_no_form_is_refused_at_its_place(arguments: Any, path: str | None, words: str) -> None:
    error = asked(arguments)
    assert error["code"] == "VALIDATION_ERROR"
    assert words in error["message"]
    if path is not None:
        assert error["details"]["path"] == path


def test_text_in_the_place_of_arguments_is_their_json() -> None:
    for text in ('{"model": "Order", "limit": 1}', b'{"model": "Order", "limit": 1}', Text('{"model": "Order"}')):
        outcome = Sqlite(shop()).finish(native().call(context("tenant-a"), "query", text))
        assert outcome["success"] is True


def test_what_python_raises_while_a_value_is_read_is_raised() -> None:
    class Broken(enum.Enum):
        VALUE = 1

        @property
        def value(self) -> int:
            raise LookupError("on purpose")

    with pytest.raises(LookupError, match="on purpose"):
        native().call(context("tenant-a"), "query", {"model": Broken.VALUE})


def test_a_dict_that_changes_while_it_is_read_harms_nobody() -> None:
    arguments: dict[str, Any] = {"model": "Order"}

    class Growing(enum.Enum):
        VALUE = 1

        @property
        def value(self) -> int:
            for number in range(100):
                arguments[f"more{number}"] = number
            return 3

    arguments["limit"] = Growing.VALUE
    outcome = Sqlite(shop()).finish(native().call(context("tenant-a"), "query", arguments))
    assert len(outcome["data"]["rows"]) == 3


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ((1, "t") + (None,) * 12, {}),
        (
            (1, "t", 1, 0.5, 12.5, "n", "large", b"\x00\xff", None, None, None, None, None, None),
            {"flag": True, "ratio": 0.5, "price": "12.5", "name": "n", "kind": "large", "raw": "AP8="},
        ),
        (
            (2**63 - 1, "t", None, 7, None, "", None, bytearray(b"x"), str(uuid.UUID(int=5)), None, None, None)
            + (None, '{"a": [1, null]}'),
            {"id": 2**63 - 1, "ratio": 7.0, "name": "", "raw": "eA==", "uid": str(uuid.UUID(int=5))}
            | {"document": {"a": [1, None]}},
        ),
    ],
)
def test_rows_of_sqlite_are_answered_in_the_pinned_forms(stored: Any, shown: dict[str, Any]) -> None:
    running = things().call(context("t"), "query", {"model": "Thing"})
    running.step()
    outcome: Any = running.step(([stored], -1, None, None))
    assert outcome[1]["error"] is None
    row = outcome[1]["data"]["rows"][0]
    expected: dict[str, Any] = dict.fromkeys(NAMES) | {"id": 1, "tenant_id": "t"} | shown
    assert row == expected


def test_rows_of_other_drivers_are_answered_in_the_pinned_forms() -> None:
    running = things("postgresql").call(
        context("t", wire="postgres-format"), "query", {"model": "Thing", "select": NAMES}
    )
    order: Any = running.step()
    while order[0] != "statement":
        order = running.step() if order[0] == "control" else running.step(([(None,) * 9], -1, None, None))
    berlin = timezone(timedelta(hours=2))
    stored = (
        1,
        "t",
        True,
        0.5,
        Decimal("12.50"),
        "n",
        "small",
        memoryview(b"\x00\xff"),
        uuid.UUID(int=5),
        datetime(2024, 5, 1, 14, 0, 0, 250_000, tzinfo=berlin),
        datetime(2024, 5, 1, 14),
        date(2024, 5, 1),
        time(14, 30, 0, 1),
        {"a": [1, None, {"b": 2.5}]},
    )
    outcome: Any = running.step(([stored], -1, None, None))
    while outcome[0] == "control":
        outcome = running.step()
    assert outcome[1]["error"] is None, outcome
    assert outcome[1]["data"]["rows"] == [
        {
            "id": 1,
            "tenant_id": "t",
            "flag": True,
            "ratio": 0.5,
            "price": "12.50",
            "name": "n",
            "kind": "small",
            "raw": "AP8=",
            "uid": str(uuid.UUID(int=5)),
            "at": "2024-05-01T12:00:00.25Z",
            "local": "2024-05-01T14:00:00",
            "day": "2024-05-01",
            "clock": "14:30:00.000001",
            "document": {"a": [1, None, {"b": 2.5}]},
        }
    ]


def test_rows_of_lists_and_of_row_objects_are_read() -> None:
    import sqlite3

    connection = shop()
    connection.row_factory = sqlite3.Row
    arguments = {"model": "Order", "limit": 1, "select": ["id", "total"]}
    outcome = Sqlite(connection).finish(native().call(context("tenant-a"), "query", arguments))
    assert outcome["data"]["rows"] == [{"id": 2, "total": "20"}]
    running = native().call(context("tenant-a"), "query", arguments)
    running.step()
    answered: Any = running.step((iter([[2, 20]]), None, None, None))
    assert answered[1]["data"]["rows"] == [{"id": 2, "total": "20"}]


def test_a_principal_is_read_and_nothing_else() -> None:
    _ormai.Context(principal={"tenant_id": uuid.UUID(int=1), "user_id": 7, "metadata": {"teams": (1, 2)}})
    _ormai.Context(principal={})
    for wrong, words in [
        ({"tenant": "a"}, "a principal has no `tenant`"),
        ({"tenant_id": ["a"]}, "the `tenant_id` of a principal is one value"),
        ({"tenant_id": "a", "metadata": [1]}, "the metadata of a principal is a dict"),
        ({"tenant_id": "a", "roles": "admin"}, "str"),
    ]:
        with pytest.raises(TypeError, match=words):
            _ormai.Context(principal=wrong)  # type: ignore[arg-type]


def test_now_is_what_the_context_says() -> None:
    at = datetime(2024, 5, 1, 14, tzinfo=timezone.utc)
    _ormai.Context(principal=principal("a"), now=at)
    _ormai.Context(principal=principal("a"), now="2024-05-01T14:00:00Z")
    for wrong in (at.replace(tzinfo=None), "yesterday"):
        with pytest.raises(ValueError, match="a time with its offset"):
            _ormai.Context(principal=principal("a"), now=wrong)
