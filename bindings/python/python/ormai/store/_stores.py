"""The stores of audit records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._drive import done, drive, told
from ._record import AuditRecord, AuditRecords

if TYPE_CHECKING:
    import os

    from .._native import Running, Store


class AuditStore:
    """Where records are kept: append-only, in chains, so that what is changed afterwards is found.

    It opens when it is first used. Its methods are awaited; `sync` has the same ones for code without an event
    loop.
    """

    __slots__ = ("_store",)

    _store: Store | None

    def __init__(self) -> None:
        self._store = None

    def _connecting(self) -> Running | Store:
        """The store itself, or what comes to it."""
        raise NotImplementedError

    @property
    def sync(self) -> SyncAuditStore:
        """The same store for code without an event loop."""
        return SyncAuditStore(self)

    async def query(
        self, *, filters: Mapping[str, Any] | None = None, limit: int = 100, cursor: str | None = None
    ) -> AuditRecords:
        """Closed records, the newest first.

        Args:
            filters: what must hold of all of them: `tenant_id`, `user_id` (None asks for records without one), `id`,
                `request_id`, `trace_id`, `approval_id`, `transaction`, `parent`; `tool_name`, `model`, `action`,
                `outcome`, `error_code`, each a word or a list of which one is enough; `success`, `bypass`;
                `timestamp_gte`, `timestamp_gt`, `timestamp_lte`, `timestamp_lt`.
            limit: the most records.
            cursor: `next_cursor` of the page before, with the same filters.

        Raises:
            ValidationError: a filter is not known or of another type.
            AuditUnavailableError: the store cannot be read.
        """
        store = await self.opened()
        return _records(await _awaited(_asked(store, filters, limit, cursor)))

    async def install(self) -> list[str]:
        """Makes what the store needs, where it is missing.

        Returns:
            The names of what was made.

        Raises:
            AuditUnavailableError: the store cannot be reached or written.
        """
        made: list[str] = await _awaited((await self.opened()).install())
        return made

    async def opened(self) -> Store:
        """The engine's own store, opened if it was not before."""
        if self._store is None:
            store = _connected(self)
            self._store = store if not _is_running(store) else await _awaited(store)
        return self._store

    def opened_sync(self) -> Store:
        """As `opened`, and blocks."""
        if self._store is None:
            store = _connected(self)
            self._store = store if not _is_running(store) else _blocked(store)
        return self._store


class JsonlAuditStore(AuditStore):
    """Records in a file, one JSON object a line; several processes may append to it.

    Args:
        path: the file, on a local disk.
        rotate_bytes: a file is closed before it has more bytes, and another begun. None lets it grow.
        rotate_after_seconds: a file is closed so long after its first line. None lets it grow old.
    """

    __slots__ = ("_path", "_rotation")

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        rotate_bytes: int | None = 64 << 20,
        rotate_after_seconds: int | None = 86_400,
    ) -> None:
        super().__init__()
        from os import fspath

        self._path = fspath(path)
        self._rotation = (rotate_bytes, rotate_after_seconds)

    def _connecting(self) -> Running | Store:
        from .._native import Store

        size, age = self._rotation
        return Store.jsonl(self._path, rotate_bytes=size, rotate_after_seconds=age)

    def __repr__(self) -> str:
        return f"JsonlAuditStore({self._path!r})"


class SqlAuditStore(AuditStore):
    """Records in a database, over connections of its own.

    Of SQLite it is another file than that of the data: a transaction that writes there would keep its own
    records from being taken.

    Args:
        url: `postgres://user@host/name`, `mysql://user@host/name` or `sqlite:path`.
        install: whether to make its tables where they are missing when it is mounted; otherwise its role needs no
            right to, and `install()` is for whoever has it.
    """

    __slots__ = ("_install", "_url")

    def __init__(self, url: str, *, install: bool = False) -> None:
        super().__init__()
        if not isinstance(url, str):
            raise TypeError(f"the URL of an audit store must be text, and this is {type(url).__name__}")
        self._url = url
        self._install = install

    def _connecting(self) -> Running | Store:
        from .._native import Store

        return Store.sql(self._url, install=self._install)

    def __repr__(self) -> str:
        # The URL may hold a password.
        return f"SqlAuditStore('{self._url.partition(':')[0]}:…')"


class MemoryAuditStore(AuditStore):
    """Records that are gone with the process, for tests."""

    __slots__ = ()

    def _connecting(self) -> Running | Store:
        from .._native import Store

        return Store.memory()

    def __repr__(self) -> str:
        return "MemoryAuditStore()"


class SyncAuditStore:
    """An audit store for code without an event loop."""

    __slots__ = ("_of",)

    def __init__(self, of: AuditStore) -> None:
        self._of = of

    def query(
        self, *, filters: Mapping[str, Any] | None = None, limit: int = 100, cursor: str | None = None
    ) -> AuditRecords:
        """As `AuditStore.query`."""
        return _records(_blocked(_asked(self._of.opened_sync(), filters, limit, cursor)))

    def install(self) -> list[str]:
        """As `AuditStore.install`."""
        made: list[str] = _blocked(self._of.opened_sync().install())
        return made


def _connected(of: AuditStore) -> Any:
    try:
        return of._connecting()
    except Exception as error:
        raise told(error) from None


def _is_running(value: object) -> bool:
    from .._native import Running

    return isinstance(value, Running)


async def _awaited(running: Any) -> Any:
    from .._drive_async import drive as drive_async

    return done(await drive_async(running, None, no_tool))


def _blocked(running: Any) -> Any:
    return done(drive(running, None, no_tool))


def no_tool(name: str, _arguments: Any, _context: Any) -> Any:
    """No tool is called by a store."""
    raise RuntimeError(f"a store asked for the tool `{name}`")


def _asked(store: Store, filters: Mapping[str, Any] | None, limit: int, cursor: str | None) -> Running:
    try:
        return store.query({} if filters is None else dict(filters), limit, cursor)
    except Exception as error:
        raise told(error) from None


def _records(page: Mapping[str, Any]) -> AuditRecords:
    return AuditRecords((AuditRecord(each) for each in page["records"]), page["next_cursor"])
