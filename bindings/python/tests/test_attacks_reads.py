"""Attacks 6 to 9: to see what is hidden, of others or of one's own."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pytest

from attacked import ACCOUNT, HIDDEN, THREE, Estate
from databases import DRIVERS

pytestmark = pytest.mark.drivers(*THREE)

COUNT = [{"function": "count"}]


def where(field: str, op: str, value: Any) -> list[dict[str, Any]]:
    return [{"field": field, "op": op, "value": value}]


async def test_attack_06_nothing_reads_across_tenants(estate: Estate) -> None:
    others = where("tenant_id", "in", ["globex", "ACME", "acme "])
    either = [{"or": [*others, {"not": {"field": "tenant_id", "op": "eq", "value": "acme"}}]}]
    for filters in (others, either):
        page = (await estate.call("query", {"model": "Account", "filters": filters, "with_total": True})).unwrap()
        assert page == {"rows": [], "has_more": False, "next_cursor": None, "total": 0}
        counted = await estate.call("aggregate", {"model": "Account", "aggregations": COUNT, "filters": filters})
        assert counted.unwrap()["rows"] == [{"count": 0}]
    assert await estate.code("get", {"model": "Account", "id": 3}) == "RECORD_NOT_FOUND"
    page = (await estate.call("query", {"model": "Account", "with_total": True, "limit": 1})).unwrap()
    assert (page["total"], page["has_more"]) == (2, True)
    assert await estate.ids({"model": "Account", "limit": 1, "cursor": page["next_cursor"]}) == [2]
    figures = [{"function": name, "field": "balance", "alias": name} for name in ("sum", "min", "max")]
    sums = (await estate.call("aggregate", {"model": "Account", "aggregations": figures})).unwrap()["rows"][0]
    assert [Decimal(str(sums[name])) for name in ("sum", "min", "max")] == [3, 1, 2]
    grouped = {"model": "Account", "aggregations": COUNT, "group_by": ["tenant_id"]}
    assert (await estate.call("aggregate", grouped)).unwrap()["rows"] == [{"tenant_id": "acme", "count": 2}]


async def test_attack_06_pages_go_through_ones_own_rows_alone(estate: Estate) -> None:
    seen, cursor = [], None
    while True:
        request = {"model": "Note", "limit": 1, "cursor": cursor, "order": [{"field": "body", "direction": "desc"}]}
        page = (await estate.call("query", request)).unwrap()
        seen += [row["id"] for row in page["rows"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == [1, 2, 100]


async def test_attack_06_a_row_of_mine_that_points_at_theirs_shows_nothing_of_it(estate: Estate) -> None:
    request = {"model": "Note", "include": [{"relation": "account"}], "filters": where("id", "eq", 100)}
    (note,) = (await estate.call("query", request)).unwrap()["rows"]
    assert note["account"] is None
    conditions: list[list[dict[str, Any]]] = [[], where("balance", "gt", 0), where("name", "contains", "c")]
    for filters in conditions:
        related = [{"relation": "account", "match": "any", "filters": filters}]
        assert 100 not in await estate.ids({"model": "Note", "filters": related})


async def test_attack_06_includes_two_deep_stay_with_the_tenant(estate: Estate) -> None:
    include = [{"relation": "notes", "include": [{"relation": "remarks"}, {"relation": "account"}]}]
    rows = (await estate.call("query", {"model": "Account", "include": include, "limit": 5})).unwrap()["rows"]
    notes = [[note["id"] for note in row["notes"]["rows"]] for row in rows]
    remarks = [[len(note["remarks"]["rows"]) for note in row["notes"]["rows"]] for row in rows]
    assert notes == [[1], [2]]
    assert remarks == [[1], [1]]


async def test_attack_06_a_relation_to_a_closed_model_does_not_exist(estate: Estate) -> None:
    told = []
    for name in ("vault", "no_such"):
        filters: list[dict[str, Any]] = [{"relation": name, "match": "any", "filters": []}]
        for arguments in ({"include": [{"relation": name}]}, {"include": [name]}, {"filters": filters}):
            error = await estate.error("query", {"model": "Account", **arguments})
            assert error["code"] == "RELATION_NOT_ALLOWED"
            told.append(str(error).replace(name, "?"))
    assert told[:3] == told[3:]
    codes = [await estate.error("query", {"model": name}) for name in ("Vault", "NoSuch")]
    assert str(codes[0]).replace("Vault", "?") == str(codes[1]).replace("NoSuch", "?")


def uses(field: str) -> list[tuple[str, dict[str, Any]]]:
    """Every way to ask for a field but to select it, directly and through a relation."""
    deep = [{"relation": "account", "match": "any", "filters": where(field, "eq", "x")}]
    return [
        ("query", {"model": "Account", "filters": where(field, "eq", "x")}),
        ("query", {"model": "Account", "filters": [{"not": {"field": field, "op": "is_null", "value": True}}]}),
        ("query", {"model": "Account", "order": [{"field": field}]}),
        ("query", {"model": "Note", "filters": deep}),
        ("query", {"model": "Account", "include": [{"relation": "notes", "filters": deep}]}),
        ("query", {"model": "Note", "include": [{"relation": "account", "order": [{"field": field}]}]}),
        ("aggregate", {"model": "Account", "aggregations": COUNT, "group_by": [field]}),
        ("aggregate", {"model": "Account", "aggregations": COUNT, "filters": where(field, "eq", "x")}),
        ("aggregate", {"model": "Account", "aggregations": [{"function": "max", "field": field}]}),
        ("aggregate", {"model": "Account", "aggregations": [{"function": "count", "field": field}]}),
        ("bulk_update", {"model": "Account", "filters": where(field, "eq", "x"), "data": {"name": "y"}}),
    ]


@pytest.mark.parametrize("field", HIDDEN)
async def test_attack_07_a_hidden_field_can_be_asked_for_in_no_way(estate: Estate, field: str) -> None:
    async with estate.unchanged():
        for tool, arguments in uses(field):
            assert await estate.code(tool, arguments) in (
                "FIELD_NOT_ALLOWED",
                "AGGREGATION_NOT_ALLOWED",
                "VALIDATION_ERROR",
            ), arguments


async def test_attack_07_a_denied_field_is_like_one_that_does_not_exist(estate: Estate) -> None:
    selected = ("query", {"model": "Account", "select": ["id", "?"]})
    included = ("query", {"model": "Note", "include": [{"relation": "account", "select": ["?"]}]})
    for tool, arguments in (*uses("?"), selected, included):
        told = []
        for name in ("ssn", "qqq"):
            error = await estate.error(tool, replaced(arguments, name))
            told.append(str(error).replace(name, "?"))
        assert told[0] == told[1], arguments


def replaced(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: replaced(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, name) for item in value]
    return name if value == "?" else value


async def test_attack_07_a_hidden_field_is_not_shown_as_it_is(estate: Estate) -> None:
    rows = (await estate.call("query", {"model": "Account"})).unwrap()["rows"]
    described = (await estate.call("describe_schema", {"model": "Account"})).to_json()
    assert all("ssn" not in row for row in rows)
    assert all({"email", "pin", "memo"} <= row.keys() for row in rows)
    assert all(row["memo"] == "[REDACTED]" for row in rows)
    assert rows[0]["pin"] != rows[1]["pin"]
    assert "ssn" not in described


@pytest.mark.parametrize("field", HIDDEN)
async def test_attack_08_a_hidden_value_is_not_guessed_letter_by_letter(estate: Estate, field: str) -> None:
    right, wrong = f"c4n4ry-{field}-1", "zzz"
    guesses = [
        (op, [value] if op == "in" else [value, value + "z"] if op == "between" else value)
        for op in ("starts_with", "ends_with", "contains", "lt", "gte", "between", "in", "not_in", "ne")
        for value in (right, wrong)
    ]
    told = set()
    for op, value in guesses:
        outcome = await estate.toolset.call(
            estate.ctx(), "query", {"model": "Account", "filters": where(field, op, value)}
        )
        assert outcome.error is not None
        told.add((outcome.error["code"], outcome.error["message"]))
    assert len(told) == 1
    for function in ("min", "max", "count", "sum", "avg"):
        arguments = {"model": "Account", "aggregations": [{"function": function, "field": field}]}
        assert await estate.code("aggregate", arguments) in ("AGGREGATION_NOT_ALLOWED", "FIELD_NOT_ALLOWED")


VALUES: list[Any] = [
    "%",
    "_",
    "\\",
    "%\\",
    "a\\",
    "\\%",
    "[a]",
    "*",
    "\x00",
    "a\x00b",
    "'",
    '"',
    "`",
    "''; DROP TABLE accounts; --",
    "' OR '1'='1",
    "%s %(x)s %%",
    ":name ? $1 {0}",
    "\ud800",
    "\udfff\ud800",
    "\U0010ffff",
    "é",
    "e\u0301",
    "x" * 1_000_000,
    "",
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    -(2**63) - 1,
    2**64,
    10**400,
    1.5,
    1e308,
    math.nan,
    math.inf,
    -math.inf,
    Decimal("NaN"),
    Decimal("1E+9999"),
    b"\xff\x00",
    dt.date.max,
    dt.datetime.min,
    dt.datetime.max.replace(tzinfo=dt.timezone.utc),
    dt.timedelta.max,
    "99999-12-31T00:00:00Z",
    "-0001-01-01",
    {"a": 1},
    {"field": "tenant_id"},
    [],
    ["a", ["b"]],
    {"$gt": ""},
    object(),
    ...,
]
OPERATORS = ("eq", "ne", "lt", "gte", "in", "not_in", "between", "contains", "starts_with", "ends_with", "is_null")


@pytest.mark.drivers(*(driver.name for driver in DRIVERS))
async def test_attack_09_odd_values_are_compared_or_refused_and_break_nothing(estate: Estate) -> None:
    for field in ("name", "id", "balance", "public"):
        for value in VALUES:
            for op in OPERATORS:
                given = [value, value] if op in ("in", "not_in", "between") else value
                await called(estate, "query", {"model": "Account", "filters": where(field, op, given)})
    await estate.works()


@pytest.mark.drivers(*(driver.name for driver in DRIVERS))
async def test_attack_09_odd_values_are_written_as_they_are_or_refused(estate: Estate) -> None:
    others = await estate.stored()
    for field in ("name", "id", "balance", "public"):
        for value in VALUES:
            for tool, arguments in (
                ("update", {"model": "Account", "id": 1, "data": {field: value}}),
                ("get", {"model": "Account", "id": value}),
                ("bulk_update", {"model": "Account", "ids": [value], "data": {"name": "x"}}),
            ):
                outcome = await called(estate, tool, arguments)
                text = isinstance(value, str) and field == "name" and tool == "update"
                if text and outcome is not None and outcome.success:
                    assert outcome.data["name"] == value
    await estate.works()
    # Of others nothing is changed; their rows are behind the first two accounts.
    assert (await estate.stored()).split('"Account", ')[3:] == others.split('"Account", ')[3:]


async def called(estate: Estate, tool: str, arguments: dict[str, Any]) -> Any:
    """A call whose arguments may be none; that is told as an exception of Python's, or as a refusal."""
    try:
        return await estate.call(tool, arguments)
    except (TypeError, ValueError, OverflowError):
        return None


@pytest.mark.drivers(*(driver.name for driver in DRIVERS))
async def test_attack_09_the_signs_of_patterns_are_letters(estate: Estate) -> None:
    names = ["100%", "a_b", "a\\b", "axb", "back\\", "%", "\\%", "it's", 'say "hi"', "%s", ":x", "?"]
    for n, name in enumerate(names):
        await estate.call("create", {"model": "Account", "data": {"owner_id": "o", "code": f"p{n}", "name": name}})
    for sign in ("%", "_", "\\", "\\%", "'", '"', "%s", ":x", "?", "x"):
        for op, holds in (("contains", str.__contains__), ("starts_with", str.startswith), ("ends_with", str.endswith)):
            request = {"model": "Account", "filters": where("name", op, sign), "select": ["id", "name"], "limit": 50}
            rows = (await estate.call("query", request)).unwrap()["rows"]
            assert sorted(row["name"] for row in rows) == sorted(name for name in names if holds(name, sign)), (
                op,
                sign,
            )


def test_the_hidden_fields_are_hidden() -> None:
    assert {name for name, field in ACCOUNT.fields.items() if field.action.value != "allow"} == set(HIDDEN)
