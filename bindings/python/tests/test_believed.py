"""Where a column of the database is another one than its model says, no tenant is taken for another."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, Engine, Enum, Float, Integer, Numeric, String, Table, event, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from databases import Ground
from ormai.core import Principal, RunContext
from ormai.core.errors import OrmAiError, PolicyInvalidError
from ormai.quickstart import mount_sqlalchemy
from ormai.sqlalchemy import SessionError, _believed
from ormai.tools import Toolset


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(40))
    words: Mapped[str] = mapped_column(String(40))


POLICY: dict[str, Any] = {
    "models": {
        "Note": {
            "fields": {"id": "allow", "tenant_id": "allow", "words": "allow"},
            "scoping": {"tenant_id": "principal.tenant_id"},
            "aggregations": {"count": True},
            "write_policy": {
                "create": "allow",
                "update": "allow",
                "delete": "allow",
                "bulk_update": "allow",
                "auto_set": {"tenant_id": "principal.tenant_id"},
            },
        }
    }
}


def made(ground: Ground, column: str, *tenants: str, before: str | None = None) -> Toolset:
    """A toolset on a table whose `tenant_id` is declared by hand, with a row of each tenant, numbered from 1."""

    def work(session: Session) -> None:
        if before is not None:
            session.execute(text(before))
        session.execute(text(f"CREATE TABLE notes (id INTEGER PRIMARY KEY, tenant_id {column}, words VARCHAR(40))"))
        for number, tenant in enumerate(tenants, 1):
            insert = text("INSERT INTO notes VALUES (:id, :tenant, 'as it was')")
            session.execute(insert, {"id": number, "tenant": tenant})

    ground.run(work, commits=True)
    return mount_sqlalchemy(ground.engine, Base, POLICY)


def ctx(tenant: str) -> RunContext:
    return RunContext(principal=Principal(tenant_id=tenant, user_id="u"))


def ids(toolset: Toolset, tenant: str) -> list[int]:
    """Whose rows a tenant reads, and that what it writes by filter and by id changes no other's."""

    async def work() -> list[int]:
        context = ctx(tenant)
        page = await toolset.query(context, model="Note", select=["id"], order=[{"field": "id"}])
        found = [row["id"] for row in page.rows]
        for id in range(1, 4):
            got = await toolset.call(context, "get", {"model": "Note", "id": id})
            assert got.success is (id in found), got
            words = {"words": f"by {tenant}"}
            changed = await toolset.call(context, "update", {"model": "Note", "id": id, "data": words})
            assert changed.success is (id in found), changed
        counted = await toolset.aggregate(context, model="Note", aggregations=[{"function": "count", "alias": "n"}])
        assert counted.rows == [{"n": len(found)}]
        return found

    return asyncio.run(work())


def refused(toolset: Toolset, tenant: str = "a") -> SessionError:
    with pytest.raises(SessionError) as raised:
        asyncio.run(toolset.query(ctx(tenant), model="Note"))
    return raised.value


NONDETERMINISTIC = "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("column", ["VARCHAR(40) COLLATE NOCASE", "TEXT COLLATE RTRIM", "TEXT", ""])
def test_text_is_compared_by_its_bytes_whatever_the_column_was_declared_with(ground: Ground, column: str) -> None:
    toolset = made(ground, column, "a", "A", "a ")
    assert [ids(toolset, tenant) for tenant in ("a", "A", "a ", "á")] == [[1], [2], [3], []]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("column", ["INTEGER", "STRING", "NUMERIC", "charint", "REAL"])
def test_a_text_in_a_column_that_makes_numbers_of_texts_is_refused(ground: Ground, column: str) -> None:
    # `7` would have the rows of `007`.
    error = refused(made(ground, column, "007"), "7")
    assert error.message == other_type("Note.tenant_id", "text", column.upper())


def other_type(name: str, kind: str, declared: str) -> str:
    return (
        f"`{name}` is of type `{kind}` to its model, and its column is `{declared}`, to which other values are the same"
    )


class Sized(DeclarativeBase):
    pass


class Box(Sized):
    __tablename__ = "boxes"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(Enum("a", "b", name="kinds"))
    code: Mapped[uuid.UUID]


BOXES = {
    "models": {
        "Box": {
            "fields": {"id": "allow"},
            "scoping": {
                "number": "principal.tenant_id",
                "kind": "principal.metadata.kind",
                "code": "principal.metadata.code",
            },
        }
    }
}
USUAL = {
    "sqlite": {"number": "INTEGER", "kind": "VARCHAR(1)", "code": "CHAR(32)"},
    "postgresql": {"number": "INTEGER", "kind": "kinds", "code": "UUID"},
    "mysql": {"number": "INTEGER", "kind": "ENUM('a', 'b')", "code": "CHAR(32)"},
}


CODE = "6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d"


def boxes(ground: Ground, **columns: str) -> Toolset:
    """A toolset on a table with another column than the model has, and a box of each kind for the number 7."""
    database = ground.driver.database
    declared = {**USUAL[database], **columns}

    def work(session: Session) -> None:
        if database == "postgresql":
            session.execute(text("CREATE TYPE kinds AS ENUM ('a', 'b')"))
        listed = ", ".join(f"{name} {kind}" for name, kind in declared.items())
        session.execute(text(f"CREATE TABLE boxes (id INTEGER PRIMARY KEY, {listed})"))

    ground.run(work, commits=True)
    return mount_sqlalchemy(ground.engine, Sized, BOXES)


def in_boxes(toolset: Toolset, number: int, kind: str) -> list[int]:
    context = RunContext(principal=Principal(tenant_id=number, user_id="u", metadata={"kind": kind, "code": CODE}))
    page = asyncio.run(toolset.query(context, model="Box", select=["id"], order=[{"field": "id"}]))
    return [row["id"] for row in page.rows]


# By database: columns in which other values are the same as those of the model.
OTHERS = [
    ("sqlite", "number", "int32", "REAL", "REAL"),
    ("sqlite", "kind", "enum", "INTEGER", "INTEGER"),
    ("sqlite", "code", "uuid", "UUID", "UUID"),
    ("postgresql", "number", "int32", "double precision", "double precision"),
    ("postgresql", "number", "int32", "fraction", "real"),
    ("postgresql", "kind", "enum", "citext", "citext"),
    ("postgresql", "kind", "enum", "INTEGER", "integer"),
    ("mysql", "number", "int32", "VARCHAR(20)", "varchar"),
    ("mysql", "number", "int32", "YEAR", "year"),
    ("mysql", "number", "int32", "DOUBLE", "double"),
    ("mysql", "number", "int32", "ENUM('7')", "enum"),
    ("mysql", "kind", "enum", "VARCHAR(1)", "varchar"),
    ("mysql", "kind", "enum", "INTEGER", "int"),
    ("mysql", "code", "uuid", "BIGINT", "bigint"),
]


def check_others(ground: Ground, name: str, kind: str, column: str, told: str) -> None:
    if column == "fraction":
        ground.run(lambda session: session.execute(text("CREATE DOMAIN fraction AS real")), commits=True)
    if column == "citext":
        ground.run(lambda session: session.execute(text("CREATE EXTENSION citext")), commits=True)
    toolset = boxes(ground, **{name: column})
    with pytest.raises(SessionError) as raised:
        in_boxes(toolset, 7, "a")
    said = "int" if ground.driver.database == "sqlite" and kind == "int32" else kind
    assert raised.value.message == other_type(f"Box.{name}", said, told)


def others(database: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("name", "kind", "column", "told"), [each[1:] for each in OTHERS if each[0] == database]
    )


@pytest.mark.databases("sqlite")
@others("sqlite")
def test_a_column_of_another_type_is_refused_on_sqlite(
    ground: Ground, name: str, kind: str, column: str, told: str
) -> None:
    check_others(ground, name, kind, column, told)


@pytest.mark.databases("postgresql")
@others("postgresql")
def test_a_column_of_another_type_is_refused_on_postgresql(
    ground: Ground, name: str, kind: str, column: str, told: str
) -> None:
    check_others(ground, name, kind, column, told)


@pytest.mark.databases("mysql")
@others("mysql")
def test_a_column_of_another_type_is_refused_on_mariadb(
    ground: Ground, name: str, kind: str, column: str, told: str
) -> None:
    check_others(ground, name, kind, column, told)


@pytest.mark.databases("sqlite", "postgresql", "mysql")
def test_each_of_several_models_of_a_table_is_held_to_it(ground: Ground) -> None:
    number = {"sqlite": "NUMERIC", "postgresql": "double precision", "mysql": "VARCHAR(20)"}[ground.driver.database]
    kinds: dict[str, Any] = {"sqlite": String(20), "postgresql": BigInteger(), "mysql": BigInteger()}
    true: dict[str, Any] = {"sqlite": Numeric(), "postgresql": Float(), "mysql": String(20)}

    class Wrong(DeclarativeBase):
        pass

    class Right(DeclarativeBase):
        pass

    class ADoc(Wrong):
        __tablename__ = "docs"
        id: Mapped[int] = mapped_column(primary_key=True)
        owner: Mapped[Any] = mapped_column(kinds[ground.driver.database])

    class ZDoc(Right):
        __tablename__ = "docs"
        id: Mapped[int] = mapped_column(primary_key=True)
        owner: Mapped[Any] = mapped_column(true[ground.driver.database])

    ground.run(lambda session: session.execute(text(f"CREATE TABLE docs (id INTEGER, owner {number})")), commits=True)
    policy = {"models": {"ADoc": {"fields": {"id": "allow"}, "scoping": {"owner": "principal.tenant_id"}}}}
    toolset = mount_sqlalchemy(ground.engine, [ADoc, ZDoc], policy)
    with pytest.raises(SessionError, match="`ADoc.owner` is of type"):
        asyncio.run(toolset.query(ctx("7"), model="ADoc"))


@pytest.mark.databases("sqlite", "postgresql", "mysql")
def test_a_column_that_decides_nothing_is_left_alone_until_a_policy_decides_by_it(ground: Ground) -> None:
    def work(session: Session) -> None:
        session.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY, tenant_id VARCHAR(40), words REAL)"))
        session.execute(text("INSERT INTO notes VALUES (1, 'a', 7)"))

    class Own(DeclarativeBase):
        pass

    class Note(Own):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        tenant_id: Mapped[str] = mapped_column(String(40))
        words: Mapped[int]

    ground.run(work, commits=True)
    toolset = mount_sqlalchemy(ground.engine, Own, POLICY)

    async def work_on() -> None:
        page = await toolset.query(ctx("a"), model="Note", select=["id"])
        assert page.rows == [{"id": 1}]
        rule = [{"name": "few", "condition": "words < 9"}]
        await toolset.reload({"models": {"Note": {**POLICY["models"]["Note"], "row_policies": rule}}})
        with pytest.raises(SessionError, match="`Note.words` is of type"):
            await toolset.query(ctx("a"), model="Note", select=["id"])

    asyncio.run(work_on())


def test_columns_of_the_models_own_types_are_used(ground: Ground) -> None:
    toolset = boxes(ground)
    assert in_boxes(toolset, 7, "a") == []


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("collation", ["NOCASE", "RTRIM"])
def test_an_enum_is_compared_by_its_bytes_as_well(ground: Ground, collation: str) -> None:
    toolset = boxes(ground, kind=f"VARCHAR(2) COLLATE {collation}")
    rows = "INSERT INTO boxes VALUES (1, 7, 'a', :code), (2, 7, 'A', :code), (3, 7, 'a ', :code), (4, 7, 'b', :code)"
    ground.run(lambda session: session.execute(text(rows), {"code": CODE.replace("-", "")}), commits=True)
    assert [in_boxes(toolset, 7, kind) for kind in ("a", "b")] == [[1], [4]]


NUMBERS = "CREATE TABLE {} (id INTEGER PRIMARY KEY, tenant_id NUMERIC, words VARCHAR(40))"


@pytest.mark.drivers("pysqlite")
@pytest.mark.parametrize(
    ("main", "elsewhere"),
    [
        (None, NUMBERS.format("aside.notes")),
        ("CREATE TABLE notes (id INTEGER PRIMARY KEY, tenant_id TEXT, words TEXT)", NUMBERS.format("temp.notes")),
        (NUMBERS.format("NOTES").replace("tenant_id", "TENANT_ID"), None),
        (
            f"{NUMBERS.format('n')}; CREATE VIEW notes AS SELECT id, CAST(tenant_id AS REAL) tenant_id, words FROM n",
            None,
        ),
        (f"{NUMBERS.format('n')}; CREATE VIEW notes AS SELECT * FROM n", None),
    ],
    ids=["attached", "temporary", "spelled", "expression", "view"],
)
def test_the_table_that_is_looked_at_is_the_one_that_statements_lead_to(
    ground: Ground, main: str | None, elsewhere: str | None
) -> None:
    engine = ground.engine
    assert isinstance(engine, Engine)

    @event.listens_for(engine, "connect")
    def attach(raw: Any, _: Any) -> None:
        raw.execute("ATTACH ':memory:' AS aside")
        if elsewhere is not None:
            raw.execute(elsewhere)

    if main is not None:
        with engine.begin() as connection:
            for statement in main.split("; "):
                connection.exec_driver_sql(statement)
    assert refused(mount_sqlalchemy(engine, Base, POLICY)).message.startswith("`Note.tenant_id` is of type `text`")


@pytest.mark.drivers("pysqlite")
@pytest.mark.parametrize("expression", ["tenant_id || ''", "lower(tenant_id)", "tenant_id + 0"])
def test_other_expressions_of_views_compare_as_what_they_are(ground: Ground, expression: str) -> None:
    toolset = made(ground, "TEXT", "007")

    def work(session: Session) -> None:
        session.execute(text("ALTER TABLE notes RENAME TO n"))
        session.execute(text(f"CREATE VIEW notes AS SELECT id, {expression} AS tenant_id, words FROM n"))

    ground.run(work, commits=True)
    found = [
        asyncio.run(toolset.query(ctx(tenant), model="Note", select=["id"])).rows for tenant in ("7", "007", "7.0")
    ]
    assert found == [[], [], []] if expression == "tenant_id + 0" else [[], [{"id": 1}], []]


@pytest.mark.drivers("pysqlite")
def test_a_schema_that_a_model_names_is_looked_at(ground: Ground) -> None:
    engine = ground.engine
    assert isinstance(engine, Engine)

    class Aside(DeclarativeBase):
        pass

    class Note(Aside):
        __tablename__ = "notes"
        __table_args__ = {"schema": "a side"}  # noqa: RUF012
        id: Mapped[int] = mapped_column(primary_key=True)
        tenant_id: Mapped[str] = mapped_column(String(40))
        words: Mapped[str] = mapped_column(String(40))

    @event.listens_for(engine, "connect")
    def attach(raw: Any, _: Any) -> None:
        raw.execute("ATTACH ':memory:' AS \"a side\"")
        raw.execute(NUMBERS.format('"a side".notes'))

    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, tenant_id TEXT, words TEXT)")
    assert "NUMERIC" in refused(mount_sqlalchemy(engine, Aside, POLICY)).message


@pytest.mark.databases("postgresql", "sqlite")
def test_a_table_that_is_made_later_is_looked_at_then(ground: Ground) -> None:
    toolset = mount_sqlalchemy(ground.engine, Base, POLICY)
    with pytest.raises(OrmAiError):
        asyncio.run(toolset.query(ctx("a"), model="Note"))
    if ground.driver.database == "sqlite":
        made(ground, "NUMERIC", "a")
    else:
        made(ground, "VARCHAR(40) COLLATE loose", "a", before=NONDETERMINISTIC)
    refused(toolset)


@pytest.mark.databases("postgresql")
def test_a_collation_that_takes_different_texts_for_the_same_is_refused(ground: Ground) -> None:
    toolset = made(ground, "VARCHAR(40) COLLATE loose", "a", "A", before=NONDETERMINISTIC)
    error = refused(toolset)
    assert error.message == (
        "`Note.tenant_id` is plain text to its model, and its column has a collation that takes different texts for "
        "the same"
    )
    assert error.hint is not None
    # It is refused each time, and not the first time alone.
    assert refused(toolset).message == error.message


@pytest.mark.databases("postgresql")
def test_a_collation_that_the_model_names_is_no_scope(ground: Ground) -> None:
    class Named(DeclarativeBase):
        pass

    class Note(Named):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        tenant_id: Mapped[str] = mapped_column(String(40, collation="loose"))
        words: Mapped[str] = mapped_column(String(40))

    with pytest.raises(PolicyInvalidError, match="`Note.tenant_id` cannot be a scope"):
        mount_sqlalchemy(ground.engine, Named, POLICY)


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("column", ["citext", "VARCHAR(40)", 'VARCHAR(40) COLLATE "und-x-icu"', "name"])
def test_other_types_of_text_are_compared_by_their_bytes(ground: Ground, column: str) -> None:
    toolset = made(ground, column, "a", "A", "a ", before="CREATE EXTENSION citext")
    assert [ids(toolset, tenant) for tenant in ("a", "A", "a ", "á")] == [[1], [2], [3], []]


@pytest.mark.databases("postgresql")
def test_a_text_that_is_padded_is_that_of_the_tenant_without_blanks(ground: Ground) -> None:
    toolset = made(ground, "char(4)", "a", "A")
    assert [ids(toolset, tenant) for tenant in ("a", "A", "a ", "a   ")] == [[1], [2], [], []]


@pytest.mark.databases("postgresql")
def test_a_loose_column_in_a_schema_that_no_name_leads_to_is_none_of_the_models(ground: Ground) -> None:
    before = (
        f"{NONDETERMINISTIC}; CREATE SCHEMA aside; "
        "CREATE TABLE aside.notes (id INTEGER, tenant_id VARCHAR(40) COLLATE public.loose)"
    )

    def work(session: Session) -> None:
        for statement in before.split("; "):
            session.execute(text(statement))

    ground.run(work, commits=True)
    assert ids(made(ground, "VARCHAR(40)", "a"), "a") == [1]


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("kind", ["view", "materialized view", "partition", "schema", "domain"])
def test_a_loose_column_is_found_wherever_it_is(ground: Ground, kind: str) -> None:
    shape = "(id INTEGER, tenant_id VARCHAR(40) COLLATE loose, words VARCHAR(40))"
    statements = {
        "view": [f"CREATE TABLE n {shape}", "CREATE VIEW notes AS SELECT * FROM n"],
        "materialized view": [f"CREATE TABLE n {shape}", "CREATE MATERIALIZED VIEW notes AS SELECT * FROM n"],
        "partition": [f"CREATE TABLE notes {shape} PARTITION BY RANGE (id)"],
        "schema": [f"CREATE TABLE public.notes {shape}"],
        "domain": [
            "CREATE DOMAIN name_of_tenant AS VARCHAR(40) COLLATE loose",
            "CREATE TABLE notes (id INTEGER, tenant_id name_of_tenant, words VARCHAR(40))",
        ],
    }[kind]

    class Own(DeclarativeBase):
        pass

    class Note(Own):
        __tablename__ = "notes"
        __table_args__ = {"schema": "public" if kind == "schema" else None}  # noqa: RUF012
        id: Mapped[int] = mapped_column(primary_key=True)
        tenant_id: Mapped[str] = mapped_column(String(40))
        words: Mapped[Any] = mapped_column(String(40))

    def work(session: Session) -> None:
        for statement in [NONDETERMINISTIC, *statements]:
            session.execute(text(statement))

    ground.run(work, commits=True)
    assert "a collation that takes" in refused(mount_sqlalchemy(ground.engine, Own, POLICY)).message


@pytest.mark.databases("postgresql", "sqlite", "mysql")
def test_the_database_is_asked_once_for_an_engine(ground: Ground) -> None:
    toolset = made(ground, "VARCHAR(40)", "a")
    asked: list[str] = []
    dialect = "mysql" if ground.driver.database == "mysql" else ground.driver.database
    look, *more = _believed._LOOKS[dialect]

    def counted(*arguments: Any) -> Any:
        asked.append(dialect)
        return look(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(_believed._LOOKS, dialect, (counted, *more))
        assert [ids(toolset, "a") for _ in range(2)] == [[1], [1]]
        assert len(asked) == 1
        other = mount_sqlalchemy(ground.engine, Base, POLICY)
        assert ids(other, "a") == [1]
        assert len(asked) == 2


@pytest.mark.synchronous
@pytest.mark.databases("postgresql")
def test_a_question_that_fails_leaves_the_transaction_as_it_was(ground: Ground) -> None:
    toolset = made(ground, "VARCHAR(40)", "a")
    engine = ground.engine
    assert isinstance(engine, Engine)
    with Session(engine) as session:
        session.execute(text("INSERT INTO notes VALUES (2, 'a', 'mine')"))
        session.execute(text("SET LOCAL statement_timeout = '7s'"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_believed, "_POSTGRES", "SELECT nothing WHERE 'x' IN ({tables}){schemas}")
            with pytest.raises(OrmAiError):
                toolset.sync.query(RunContext(principal=Principal(tenant_id="a"), db=session), model="Note")
        assert session.scalar(text("SELECT count(*) FROM notes")) == 2
        assert session.scalar(text("SHOW statement_timeout")) == "7s"
        page = toolset.sync.query(RunContext(principal=Principal(tenant_id="a"), db=session), model="Note")
        assert len(page.rows) == 2
        assert session.scalar(text("SHOW statement_timeout")) == "7s"


@pytest.mark.synchronous
@pytest.mark.databases("postgresql")
def test_a_connection_that_is_turned_away_goes_back_to_its_pool(ground: Ground) -> None:
    toolset = made(ground, "VARCHAR(40) COLLATE loose", "a", before=NONDETERMINISTIC)
    engine = ground.engine
    assert isinstance(engine, Engine)
    refused(toolset)
    pool: Any = engine.pool
    assert pool.checkedout() == 0


@pytest.mark.databases("mysql")
def test_a_text_is_no_number_that_it_begins_with(ground: Ground) -> None:
    toolset = made(ground, "INTEGER", "7")
    for tenant in ("7abc", "07", "7 "):
        page = asyncio.run(toolset.query(ctx(tenant), model="Note", select=["id"]))
        assert page.rows == []


@pytest.mark.databases("mysql")
@pytest.mark.parametrize("collation", ["utf8mb4_general_ci", "latin1_swedish_ci", "utf8mb4_bin"])
def test_the_collations_of_mariadb_are_not_believed_in(ground: Ground, collation: str) -> None:
    charset = collation.partition("_")[0]
    toolset = made(ground, f"VARCHAR(40) CHARACTER SET {charset} COLLATE {collation}", "a", "A", "a ")
    assert [ids(toolset, tenant) for tenant in ("a", "A", "a ", "á")] == [[1], [2], [3], []]


@pytest.mark.databases("mysql")
@pytest.mark.synchronous
def test_a_table_whose_name_differs_by_case_is_another_one(ground: Ground) -> None:
    toolset = made(ground, "VARCHAR(40)", "a")
    assert isinstance(ground.engine, Engine)
    with ground.engine.begin() as connection:
        if connection.exec_driver_sql("SELECT @@lower_case_table_names").scalar() == 0:
            connection.exec_driver_sql("CREATE TABLE NOTES (id INTEGER, tenant_id YEAR, words YEAR)")
    assert ids(toolset, "a") == [1]


@pytest.mark.drivers("pysqlite")
def test_models_that_the_policy_does_not_open_keep_nobody_out(ground: Ground) -> None:
    class Own(DeclarativeBase):
        pass

    class Note(Own):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        tenant_id: Mapped[str] = mapped_column(String(40))
        words: Mapped[str] = mapped_column(String(40))

    class Elsewhere(Own):
        __tablename__ = "elsewhere"
        __table_args__ = {"schema": "not_attached"}  # noqa: RUF012
        id: Mapped[int] = mapped_column(primary_key=True)
        tenant_id: Mapped[str] = mapped_column(String(40))

    class Broken(Own):
        __tablename__ = "broken"
        id: Mapped[int] = mapped_column(primary_key=True)
        tenant_id: Mapped[str] = mapped_column(String(40))

    made(ground, "TEXT", "a")
    ground.run(lambda session: session.execute(text("CREATE VIEW broken AS SELECT * FROM nowhere")), commits=True)
    assert ids(mount_sqlalchemy(ground.engine, Own, POLICY), "a") == [1]


@pytest.mark.drivers("pysqlite")
@pytest.mark.parametrize("name", ["fields", "budget", "relations", "required_fields", "roles"])
def test_a_model_and_its_scope_may_have_the_name_of_a_part_of_a_policy(ground: Ground, name: str) -> None:
    class Own(DeclarativeBase):
        pass

    table = Table("t", Own.metadata, Column("id", Integer, primary_key=True), Column(name, String(40)))
    model = type("Model", (Own,), {"__table__": table})
    ground.run(lambda session: session.execute(text(f'CREATE TABLE t (id INTEGER, "{name}" NUMERIC)')), commits=True)
    policy = {"models": {name: {"fields": {"id": "allow"}, "scoping": {name: "principal.tenant_id"}}}}
    toolset = mount_sqlalchemy(ground.engine, {name: model}, policy)
    with pytest.raises(SessionError, match="is of type `text`"):
        asyncio.run(toolset.query(ctx("7"), model=name))
