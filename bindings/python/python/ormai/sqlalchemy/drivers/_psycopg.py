"""PostgreSQL by psycopg 3: values and rows in the server's binary form, which the engine writes and reads itself.

A statement and the texts around it are one round trip, in libpq's pipeline mode. It is used beneath psycopg's cursors,
which would take the end of a savepoint for that of the transaction, and forget what they have prepared.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar

import psycopg
from psycopg.errors import error_from_result
from psycopg.generators import execute, fetch_many, send
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, Format, PipelineStatus, TransactionStatus
from sqlalchemy.util import await_only

from ..errors import SessionError
from ._base import Driver, Fetched

if tuple(int(part) for part in psycopg.__version__.split(".")[:2]) < (3, 2):
    raise SessionError(f"psycopg {psycopg.__version__} is too old", hint="install psycopg 3.2 or later")
if not psycopg.Pipeline.is_supported():
    raise SessionError("psycopg's libpq is too old", hint="install `psycopg[binary]`, or libpq 14 or later")

T = TypeVar("T")
Steps = Generator[Any, Any, T]
"""What `Connection.wait` drives: it says whether to wait for reading or writing."""

# A statement that was prepared is not there any more, or its rows would be of other types than then.
_STALE = frozenset(("26000", "0A000"))
_GOOD = frozenset((ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.EMPTY_QUERY))


class _Asked(NamedTuple):
    """A statement as psycopg counts them, to know what to prepare."""

    query: bytes
    types: tuple[int, ...]


class Psycopg(Driver):
    """A connection of psycopg."""

    wire: ClassVar[str] = "postgres-binary"
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
        if self._raw.lock.locked():
            # Who holds it waits for its next row to be asked for, and on this thread that would be never.
            raise SessionError("the connection is in use", hint="read the rows of a `stream()` to their end first")
        if self._raw.pgconn.pipeline_status != PipelineStatus.OFF:
            raise SessionError("the connection is in pipeline mode", hint="make calls outside of `pipeline()`")

    @staticmethod
    def _beneath(connection: Any) -> Any:
        return connection

    def is_autocommit(self) -> bool:
        return bool(self._raw.autocommit)

    def is_whole(self) -> bool:
        connection = self._raw.pgconn
        return bool(
            connection.status == ConnStatus.OK
            and connection.pipeline_status == PipelineStatus.OFF
            and connection.transaction_status != TransactionStatus.ACTIVE
        )

    def control(self, texts: Sequence[str]) -> None:
        self._done(self._controlled(texts))

    def run(self, sql: str, params: Sequence[Any], limit_ms: int | None) -> Fetched:
        return self.enclosed((), sql, params, limit_ms, ())

    def enclosed(
        self, before: Sequence[str], sql: str, params: Sequence[Any], limit_ms: int | None, after: Sequence[str]
    ) -> Fetched:
        try:
            result = self._done(self._answered(before, sql, params, after))
        except psycopg.Error as error:
            if not after or error.sqlstate not in _STALE or not self.is_whole():
                raise
            # It is prepared anew, once what failed is undone.
            self.control(after)
            result = self._done(self._answered(before, sql, params, after))
        columns = range(result.nfields)
        value = result.get_value
        rows = [[value(row, column) for column in columns] for row in range(result.ntuples)]
        count = result.command_tuples
        return rows, -1 if count is None else count, None, [result.ftype(column) for column in columns]

    def _done(self, steps: Steps[T]) -> T:
        with self._raw.lock:
            done: T = self._raw.wait(steps)
            return done

    def _controlled(self, texts: Sequence[str]) -> Steps[None]:
        connection = self._raw.pgconn
        # Without parameters they are one message, which the server runs one by one.
        connection.send_query("; ".join([*self._begin(), *texts]).encode())
        for result in (yield from execute(connection)):
            self._check(result)

    def _answered(
        self, before: Sequence[str], sql: str, params: Sequence[Any], after: Sequence[str]
    ) -> Steps[psycopg.pq.abc.PGresult]:
        connection = self._raw.pgconn
        asked = _Asked(sql.encode(), tuple(number for number, _ in params))
        values, formats = [value for _, value in params], [Format.BINARY] * len(params)
        prepared = self._raw._prepared
        prepare, name = prepared.get(asked)
        first = [*self._begin(), *before]
        place = len(first)
        connection.enter_pipeline_mode()
        for text in first:
            connection.send_query_params(text.encode(), None)
        if prepare.name == "SHOULD":
            connection.send_prepare(name, asked.query, asked.types)
            place += 1
        if name:
            connection.send_query_prepared(name, values, formats, Format.BINARY)
        else:
            connection.send_query_params(asked.query, values, asked.types, formats, Format.BINARY)
        for text in after:
            connection.send_query_params(text.encode(), None)
        connection.pipeline_sync()
        # Given up in here, it is not whole, and lost to everybody.
        yield from send(connection)
        results: list[psycopg.pq.abc.PGresult] = []
        for _ in range(place + 1 + len(after)):
            results += yield from fetch_many(connection)
        yield from fetch_many(connection)
        connection.exit_pipeline_mode()
        # What follows a failure was not run, and says so.
        for result in results[:place]:
            self._check(result)
        new = prepared.maybe_add_to_cache(asked, prepare, name)
        if new is not None:
            prepared.validate(new, prepare, name, results[place : place + 1])
        state = results[place].error_field(DiagnosticField.SQLSTATE)
        if name and state is not None and state.decode() in _STALE:
            # The next time it is prepared anew.
            prepared._names.pop(prepared.key(asked), None)
        for result in results[place:]:
            self._check(result)
        yield from prepared.maintain_gen(self._raw)
        return results[place]

    def _begin(self) -> list[str]:
        """What begins a transaction, if there is none, as psycopg's own cursors would."""
        if self._raw.pgconn.transaction_status != TransactionStatus.IDLE:
            return []
        begin: bytes = self._raw._get_tx_start_command()
        return [begin.decode()]

    def _check(self, result: Any) -> None:
        if result.status not in _GOOD:
            raise error_from_result(result, encoding="utf-8")

    @staticmethod
    def code(error: Exception) -> str | None:
        return getattr(error, "sqlstate", None)


class PsycopgAsync(Psycopg):
    """An asynchronous connection of psycopg."""

    @staticmethod
    def _beneath(connection: Any) -> Any:
        return connection.driver_connection

    def _done(self, steps: Steps[T]) -> T:
        done: T = await_only(self._waited(steps))
        return done

    async def _waited(self, steps: Steps[T]) -> T:
        async with self._raw.lock:
            done: T = await self._raw.wait(steps)
            return done
