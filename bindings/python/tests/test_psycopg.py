"""Calls on sessions of psycopg: what they cost in round trips, and what they leave of its prepared statements."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import signal
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import AsyncAdaptedQueuePool, Engine, QueuePool, create_engine, select, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from databases import Ground
from ormai.core import Principal, RunContext
from ormai.core.errors import OrmAiError
from ormai.quickstart import mount_sqlalchemy
from ormai.sqlalchemy import SessionError
from ormai.tools import Toolset
from shop import Base, Order

pytestmark = pytest.mark.drivers("psycopg", "psycopg_async")

POLICY: dict[str, Any] = {
    "models": {
        "Order": {
            "fields": {"id": "allow", "status": "allow"},
            "relations": {"items": "allow"},
            "scoping": {"tenant_id": "principal.tenant_id"},
        },
        "Item": {"fields": {"sku": "allow"}, "scoping": {"tenant_id": "principal.tenant_id"}},
    }
}


class Between:
    """Stands between a client and the server, and counts how often the one waited for the other."""

    def __init__(self, url: URL) -> None:
        host = url.query.get("host") or url.host or "127.0.0.1"
        self._server = str(host), url.port or 5432
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = url.difference_update_query(["host"]).set(host="127.0.0.1", port=self._listener.getsockname()[1])
        self.trips = 0
        self._is_asking = False
        self._closed: list[socket.socket] = [self._listener]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                host, port = self._server
                if host.startswith("/"):
                    server = socket.socket(socket.AF_UNIX)
                    server.connect(f"{host}/.s.PGSQL.{port}")
                else:
                    server = socket.create_connection((host, port))
                self._closed += [client, server]
                threading.Thread(target=self._carry, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._carry, args=(server, client, False), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, asks: bool) -> None:
        with contextlib.suppress(OSError):
            while sent := source.recv(65_536):
                if asks and not self._is_asking:
                    self.trips += 1
                self._is_asking = asks
                sink.sendall(sent)
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for each in self._closed:
            each.close()


@pytest_asyncio.fixture
async def between(shop: Ground) -> AsyncIterator[Between]:
    made = Between(shop.url)
    yield made
    made.close()


class Asked:
    """A session, whichever kind its driver has, and queries on it."""

    def __init__(self, engine: Engine | AsyncEngine, toolset: Toolset) -> None:
        self.session: Any = AsyncSession(engine) if isinstance(engine, AsyncEngine) else Session(engine)
        self.toolset = toolset

    async def ids(self, **request: Any) -> list[int]:
        ctx = RunContext(principal=Principal(tenant_id="acme", user_id="acme-1"), db=self.session)
        page = await self.toolset.query(ctx, model="Order", order=[{"field": "id"}], **request)
        return [row["id"] for row in page.rows]

    async def do(self, name: str, *arguments: Any) -> Any:
        """A method of the session."""
        done = getattr(self.session, name)(*arguments)
        return await done if inspect.isawaitable(done) else done

    async def scalar(self, sql: str) -> Any:
        return await self.do("scalar", text(sql))

    async def prepared(self) -> int:
        """How many statements the server holds for the session."""
        return int(await self.scalar("SELECT count(*) FROM pg_prepared_statements"))

    @property
    async def raw(self) -> Any:
        connection = await self.do("connection")
        fairy = (
            await connection.get_raw_connection() if isinstance(self.session, AsyncSession) else connection.connection
        )
        return fairy.driver_connection


@contextlib.asynccontextmanager
async def asking(shop: Ground, url: URL) -> AsyncIterator[Asked]:
    pool = AsyncAdaptedQueuePool if shop.driver.is_async else QueuePool
    made = (create_async_engine if shop.driver.is_async else create_engine)(
        url.set(drivername=shop.driver.scheme), poolclass=pool
    )
    asked = Asked(made, mount_sqlalchemy(made, Base, POLICY))
    # The database is looked at once.
    await asked.ids()
    await asked.do("rollback")
    yield asked
    await asked.do("close")
    done = made.dispose()
    if done is not None:
        await done


@pytest_asyncio.fixture
async def asked(shop: Ground) -> AsyncIterator[Asked]:
    async with asking(shop, shop.url) as made:
        yield made


ALL = [1, 3, 5, 7, 9, 11]


async def test_a_read_is_one_round_trip_also_where_it_begins_the_transaction(shop: Ground, between: Between) -> None:
    async with asking(shop, between.url) as asked:
        # What a session does with its connection when it takes it.
        await asked.do("connection")
        await asked.do("rollback")
        await asked.do("connection")
        before = between.trips

        def trips() -> int:
            return between.trips - before

        assert await asked.ids() == ALL
        assert trips() == 1
        assert await asked.ids(limit=2) == ALL[:2]
        assert trips() == 2
        # An include is a statement of its own.
        assert await asked.ids(include=[{"relation": "items"}]) == ALL
        assert trips() == 4
        # Also where it is prepared, and once it is.
        for _ in range(10):
            await asked.ids()
        assert trips() == 14


async def test_what_the_sessions_user_has_prepared_outlasts_calls(asked: Asked) -> None:
    for _ in range(7):
        await asked.do("scalar", select(Order.id).where(Order.status == "paid").limit(1))
    before = await asked.prepared()
    assert before > 0
    await asked.ids()
    with pytest.raises(OrmAiError):
        await asked.ids(limit=100_000)
    assert await asked.prepared() == before
    for _ in range(7):
        await asked.ids()
    assert await asked.prepared() == before + 1, "what a call asks for often is prepared as well"


@pytest.mark.parametrize("gone", ["", "DEALLOCATE ALL", "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"])
async def test_calls_go_on_after_everything_that_was_prepared_is_gone(asked: Asked, gone: str) -> None:
    for _ in range(3):
        for _ in range(7):
            assert await asked.ids() == ALL
        if gone:
            # In the second of these psycopg does not see it.
            await asked.do("execute", text(gone))
        else:
            # psycopg forgets what is prepared with it.
            await asked.do("rollback")


async def test_a_column_that_became_another_one_is_prepared_for_anew(asked: Asked, shop: Ground) -> None:
    for _ in range(7):
        await asked.ids()
    await asked.do("commit")
    with psycopg.connect(shop.url.set(drivername="postgresql").render_as_string(hide_password=False)) as other:
        other.execute("ALTER TABLE orders ALTER COLUMN status TYPE varchar(99)")
    for _ in range(7):
        assert await asked.ids(select=["id", "status"]) == ALL
        assert await asked.ids() == ALL


@pytest.mark.parametrize("end", ["cancel", "terminate"])
async def test_a_call_that_is_cut_off_in_the_middle_leaves_nothing_to_be_read_by_the_next(
    asked: Asked, shop: Ground, end: str
) -> None:
    url = shop.url.set(drivername="postgresql").render_as_string(hide_password=False)
    mine = await asked.scalar("SELECT pg_backend_pid()")
    with psycopg.connect(url, autocommit=True) as other, psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        ends = "SELECT pg_cancel_backend(%s)" if end == "cancel" else "SELECT pg_terminate_backend(%s)"
        waits = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"

        def cut_off() -> None:
            while other.execute(waits, (mine,)).fetchone() != (True,):
                pass
            other.execute(ends, (mine,))

        thread = threading.Thread(target=cut_off)
        thread.start()
        with pytest.raises(OrmAiError) as raised:
            await asked.ids()
        thread.join()
        assert raised.value.code == ("TIMEOUT" if end == "cancel" else "DATABASE_UNAVAILABLE")
    if end == "terminate":
        await asked.do("rollback")
    assert await asked.scalar("SELECT 42") == 42
    assert await asked.ids() == ALL


@pytest.mark.synchronous
def test_a_call_among_the_rows_of_a_stream_is_refused_and_does_not_wait_for_ever(shop: Ground) -> None:
    engine = shop.engine
    assert isinstance(engine, Engine)
    toolset = mount_sqlalchemy(engine, Base, POLICY)
    with Session(engine) as session:
        ctx = RunContext(principal=Principal(tenant_id="acme", user_id="acme-1"), db=session)
        toolset.sync.query(ctx, model="Order")
        raw: Any = session.connection().connection.driver_connection
        rows = raw.cursor().stream("SELECT id FROM orders ORDER BY id")
        assert next(rows) == (1,)
        with pytest.raises(SessionError, match="in use"):
            toolset.sync.query(ctx, model="Order")
        assert len(list(rows)) == 11
        assert len(toolset.sync.query(ctx, model="Order").rows) == len(ALL)


class TooLong(Exception):
    """Raised by a signal, as those who run tasks do."""


@pytest.mark.synchronous
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no such signals")
def test_what_is_raised_in_the_middle_is_its_raisers_and_nothing_is_read_by_the_next(shop: Ground) -> None:
    engine = shop.engine
    assert isinstance(engine, Engine)
    toolset = mount_sqlalchemy(engine, Base, POLICY)

    def ring(*_: Any) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, ring)
    url = shop.url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with Session(engine) as session, psycopg.connect(url) as holder:
            ctx = RunContext(principal=Principal(tenant_id="acme", user_id="acme-1"), db=session)
            toolset.sync.query(ctx, model="Order")
            session.commit()
            holder.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(TooLong):
                toolset.sync.query(ctx, model="Order")
            session.rollback()
            assert session.scalar(text("SELECT 42")) == 42
            holder.rollback()
            assert len(toolset.sync.query(ctx, model="Order").rows) == len(ALL)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.asynchronous
async def test_a_task_that_is_cancelled_leaves_nothing_to_be_read_by_the_next(asked: Asked, shop: Ground) -> None:
    url = shop.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asked.ids(), 0.1)
    await asked.do("rollback")
    assert await asked.scalar("SELECT 42") == 42
    assert await asked.ids() == ALL


async def test_a_read_that_another_change_stands_against_can_be_made_again(asked: Asked, shop: Ground) -> None:
    url = shop.url.set(drivername="postgresql").render_as_string(hide_password=False)
    await asked.do("execute", text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
    await asked.do("execute", text("UPDATE orders SET total = (SELECT count(*) FROM items) WHERE id = 1"))
    with psycopg.connect(url) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        other.execute(
            "INSERT INTO items (order_id, position, tenant_id, sku) SELECT 1, 99, 'acme', count(*) FROM orders"
        )
        other.execute("SELECT sum(total) FROM orders")
    with pytest.raises(OrmAiError) as raised:
        await asked.ids(include=[{"relation": "items"}])
    assert (raised.value.code, raised.value.retryable) == ("CONFLICT", True)


async def test_a_read_that_fails_leaves_the_transaction_and_its_settings(asked: Asked) -> None:
    await asked.scalar("SELECT set_config('statement_timeout', '7s', true)")
    await asked.do("execute", text("ALTER TABLE orders RENAME COLUMN status TO state"))
    for _ in range(2):
        with pytest.raises(OrmAiError) as raised:
            await asked.ids()
        assert "state" not in str(raised.value)
    assert await asked.scalar("SHOW statement_timeout") == "7s"
    await asked.do("execute", text("ALTER TABLE orders RENAME COLUMN state TO status"))
    assert await asked.ids() == ALL
    assert await asked.scalar("SHOW statement_timeout") == "7s"


async def test_a_connection_in_pipeline_mode_is_refused(asked: Asked) -> None:
    raw = await asked.raw
    raw.pgconn.enter_pipeline_mode()
    with pytest.raises(SessionError, match="pipeline mode"):
        await asked.ids()
    raw.pgconn.exit_pipeline_mode()
    assert await asked.ids() == ALL
