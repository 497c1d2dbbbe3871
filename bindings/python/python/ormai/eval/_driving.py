"""Evaluations under way, on the connection of a context."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .._drive import drive, told
from ..core import RunContext
from ..tools._engine import Engine, reject_async
from ..tools._listing import Listing

if TYPE_CHECKING:
    from .._drive import ToolCall
    from .._native import Context, Native, Running
    from ..core import Principal
    from ..tools._engine import Place
    from ._invariants import Invariant

    Begin = Callable[[Context], Running]
    """Begins an evaluation in the engine's context."""

_ASKED = "invariant:"


def engine_of(toolset: Listing) -> Engine:
    """The engine of a toolset, or of its sync twin.

    Raises:
        TypeError: it is no toolset.
    """
    if not isinstance(toolset, Listing):
        raise TypeError(f"`toolset` must be a Toolset, and this is {type(toolset).__name__}")
    return toolset._engine


def native_of(engine: Engine) -> Native:
    """The engine itself, past a recorder."""
    native: Native = getattr(engine.native, "native", engine.native)
    return native


async def awaited(
    engine: Engine,
    ctx: RunContext,
    begin: Begin,
    checks: Sequence[Invariant] = (),
    principal: Principal | None = None,
) -> Any:
    """What an evaluation comes to, of calls by the principal of the context or another one.

    Raises:
        OrmAiError: it cannot be made.
    """
    from .._drive_async import closed
    from .._drive_async import drive as drive_async

    place = engine.place(ctx)
    try:
        running = _begun(begin, place)
        return (await drive_async(running, place.connection, _asked(engine, _by(ctx, principal), place, checks)))[1]
    finally:
        if place.is_own and place.connection is not None:
            await closed(place.connection)


def blocked(
    engine: Engine,
    ctx: RunContext,
    begin: Begin,
    checks: Sequence[Invariant] = (),
    principal: Principal | None = None,
) -> Any:
    """As `awaited`, and blocks.

    Raises:
        OrmAiError: it cannot be made.
        TypeError: the context has an AsyncSession.
    """
    place = engine.place(ctx)
    reject_async(place.connection)
    try:
        running = _begun(begin, place)
        return drive(running, place.connection, _asked(engine, _by(ctx, principal), place, checks))[1]
    finally:
        if place.is_own and place.connection is not None:
            place.connection.close()


def _begun(begin: Begin, place: Place) -> Running:
    try:
        return begin(place.context)
    except Exception as error:
        raise told(error) from None


def _by(ctx: RunContext, principal: Principal | None) -> RunContext:
    """The circumstances of a call by another principal, as tools of the project's own are told them."""
    if principal is None:
        return ctx
    return RunContext(principal, ctx.db, None, ctx.trace_id, ctx.now, ctx.metadata)


def _asked(engine: Engine, ctx: RunContext, place: Place, checks: Sequence[Invariant]) -> ToolCall:
    """How the evaluation asks an invariant of Python's, and calls tools of the project's own."""
    call_tool = engine.call_tool(ctx, place.connection)

    def called(name: str, arguments: Any, context: Any) -> Any:
        if name.startswith(_ASKED):
            return checks[int(name.removeprefix(_ASKED))].decided(arguments)
        return call_tool(name, arguments, context)

    return called
