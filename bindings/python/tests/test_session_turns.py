"""Calls on one session come one after the other, and what is told of them is what is stored."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from databases import Ground
from ormai.core import Principal, RunContext
from ormai.core.errors import ConflictError, DatabaseUnavailableError, OrmAiError
from ormai.quickstart import mount_sqlalchemy
from ormai.sqlalchemy import HostConnection, SessionError
from ormai.sqlalchemy.drivers import _sqlite
from ormai.tools import Toolset
from shop import Base, Order

POLICY: dict[str, Any] = {
    "models": {
        "User": {"fields": {"id": "allow"}, "scoping": {"tenant_id": "principal.tenant_id"}},
        "Order": {
            "fields": {"id": "allow", "status": "allow", "user_id": "allow"},
            "scoping": {"tenant_id": "principal.tenant_id"},
            "write_policy": {"create": "allow", "auto_set": {"tenant_id": "principal.tenant_id"}},
        },
    }
}


# A row without its kind is found when it is committed.
KIND = "DEFAULT 'none' REFERENCES kinds (id) DEFERRABLE INITIALLY DEFERRED"


def mounted(engine: Engine | AsyncEngine) -> Toolset:
    return mount_sqlalchemy(engine, Base, POLICY)


def acme(db: Any) -> RunContext:
    return RunContext(principal=Principal(tenant_id="acme", user_id="acme-1"), db=db)


def order(id: int) -> dict[str, Any]:
    return {"id": id, "user_id": "acme-1", "status": "new"}


def stored(shop: Ground) -> list[int]:
    """The orders that were made."""
    query = text("SELECT id FROM orders WHERE id >= 900 ORDER BY id")
    return shop.run(lambda session: list(session.execute(query).scalars()))


@pytest.mark.synchronous
def test_a_second_transaction_on_a_session_is_refused_and_the_first_is_whole(shop: Ground) -> None:
    assert isinstance(shop.engine, Engine)
    toolset = mounted(shop.engine)
    with Session(shop.engine) as session:
        with toolset.sync.transaction(acme(session)) as first:
            toolset.sync.create(first, model="Order", data=order(900))
            with pytest.raises(SessionError, match="another call is under way"):
                with toolset.sync.transaction(acme(session)):
                    raise AssertionError("it begins")
            with pytest.raises(SessionError, match="another call is under way"):
                toolset.sync.query(acme(session), model="Order")
            toolset.sync.create(first, model="Order", data=order(901))
        # It is over, and the session takes other calls.
        toolset.sync.create(acme(session), model="Order", data=order(902))
        session.commit()
    assert stored(shop) == [900, 901, 902]


@pytest.mark.asynchronous
def test_what_is_told_of_calls_at_once_on_a_session_is_what_is_stored(shop: Ground) -> None:
    engine = shop.engine
    assert isinstance(engine, AsyncEngine)
    toolset = mounted(engine)

    async def called() -> list[int]:
        async with AsyncSession(engine) as session:

            async def made(id: int) -> int:
                made = await toolset.create(acme(session), model="Order", data=order(id))
                assert made.row is not None
                return int(made.row["id"])

            told = await asyncio.gather(*(made(id) for id in range(900, 906)), return_exceptions=True)
            await session.commit()
        assert all(isinstance(each, (int, SessionError)) for each in told), told
        return [each for each in told if isinstance(each, int)]

    told = asyncio.run(called())
    assert told
    assert stored(shop) == told


def _execute(statement: str, session: Session) -> None:
    session.execute(text(statement))


def waiting(shop: Ground) -> None:
    """A constraint that is looked at when all is committed."""
    for statement in (
        "UPDATE orders SET status = CAST(id AS text)",
        "ALTER TABLE orders ADD CONSTRAINT waits UNIQUE (status) DEFERRABLE INITIALLY DEFERRED",
    ):
        shop.run(partial(_execute, statement), commits=True)


@pytest.mark.drivers("psycopg", "psycopg2")
def test_a_constraint_that_waits_for_the_end_is_told_by_the_call(shop: Ground) -> None:
    waiting(shop)
    assert isinstance(shop.engine, Engine)
    toolset = mounted(shop.engine)
    made = toolset.sync.create(acme(None), model="Order", data=order(900))
    assert made.row is not None and made.row["id"] == 900
    # Another tenant's row has it.
    with pytest.raises(ConflictError) as refused:
        toolset.sync.create(acme(None), model="Order", data={**order(901), "status": "2"})
    assert "waits" not in str(refused.value.to_dict())
    assert stored(shop) == [900]


@pytest.mark.drivers("pysqlite")
def test_what_the_last_commit_refuses_is_told_without_the_drivers_words(shop: Ground) -> None:
    engine = shop.engine
    assert isinstance(engine, Engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kinds (id TEXT PRIMARY KEY)"))
        connection.execute(text(f"ALTER TABLE orders ADD kind TEXT {KIND}"))
    # From here on it looks at them, in connections that are new.
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys = ON"))
    engine.dispose()
    with pytest.raises(ConflictError) as refused:
        mounted(engine).sync.create(acme(None), model="Order", data=order(900))
    assert "FOREIGN" not in str(refused.value)
    assert stored(shop) == []


@pytest.mark.drivers("pysqlite", "psycopg", "pymysql")
def test_a_transaction_that_its_owner_ends_takes_no_more_calls(shop: Ground) -> None:
    assert isinstance(shop.engine, Engine)
    toolset = mounted(shop.engine)
    with shop.engine.connect() as connection:
        with pytest.raises(OrmAiError):
            with toolset.sync.transaction(acme(connection)) as tx:
                connection.commit()
                toolset.sync.create(tx, model="Order", data=order(900))
        connection.execute(text("SELECT 1"))
        connection.commit()
    assert stored(shop) == []


@pytest.mark.drivers("pysqlite")
def test_what_a_signal_raises_in_a_statement_reaches_its_caller(shop: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(shop.engine, Engine)
    toolset = mounted(shop.engine)

    times = iter([1.0])

    def now() -> float:
        for time in times:
            return time
        raise KeyboardInterrupt

    monkeypatch.setattr(_sqlite, "monotonic", now)
    monkeypatch.setattr(_sqlite, "_STEPS", 1)
    with Session(shop.engine) as session, pytest.raises(KeyboardInterrupt):
        toolset.sync.query(acme(session), model="Order")


@pytest.mark.drivers("psycopg", "pymysql")
def test_a_session_without_a_server_is_told_as_that(shop: Ground) -> None:
    toolset = mounted(shop.engine)
    away = create_engine(shop.url.set(drivername=shop.driver.scheme, host="127.0.0.1", port=1, query={}))
    with Session(away) as session, pytest.raises(DatabaseUnavailableError) as refused:
        toolset.sync.query(acme(session), model="Order")
    assert "127.0.0.1" not in str(refused.value.to_dict())


@pytest.mark.synchronous
def test_a_session_that_failed_before_is_told_without_what_it_failed_with(shop: Ground) -> None:
    toolset = mounted(shop.engine)
    assert isinstance(shop.engine, Engine)
    with Session(shop.engine) as session:
        session.add(Order(id=1, tenant_id="acme", user_id="acme-1", status="SECRET"))
        with pytest.raises(IntegrityError):
            session.flush()
        with pytest.raises(SessionError) as refused:
            toolset.sync.query(acme(session), model="Order")
    assert "SECRET" not in str(refused.value)


@pytest.mark.synchronous
def test_a_call_that_is_turned_away_undoes_nothing_of_the_next(shop: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(shop.engine, Engine)
    toolset = mounted(shop.engine)
    claim = HostConnection._claim
    turned_away: list[HostConnection] = []

    def once(self: HostConnection, connection: Any) -> None:
        # The call before ends as soon as this one has been turned away.
        if not turned_away:
            turned_away.append(self)
            raise SessionError("another call is under way on this session")
        claim(self, connection)

    with Session(shop.engine) as session:
        session.add(Order(id=901, tenant_id="acme", user_id="acme-1"))
        session.flush()
        monkeypatch.setattr(HostConnection, "_claim", once)
        with pytest.raises(SessionError, match="under way"):
            toolset.sync.query(acme(session), model="Order")
        assert session.get(Order, 901) is not None
        assert len(toolset.sync.query(acme(session), model="Order").rows) == 7
        session.commit()
    assert stored(shop) == [901]
