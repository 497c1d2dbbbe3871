"""Calls that are kept together, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._drive import drive, undo
from ..core._context import InnerContext
from ..core.errors import InternalError, OrmAiError
from ._engine import Engine, Place, outcome, reject_async

if TYPE_CHECKING:
    from .._drive import Order
    from .._native import Running
    from ..core import RunContext


class _Begun:
    """A transaction in the making."""

    __slots__ = ("_ctx", "_engine", "_inner", "_place", "_running")

    def __init__(self, engine: Engine, ctx: RunContext) -> None:
        self._engine = engine
        self._ctx = ctx
        self._place: Place | None = None
        self._running: Running | None = None
        self._inner: InnerContext | None = None

    def _begin(self) -> tuple[Place, Running]:
        if self._place is not None:
            raise RuntimeError("a transaction is entered once: make another one")
        self._place = self._engine.place(self._ctx)
        self._running = self._engine.native.transaction(self._place.context)
        return self._place, self._running

    def _entered(self, order: Order) -> RunContext:
        if order[0] != "inside":
            outcome(order).unwrap()
            raise InternalError("the transaction ended before it was begun")
        assert self._place is not None
        self._inner = InnerContext.inside(self._ctx, (order[1], self._place.connection))
        return self._inner

    def _end(self) -> tuple[Place, Running]:
        assert self._place is not None and self._running is not None and self._inner is not None
        self._inner.end()
        return self._place, self._running


def _answered(running: Running, raised: BaseException | None) -> Order:
    """Says whether what was done inside is to be kept."""
    if isinstance(raised, OrmAiError):
        # So that the transaction's record tells why.
        return running.refuse(raised.to_dict())
    return running.step(raised is None)


class Transaction(_Begun):
    """What `Toolset.transaction` gives: an async context manager."""

    __slots__ = ()

    async def __aenter__(self) -> RunContext:
        from .._drive_async import closed
        from .._drive_async import drive as drive_async

        place, running = self._begin()
        try:
            return self._entered(await drive_async(running, place.connection, self._engine.no_tool))
        except BaseException:
            if place.is_own and place.connection is not None:
                await closed(place.connection)
            raise

    async def __aexit__(self, _kind: object, raised: BaseException | None, _trace: object) -> None:
        from .._drive_async import settled

        if raised is None:
            await self._ended(None)
        else:
            # Also where the block was cancelled, and is cancelled again, it is undone to its end.
            await settled(self._ended(raised))

    async def _ended(self, raised: BaseException | None) -> None:
        from .._drive_async import closed, undone
        from .._drive_async import drive as drive_async

        place, running = self._end()
        try:
            try:
                order = _answered(running, raised)
            except BaseException:
                await undone(running.cancel(), place.connection)
                raise
            order = await drive_async(running, place.connection, self._engine.no_tool, order)
            if raised is None:
                outcome(order).unwrap()
        finally:
            if place.is_own and place.connection is not None:
                await closed(place.connection)


class SyncTransaction(_Begun):
    """What `SyncToolset.transaction` gives: a context manager."""

    __slots__ = ()

    def __enter__(self) -> RunContext:
        place, running = self._begin()
        try:
            reject_async(place.connection)
            return self._entered(drive(running, place.connection, self._engine.no_tool))
        except BaseException:
            if place.is_own and place.connection is not None and not place.connection.is_async:
                place.connection.close()
            raise

    def __exit__(self, _kind: object, raised: BaseException | None, _trace: object) -> None:
        place, running = self._end()
        try:
            try:
                order = _answered(running, raised)
            except BaseException:
                undo(running.cancel(), place.connection)
                raise
            order = drive(running, place.connection, self._engine.no_tool, order)
            if raised is None:
                outcome(order).unwrap()
        finally:
            if place.is_own and place.connection is not None:
                place.connection.close()
