"""Stepping a call on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from ._drive import DATABASE_ORDERS, Connection, ToolCall, answered, pump, refused, required, told, undo, unknown

if TYPE_CHECKING:
    from ._drive import Order
    from ._native import Running


async def drive(
    running: Running, connection: Connection | None, call_tool: ToolCall, order: Order | None = None
) -> Order:
    """Steps a call until it is done, or calls are to be made inside of it.

    On a synchronous connection statements run on the caller's thread, and the event loop waits for them.

    Raises:
        OrmAiError: it could not be set up.
    """
    try:
        order = running.step() if order is None else order
        while True:
            kind = order[0]
            if kind in ("done", "inside"):
                return order
            if kind in DATABASE_ORDERS:
                connection = required(connection)
                if connection.is_async:
                    order = await connection.run_sync(pump, running, order, connection)
                else:
                    order = pump(running, order, connection)
            elif kind == "wait":
                await ready(running)
                order = running.step()
            elif kind == "tool":
                order = await _tool_called(running, order, call_tool)
            else:
                raise unknown(kind)
    except GeneratorExit:
        # The coroutine is thrown away, and can await nothing any more.
        texts = running.cancel()
        if connection is not None and connection.is_async:
            if texts:
                connection.discard()
        else:
            undo(texts, connection)
        raise
    except BaseException as error:
        await undone(running.cancel(), connection)
        failure = told(error)
        if failure is error:
            raise
        raise failure from None


async def undone(texts: Sequence[str], connection: Connection | None) -> None:
    """Undoes on the host's connection what is open of a call that was given up."""
    if texts and connection is not None and connection.is_async:
        await settled(connection.run_sync(undo, texts, connection))
    else:
        undo(texts, connection)


async def _tool_called(running: Running, order: Order, call_tool: ToolCall) -> Order:
    _, name, arguments, context = order
    try:
        answer = call_tool(name, arguments, context)
        if isinstance(answer, Awaitable):
            answer = await answer
    except Exception as error:
        return refused(running, name, error)
    return answered(running, name, answer)


async def closed(connection: Connection) -> None:
    """Gives back a connection that was opened for a call, or lets go of the caller's."""
    if connection.is_async and not connection.is_borrowed:
        await settled(connection.run_sync(connection.close))
    else:
        connection.close()


async def ready(running: Running) -> None:
    """Waits until stepping makes sense."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not future.done():
            future.set_result(None)

    def called_from_anywhere() -> None:
        try:
            loop.call_soon_threadsafe(wake)
        except RuntimeError:
            # The loop is closed, and nobody waits any more.
            return

    running.on_ready(called_from_anywhere)
    await future


async def settled(work: Awaitable[Any]) -> Any:
    """Waits for something to its end, also where the waiting itself is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except BaseException:
            break
    if cancelled is not None:
        # The task's own end is not lost: it is told where somebody asks for it.
        if not task.cancelled():
            task.exception()
        raise cancelled
    return task.result()
