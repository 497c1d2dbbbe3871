"""The stores of audit records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._drive import done, drive, told
from ._record import AuditRecord, AuditRecords
from ._url import checked, shown

if TYPE_CHECKING:
    import os
    from typing import Literal

    from .._native import Running, Store

    Filters = Mapping[str, Any]


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
        self, *, filters: Filters | None = None, limit: int = 100, cursor: str | None = None
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

    async def verify(
        self,
        *,
        mac_key: str | bytes | None = None,
        public_keys: Sequence[str] = (),
        checkpoints: Sequence[str] = (),
        accept_unkeyed: bool = False,
    ) -> dict[str, Any]:
        """Whether the store is what its writers wrote.

        Args:
            mac_key: the secret that keys the chains; without it links, tree roots and signatures are looked at.
            public_keys: whose signatures checkpoints bear.
            checkpoints: copies that were kept elsewhere, a line each: lines that they cover are missed when they are
                cut off.
            accept_unkeyed: whether chains from before there was a key are good.

        Returns:
            `{"ok", "store", "first", "report"}`: whether it is, the first bad line, and what was looked at.

        Raises:
            AuditUnavailableError: the store cannot be read.
        """
        store = await self.opened()
        report: dict[str, Any] = await _awaited(_verifying(store, mac_key, public_keys, checkpoints, accept_unkeyed))
        return report

    async def export(self, format: Literal["jsonl", "csv"] = "jsonl", *, filters: Filters | None = None) -> str:
        """The records as one text, in the order of their appending. Without filters the lines of `jsonl` are those of
        the store, and verify.

        Raises:
            ValidationError: a filter is not known or of another type.
            AuditUnavailableError: the store cannot be read.
        """
        text: str = (await _awaited(_exporting(await self.opened(), format, filters)))["text"]
        return text

    async def stats(self, *, filters: Filters | None = None, top: int = 20) -> dict[str, Any]:
        """How many calls there were, by time, tenant, tool, model and error code; how they ended, and how long they
        took.

        Args:
            filters: as in `query`.
            top: how many groups of each kind are told.

        Returns:
            `{"all", "from", "to", "tenants", "tools", "models", "error_codes", "times", "unreadable"}`.

        Raises:
            ValidationError: a filter is not known or of another type.
            AuditUnavailableError: the store cannot be read.
        """
        stats: dict[str, Any] = await _awaited(_counting(await self.opened(), filters, top))
        return stats

    async def opened(self) -> Store:
        """The engine's own store, opened if it was not before."""
        if self._store is None:
            store = _connected(self)
            store = await _awaited(store) if _is_running(store) else store
            # Another task may have opened it meanwhile.
            self._store = self._store or store
        assert self._store is not None
        return self._store

    def opened_sync(self) -> Store:
        """As `opened`, and blocks."""
        if self._store is None:
            store = _connected(self)
            self._store = _blocked(store) if _is_running(store) else store
        assert self._store is not None
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
        self._url = checked(url, "an audit store")
        self._install = install

    def _connecting(self) -> Running | Store:
        from .._native import Store

        return Store.sql(self._url, install=self._install)

    def __repr__(self) -> str:
        return shown(self, self._url)


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

    def query(self, *, filters: Filters | None = None, limit: int = 100, cursor: str | None = None) -> AuditRecords:
        """As `AuditStore.query`."""
        return _records(_blocked(_asked(self._of.opened_sync(), filters, limit, cursor)))

    def install(self) -> list[str]:
        """As `AuditStore.install`."""
        made: list[str] = _blocked(self._of.opened_sync().install())
        return made

    def verify(
        self,
        *,
        mac_key: str | bytes | None = None,
        public_keys: Sequence[str] = (),
        checkpoints: Sequence[str] = (),
        accept_unkeyed: bool = False,
    ) -> dict[str, Any]:
        """As `AuditStore.verify`."""
        store = self._of.opened_sync()
        report: dict[str, Any] = _blocked(_verifying(store, mac_key, public_keys, checkpoints, accept_unkeyed))
        return report

    def export(self, format: Literal["jsonl", "csv"] = "jsonl", *, filters: Filters | None = None) -> str:
        """As `AuditStore.export`."""
        text: str = _blocked(_exporting(self._of.opened_sync(), format, filters))["text"]
        return text

    def stats(self, *, filters: Filters | None = None, top: int = 20) -> dict[str, Any]:
        """As `AuditStore.stats`."""
        stats: dict[str, Any] = _blocked(_counting(self._of.opened_sync(), filters, top))
        return stats


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


def _asked(store: Store, filters: Filters | None, limit: int, cursor: str | None) -> Running:
    return begun(store.query, _plain(filters), limit, cursor)


def _exporting(store: Store, format: str, filters: Filters | None) -> Running:
    return begun(store.export, format, _plain(filters))


def _counting(store: Store, filters: Filters | None, top: int) -> Running:
    return begun(store.stats, _plain(filters), top=top)


def _verifying(
    store: Store,
    mac_key: str | bytes | None,
    public_keys: Sequence[str],
    checkpoints: Sequence[str],
    accept_unkeyed: bool,
) -> Running:
    return begun(
        store.verify,
        mac_key=mac_key.encode() if isinstance(mac_key, str) else mac_key,
        public_keys=list(public_keys),
        checkpoints=list(checkpoints),
        accept_unkeyed=accept_unkeyed,
    )


def begun(begin: Callable[..., Running], *given: Any, **named: Any) -> Running:
    """Begins something of the engine's."""
    try:
        return begin(*given, **named)
    except Exception as error:
        raise told(error) from None


def _plain(filters: Filters | None) -> dict[str, Any]:
    return {} if filters is None else dict(filters)


def _records(page: Mapping[str, Any]) -> AuditRecords:
    return AuditRecords((AuditRecord(each) for each in page["records"]), page["next_cursor"])
