"""Stepping a call: the engine hands out orders, and they are carried out here.

No frame of the engine is on the stack while a driver runs, so that drivers may switch greenlets.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from .core.errors import InternalError, OrmAiError

if TYPE_CHECKING:
    from ._native import Running

Order = tuple[Any, ...]
"""What the engine needs of its host; `_orders` has the forms, which are what they say they are."""

Fetched = tuple[Sequence[Sequence[Any]], int, "int | None", "Sequence[int] | None"]
"""Rows, how many rows were changed, the key that the database made, and the types of the columns."""


class DriverError(Exception):
    """What a database driver failed with.

    Args:
        code: SQLSTATE, or the engine's own number as text; None where there is none.
        message: the driver's words, for the operator's log.
        lost: whether the connection is gone.
    """

    def __init__(self, code: str | None, message: str, lost: bool = False) -> None:
        super().__init__(code, message, lost)
        self.code = code
        self.message = message
        self.lost = lost


class Connection(Protocol):
    """A connection of the host's, on which the statements of calls run.

    What it does is synchronous, also where `is_async`: then it is only done inside of `run_sync`. Nothing is
    asked of the database before the first order.
    """

    @property
    def wire(self) -> str:
        """How its driver takes parameters."""

    @property
    def is_async(self) -> bool:
        """Whether its driver needs an event loop."""

    def control(self, texts: Sequence[str]) -> None:
        """Runs statements of transactions and settings."""

    def fixed(self, sql: str, params: Sequence[Any]) -> Fetched:
        """Runs a statement on the project's own tables."""

    def statement(
        self,
        sql: str,
        params: Sequence[Any],
        limit_ms: int,
        is_change: bool,
        columns: Sequence[str],
        before: Sequence[str],
        after: Sequence[str],
    ) -> Fetched:
        """Runs a statement of a request, and the texts of transactions and settings around it."""

    def run_sync(self, function: Callable[..., Any], *arguments: Any) -> Awaitable[Any]:
        """Runs a function in which the connection may be used; only where `is_async`."""

    @property
    def is_open(self) -> bool:
        """Whether anything was run on it, so that there may be something to undo."""

    @property
    def is_borrowed(self) -> bool:
        """Whether it is the caller's: then it stays open."""

    def discard(self) -> None:
        """Something that was begun on it could not be undone: it must not be committed."""

    def close(self) -> None:
        """Gives back what was opened for this call, or lets go of the caller's."""


ToolCall = Callable[[str, Any, Any], Any]
"""Calls a tool of the project's own: by its name, with the arguments, in the engine's context."""

DATABASE_ORDERS = frozenset(("control", "fixed", "statement"))


def pump(running: Running, order: Order, connection: Connection) -> Order:
    """Carries out orders to the database until there is one of another kind."""
    while True:
        kind = order[0]
        answer: object = None
        try:
            if kind == "statement":
                answer = connection.statement(*order[1:])
            elif kind == "fixed":
                answer = connection.fixed(*order[1:])
            elif kind == "control":
                connection.control(order[1])
            else:
                return order
        except DriverError as error:
            order = running.fail(error.code, error.message, error.lost)
        else:
            order = running.step(answer)


def drive(running: Running, connection: Connection | None, call_tool: ToolCall, order: Order | None = None) -> Order:
    """Steps a call until it is done, or calls are to be made inside of it. Blocks.

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
                order = pump(running, order, required(connection))
            elif kind == "wait":
                running.wait()
                order = running.step()
            elif kind == "tool":
                order = _tool_called(running, order, call_tool)
            else:
                raise unknown(kind)
    except BaseException as error:
        undo(running.cancel(), connection)
        failure = told(error)
        if failure is error:
            raise
        raise failure from None


def _tool_called(running: Running, order: Order, call_tool: ToolCall) -> Order:
    _, name, arguments, context = order
    try:
        answer = call_tool(name, arguments, context)
        if _is_awaitable(answer):
            answer = _run_alone(answer)
    except Exception as error:
        return refused(running, name, error)
    return answered(running, name, answer)


def answered(running: Running, tool: str, answer: Any) -> Order:
    """Tells the engine what a tool of the project's own answered."""
    try:
        return running.step(answer)
    except (TypeError, ValueError) as error:
        # It has no JSON form, and the engine still waits for an answer.
        return refused(running, tool, error)


def refused(running: Running, tool: str, error: Exception) -> Order:
    """Tells the engine why a tool of the project's own did not answer."""
    try:
        return running.refuse(refusal(tool, error))
    except (TypeError, ValueError) as misfit:
        # What it says of itself has no JSON form.
        return running.refuse(refusal(tool, misfit))


def _is_awaitable(value: object) -> bool:
    return hasattr(type(value), "__await__")


def _run_alone(awaitable: Awaitable[Any]) -> Any:
    """Runs an async tool for a caller that has no event loop."""
    import asyncio

    async def awaited() -> Any:
        return await awaitable

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(awaited())
    close = getattr(awaitable, "close", None)
    if close is not None:
        close()
    raise InternalError(
        "an async tool was called through `sync` inside of an event loop",
        hint="call it with `await toolset.call(…)`",
    )


def refusal(tool: str, error: Exception) -> dict[str, Any]:
    """What the caller of a tool of the project's own may know of an exception in it."""
    if isinstance(error, OrmAiError):
        return error.to_dict()
    import logging

    logging.getLogger("ormai.tools").error("the tool %r failed", tool, exc_info=error)
    return {"code": "INTERNAL", "message": f"the tool `{tool}` failed", "retryable": False}


def required(connection: Connection | None) -> Connection:
    """The connection that an order needs."""
    if connection is None:
        raise InternalError("the engine asked for a connection of the host's, and there is none")
    return connection


def unknown(kind: str) -> OrmAiError:
    """An order that this version does not know."""
    return InternalError(f"the engine asked for `{kind}`, which this version of the package does not know")


def undo(texts: Sequence[str], connection: Connection | None) -> None:
    """Undoes on the host's connection what is open of a call that was given up."""
    # A call that was turned away has left nothing on it, and the next one's is not its to undo.
    if connection is None or not connection.is_open:
        return
    failed = False
    # Each of them also where one before it failed.
    for text in texts:
        try:
            connection.control([text])
        except Exception:
            failed = True
    if failed:
        connection.discard()


def told(error: BaseException) -> BaseException:
    """What the engine raised as one of the package's exceptions; any other as it is."""
    from ._native import NativeError

    if isinstance(error, NativeError):
        return OrmAiError.from_dict(error.error or {"message": str(error)})
    return error


def done(order: Order) -> Any:
    """The outcome of a call that is done."""
    if order[0] != "done":
        raise unknown(order[0])
    return order[1]
