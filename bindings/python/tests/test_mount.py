"""A policy mounted on SQLAlchemy models, called on sessions of every driver."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from databases import Ground
from ormai.core import Principal, RunContext
from ormai.core.errors import ConflictError, OrmAiError, TimeoutError
from ormai.quickstart import mount_sqlalchemy
from ormai.sqlalchemy import SessionError
from ormai.sqlalchemy.drivers._sqlite import Pysqlite
from ormai.tools import Toolset
from shop import Base, Order, User

SCOPED = {"tenant_id": "principal.tenant_id"}
POLICY: dict[str, Any] = {
    "version": 1,
    "default_field_action": "allow",
    "budget": {"max_rows": 1000, "statement_timeout_ms": 5000},
    "models": {
        "User": {"allowed": True, "scoping": SCOPED, "relations": {"orders": {"allowed": True}}},
        "Order": {
            "allowed": True,
            "scoping": SCOPED,
            "relations": {"user": {"allowed": True}, "items": {"allowed": True}},
            "aggregations": {"count": True},
            "write_policy": {
                "create": "allow",
                "update": "allow",
                "delete": "allow",
                "auto_set": {"tenant_id": "principal.tenant_id"},
                "max_affected_rows": 100,
            },
        },
        "Item": {"allowed": True, "scoping": SCOPED},
    },
}
ACME = Principal(tenant_id="acme", user_id="acme-1")


def mounted(shop: Ground) -> Toolset:
    return mount_sqlalchemy(shop.engine, Base, POLICY)


def call(shop: Ground, name: str, *, commits: bool = False, db: str = "session", **arguments: Any) -> Any:
    """Calls a tool on a session of its own."""
    toolset = mounted(shop)

    async def called() -> Any:
        assert isinstance(shop.engine, AsyncEngine)
        if db == "none":
            return await getattr(toolset, name)(RunContext(principal=ACME), **arguments)
        async with AsyncSession(shop.engine) as session:
            answer = await getattr(toolset, name)(RunContext(principal=ACME, db=session), **arguments)
            if commits:
                await session.commit()
            return answer

    if shop.driver.is_async:
        return asyncio.run(called())
    if db == "none":
        return getattr(toolset.sync, name)(RunContext(principal=ACME), **arguments)
    with Session(shop.engine) as session:  # type: ignore[arg-type]
        answer = getattr(toolset.sync, name)(RunContext(principal=ACME, db=session), **arguments)
        if commits:
            session.commit()
        return answer


def kept(shop: Ground, status: str) -> int:
    asked = select(func.count()).where(Order.status == status)
    return shop.run(lambda session: session.scalar(asked) or 0)


def test_a_tenants_rows_are_answered_with_what_they_lead_to(shop: Ground) -> None:
    page = call(
        shop,
        "query",
        model="Order",
        select=["id", "status", "total", "created_at"],
        filters=[{"field": "status", "op": "eq", "value": "pending"}],
        include=[{"relation": "user", "select": ["id"]}, {"relation": "items", "select": ["sku"]}],
        order=[{"field": "id"}],
    )
    assert page.rows[0]["total"] in ("0.50", "0.5")
    assert [(row["id"], row["user"]["id"], [item["sku"] for item in row["items"]["rows"]]) for row in page.rows] == [
        (1, "acme-1", ["A-0"]),
        (7, "acme-2", ["A-6"]),
    ]


def test_pages_follow_one_another_and_total_what_is_the_tenants(shop: Ground) -> None:
    first = call(shop, "query", model="Order", select=["id"], order=[{"field": "created_at"}], limit=4, with_total=True)
    assert (len(first.rows), first.has_more) == (4, True)
    sums = call(shop, "aggregate", model="Order", aggregations=[{"function": "count", "alias": "n"}])
    assert sums.rows == [{"n": 6}]


def test_what_is_written_on_a_session_is_kept_when_that_commits_and_not_otherwise(shop: Ground) -> None:
    made = {"id": 501, "user_id": "acme-1", "status": "made"}
    row = call(shop, "create", model="Order", data=made).row
    assert (row["id"], row["tenant_id"]) == (501, "acme")
    assert kept(shop, "made") == 0
    call(shop, "create", model="Order", data=made, commits=True)
    assert kept(shop, "made") == 1
    call(shop, "update", model="Order", id=501, data={"status": "changed"}, commits=True)
    assert kept(shop, "changed") == 1
    call(shop, "delete", model="Order", id=501, commits=True)
    assert kept(shop, "changed") == 0


def test_without_a_session_a_call_that_wrote_is_committed(shop: Ground) -> None:
    call(shop, "create", model="Order", data={"id": 501, "user_id": "acme-1", "status": "made"}, db="none")
    assert kept(shop, "made") == 1
    with pytest.raises(ConflictError):
        call(shop, "create", model="Order", data={"id": 501, "user_id": "acme-1", "status": "made"}, db="none")
    assert kept(shop, "made") == 1
    assert len(call(shop, "query", model="Order", db="none").rows) == 7


def test_a_refused_write_leaves_the_session_and_what_it_wrote_before(shop: Ground) -> None:
    toolset = mounted(shop)

    def before(session: Session) -> None:
        session.add(Order(id=601, tenant_id="acme", user_id="acme-1", status="mine"))

    def after(session: Session) -> None:
        assert session.scalar(select(func.count()).where(Order.status == "mine")) == 1
        session.commit()

    again = {"id": 1, "user_id": "acme-1", "status": "again"}
    if shop.driver.is_async:

        async def called() -> None:
            assert isinstance(shop.engine, AsyncEngine)
            async with AsyncSession(shop.engine) as session:
                await session.run_sync(before)
                with pytest.raises(ConflictError):
                    await toolset.create(RunContext(principal=ACME, db=session), model="Order", data=again)
                await session.run_sync(after)

        asyncio.run(called())
    else:
        with Session(shop.engine) as session:  # type: ignore[arg-type]
            before(session)
            with pytest.raises(ConflictError):
                toolset.sync.create(RunContext(principal=ACME, db=session), model="Order", data=again)
            after(session)
    assert kept(shop, "mine") == 1


def test_a_transaction_in_a_session_is_undone_as_a_whole(shop: Ground) -> None:
    toolset = mounted(shop)

    class Changed(Exception): ...

    if shop.driver.is_async:

        async def called() -> None:
            assert isinstance(shop.engine, AsyncEngine)
            async with AsyncSession(shop.engine) as session:
                ctx = RunContext(principal=ACME, db=session)
                with pytest.raises(Changed):
                    async with toolset.transaction(ctx) as inner:
                        await toolset.update(inner, model="Order", id=1, data={"status": "gone"})
                        raise Changed
                async with toolset.transaction(ctx) as inner:
                    await toolset.update(inner, model="Order", id=3, data={"status": "stays"})
                    session.add(Order(id=701, tenant_id="acme", user_id="acme-1", status="stays"))
                    assert len((await toolset.query(inner, model="Order", select=["id"])).rows) == 7
                await session.commit()

        asyncio.run(called())
    else:
        with Session(shop.engine) as session:  # type: ignore[arg-type]
            ctx = RunContext(principal=ACME, db=session)
            with pytest.raises(Changed), toolset.sync.transaction(ctx) as inner:
                toolset.sync.update(inner, model="Order", id=1, data={"status": "gone"})
                raise Changed
            with toolset.sync.transaction(ctx) as inner:
                toolset.sync.update(inner, model="Order", id=3, data={"status": "stays"})
                session.add(Order(id=701, tenant_id="acme", user_id="acme-1", status="stays"))
                assert len(toolset.sync.query(inner, model="Order", select=["id"]).rows) == 7
            session.commit()
    assert (kept(shop, "gone"), kept(shop, "stays")) == (0, 2)


def test_an_instance_of_a_changed_row_is_read_again_and_no_other(shop: Ground) -> None:
    toolset = mounted(shop)

    def before(session: Session) -> tuple[Order, User]:
        order, user = session.get(Order, 1), session.get(User, "acme-1")
        assert order is not None and order.status == "pending" and user is not None
        return order, user

    def after(session: Session, order: Order, user: User) -> None:
        assert "status" not in order.__dict__ and "email" in user.__dict__
        assert order.status == "changed"

    changed: dict[str, Any] = {"model": "Order", "id": 1, "data": {"status": "changed"}}
    if shop.driver.is_async:

        async def called() -> None:
            assert isinstance(shop.engine, AsyncEngine)
            async with AsyncSession(shop.engine) as session:
                held = await session.run_sync(before)
                await toolset.update(RunContext(principal=ACME, db=session), **changed)
                await session.run_sync(after, *held)

        asyncio.run(called())
    else:
        with Session(shop.engine) as session:  # type: ignore[arg-type]
            held = before(session)
            toolset.sync.update(RunContext(principal=ACME, db=session), **changed)
            after(session, *held)


@pytest.mark.synchronous
def test_connections_and_scoped_sessions_are_places_for_calls_too(shop: Ground) -> None:
    engine: Any = shop.engine
    toolset = mounted(shop)
    with engine.connect() as connection:
        ctx = RunContext(principal=ACME, db=connection)
        toolset.sync.update(ctx, model="Order", id=1, data={"status": "seen"})
        assert connection.scalar(select(Order.status).where(Order.id == 1)) == "seen"
    assert kept(shop, "seen") == 0
    registry = scoped_session(sessionmaker(engine))
    ctx = RunContext(principal=ACME, db=registry)
    toolset.sync.update(ctx, model="Order", id=1, data={"status": "seen"})
    registry.commit()
    registry.remove()
    assert kept(shop, "seen") == 1


@pytest.mark.asynchronous
def test_asynchronous_connections_are_places_for_calls_too(shop: Ground) -> None:
    toolset = mounted(shop)

    async def called() -> None:
        assert isinstance(shop.engine, AsyncEngine)
        async with shop.engine.connect() as connection:
            assert isinstance(connection, AsyncConnection)
            ctx = RunContext(principal=ACME, db=connection)
            await toolset.update(ctx, model="Order", id=1, data={"status": "seen"})
            assert await connection.scalar(select(Order.status).where(Order.id == 1)) == "seen"
            await connection.commit()
        with pytest.raises((OrmAiError, SessionError)):
            await toolset.query(RunContext(principal=ACME, db=shop.engine.connect()), model="Order")

    asyncio.run(called())
    assert kept(shop, "seen") == 1


def test_what_is_no_session_is_refused(shop: Ground) -> None:
    toolset = mounted(shop)
    for wrong in (object(), shop.engine, "session"):
        with pytest.raises(SessionError, match="give a Session"):
            toolset.sync.query(RunContext(principal=ACME, db=wrong), model="Order")


@pytest.mark.databases("sqlite")
def test_an_error_of_sqlite_is_known_by_its_words_where_there_is_no_code(
    shop: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As with Python 3.10.
    monkeypatch.setattr(Pysqlite, "code", staticmethod(lambda error: None))
    with pytest.raises(ConflictError):
        call(shop, "create", model="Order", data={"id": 1, "user_id": "acme-1", "status": "new"})


@pytest.mark.databases("sqlite")
@pytest.mark.synchronous
@pytest.mark.parametrize("has_code", [True, False])
def test_a_statement_that_takes_too_long_is_stopped_and_the_session_goes_on(
    shop: Ground, has_code: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_code:
        monkeypatch.setattr(Pysqlite, "code", staticmethod(lambda error: None))
    slow = {**POLICY, "budget": {"max_rows": 1000, "statement_timeout_ms": 50}}
    engine: Any = shop.engine
    toolset = mount_sqlalchemy(engine, Base, slow)
    with engine.begin() as connection:
        rows = "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
        connection.exec_driver_sql(
            f"{rows} INSERT INTO orders (id, tenant_id, user_id, status) SELECT i, 'acme', 'acme-1', 'x' || i FROM n"
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER slow AFTER UPDATE ON orders BEGIN UPDATE items SET sku = sku || "
            "(SELECT count(*) FROM orders a, orders b WHERE a.status || b.status = 'never'); END"
        )
    with Session(engine) as session:
        ctx = RunContext(principal=ACME, db=session)
        with pytest.raises(TimeoutError):
            toolset.sync.update(ctx, model="Order", id=1, data={"status": "slow"})
        assert session.scalar(select(Order.status).where(Order.id == 1)) == "pending"
