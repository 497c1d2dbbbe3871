"""Calls on sessions of psycopg: what they cost in round trips, and what they leave of its prepared statements."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import AsyncAdaptedQueuePool, Engine, QueuePool, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
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


@contextmanager
def round_trips() -> Iterator[list[int]]:
    """Counts how often psycopg waits for the server."""
    trips: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        for kind in (psycopg.Connection, psycopg.AsyncConnection):
            wait: Any = kind.wait

            def counted(self: Any, steps: Any, *more: Any, _wait: Any = wait, **options: Any) -> Any:
                trips.append(1)
                return _wait(self, steps, *more, **options)

            patch.setattr(kind, "wait", counted)
        yield trips


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


@pytest_asyncio.fixture
async def asked(shop: Ground) -> AsyncIterator[Asked]:
    engine = shop.create_engine(poolclass=AsyncAdaptedQueuePool if shop.driver.is_async else QueuePool)
    made = Asked(engine, mount_sqlalchemy(engine, Base, POLICY))
    # The database is looked at once.
    await made.ids()
    await made.do("rollback")
    yield made
    await made.do("close")
    if isinstance(engine, AsyncEngine):
        await engine.dispose()


ALL = [1, 3, 5, 7, 9, 11]


async def test_a_read_is_one_round_trip_also_where_it_begins_the_transaction(asked: Asked) -> None:
    with round_trips() as trips:
        assert await asked.ids() == ALL
        assert len(trips) == 1
        assert await asked.ids(limit=2) == ALL[:2]
        assert len(trips) == 2
        # An include is a statement of its own.
        assert await asked.ids(include=[{"relation": "items"}]) == ALL
        assert len(trips) == 4
        # Also where it is prepared, and once it is.
        for _ in range(10):
            await asked.ids()
        assert len(trips) == 14


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


async def test_calls_go_on_after_everything_that_was_prepared_is_gone(asked: Asked) -> None:
    for _ in range(3):
        for _ in range(7):
            assert await asked.ids() == ALL
        # psycopg forgets what is prepared with it.
        await asked.do("rollback")


async def test_a_column_that_became_another_one_is_told_once_at_most(asked: Asked, shop: Ground) -> None:
    for _ in range(7):
        await asked.ids()
    await asked.do("commit")
    url = shop.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as other:
        other.execute("ALTER TABLE orders ALTER COLUMN status TYPE varchar(99)")
    # What was prepared had rows of another type.
    with pytest.raises(OrmAiError):
        await asked.ids()
    assert await asked.ids() == ALL


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
