"""Sessions and connections of SQLAlchemy's as places where the statements of calls run.

A call on a session is a part of its transaction: it is flushed before (where it does so by itself), nothing is
committed or rolled back, and a call that fails is undone by a savepoint. After a change, instances of the changed
table that the session holds are expired, so that their next use reads what is stored; those with changes of their own
that are not flushed keep them, and collections that were loaded before are as they were.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import ReferenceType, WeakKeyDictionary, ref

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import InvalidRequestError, SQLAlchemyError
from sqlalchemy.orm import Mapper, Session, scoped_session

from .._drive import DriverError
from ..core.errors import ConflictError
from ._believed import Believed
from ._events import is_told, telling
from ._instances import expire
from .drivers import driver_of
from .drivers._base import Interrupted
from .errors import SessionError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from .drivers._base import Driver, Fetched

SchemaMap = Mapping["str | None", "str | None"]


def open_session(
    db: Any,
    engine: Engine | AsyncEngine,
    *,
    mappers: Sequence[Mapper[Any]] = (),
    schemas: SchemaMap | None = None,
    has_hex_uuids: bool = False,
    believed: Believed | None = None,
) -> HostConnection:
    """A connection object for the calls of a context. Nothing is asked of the database before the first order.

    Args:
        db: a `Session`, `scoped_session`, `AsyncSession`, `Connection` or `AsyncConnection`; `None` for a connection of
            the engine's own, which is committed when it is closed.
        engine: the engine of the toolset.
        mappers: those of the toolset's models: a session with several engines is asked for the one of these.
        schemas: the `schema_translate_map` that the catalog was made with.
        has_hex_uuids: as the catalog has it.
        believed: what is held against the database before the first order.

    Raises:
        SessionError: `db` is none of these, or on another kind of database than the toolset.
    """
    is_async, source = _source(db)
    own: Engine = getattr(engine, "sync_engine", engine)  # type: ignore[arg-type]
    if source is None:
        place: HostConnection = _Own(own, engine is not own, schemas)
    elif isinstance(source, Connection):
        _check_database(source, own)
        place = _OfConnection(source, is_async, schemas)
    else:
        bind = _bind(source, mappers)
        _check_database(bind, own)
        place = _OfSession(source, bind, is_async, schemas)
    if has_hex_uuids and place.wire == "mysql-format":
        place.wire = "sqlalchemy-mysql"
    place.believed = believed
    return place


def _check_database(bind: Engine | Connection, own: Engine) -> None:
    if bind.dialect.name != own.dialect.name:
        raise SessionError(
            f"the session is on {bind.dialect.name}, and the toolset on {own.dialect.name}",
            hint="give a session of the engine that the toolset was mounted on",
        )


def _source(db: Any) -> tuple[bool, Session | Connection | None]:
    """Whether it needs an event loop, and the synchronous object behind it."""
    if db is None or isinstance(db, (Session, Connection)):
        return False, db
    if isinstance(db, scoped_session):
        return False, db()
    # The classes for asyncio are not imported for it, because they need greenlet.
    for name in ("sync_session", "sync_connection"):
        source = getattr(db, name, None)
        if isinstance(source, (Session, Connection)):
            return True, source
    if type(db).__name__ == "async_scoped_session":
        return True, db().sync_session
    if hasattr(db, "sync_connection"):
        raise SessionError("the AsyncConnection is not open", hint="use it inside of `async with engine.connect()`")
    raise SessionError(
        f"`db` is a {type(db).__name__}",
        hint="give a Session, AsyncSession, Connection or AsyncConnection of SQLAlchemy, or leave it out",
    )


def _bind(session: Session, mappers: Sequence[Mapper[Any]]) -> Engine | Connection:
    """The one engine that a session has for all of the models."""
    if type(session).get_bind is Session.get_bind and session.bind is not None and not _has_binds(session):
        return session.bind
    binds = {id(bind): bind for bind in (session.get_bind(mapper) for mapper in mappers)}
    if not binds:
        return session.get_bind()
    if len(binds) > 1:
        raise SessionError(
            "the models of the toolset are on several engines in this session",
            hint="mount a toolset for each, with `include` saying its models",
        )
    return next(iter(binds.values()))


def _has_binds(session: Session) -> bool:
    return bool(getattr(session, "_Session__binds", True))


# Whose calls a connection takes: savepoints and settings of two that took turns would be taken for each other's.
_CLAIMS: WeakKeyDictionary[Connection, ReferenceType[HostConnection]] = WeakKeyDictionary()


class HostConnection:
    """A connection on which calls are made. It is used by one call at a time, on its owner's thread."""

    __slots__ = (
        "__weakref__",
        "_connection",
        "_driver",
        "_kind",
        "_schemas",
        "_transaction",
        "believed",
        "is_async",
        "wire",
    )

    believed: Believed | None
    """What is held against the database before the first order."""
    is_async: bool
    """Whether its driver needs an event loop: then it is used inside of `run_sync` alone."""
    wire: str
    """How its driver takes parameters, and in which forms SQLAlchemy stores what the database has no type for."""

    def __init__(self, dialect: Dialect, is_async: bool, schemas: SchemaMap | None) -> None:
        self._kind = driver_of(dialect)
        self._driver: Driver | None = None
        self._connection: Connection | None = None
        # The transaction that the connection was in at first: behind another one, nothing of the call's is open.
        self._transaction: Any = None
        self._schemas = dict(schemas or {})
        self.believed = None
        self.is_async = is_async
        self.wire = self._kind.wire

    @property
    def is_borrowed(self) -> bool:
        """Whether it is the caller's, who ends it."""
        return True

    @property
    def is_open(self) -> bool:
        """Whether anything was run on it."""
        return self._connection is not None

    def control(self, texts: Sequence[str]) -> None:
        """Runs texts of transactions and settings.

        Raises:
            DriverError: one of them failed; those behind it did not run.
        """
        connection, driver = self._ready()
        try:
            if is_told(connection):
                self._told_texts(connection, driver, texts)
            else:
                driver.control(texts)
        except BaseException as error:
            self._raise(error, connection, driver)
        for text in texts:
            if text.startswith("SAVEPOINT"):
                self._begun()
            elif text.startswith("ROLLBACK TO"):
                self._undone()

    def fixed(self, sql: str, params: Sequence[Any]) -> Fetched:
        """Runs a text of the engine's own, whose rows are wanted.

        Raises:
            DriverError: it failed.
        """
        return self._run((), sql, params, None, ())

    def statement(
        self,
        sql: str,
        params: Sequence[Any],
        limit_ms: int,
        is_change: bool,
        columns: Sequence[Any],
        before: Sequence[str],
        after: Sequence[str],
    ) -> Fetched:
        """Runs a statement of a request, and the texts around it.

        Raises:
            DriverError: it failed, or did not end in time, or one of the texts failed.
        """
        fetched = self._run(before, sql, params, limit_ms, after)
        if is_change:
            self._changed(sql)
        return fetched

    def run_sync(self, function: Callable[..., Any], *arguments: Any) -> Awaitable[Any]:
        """Runs a function in which the connection may be used, where that needs an event loop."""
        from sqlalchemy.util import greenlet_spawn

        return greenlet_spawn(function, *arguments)

    def discard(self) -> None:
        """Something could not be undone on it: what is not committed must not be."""
        if self._connection is not None and not self._connection.closed:
            self._connection.invalidate()

    def close(self) -> None:
        """Gives back what was opened for a call; the caller's stays open, and takes another call."""
        self._let_go()

    def _claim(self, connection: Connection) -> None:
        # In one step, should two threads be in it.
        owner = _CLAIMS.setdefault(connection, ref(self))()
        if owner is None:
            _CLAIMS[connection] = ref(self)
        elif owner is not self:
            raise SessionError(
                "another call is under way on this session",
                hint="make calls on one session one after the other, and those in a transaction in its own context",
            )

    def _let_go(self) -> None:
        connection = self._connection
        claim = None if connection is None else _CLAIMS.get(connection)
        if connection is not None and claim is not None and claim() is self:
            del _CLAIMS[connection]

    def _run(
        self, before: Sequence[str], sql: str, params: Sequence[Any], limit_ms: int | None, after: Sequence[str]
    ) -> Fetched:
        connection, driver = self._ready()
        try:
            if is_told(connection):
                self._told_texts(connection, driver, before)
                fetched = self._told(connection, driver, sql, params, limit_ms)
                self._told_texts(connection, driver, after)
                return fetched
            if before or after:
                return driver.enclosed(before, sql, params, limit_ms, after)
            return driver.run(sql, params, limit_ms)
        except BaseException as error:
            self._raise(error, connection, driver)

    @staticmethod
    def _told_texts(connection: Connection, driver: Driver, texts: Sequence[str]) -> None:
        for text in texts:
            with telling(connection, text, ()):
                driver.control([text])

    @staticmethod
    def _told(connection: Connection, driver: Driver, sql: str, params: Sequence[Any], limit_ms: int | None) -> Fetched:
        shown = tuple(value for _, value in params) if driver.takes_pairs else tuple(params)
        with telling(connection, sql, shown) as said:
            if said.parameters is not shown and not (said.parameters == shown):
                raise SessionError("a listener changed the parameters of a statement that is not its own")
            return driver.run(said.statement, params, limit_ms)

    def _ready(self) -> tuple[Connection, Driver]:
        connection = self._connection
        if connection is None or self._driver is None:
            connection = self._opened()
            self._claim(connection)
            driver = None
            try:
                driver = self._checked(connection)
                if self.believed is not None:
                    self.believed.check(connection, driver)
            except BaseException as error:
                # What is refused keeps nobody out.
                del _CLAIMS[connection]
                try:
                    self._raise(error, connection, driver)
                finally:
                    self._turned_away(connection)
            self._connection, self._driver = connection, driver
            self._transaction = connection.get_transaction()
        elif connection.closed or connection.invalidated:
            raise DriverError(None, "the connection was closed or lost since the call began", lost=True)
        elif connection.get_transaction() is not self._transaction:
            raise DriverError(None, "the transaction was ended since the call began", lost=True)
        return connection, self._driver

    def _opened(self) -> Connection:
        raise NotImplementedError

    def _turned_away(self, connection: Connection) -> None:
        """After it was opened, and no call can be made on it."""

    def _checked(self, connection: Connection) -> Driver:
        """The driver of a connection on which calls can be made."""
        translated = connection.get_execution_options().get("schema_translate_map") or {}
        if dict(translated) != self._schemas:
            raise SessionError(
                "the session's `schema_translate_map` is another one than the engine's that the toolset was mounted on",
                hint="mount a toolset on `engine.execution_options(schema_translate_map=...)` for each",
            )
        driver = self._kind(connection.connection.dbapi_connection)
        if driver.is_autocommit():
            raise SessionError(
                "the session's connection is in AUTOCOMMIT, where nothing of a call could be undone",
                hint="give one of an engine without `isolation_level='AUTOCOMMIT'`",
            )
        return driver

    def _raise(self, error: BaseException, connection: Connection, driver: Driver | None) -> NoReturn:
        """Raises what an error of the driver's is to the engine."""
        if isinstance(error, (DriverError, SessionError)):
            raise error
        if isinstance(error, Interrupted):
            error = error.raised
            if isinstance(error, Exception):
                raise error
        dialect = connection.dialect
        is_drivers: bool = isinstance(error, dialect.loaded_dbapi.Error)
        is_whole = driver is None or driver.is_whole()
        if not isinstance(error, Exception) or not (is_drivers or is_whole):
            # Given up half way: what the server sends next would be taken for the answer to something else.
            if not connection.closed:
                connection.invalidate(error)
            raise error
        lost = connection.closed or connection.invalidated
        if not lost and is_drivers:
            lost = not is_whole or dialect.is_disconnect(error, connection.connection, None)  # type: ignore[arg-type]
            if lost:
                connection.invalidate(error)
        raise DriverError(self._kind.code(error), self._kind.words(error), lost) from error

    def _changed(self, sql: str) -> None:
        """After a statement that changed rows."""

    def _begun(self) -> None:
        """After a savepoint was set."""

    def _undone(self) -> None:
        """After what came behind a savepoint was undone."""


class _OfConnection(HostConnection):
    """A `Connection` of the caller's."""

    __slots__ = ("_source",)

    def __init__(self, source: Connection, is_async: bool, schemas: SchemaMap | None) -> None:
        super().__init__(source.dialect, is_async, schemas)
        self._source = source

    def _opened(self) -> Connection:
        if not self._source.in_transaction():
            # As its own `execute` would begin one.
            self._source.begin()
        return self._source


class _OfSession(HostConnection):
    """A `Session` of the caller's."""

    __slots__ = ("_bind", "_is_begun", "_is_written", "_session")

    def __init__(self, source: Session, bind: Engine | Connection, is_async: bool, schemas: SchemaMap | None) -> None:
        super().__init__(bind.dialect, is_async, schemas)
        self._session = source
        self._bind = bind
        self._is_begun = False
        # Whether something was changed behind a savepoint.
        self._is_written = False

    def _ready(self) -> tuple[Connection, Driver]:
        session = self._session
        if session.autoflush and not session._flushing and not session._is_clean():
            self._is_written = self._is_begun
            session.flush()
        return super()._ready()

    def _opened(self) -> Connection:
        session = self._session
        try:
            return session.connection() if session.bind is self._bind else session.connection({"bind": self._bind})
        except InvalidRequestError:
            # Its words are those of what failed before.
            raise SessionError("the session takes no statements", hint="roll it back, or use another one") from None
        except SQLAlchemyError as error:
            raise DriverError(None, f"{type(error).__name__}: {error}", lost=True) from error

    def _changed(self, sql: str) -> None:
        self._is_written = True
        expire(self._session, sql)

    def _begun(self) -> None:
        self._is_begun = True

    def _undone(self) -> None:
        if self._is_written:
            self._is_written = False
            expire(self._session, None)


class _Own(HostConnection):
    """A connection of the toolset's engine for one call, which is committed at its end."""

    __slots__ = ("_engine", "_is_discarded", "_is_immediate")

    def __init__(self, engine: Engine, is_async: bool, schemas: SchemaMap | None) -> None:
        super().__init__(engine.dialect, is_async, schemas)
        self._engine = engine
        self._is_discarded = False
        # Whether constraints are looked at with each statement, and not at the end, which no call is told of.
        self._is_immediate = engine.dialect.name != "postgresql"

    @property
    def is_borrowed(self) -> bool:
        return False

    def _opened(self) -> Connection:
        try:
            connection = self._engine.connect()
        except SQLAlchemyError as error:
            raise DriverError(None, f"{type(error).__name__}: {error}", lost=True) from error
        connection.begin()
        return connection

    def _turned_away(self, connection: Connection) -> None:
        connection.close()

    def control(self, texts: Sequence[str]) -> None:
        if not self._is_immediate:
            self._is_immediate = True
            texts = ["SET CONSTRAINTS ALL IMMEDIATE", *texts]
        super().control(texts)

    def discard(self) -> None:
        self._is_discarded = True
        super().discard()

    def close(self) -> None:
        self._let_go()
        connection, self._connection, self._driver = self._connection, None, None
        if connection is None or connection.closed:
            return
        try:
            if not self._is_discarded and not connection.invalidated:
                connection.commit()
        except (SQLAlchemyError, connection.dialect.loaded_dbapi.Error) as error:
            logging.getLogger("ormai.sqlalchemy").error("a call was not committed", exc_info=error)
            # SQLite leaves the transaction open, and SQLAlchemy takes it for ended.
            connection.invalidate()
            raise ConflictError(
                "the call was not committed, and nothing of it is stored",
                hint="a constraint that is looked at last stands against it, or the connection was lost",
            ) from None
        finally:
            connection.close()
