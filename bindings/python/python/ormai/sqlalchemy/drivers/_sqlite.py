"""SQLite: Python's own driver, and the one that runs it on a thread of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, ClassVar, TypeVar

from sqlalchemy.util import await_only

from ._base import Driver, Fetched, Interrupted

T = TypeVar("T")

# How many steps of SQLite's machine pass between two looks at the clock: some tens of microseconds.
_STEPS = 4_000

_OF_A_TRIGGER = "1811"


class Pysqlite(Driver):
    """The connection of `sqlite3`.

    While a statement runs, the connection's progress handler is the one that keeps the time limit.
    """

    wire: ClassVar[str] = "sqlalchemy-sqlite"

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self._raw: sqlite3.Connection = self._beneath(connection)

    @staticmethod
    def _beneath(connection: Any) -> Any:
        return connection

    def is_autocommit(self) -> bool:
        raw = self._raw
        if raw.in_transaction:
            return False
        # Since Python 3.12 a connection can also be in autocommit mode by an attribute.
        return raw.isolation_level is None or getattr(raw, "autocommit", None) is True

    def control(self, texts: Sequence[str]) -> None:
        raw = self._raw
        if not raw.in_transaction and texts and texts[0].startswith("SAVEPOINT"):
            # The release of a savepoint that is the outermost would commit.
            raw.execute(f"BEGIN {raw.isolation_level or ''}")
        for text in texts:
            raw.execute(text)

    def run(self, sql: str, params: Sequence[Any], limit_ms: int | None) -> Fetched:
        raw = self._raw
        if raw.text_factory is not str:
            return self._run_as_str(sql, params, limit_ms)
        cursor = raw.cursor()
        cursor.row_factory = None
        if limit_ms is None:
            cursor.execute(sql, params)
            return cursor.fetchall(), cursor.rowcount, cursor.lastrowid, None
        end = monotonic() + limit_ms / 1000
        # A signal may be handled in there, and SQLite would keep what its handler raises to itself.
        raised: list[BaseException] = []

        def is_over() -> bool:
            try:
                return monotonic() > end
            except BaseException as error:
                raised.append(error)
                return True

        raw.set_progress_handler(is_over, _STEPS)
        try:
            cursor.execute(sql, params)
            return cursor.fetchall(), cursor.rowcount, cursor.lastrowid, None
        except sqlite3.OperationalError:
            if raised:
                raise Interrupted(raised[0]) from None
            raise
        finally:
            raw.set_progress_handler(None, 0)

    def _run_as_str(self, sql: str, params: Sequence[Any], limit_ms: int | None) -> Fetched:
        """On a connection whose texts are something else to its user."""
        raw = self._raw
        factory = raw.text_factory
        raw.text_factory = str
        try:
            return self.run(sql, params, limit_ms)
        finally:
            raw.text_factory = factory

    @staticmethod
    def code(error: Exception) -> str | None:
        # Python 3.10 keeps the code to itself; then the words tell.
        code = getattr(error, "sqlite_errorcode", None)
        if code is None and isinstance(error, sqlite3.IntegrityError) and "constraint failed" not in str(error):
            # A trigger's own words say nothing of what it is.
            return _OF_A_TRIGGER
        return None if code is None else str(code)

    @staticmethod
    def words(error: Exception) -> str:
        # As SQLite says them, by which it is known.
        return str(error)


class Aiosqlite(Pysqlite):
    """The connection of `aiosqlite`: each order is one turn of its thread."""

    @staticmethod
    def _beneath(connection: Any) -> Any:
        return connection.driver_connection._conn

    def control(self, texts: Sequence[str]) -> None:
        self._turn(super().control, texts)

    def run(self, sql: str, params: Sequence[Any], limit_ms: int | None) -> Fetched:
        return self._turn(super().run, sql, params, limit_ms)

    def _turn(self, function: Callable[..., T], *arguments: Any) -> T:
        done: T = await_only(self._connection.driver_connection._execute(function, *arguments))
        return done
