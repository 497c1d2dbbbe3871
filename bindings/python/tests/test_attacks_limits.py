"""Attacks 10 to 14: to ask for too much, for nothing, with another's cursor, or for ever."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ormai.core import Principal, RunContext
from ormai.policy import Budget, Policy
from ormai.quickstart import mount_sqlalchemy
from sqlalchemy import Text, event, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from attacked import ACCOUNT, ACCOUNT_WRITES, POLICY, SECRETS, THREE, Estate, allowed
from databases import DRIVERS, Ground

pytestmark = pytest.mark.drivers(*THREE)

TOO_MUCH = {"QUERY_BUDGET_EXCEEDED", "QUERY_TOO_BROAD", "VALIDATION_ERROR"}


def where(field: str, op: str, value: Any) -> list[dict[str, Any]]:
    return [{"field": field, "op": op, "value": value}]


@pytest.mark.drivers(*(driver.name for driver in DRIVERS))
async def test_attack_10_lists_of_every_length_are_answered_or_refused(estate: Estate) -> None:
    for length, expected in ((0, []), (1, [1]), (2, [1, 2]), (11, [1, 2]), (12, [1, 2]), (1_000, [1, 2])):
        values = list(range(1, length + 1))
        assert await estate.ids({"model": "Account", "filters": where("id", "in", values)}) == expected
        rest = await estate.ids({"model": "Account", "filters": where("id", "not_in", values)})
        assert rest == [n for n in (1, 2) if n not in expected]
    for length in (1_001, 200_000):
        assert (
            await estate.code("query", {"model": "Account", "filters": where("id", "in", list(range(length)))})
            in TOO_MUCH
        )
    await estate.works()


def nested(key: str, depth: int) -> Any:
    inner: Any = where("id", "gt", 0)[0]
    for _ in range(depth):
        inner = {key: inner if key == "not" else [inner]}
    return inner


async def test_attack_10_nothing_is_unbounded(estate: Estate) -> None:
    cycle: Any = {"relation": "notes"}
    for _ in range(50):
        cycle = {"relation": "notes", "include": [{"relation": "account", "include": [cycle]}]}
    endless: dict[str, Any] = {"relation": "notes"}
    endless["include"] = [{"relation": "account", "include": [endless]}]
    asked: list[dict[str, Any]] = [
        {"filters": where("id", "gt", 0) * 5_000},
        {"filters": [{"or": where("id", "eq", 1) * 5_000}]},
        {"filters": [nested("not", 1_000)]},
        {"filters": [nested("or", 1_000)]},
        {"filters": [nested("and", 100_000)]},
        {"include": [cycle]},
        {"include": [endless]},
        {"include": [{"relation": "notes"}] * 1_000},
        {"select": ["id"] * 10_000},
        {"select": [f"field_{n}" for n in range(10_000)]},
        {"order": [{"field": "id"}] * 10_000},
        {"limit": 10**9},
        {"limit": 2**70},
        {"limit": -1},
        {"cursor": "x" * 1_000_000},
        {"filters": where("name", "contains", "x" * 10_000_000)},
    ]
    for arguments in asked:
        began = time.monotonic()
        try:
            code = await estate.code("query", {"model": "Account", **arguments})
        except (ValueError, RecursionError):
            code = "VALIDATION_ERROR"
        assert code in TOO_MUCH | {"FIELD_NOT_ALLOWED", "INVALID_CURSOR"}, str(arguments)[:100]
        assert time.monotonic() - began < 5
    await estate.works()


async def test_attack_10_nothing_of_a_write_is_unbounded(estate: Estate) -> None:
    async with estate.unchanged():
        for tool, arguments in (
            ("bulk_update", {"ids": list(range(200_000)), "data": {"name": "x"}}),
            ("bulk_update", {"filters": where("id", "gt", 0) * 5_000, "data": {"name": "x"}}),
            ("bulk_update", {"filters": [nested("not", 1_000)], "data": {"name": "x"}}),
            ("update", {"id": 1, "data": {f"field_{n}": 1 for n in range(10_000)}}),
            ("update", {"id": 1, "data": {"name": "x" * 10_000_000}}),
            ("create", {"data": {"code": nested("a", 1_000)}}),
            ("update", {"id": 1, "data": {"name": "x"}, "reason": "x" * 10_000_000}),
        ):
            assert await estate.code(tool, {"model": "Account", **arguments}) in TOO_MUCH | {"FIELD_NOT_ALLOWED"}, tool


EMPTY: list[Any] = [
    [{"or": []}],
    [{"and": []}],
    [{"not": {}}],
    [{"not": {"or": []}}],
    [{"not": {"and": []}}],
    [{"not": []}],
    [{}],
    [[]],
    [None],
    {"or": []},
    {},
    None,
    "",
    "true",
    [{"or": None}],
    [{"field": "id"}],
    [{"field": "id", "op": "eq"}],
    [{"field": "id", "op": "eq", "value": None}],
    [{"field": "id", "op": "ne", "value": None}],
    [{"field": "id", "op": None, "value": 1}],
    [{"field": "id", "op": "in", "value": None}],
    [{"field": "id", "op": "in", "value": [None]}],
    [{"field": "id", "op": "not_in", "value": [None]}],
    [{"field": None, "op": "eq", "value": 1}],
    [{"relation": "notes"}],
    [{"relation": "notes", "match": "none", "filters": [{"or": []}]}],
    [{"field": "id", "op": "eq", "value": 1, "or": [{"field": "id", "op": "gt", "value": 0}]}],
]


async def test_attack_11_an_empty_or_null_filter_never_widens(estate: Estate) -> None:
    for filters in EMPTY:
        outcome = await estate.call("query", {"model": "Account", "filters": filters})
        if outcome.success:
            assert {row["id"] for row in outcome.data["rows"]} <= {1, 2}, filters
        # What finds rows without saying which is refused where it would be changed.
        for arguments in ({"filters": filters}, {"ids": filters}, {"filters": filters, "ids": None}):
            before = await estate.stored()
            outcome = await estate.call("bulk_update", {"model": "Account", "data": {"name": "x"}, **arguments})
            if outcome.success:
                assert filters == [{"relation": "notes"}], filters
                await estate.undo()
            assert await estate.stored() == before
    for arguments in ({}, {"filters": []}, {"ids": []}, {"filters": [], "ids": []}):
        async with estate.unchanged():
            code = await estate.code("bulk_update", {"model": "Account", "data": {"name": "x"}, **arguments})
            assert code == "VALIDATION_ERROR", arguments


async def test_attack_12_a_changed_or_cut_cursor_does_not_open(estate: Estate) -> None:
    cursor = await opened(estate)
    changed = [cursor[:n] + ("A" if cursor[n] != "A" else "B") + cursor[n + 1 :] for n in range(0, len(cursor), 5)]
    for other in [
        *changed,
        cursor[:-1],
        cursor[1:],
        cursor + "A",
        cursor * 2,
        cursor.upper(),
        "",
        " ",
        "\x00",
        "é",
        7,
        True,
        [],
    ]:
        code = await estate.code("query", {"model": "Note", "limit": 1, "cursor": other})
        assert code in ("INVALID_CURSOR", "VALIDATION_ERROR"), other
    assert await estate.ids({"model": "Note", "limit": 1, "cursor": cursor}) == [2]


async def opened(estate: Estate) -> str:
    """The cursor of the second page of notes."""
    return str((await estate.call("query", {"model": "Note", "limit": 1})).unwrap()["next_cursor"])


async def test_attack_12_a_cursor_serves_whom_and_what_it_was_made_for(estate: Estate) -> None:
    cursor = await opened(estate)
    page = {"model": "Note", "limit": 1, "cursor": cursor}
    others = [
        estate.ctx("globex"),
        estate.ctx("ACME"),
        estate.ctx("acme "),
        estate.ctx(user_id="user-2"),
        estate.ctx(user_id=None),
        estate.ctx(roles=["support"]),
        estate.ctx(metadata={"x": 1}),
    ]
    for ctx in others:
        outcome = await estate.toolset.call(ctx, "query", page)
        assert outcome.error is not None
        assert outcome.error["code"] == "INVALID_CURSOR", ctx
    for changes in (
        {"model": "Account"},
        {"filters": where("id", "gt", 1)},
        {"order": [{"field": "body"}]},
        {"order": [{"field": "id", "direction": "desc"}]},
        {"select": ["id"]},
        {"include": [{"relation": "account"}]},
    ):
        assert await estate.code("query", {**page, **changes}) == "INVALID_CURSOR", changes
    assert await estate.ids(page) == [2]


async def test_attack_12_a_cursor_ends_with_its_policy(estate: Estate) -> None:
    cursor = await opened(estate)
    estate.mount(POLICY.replace(budget=Budget(max_rows=999)))
    assert await estate.code("query", {"model": "Note", "limit": 1, "cursor": cursor}) == "INVALID_CURSOR"
    estate.mount(POLICY)
    assert await estate.ids({"model": "Note", "limit": 1, "cursor": cursor}) == [2]


class Slow(DeclarativeBase):
    """The base of what never ends."""


class Endless(Slow):
    """A view, each row of which takes a while, and one that cannot be read."""

    __tablename__ = "endless"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)


class Broken(Slow):
    __tablename__ = "broken"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)


VIEWS = {
    "sqlite": (
        "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000000)"
        " SELECT i AS id, 'acme' AS tenant_id, i || '' AS body FROM n",
        "CREATE VIEW broken AS SELECT id, tenant_id, json_extract('{', '$') || '' AS body FROM accounts",
    ),
    "postgresql": (
        "CREATE VIEW endless AS SELECT i AS id, 'acme'::text AS tenant_id, pg_sleep(0.05)::text AS body"
        " FROM generate_series(1, 1000000) AS n(i)",
        "CREATE VIEW broken AS SELECT id, tenant_id::text, (1 / (id - id))::text AS body FROM accounts",
    ),
    "mysql": (
        "CREATE VIEW endless AS SELECT seq AS id, 'acme' AS tenant_id, CONCAT('', sleep(0.05)) AS body"
        " FROM seq_1_to_1000000",
        "CREATE VIEW broken AS SELECT id, tenant_id, CONCAT('', (SELECT f.id FROM accounts f)) AS body FROM accounts",
    ),
}


@pytest.mark.alters
@pytest.mark.drivers(*(driver.name for driver in DRIVERS))
async def test_attack_13_a_slow_query_is_stopped_and_the_session_works(estate: Estate, attacked_ground: Ground) -> None:
    for view in VIEWS[attacked_ground.driver.database]:
        await estate.work(lambda session, view=view: session.execute(text(view)))  # type: ignore[misc]
    model = ACCOUNT.replace(fields=allowed("id", "tenant_id", "body"), relations={}, write_policy=None)
    models = {"Endless": model.replace(aggregations={"count": True}), "Broken": model.replace(aggregations=None)}
    policy = Policy(models=models, budget=Budget(statement_timeout_ms=150))
    slow = mount_sqlalchemy(estate.engine, Slow, policy, **SECRETS)
    for tool, arguments in (
        ("query", {"model": "Endless", "order": [{"field": "body", "direction": "desc"}]}),
        ("aggregate", {"model": "Endless", "aggregations": [{"function": "count", "field": "body"}]}),
    ):
        began = time.monotonic()
        outcome = await slow.call(estate.ctx(), tool, arguments)
        assert outcome.error is not None
        assert (outcome.error["code"], outcome.error["retryable"]) == ("TIMEOUT", True)
        assert time.monotonic() - began < 5
        await estate.works()
    for _ in range(2):
        outcome = await slow.call(estate.ctx(), "query", {"model": "Broken"})
        assert outcome.error == {"code": "INTERNAL", "message": "the request could not be run", "retryable": False}
        await estate.works()


@pytest.mark.drivers(*(driver.name for driver in DRIVERS))
async def test_attack_13_a_failed_call_keeps_what_the_caller_has_written(estate: Estate) -> None:
    await estate.work(lambda session: session.execute(text("UPDATE accounts SET name = 'mine, changed' WHERE id = 1")))
    for tool, arguments in (
        ("update", {"model": "Account", "id": 1, "data": {"balance": -1}}),
        ("create", {"model": "Account", "data": {"owner_id": "u", "code": "mine-1"}}),
        ("get", {"model": "Account", "id": 3}),
        ("query", {"model": "NoSuch"}),
    ):
        assert await estate.code(tool, arguments) != "answered"
        (row,) = (await estate.call("query", {"model": "Account", "filters": where("id", "eq", 1)})).unwrap()["rows"]
        assert row["name"] == "mine, changed"
    await estate.works()


class Large(DeclarativeBase):
    """The base of a table that is large."""


class Sale(Large):
    __tablename__ = "sales"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    total: Mapped[int]


SALES = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i, {} FROM n",
    "postgresql": "SELECT i, {} FROM generate_series(1, 100000) AS n(i)",
    "mysql": "SELECT seq, {} FROM seq_1_to_100000",
}
NUMBER = {"sqlite": "i", "postgresql": "i", "mysql": "seq"}
TENANT_OF = {"mysql": "CONCAT('tenant-', {0} % 100)"}
EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    ("query", {"model": "Sale"}),
    (
        "query",
        {"model": "Sale", "filters": where("status", "eq", "paid"), "order": [{"field": "id", "direction": "desc"}]},
    ),
    ("query", {"model": "Sale", "filters": [{"or": where("status", "eq", "paid") + where("total", "gt", 90)}]}),
    ("query", {"model": "Sale", "with_total": True, "limit": 5}),
    ("aggregate", {"model": "Sale", "aggregations": [{"function": "sum", "field": "total"}], "group_by": ["status"]}),
    ("get", {"model": "Sale", "id": 142}),
    ("bulk_update", {"model": "Sale", "filters": where("total", "eq", 7), "data": {"status": "stale"}}),
]


@pytest.mark.drivers("pysqlite", "psycopg", "pymysql")
@pytest.mark.synchronous
async def test_attack_14_every_example_finds_its_rows_by_the_tenants_index(ground: Ground) -> None:
    database = ground.driver.database
    number = NUMBER[database]
    tenant = TENANT_OF.get(database, "'tenant-' || ({0} % 100)").format(number)
    columns = f"{tenant}, CASE WHEN {number} % 2 = 0 THEN 'paid' ELSE 'open' END, {number} % 100"
    kind = "VARCHAR(40)" if database == "mysql" else "TEXT"
    engine: Any = ground.engine
    model = ACCOUNT.replace(
        fields=allowed("id", "tenant_id", "status", "total"),
        relations={},
        aggregations={"count": True, "sum": ["total"]},
        write_policy=ACCOUNT_WRITES.replace(max_affected_rows=1_000),
    )
    toolset = mount_sqlalchemy(engine, Large, Policy(models={"Sale": model}), **SECRETS)
    with Session(engine) as session:
        for statement in (
            f"CREATE TABLE sales (id INTEGER PRIMARY KEY, tenant_id {kind}, status {kind}, total INTEGER)",
            f"INSERT INTO sales {SALES[database].format(columns)}",
            "CREATE INDEX sales_of_tenant ON sales (tenant_id, id)",
            "ANALYZE sales" if database != "mysql" else "ANALYZE TABLE sales",
        ):
            session.execute(text(statement))
        session.commit()
        ctx = RunContext(principal=Principal("tenant-42", "user-1"), db=session)
        for tool, arguments in EXAMPLES:
            before = scanned(session, database)
            with statements(engine) as made:
                toolset.sync.call(ctx, tool, arguments).unwrap()
            assert made, "the engine's listeners hear of every statement"
            plans = [plan(session, each) for each in made] if database == "sqlite" else []
            assert all("SCAN sales" not in each for each in plans), plans
            # A thousand rows are the tenant's, of a hundred thousand.
            assert scanned(session, database) - before <= 20_000, (tool, arguments)
            session.rollback()


class statements:
    """The statements about the table that an engine runs within a block."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.made: list[tuple[str, Any]] = []

    def __enter__(self) -> list[tuple[str, Any]]:
        event.listen(self.engine, "before_cursor_execute", self._heard)
        return self.made

    def __exit__(self, *_raised: object) -> None:
        event.remove(self.engine, "before_cursor_execute", self._heard)

    def _heard(self, _connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if "sales" in statement:
            self.made.append((statement, parameters))


def plan(session: Session, made: tuple[str, Any]) -> str:
    rows = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {made[0]}", tuple(made[1])).all()
    return "; ".join(row[-1] for row in rows)


def scanned(session: Session, database: str) -> int:
    """How many rows were read one after another, without an index that leads to them."""
    if database == "postgresql":
        asked = "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'sales'"
        return int(session.execute(text(asked)).scalar_one() or 0)
    if database == "mysql":
        asked = "SHOW SESSION STATUS LIKE 'Handler_read_rnd_next'"
        return int(session.execute(text(asked)).one()[1])
    return 0
