"""Drivers that are used by the cursors of PEP 249, SQLAlchemy's adapters of asynchronous ones among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from sqlalchemy.util import await_only

from ..errors import SessionError
from ._base import Driver, Fetched


class _Dbapi(Driver):
    """A connection with cursors."""

    def _cursor(self) -> Any:
        return self._connection.cursor()

    def control(self, texts: Sequence[str]) -> None:
        cursor = self._cursor()
        try:
            for text in texts:
                cursor.execute(text)
        finally:
            cursor.close()

    def run(self, sql: str, params: Sequence[Any], limit_ms: int | None) -> Fetched:
        cursor = self._cursor()
        try:
            cursor.execute(sql, params)
            rows = cursor.fetchall() if cursor.description else []
            return rows, cursor.rowcount, getattr(cursor, "lastrowid", None), None
        finally:
            cursor.close()


class Psycopg2(_Dbapi):
    """A connection of psycopg2."""

    wire: ClassVar[str] = "postgres-format"

    def is_autocommit(self) -> bool:
        return bool(self._connection.autocommit)

    def _cursor(self) -> Any:
        from psycopg2.extensions import cursor

        return self._connection.cursor(cursor_factory=cursor)

    def control(self, texts: Sequence[str]) -> None:
        super().control(["; ".join(texts)])

    def run(self, sql: str, params: Sequence[Any], limit_ms: int | None) -> Fetched:
        if not params:
            # It looks for `%` only where there is something to put.
            return self._run_plain(sql.replace("%%", "%"))
        return super().run(sql, tuple(params), limit_ms)

    def _run_plain(self, sql: str) -> Fetched:
        cursor = self._cursor()
        try:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else [], cursor.rowcount, None, None
        finally:
            cursor.close()

    @staticmethod
    def code(error: Exception) -> str | None:
        return getattr(error, "pgcode", None)


class Asyncpg(_Dbapi):
    """SQLAlchemy's adapter of a connection of asyncpg, which knows when to begin."""

    wire: ClassVar[str] = "postgres-dollar"

    def is_autocommit(self) -> bool:
        return bool(self._connection.isolation_level == "autocommit")

    def control(self, texts: Sequence[str]) -> None:
        await_only(self._script("; ".join(texts)))

    async def _script(self, text: str) -> None:
        """One message, where the cursor would prepare each statement."""
        adapter = self._connection
        async with adapter._execute_mutex:
            if adapter._transaction is None:
                await adapter._start_transaction()
            try:
                await adapter._connection.execute(text)
            except Exception as error:
                adapter._handle_exception(error)

    def run(self, sql: str, params: Sequence[Any], limit_ms: int | None) -> Fetched:
        rows, count, _, _ = super().run(sql, params, limit_ms)
        return [tuple(row) for row in rows], count, None, None

    @staticmethod
    def code(error: Exception) -> str | None:
        return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)


class _MySql(_Dbapi):
    """A connection to MariaDB or MySQL."""

    wire: ClassVar[str] = "mysql-format"

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        # The engine has the server read texts as UTF-8, so the driver must write them as that.
        charset = str(connection.character_set_name()).lower()
        if charset not in ("utf8mb4", "utf8mb3", "utf8"):
            raise SessionError(
                f"the connection's texts are {charset} and not UTF-8", hint="add `?charset=utf8mb4` to the engine's URL"
            )

    def is_autocommit(self) -> bool:
        return bool(self._connection.get_autocommit())

    @staticmethod
    def code(error: Exception) -> str | None:
        number = error.args[0] if error.args else None
        return str(number) if isinstance(number, int) and number > 0 else None


class PyMySql(_MySql):
    """A connection of PyMySQL."""

    def _cursor(self) -> Any:
        from pymysql.cursors import Cursor

        return self._connection.cursor(Cursor)


class MySqlClient(_MySql):
    """A connection of mysqlclient."""

    def _cursor(self) -> Any:
        from MySQLdb.cursors import Cursor

        return self._connection.cursor(Cursor)


class AioMySql(_MySql):
    """SQLAlchemy's adapter of a connection of aiomysql or asyncmy."""
