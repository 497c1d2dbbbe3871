"""The databases and drivers that tests run on: a database of its own for each test, dropped after it."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, MetaData, NullPool, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

T = TypeVar("T")


@dataclass(frozen=True)
class Driver:
    """A driver of SQLAlchemy's."""

    name: str
    database: str
    """`sqlite`, `postgresql` or `mysql`."""
    scheme: str
    module: str
    is_async: bool = False


_ALL = (
    Driver("pysqlite", "sqlite", "sqlite+pysqlite", "sqlite3"),
    Driver("aiosqlite", "sqlite", "sqlite+aiosqlite", "aiosqlite", is_async=True),
    Driver("psycopg", "postgresql", "postgresql+psycopg", "psycopg"),
    Driver("psycopg_async", "postgresql", "postgresql+psycopg_async", "psycopg", is_async=True),
    Driver("psycopg2", "postgresql", "postgresql+psycopg2", "psycopg2"),
    Driver("asyncpg", "postgresql", "postgresql+asyncpg", "asyncpg", is_async=True),
    Driver("pymysql", "mysql", "mysql+pymysql", "pymysql"),
    Driver("mysqlclient", "mysql", "mysql+mysqldb", "MySQLdb"),
    Driver("aiomysql", "mysql", "mysql+aiomysql", "aiomysql", is_async=True),
    Driver("asyncmy", "mysql", "mysql+asyncmy", "asyncmy", is_async=True),
)
# One that has no wheel, and cannot be built everywhere, may be left out by its name.
_WITHOUT = frozenset(os.environ.get("ORMAI_TEST_WITHOUT_DRIVERS", "").split(","))
DRIVERS = tuple(driver for driver in _ALL if driver.name not in _WITHOUT)
VARIABLES = {"postgresql": "ORMAI_TEST_POSTGRES_URL", "mysql": "ORMAI_TEST_MYSQL_URL"}
ADMINS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}


def unavailable(driver: Driver) -> str | None:
    """Why a driver cannot be tested here."""
    variable = VARIABLES.get(driver.database)
    if variable is not None and not os.environ.get(variable):
        return f"{variable} is not set"
    if importlib.util.find_spec(driver.module) is None:
        return f"{driver.module} is not installed"
    return None


def server_url(database: str) -> URL:
    """The URL of a test server, for SQLAlchemy."""
    url = make_url(os.environ[VARIABLES[database]])
    # `socket` is the word of other clients.
    path = url.query.get("socket")
    if path is not None:
        url = url.difference_update_query(["socket"]).update_query_dict({"unix_socket": path})
    return url.set(drivername=ADMINS[database])


@contextmanager
def fresh_database(database: str, folder: Path) -> Iterator[URL]:
    """A database of its own; the URL is without a driver for SQLite, and with that of the server otherwise."""
    name = f"ormai_py_{uuid.uuid4().hex[:16]}"
    if database == "sqlite":
        yield URL.create("sqlite", database=str(folder / f"{name}.db"))
        return
    server = server_url(database)
    admin = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    charset = " CHARACTER SET utf8mb4" if database == "mysql" else ""
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}{charset}"))
    try:
        yield server.set(database=name)
    finally:
        forced = " WITH (FORCE)" if database == "postgresql" else ""
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name}{forced}"))


@dataclass
class Ground:
    """A driver on a fresh database, the same to use whether it is synchronous or not."""

    driver: Driver
    url: URL
    _engines: list[Engine | AsyncEngine] = field(default_factory=list)

    def create_engine(self, **options: Any) -> Engine | AsyncEngine:
        """An engine of the driver. An asynchronous one keeps no connections, which would be of an event loop."""
        url = self.url.set(drivername=self.driver.scheme)
        if self.driver.is_async:
            engine: Engine | AsyncEngine = create_async_engine(url, **{"poolclass": NullPool, **options})
        else:
            engine = create_engine(url, **options)
        self._engines.append(engine)
        return engine

    @property
    def engine(self) -> Engine | AsyncEngine:
        """The first engine, made when it is asked for."""
        return self._engines[0] if self._engines else self.create_engine()

    def create_all(self, metadata: MetaData) -> None:
        """Makes the tables."""
        self.run(lambda session: metadata.create_all(session.connection()), commits=True)

    def run(self, work: Callable[[Session], T], *, commits: bool = False, engine: Any = None, **options: Any) -> T:
        """Calls `work` with a session: for an asynchronous driver in the greenlet of an `AsyncSession`."""
        engine = engine or self.engine
        if isinstance(engine, AsyncEngine):
            return asyncio.run(_run_async(engine, work, commits, options))
        with Session(engine, **options) as session:
            answer = work(session)
            if commits:
                session.commit()
            return answer

    def dispose(self) -> None:
        for engine in self._engines:
            if isinstance(engine, Engine):
                engine.dispose()


async def _run_async(engine: AsyncEngine, work: Callable[[Session], T], commits: bool, options: dict[str, Any]) -> T:
    async with AsyncSession(engine, **options) as session:
        answer = await session.run_sync(work)
        if commits:
            await session.commit()
        return answer
