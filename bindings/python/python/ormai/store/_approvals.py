"""The stores of writes that wait for an approval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._drive import done, drive, told
from ._stores import no_tool
from ._url import checked, shown

if TYPE_CHECKING:
    from .._native import Approvals, Running


class ApprovalStore:
    """Where writes wait for an approval: as they were asked for, with the principal's metadata.

    It needs the care that the database does. It opens when it is mounted.
    """

    __slots__ = ("_store",)

    _store: Approvals | None

    def __init__(self) -> None:
        self._store = None

    def _connecting(self) -> Running | Approvals:
        """The store itself, or what comes to it."""
        raise NotImplementedError

    async def opened(self) -> Approvals:
        """The engine's own store, opened if it was not before."""
        if self._store is None:
            from .._drive_async import drive as drive_async

            store = _connected(self)
            self._store = done(await drive_async(store, None, no_tool)) if _is_running(store) else store
        assert self._store is not None
        return self._store

    def opened_sync(self) -> Approvals:
        """As `opened`, and blocks."""
        if self._store is None:
            store = _connected(self)
            self._store = done(drive(store, None, no_tool)) if _is_running(store) else store
        assert self._store is not None
        return self._store


class SqlApprovalStore(ApprovalStore):
    """Writes that wait in a table of a database, over connections of its own.

    On SQLite a caller's transaction keeps others from writing to its file, so it needs another file there.

    Args:
        url: `postgres://user@host/name`, `mysql://user@host/name` or `sqlite:path`.
        install: whether to make the table where it is missing.
    """

    __slots__ = ("_install", "_url")

    def __init__(self, url: str, *, install: bool = False) -> None:
        super().__init__()
        self._url = checked(url, "a store of approvals")
        self._install = install

    def _connecting(self) -> Running | Approvals:
        from .._native import Approvals

        return Approvals.sql(self._url, install=self._install)

    def __repr__(self) -> str:
        return shown(self, self._url)


class MemoryApprovalStore(ApprovalStore):
    """Writes that wait, and are gone with the process."""

    __slots__ = ()

    def _connecting(self) -> Running | Approvals:
        from .._native import Approvals

        return Approvals.memory()

    def __repr__(self) -> str:
        return "MemoryApprovalStore()"


def _connected(of: ApprovalStore) -> Any:
    try:
        return of._connecting()
    except Exception as error:
        raise told(error) from None


def _is_running(value: object) -> bool:
    from .._native import Running

    return isinstance(value, Running)
