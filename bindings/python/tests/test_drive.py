"""Stepping a call, with an engine that follows a script."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from ormai import _drive, _drive_async
from ormai._drive import DriverError
from ormai.core.errors import ConflictError, InternalError, OrmAiError

Order = tuple[Any, ...]
DONE: Order = ("done", "outcome")


class Running:
    """Hands out orders one after the other, and keeps what was answered."""

    def __init__(self, *orders: Order, undo: Sequence[str] = (), wakes: bool = True) -> None:
        self.orders = list(orders)
        self.answers: list[Any] = []
        self.undo = list(undo)
        self.is_cancelled = False
        self.wakes = wakes
        self.waiting: Callable[[], None] | None = None

    def _next(self, answer: Any) -> Order:
        self.answers.append(answer)
        return self.orders.pop(0)

    def step(self, answer: object = None) -> Order:
        return self._next(answer)

    def fail(self, code: str | None, message: str, lost: bool = False) -> Order:
        return self._next(("failed", code, message, lost))

    def refuse(self, error: dict[str, Any]) -> Order:
        return self._next(("refused", error))

    def wait(self) -> None:
        self.answers.append("waited")

    def on_ready(self, callback: Callable[[], None]) -> None:
        self.waiting = callback
        if self.wakes:
            threading.Thread(target=callback).start()

    def cancel(self) -> list[str]:
        assert not self.is_cancelled
        self.is_cancelled = True
        return self.undo


class Connection:
    """Answers each statement with its text, or with what it is told to raise."""

    wire = "sqlite"
    is_async = False
    is_borrowed = True
    is_open = True

    def __init__(self, raises: BaseException | None = None, in_control: Exception | None = None) -> None:
        self.raises = raises
        self.in_control = in_control
        self.controls: list[str] = []
        self.threads: set[int] = set()
        self.is_discarded = False

    def control(self, texts: Sequence[str]) -> None:
        self.threads.add(threading.get_ident())
        if self.in_control is not None:
            raise self.in_control
        self.controls += texts

    def fixed(self, sql: str, params: Sequence[Any]) -> Any:
        return self.statement(sql, params, 0, False, (), (), ())

    def statement(
        self,
        sql: str,
        params: Sequence[Any],
        limit_ms: int,
        is_change: bool,
        columns: Sequence[str],
        before: Sequence[str],
        after: Sequence[str],
    ) -> Any:
        self.threads.add(threading.get_ident())
        if self.raises is not None:
            raise self.raises
        return ([[sql, *params]], 1, None, None)

    def run_sync(self, function: Callable[..., Any], *arguments: Any) -> Awaitable[Any]:
        raise AssertionError("a synchronous connection has no run_sync")

    def discard(self) -> None:
        self.is_discarded = True

    def close(self) -> None:
        raise AssertionError("the caller's connection is not closed")


class AsyncConnection(Connection):
    """The same where everything happens inside of `run_sync`."""

    is_async = True

    def __init__(self, raises: BaseException | None = None, in_control: Exception | None = None) -> None:
        super().__init__(raises, in_control)
        self.entered = 0
        self.is_inside = False

    def control(self, texts: Sequence[str]) -> None:
        assert self.is_inside
        super().control(texts)

    def statement(self, *order: Any) -> Any:
        assert self.is_inside
        return super().statement(*order)

    async def run_sync(self, function: Callable[..., Any], *arguments: Any) -> Any:
        await asyncio.sleep(0)
        self.entered += 1
        self.is_inside = True
        try:
            return function(*arguments)
        finally:
            self.is_inside = False


def statement(sql: str) -> Order:
    return ("statement", sql, ("?",), 5000, False, ("text",), (), ())


def no_tool(name: str, arguments: Any, context: Any) -> Any:
    raise AssertionError("no tool was asked for")


def drive(running: Running, connection: Any, call_tool: Any = no_tool, *, way: str) -> Order:
    """Drives a call in one of the ways in which calls are driven."""
    if way == "sync":
        return _drive.drive(running, connection, call_tool)  # type: ignore[arg-type]
    return asyncio.run(_drive_async.drive(running, connection, call_tool))  # type: ignore[arg-type]


WAYS = pytest.mark.parametrize(
    ("way", "kind"), [("sync", Connection), ("async", Connection), ("async", AsyncConnection)]
)


@WAYS
def test_each_order_is_carried_out_and_answered(way: str, kind: type[Connection]) -> None:
    running = Running(("control", ["BEGIN"]), statement("a"), ("fixed", "b", ()), ("wait",), statement("c"), DONE)
    connection = kind()
    assert drive(running, connection, way=way) == DONE
    rows = [answer for answer in running.answers if isinstance(answer, tuple)]
    assert rows == [([[*text, *params]], 1, None, None) for text, params in [("a", "?"), ("b", ""), ("c", "?")]]
    assert connection.controls == ["BEGIN"]
    assert not running.is_cancelled


@WAYS
def test_statements_run_on_the_callers_thread(way: str, kind: type[Connection]) -> None:
    connection = kind()
    drive(Running(statement("a"), ("wait",), statement("b"), DONE), connection, way=way)
    assert connection.threads == {threading.get_ident()}


def test_statements_that_follow_each_other_enter_the_greenlet_once() -> None:
    connection = AsyncConnection()
    orders = [statement("a"), statement("b"), ("wait",), statement("c"), DONE]
    drive(Running(*orders), connection, way="async")
    assert connection.entered == 2


@WAYS
def test_what_the_driver_fails_with_is_told_to_the_engine(way: str, kind: type[Connection]) -> None:
    running = Running(statement("a"), DONE)
    drive(running, kind(DriverError("23505", "duplicate key", lost=True)), way=way)
    assert running.answers == [None, ("failed", "23505", "duplicate key", True)]
    assert not running.is_cancelled


class Unexpected(BaseException):
    """What no driver is known to raise."""


@WAYS
@pytest.mark.parametrize("raised", [ZeroDivisionError(), Unexpected(), KeyboardInterrupt()])
def test_what_else_is_raised_undoes_what_is_open(way: str, kind: type[Connection], raised: BaseException) -> None:
    running = Running(statement("a"), undo=["ROLLBACK TO x"])
    connection = kind(raised)
    with pytest.raises(type(raised)):
        drive(running, connection, way=way)
    assert running.is_cancelled
    assert connection.controls == ["ROLLBACK TO x"]
    assert not connection.is_discarded


@WAYS
def test_a_connection_on_which_nothing_can_be_undone_is_discarded(way: str, kind: type[Connection]) -> None:
    connection = kind(ZeroDivisionError(), in_control=DriverError("08006", "gone", lost=True))
    with pytest.raises(ZeroDivisionError):
        drive(Running(statement("a"), undo=["ROLLBACK TO x"]), connection, way=way)
    assert connection.is_discarded


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_call_without_a_connection_is_asked_for_none(way: str) -> None:
    assert drive(Running(("wait",), DONE), None, way=way) == DONE
    running = Running(statement("a"))
    with pytest.raises(InternalError, match="there is none"):
        drive(running, None, way=way)
    assert running.is_cancelled


@pytest.mark.parametrize("way", ["sync", "async"])
def test_an_order_of_a_later_engine_is_refused(way: str) -> None:
    running = Running(("dance", "tango"))
    with pytest.raises(InternalError, match="`dance`"):
        drive(running, Connection(), way=way)
    assert running.is_cancelled


def test_a_cancelled_call_is_undone_before_its_task_ends() -> None:
    running = Running(("control", ["SAVEPOINT x"]), ("wait",), undo=["ROLLBACK TO x"], wakes=False)
    connection = AsyncConnection()

    async def cancelled() -> None:
        task = asyncio.ensure_future(_drive_async.drive(running, connection, no_tool))  # type: ignore[arg-type]
        while running.waiting is None:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert connection.controls == ["SAVEPOINT x", "ROLLBACK TO x"]
        # What it waited for comes to pass afterwards, and finds nobody.
        running.waiting()
        await asyncio.sleep(0)

    asyncio.run(cancelled())
    assert running.is_cancelled


def test_what_is_ready_after_the_event_loop_is_closed_wakes_nobody() -> None:
    running = Running(("wait",), wakes=False)

    async def cancelled() -> None:
        task = asyncio.ensure_future(_drive_async.drive(running, None, no_tool))  # type: ignore[arg-type]
        while running.waiting is None:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert running.waiting is not None
    running.waiting()


def test_a_call_that_is_cancelled_again_while_it_is_undone_is_undone_to_its_end() -> None:
    class Slow(AsyncConnection):
        async def run_sync(self, function: Callable[..., Any], *arguments: Any) -> Any:
            for _ in range(5):
                await asyncio.sleep(0)
            return await super().run_sync(function, *arguments)

    running = Running(("wait",), undo=["ROLLBACK TO x"], wakes=False)
    connection = Slow()

    async def cancelled() -> None:
        task = asyncio.ensure_future(_drive_async.drive(running, connection, no_tool))  # type: ignore[arg-type]
        while running.waiting is None:
            await asyncio.sleep(0)
        while not task.done():
            task.cancel()
            await asyncio.sleep(0)
        assert task.cancelled()

    asyncio.run(cancelled())
    assert connection.controls == ["ROLLBACK TO x"]


@pytest.mark.parametrize("kind", [Connection, AsyncConnection])
def test_a_call_whose_coroutine_is_thrown_away_is_undone_or_its_connection_discarded(kind: type[Connection]) -> None:
    running = Running(("wait",), undo=["ROLLBACK TO x"], wakes=False)
    connection = kind()

    async def thrown_away() -> None:
        call = _drive_async.drive(running, connection, no_tool)  # type: ignore[arg-type]
        call.send(None)
        call.close()

    asyncio.run(thrown_away())
    assert running.is_cancelled
    assert (connection.controls, connection.is_discarded) == (
        ([], True) if connection.is_async else (["ROLLBACK TO x"], False)
    )


async def async_tool(name: str, arguments: Any, context: Any) -> Any:
    await asyncio.sleep(0)
    return {"called": name, "with": arguments, "in": context}


def sync_tool(name: str, arguments: Any, context: Any) -> Any:
    return {"called": name, "with": arguments, "in": context}


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize("called", [async_tool, sync_tool])
def test_tools_are_called_in_the_context_of_the_engine(way: str, called: Any) -> None:
    running = Running(("tool", "cancel_order", {"id": 7}, "inner"), DONE)
    assert drive(running, Connection(), called, way=way) == DONE
    assert running.answers == [None, {"called": "cancel_order", "with": {"id": 7}, "in": "inner"}]


def test_an_async_tool_in_a_call_that_blocks_a_loop_is_refused() -> None:
    running = Running(("tool", "cancel_order", {}, "inner"), DONE)

    async def blocks() -> None:
        _drive.drive(running, Connection(), async_tool)  # type: ignore[arg-type]

    asyncio.run(blocks())
    (_, error) = running.answers[1]
    assert error["code"] == "INTERNAL"
    assert "await toolset.call" in error["hint"]


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_tools_refusal_is_told_as_it_is(way: str) -> None:
    def refuses(name: str, arguments: Any, context: Any) -> Any:
        raise ConflictError("the order is paid", hint="refund it first", details={"id": 7})

    running = Running(("tool", "cancel_order", {}, "inner"), DONE)
    drive(running, None, refuses, way=way)
    expected = {
        "code": "CONFLICT",
        "message": "the order is paid",
        "hint": "refund it first",
        "details": {"id": 7},
        "retryable": False,
    }
    assert running.answers[1] == ("refused", expected)


@pytest.mark.parametrize("way", ["sync", "async"])
def test_what_a_tool_fails_with_goes_to_the_log_and_not_to_the_caller(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(name: str, arguments: Any, context: Any) -> Any:
        raise ValueError("hunter2")

    running = Running(("tool", "cancel_order", {}, "inner"), DONE)
    with caplog.at_level(logging.ERROR, logger="ormai.tools"):
        drive(running, None, fails, way=way)
    expected = {"code": "INTERNAL", "message": "the tool `cancel_order` failed", "retryable": False}
    assert running.answers[1] == ("refused", expected)
    assert "hunter2" in caplog.text


@pytest.mark.parametrize("way", ["sync", "async"])
def test_an_answer_of_a_tool_that_is_no_json_is_a_failure_of_the_tool(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Picky(Running):
        def step(self, answer: object = None) -> Order:
            if isinstance(answer, set):
                raise TypeError("a set has no JSON form")
            return super().step(answer)

    running = Picky(("tool", "cancel_order", {}, "inner"), DONE)
    assert drive(running, None, lambda *_: {1, 2}, way=way) == DONE
    assert running.answers[1][1]["message"] == "the tool `cancel_order` failed"
    assert "a set has no JSON form" in caplog.text


@pytest.mark.parametrize("way", ["sync", "async"])
def test_leaving_a_tool_by_an_interrupt_gives_the_call_up(way: str) -> None:
    def interrupted(name: str, arguments: Any, context: Any) -> Any:
        raise KeyboardInterrupt

    running = Running(("tool", "cancel_order", {}, "inner"), undo=["ROLLBACK TO x"])
    connection = Connection()
    with pytest.raises(KeyboardInterrupt):
        drive(running, connection, interrupted, way=way)
    assert connection.controls == ["ROLLBACK TO x"]


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_failure_of_the_engines_set_up_is_one_of_the_packages_exceptions(way: str) -> None:
    from ormai._native import NativeError

    class Failing(Running):
        def step(self, answer: object = None) -> Order:
            error = NativeError("DATABASE_UNAVAILABLE: the database cannot be reached")
            error.error = {
                "code": "DATABASE_UNAVAILABLE",
                "message": "the database cannot be reached",
                "retryable": True,
            }
            raise error

    with pytest.raises(OrmAiError) as raised:
        drive(Failing(), None, way=way)
    assert (raised.value.code, raised.value.retryable) == ("DATABASE_UNAVAILABLE", True)
