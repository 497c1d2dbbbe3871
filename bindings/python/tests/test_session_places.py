"""Where calls run: sessions of several kinds, connections, and connections of the engine's own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, func, inspect, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_scoped_session, async_sessionmaker
from sqlalchemy.orm import Session

from databases import Ground
from orders import cells, ids, run, sqlite_code
from ormai._drive import DriverError
from ormai.sqlalchemy import HostConnection, SessionError, open_session
from ormai.sqlalchemy._instances import expire
from ormai.sqlalchemy.drivers import driver_of
from shop import Base, Item, Order, User, fill

UPDATE = 'UPDATE "orders" SET "status" = ? WHERE "tenant_id" = ?'
KILLED = 'UPDATE "orders" SET "status" = ? WHERE "id" = ?'


def on_own(shop: Ground, work: Any) -> HostConnection:
    """A connection of the engine's own, after some work on it; it is not closed yet."""
    place = open_session(None, shop.engine)
    if place.is_async:

        async def awaited() -> None:
            await place.run_sync(work, place)
            await place.run_sync(place.close)

        asyncio.run(awaited())
    else:
        work(place)
        place.close()
    return place


def kept(shop: Ground) -> int:
    return shop.run(lambda session: session.scalar(select(func.count()).where(Order.status == "own")) or 0)


def test_a_connection_of_its_own_is_committed_when_it_is_closed(shop: Ground) -> None:
    place = on_own(shop, lambda place: run(place, UPDATE, "own", "acme", is_change=True))
    assert not place.is_borrowed
    assert kept(shop) == 6


def test_a_connection_of_its_own_that_is_discarded_is_not_committed(shop: Ground) -> None:
    def work(place: HostConnection) -> None:
        run(place, UPDATE, "own", "acme", is_change=True)
        place.discard()

    on_own(shop, work)
    assert kept(shop) == 0


def test_a_connection_of_its_own_is_not_opened_before_it_is_needed(shop: Ground) -> None:
    opened: list[object] = []
    target = getattr(shop.engine, "sync_engine", shop.engine)
    event.listen(target, "engine_connect", lambda connection: opened.append(connection))
    on_own(shop, lambda place: None)
    assert opened == []
    on_own(shop, lambda place: ids(place, "acme"))
    assert len(opened) == 1


@pytest.mark.databases("postgresql", "mysql")
@pytest.mark.synchronous
def test_an_engine_that_cannot_connect_is_a_lost_connection(shop: Ground) -> None:
    engine = create_engine(shop.url.set(drivername=shop.driver.scheme, port=1, host="127.0.0.1", query={}))
    with pytest.raises(DriverError) as raised:
        ids(open_session(None, engine), "acme")
    assert raised.value.lost


def test_nothing_is_asked_of_the_database_before_the_first_order(shop: Ground) -> None:
    opened: list[object] = []
    target = getattr(shop.engine, "sync_engine", shop.engine)
    event.listen(target, "engine_connect", lambda connection: opened.append(connection))

    def work(session: Session) -> None:
        session.add(Order(id=1, tenant_id="acme", user_id="acme-1"))
        assert open_session(session, shop.engine).wire
        assert session.new and opened == []

    shop.run(work)


@pytest.mark.asynchronous
def test_an_asynchronous_scoped_session_is_a_place_for_calls(shop: Ground) -> None:
    async def called() -> list[tuple[Any, ...]]:
        assert isinstance(shop.engine, AsyncEngine)
        registry = async_scoped_session(async_sessionmaker(shop.engine), scopefunc=asyncio.current_task)
        place = open_session(registry, shop.engine)
        assert place.is_async
        try:
            found: list[tuple[Any, ...]] = await place.run_sync(ids, place, "acme")
            return found
        finally:
            await registry.remove()

    assert len(asyncio.run(called())) == 6


@pytest.mark.drivers("psycopg_async", "asyncpg", "aiosqlite", "aiomysql", "asyncmy")
def test_a_call_that_is_cancelled_half_way_does_not_leave_its_answer_to_the_next(shop: Ground) -> None:
    slow = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        "postgresql": "SELECT 'late' FROM pg_sleep(30)",
        "mysql": "SELECT 'late' FROM (SELECT sleep(30)) AS s",
    }[shop.driver.database]

    async def called() -> None:
        assert isinstance(shop.engine, AsyncEngine)
        began = asyncio.Event()
        loop = asyncio.get_running_loop()

        def before(*_: object) -> None:
            loop.call_soon(began.set)

        event.listen(shop.engine.sync_engine, "before_cursor_execute", before)
        async with AsyncSession(shop.engine) as session:
            await session.connection()
            place = open_session(session, shop.engine)

            def work() -> Any:
                return run(place, slow, limit_ms=300)

            task = asyncio.ensure_future(place.run_sync(work))
            await began.wait()
            task.cancel()
            with pytest.raises((asyncio.CancelledError, DriverError)):
                await task
            await session.rollback()
            again = open_session(session, shop.engine)
            assert len(await again.run_sync(ids, again, "acme")) == 6

    asyncio.run(asyncio.wait_for(called(), 25))


# On SQLite, Python's driver does not begin before a savepoint by itself.
@pytest.mark.databases("postgresql", "mysql")
@pytest.mark.synchronous
def test_a_session_joined_to_a_transaction_of_a_test_is_a_place_for_calls(shop: Ground) -> None:
    engine: Any = shop.engine
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            place = open_session(session, engine)
            run(place, UPDATE, "own", "acme", is_change=True)
            session.commit()
            assert session.scalar(select(func.count()).where(Order.status == "own")) == 6
        outer.rollback()
    assert kept(shop) == 0


@pytest.mark.drivers("pysqlite")
def test_statements_run_on_the_callers_thread(shop: Ground) -> None:
    seen: list[int] = []
    engine: Any = shop.engine
    event.listen(engine, "before_cursor_execute", lambda *_: seen.append(threading.get_ident()))

    def work() -> None:
        with Session(engine) as session:
            assert len(ids(open_session(session, engine), "acme")) == 6

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen and set(seen) == {thread.ident}


def two_databases(folder: Path) -> tuple[Engine, Engine]:
    engines = create_engine(f"sqlite:///{folder}/a.db"), create_engine(f"sqlite:///{folder}/b.db")
    for engine in engines:
        Base.metadata.create_all(engine)
    with Session(engines[1]) as session:
        fill(session)
        session.commit()
    return engines


def test_a_session_with_several_engines_uses_the_one_of_the_models(tmp_path: Path) -> None:
    empty, full = two_databases(tmp_path)
    mappers: list[Any] = [inspect(kind) for kind in (Order, Item)]
    user: Any = inspect(User)
    with Session(empty, binds={Order: full, Item: full, User: empty}) as session:
        assert len(ids(open_session(session, full, mappers=mappers), "acme")) == 6
        with pytest.raises(SessionError, match="on several engines"):
            open_session(session, full, mappers=[*mappers, user])

    class Routing(Session):
        def get_bind(self, mapper: Any = None, **_: Any) -> Engine:
            return full if mapper is not None else empty

    with Routing() as session:
        assert len(ids(open_session(session, full, mappers=mappers), "acme")) == 6
    for engine in (empty, full):
        engine.dispose()


def test_a_session_on_another_kind_of_database_is_refused(tmp_path: Path) -> None:
    engine = create_engine("postgresql+psycopg://nobody@nowhere.invalid/none")
    with Session(engine) as session, pytest.raises(SessionError, match="the session is on postgresql"):
        open_session(session, create_engine(f"sqlite:///{tmp_path}/a.db"))


def test_an_unknown_driver_is_refused_with_the_known_ones() -> None:
    class Dialect:
        name, driver, is_async = "oracle", "cx_oracle", False

    with pytest.raises(SessionError) as raised:
        driver_of(Dialect())  # type: ignore[arg-type]
    assert "`cx_oracle`" in str(raised.value) and "`psycopg`" in str(raised.value)


@pytest.mark.drivers("pysqlite", "aiosqlite")
def test_a_statement_is_stopped_at_its_limit_and_its_handler_is_gone(shop: Ground) -> None:
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

    def work(session: Session) -> None:
        session.add(Order(id=801, tenant_id="acme", user_id="acme-1"))
        place = open_session(session, shop.engine)
        with pytest.raises(DriverError) as raised:
            run(place, slow, limit_ms=30)
        assert (raised.value.code, raised.value.lost) == (sqlite_code("9"), False)
        finite = slow.replace("FROM n)", "FROM n WHERE i < 300000)")
        assert session.connection().exec_driver_sql(finite).scalar() == 300000
        assert (801,) in ids(place, "acme")

    shop.run(work)


@pytest.mark.drivers("pysqlite", "aiosqlite")
def test_a_savepoint_is_never_the_outermost_transaction(shop: Ground) -> None:
    def work(session: Session) -> None:
        place = open_session(session, shop.engine)
        place.control(["SAVEPOINT ormai_1"])
        run(place, UPDATE, "own", "acme", is_change=True)
        place.control(["RELEASE SAVEPOINT ormai_1"])
        session.rollback()

    shop.run(work)
    assert kept(shop) == 0


@pytest.mark.drivers("pysqlite")
def test_reading_leaves_no_transaction_behind(shop: Ground) -> None:
    engine: Any = shop.engine
    with Session(engine) as session:
        ids(open_session(session, engine), "acme")
        raw = session.connection().connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        assert not raw.in_transaction, "an open read would hold up the commits of others"


@pytest.mark.drivers("pysqlite")
def test_what_a_connection_makes_of_rows_and_texts_is_its_own_affair(shop: Ground) -> None:
    engine: Any = shop.engine
    with Session(engine) as session:
        raw = session.connection().connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.row_factory = sqlite3.Row
        raw.text_factory = bytes
        place = open_session(session, engine)
        rows = run(place, 'SELECT "id", "status" FROM "orders" WHERE "id" = ?', 1)[0]
        assert rows == [(1, "pending")]
        assert raw.text_factory is bytes and raw.row_factory is sqlite3.Row
        raw.text_factory, raw.row_factory = str, None


@pytest.mark.drivers("pysqlite")
def test_a_connection_that_begins_by_itself_is_no_autocommit(shop: Ground) -> None:
    engine: Any = shop.create_engine()

    @event.listens_for(engine, "connect")
    def connected(raw: sqlite3.Connection, _record: object) -> None:
        raw.isolation_level = None

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    with Session(engine) as session:
        place = open_session(session, engine)
        run(place, UPDATE, "own", "acme", is_change=True)
        session.rollback()
    assert kept(shop) == 0


@pytest.mark.drivers("psycopg", "psycopg_async")
def test_texts_that_are_not_utf_8_are_refused(shop: Ground) -> None:
    engine = shop.create_engine(client_encoding="latin1")

    def work(session: Session) -> None:
        with pytest.raises(SessionError, match="LATIN1"):
            ids(open_session(session, engine), "acme")

    shop.run(work, engine=engine)


@pytest.mark.databases("mysql")
def test_texts_that_are_not_utf_8_are_refused_on_mysql_too(shop: Ground) -> None:
    url = shop.url.set(drivername=shop.driver.scheme).update_query_dict({"charset": "latin1"})
    shop.url = url
    engine = shop.create_engine()

    def work(session: Session) -> None:
        with pytest.raises(SessionError, match="latin1"):
            ids(open_session(session, engine), "acme")

    shop.run(work, engine=engine)


@pytest.mark.databases("postgresql")
def test_values_are_bound_and_never_part_of_the_text(shop: Ground) -> None:
    def work(session: Session) -> None:
        place = open_session(session, shop.engine)
        for hostile in ("'; DROP TABLE orders; --", "\\'; --", "$1", "%s", "%(x)s", "a\\", "é€😀"):
            found = cells(run(place, 'SELECT ? AS "word" FROM "orders" WHERE "id" = ?', hostile, 1))
            assert found == [(hostile,)]

    shop.run(work)


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ('UPDATE "orders" SET "a" = ?', ["Order"]),
        ('UPDATE OR ABORT "orders" SET "a" = ?', ["Order"]),
        ('DELETE FROM "main"."orders" WHERE 1', ["Order"]),
        ("UPDATE `shop`.`orders` SET a = %s", ["Order"]),
        ('UPDATE "users" SET "orders" = ?', ["User"]),
        ('INSERT INTO "orders" VALUES (?)', []),
        ('WITH x AS (SELECT 1) UPDATE "orders" SET "a" = ?', ["Order", "User"]),
    ],
)
def test_instances_of_the_changed_table_are_read_again(tmp_path: Path, sql: str, names: list[str]) -> None:
    _, full = two_databases(tmp_path)
    with Session(full) as session:
        held = {"Order": session.get(Order, 1), "User": session.get(User, "acme-1")}
        expire(session, sql)
        assert [name for name, each in held.items() if "tenant_id" not in each.__dict__] == names
