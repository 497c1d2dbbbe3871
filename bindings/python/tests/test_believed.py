"""Where a column of the database is another one than its model says, no tenant is taken for another."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Engine, String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from databases import Ground
from ormai.core import Principal, RunContext
from ormai.core.errors import PolicyInvalidError
from ormai.quickstart import mount_sqlalchemy
from ormai.sqlalchemy import SessionError
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
@pytest.mark.parametrize("column", ["INTEGER", "STRING", "NUMERIC", "charint"])
def test_a_text_in_a_column_that_makes_numbers_of_texts_is_refused(ground: Ground, column: str) -> None:
    # `7` would have the rows of `007`.
    error = refused(made(ground, column, "007"), "7")
    assert error.message == (
        f"`Note.tenant_id` is text to its model, and its column is `{column.upper()}`, which makes a number of it"
    )


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


@pytest.mark.databases("postgresql", "sqlite")
def test_the_database_is_asked_once_for_an_engine(ground: Ground) -> None:
    toolset = made(ground, "VARCHAR(40)", "a")
    asked = []
    engine: Any = ground.engine
    from ormai.sqlalchemy import _believed

    rows = _believed._rows

    def counted(driver: Any, sql: str) -> Any:
        asked.append(sql)
        return rows(driver, sql)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_believed, "_rows", counted)
        assert [ids(toolset, "a") for _ in range(2)] == [[1], [1]]
        assert len(asked) == 1
        other = mount_sqlalchemy(engine, Base, POLICY)
        assert ids(other, "a") == [1]
        assert len(asked) == 2


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
