"""PostgreSQL by psycopg 3: values and rows in the server's binary form, which the engine writes and reads itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import psycopg
from psycopg.adapt import AdaptersMap, Dumper, Loader
from psycopg.pq import Format
from sqlalchemy.util import await_only

from ..errors import SessionError
from ._base import Driver, Fetched

if tuple(int(part) for part in psycopg.__version__.split(".")[:2]) < (3, 2):
    raise SessionError(f"psycopg {psycopg.__version__} is too old", hint="install psycopg 3.2 or later")


class _Bound(Dumper):
    """A pair of a type's number and the bytes of a value, or `None` for NULL."""

    format = Format.BINARY

    def get_key(self, obj: Any, format: Any) -> Any:
        return (self.cls, obj[0])

    def upgrade(self, obj: Any, format: Any) -> _Bound:
        dumper = type(self)(self.cls)
        dumper.oid = obj[0]
        return dumper

    def dump(self, obj: Any) -> Any:
        return obj[1]


class _Raw(Loader):
    """Bytes as they come; psycopg wants to know a loader also of rows that nobody loads."""

    format = Format.BINARY

    def load(self, data: Any) -> bytes:
        return bytes(data)


class _RawText(_Raw):
    format = Format.TEXT


# Nothing else is known here, so that a tuple is such a pair and not a record.
_ADAPTERS = AdaptersMap()
_ADAPTERS.register_dumper(tuple, _Bound)
_ADAPTERS.register_loader(0, _Raw)
_ADAPTERS.register_loader(0, _RawText)


class _Cursor(psycopg.Cursor[Any]):
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__(connection)
        self._adapters = _ADAPTERS


class _AsyncCursor(psycopg.AsyncCursor[Any]):
    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        super().__init__(connection)
        self._adapters = _ADAPTERS


class Psycopg(Driver):
    """A connection of psycopg."""

    wire: ClassVar[str] = "psycopg"
    takes_pairs: ClassVar[bool] = True

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self._raw: Any = self._beneath(connection)
        encoding = self._raw.pgconn.parameter_status(b"client_encoding")
        if encoding != b"UTF8":
            raise SessionError(
                f"the connection's texts are {(encoding or b'unknown').decode()} and not UTF-8",
                hint="make the engine with `client_encoding='utf8'`",
            )

    @staticmethod
    def _beneath(connection: Any) -> Any:
        return connection

    def is_autocommit(self) -> bool:
        return bool(self._raw.autocommit)

    def control(self, texts: Sequence[str]) -> None:
        # Without parameters they are one message, which the server runs one by one.
        self._executed("; ".join(texts), None)

    def run(self, sql: str, params: Sequence[Any], limit_ms: int | None) -> Fetched:
        cursor = self._executed(sql, params)
        result = cursor.pgresult
        columns = range(result.nfields)
        value = result.get_value
        rows = [[value(row, column) for column in columns] for row in range(result.ntuples)]
        return rows, cursor.rowcount, None, [result.ftype(column) for column in columns]

    def _executed(self, sql: str, params: Sequence[Any] | None) -> Any:
        return _Cursor(self._raw).execute(sql, params, binary=params is not None)

    @staticmethod
    def code(error: Exception) -> str | None:
        return getattr(error, "sqlstate", None)


class PsycopgAsync(Psycopg):
    """An asynchronous connection of psycopg."""

    @staticmethod
    def _beneath(connection: Any) -> Any:
        return connection.driver_connection

    def _executed(self, sql: str, params: Sequence[Any] | None) -> Any:
        return await_only(_AsyncCursor(self._raw).execute(sql, params, binary=params is not None))
