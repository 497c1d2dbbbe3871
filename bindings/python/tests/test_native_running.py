"""What a call under way does, and what it refuses."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from native_shop import Sqlite, context, finish, native, principal, shop
from ormai import _ormai

QUERY = {"model": "Order", "limit": 2}


@pytest.fixture
def engine() -> _ormai.Native:
    return native()


def test_a_query_on_sqlite3_sees_its_tenants_rows_alone(engine: _ormai.Native) -> None:
    outcome = Sqlite(shop()).finish(engine.call(context("tenant-a"), "query", {"model": "Order"}))
    assert outcome["success"] is True
    assert outcome["error"] is None
    assert {row["tenant_id"] for row in outcome["data"]["rows"]} == {"tenant-a"}
    assert len(outcome["data"]["rows"]) == 10
    assert outcome["metadata"]["policies_applied"] == ["Order.tenant_id"]


def test_an_order_says_what_to_run_and_how(engine: _ormai.Native) -> None:
    order: Any = engine.call(context("tenant-a"), "query", QUERY).step()
    kind, sql, parameters, limit, is_change, columns, *around = order
    assert kind == "statement"
    assert sql.startswith("SELECT ")
    assert parameters == ("tenant-a", 3)
    assert limit == 5000
    assert (is_change, around) == (False, [(), ()])
    assert columns == ("int", "text", "text", "text", "decimal")


def test_a_call_is_stepped_by_any_thread_but_by_one_at_a_time(engine: _ormai.Native) -> None:
    running = engine.call(context("tenant-a"), "query", QUERY)
    running.step()
    outcome: list[Any] = []
    thread = threading.Thread(target=lambda: outcome.append(running.step(([], -1, None, None))))
    thread.start()
    thread.join()
    assert outcome[0][0] == "done"


def test_a_call_that_is_done_is_not_stepped_again(engine: _ormai.Native) -> None:
    running = engine.call(context("tenant-a"), "query", QUERY)
    running.step()
    running.step(([], -1, None, None))
    for again in (running.step, running.wait, lambda: running.fail(None, ""), lambda: running.refuse({})):
        with pytest.raises(RuntimeError, match="come to its end"):
            again()
    assert running.cancel() == []
    assert repr(running) == "<Running: done>"


def test_a_call_that_is_being_stepped_is_not_stepped_from_elsewhere(engine: _ormai.Native) -> None:
    shared = context("tenant-a")
    first, second = (engine.call(shared, "query", QUERY) for _ in range(2))
    assert first.step()[0] == "statement"
    # The connection is the first one's until that is done.
    assert second.step() == ("wait",)
    found: list[str] = []

    def meddle() -> None:
        for meddling in (first.step, first.cancel):
            try:
                meddling()
            except RuntimeError as error:
                found.append(str(error))
        found.append(repr(first))

    second.on_ready(meddle)
    assert first.step(([], -1, None, None))[0] == "done"
    assert found == ["the call is being stepped by another thread"] * 2 + ["<Running: being stepped>"]
    second.wait()
    assert second.step()[0] == "statement"


def test_calls_of_many_threads_do_not_mix(engine: _ormai.Native) -> None:
    seen: list[set[str]] = []

    def work(tenant: str) -> None:
        driver, own = Sqlite(shop()), context(tenant)
        for _ in range(50):
            rows = driver.finish(engine.call(own, "query", {"model": "Order"}))["data"]["rows"]
            seen.append({row["tenant_id"] for row in rows} ^ {tenant})

    threads = [threading.Thread(target=work, args=(f"tenant-{'ab'[number % 2]}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [set()] * 400


def test_an_answer_to_nothing_is_refused(engine: _ormai.Native) -> None:
    running = engine.call(context("tenant-a"), "query", QUERY)
    with pytest.raises(RuntimeError, match="nothing was asked"):
        running.step(([], 0, None, None))
    with pytest.raises(RuntimeError, match="nothing was asked of a driver"):
        running.fail("1", "no")
    with pytest.raises(RuntimeError, match="does not wait"):
        running.wait()
    with pytest.raises(RuntimeError, match="does not wait"):
        running.on_ready(lambda: None)
    assert running.step()[0] == "statement"
    with pytest.raises(RuntimeError, match="nothing was asked that can be refused"):
        running.refuse({"code": "CONFLICT", "message": "no"})


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        ([], 0, None),
        (3, 0, None, None),
        ([object()], 0, None, None),
        ([(object(),)], 0, None, None),
        ([("\ud800",)], 0, None, None),
        ([(b"",)], 0, None, [1, 2]),
        ([("text",)], 0, None, [25]),
    ],
)
def test_an_answer_of_another_form_leaves_the_order_to_be_answered(engine: _ormai.Native, answer: Any) -> None:
    running = engine.call(context("tenant-a"), "query", QUERY)
    running.step()
    with pytest.raises((TypeError, ValueError)):
        running.step(answer)
    assert running.step(([], -1, None, None))[0] == "done"


def test_rows_of_another_width_are_a_fault_of_the_driver_and_no_answer(engine: _ormai.Native) -> None:
    running = engine.call(context("tenant-a"), "query", QUERY)
    running.step()
    outcome: Any = running.step(([(1, "tenant-a")], -1, None, None))
    assert outcome[0] == "done"
    assert outcome[1]["success"] is False
    assert outcome[1]["error"]["code"] == "INTERNAL"


def test_what_a_driver_says_is_not_told_to_the_caller(engine: _ormai.Native) -> None:
    running = engine.call(context("tenant-a"), "query", QUERY)
    running.step()
    order: Any = running.fail("1", "no such column: secret_column")
    while order[0] == "control":
        order = running.step()
    assert order[0] == "done"
    assert order[1]["success"] is False
    assert "secret" not in str(order[1])


def test_a_lost_connection_is_unavailable(engine: _ormai.Native) -> None:
    running = engine.call(context("tenant-a"), "query", QUERY)
    running.step()
    order: Any = running.fail(None, "the socket was closed", lost=True)
    assert order[1]["error"]["code"] == "DATABASE_UNAVAILABLE"
    assert order[1]["error"]["retryable"] is True


def test_a_write_that_is_given_up_tells_how_to_undo_it(engine: _ormai.Native) -> None:
    connection = shop()
    connection.execute("BEGIN")
    running = engine.call(
        context("tenant-a"), "create", {"model": "Order", "data": {"user_id": "a1", "status": "new"}}
    )
    order: Any = running.step()
    before = connection.execute("SELECT count(*) FROM orders").fetchone()
    while "INSERT" not in str(order[1]):
        order = Sqlite(connection).carried_out(running, order)
    Sqlite(connection).carried_out(running, order)
    assert connection.execute("SELECT count(*) FROM orders").fetchone() != before
    texts = running.cancel()
    assert texts
    for text in texts:
        connection.execute(text)
    assert connection.execute("SELECT count(*) FROM orders").fetchone() == before
    assert connection.in_transaction


def test_the_next_call_in_a_context_undoes_what_the_one_before_left(engine: _ormai.Native) -> None:
    connection = shop()
    connection.execute("BEGIN")
    driver, shared = Sqlite(connection), context("tenant-a")
    running = engine.call(shared, "create", {"model": "Order", "data": {"user_id": "a1", "status": "new"}})
    order: Any = running.step()
    while "INSERT" not in str(order[1]):
        order = driver.carried_out(running, order)
    driver.carried_out(running, order)
    del running
    outcome = driver.finish(
        engine.call(shared, "query", {"model": "Order", "filters": [{"field": "status", "op": "eq", "value": "new"}]})
    )
    assert outcome["data"]["rows"] == []


def test_a_waiting_call_tells_when_it_is_ready(tmp_path: Path) -> None:
    shop(str(tmp_path / "shop.db")).close()
    engine = finish(_ormai.Native.connect(url=f"sqlite:{tmp_path / 'shop.db'}", policy='{"version": 1, "models": {}}'))
    running = engine.call(_ormai.Context(principal=principal("tenant-a")), "query", QUERY)
    order: Any = running.step()
    while order == ("wait",):
        ready = threading.Event()
        running.on_ready(ready.set)
        assert ready.wait(10)
        order = running.step()
    assert order[1]["error"]["code"] == "MODEL_NOT_ALLOWED"


def test_what_a_callback_raises_harms_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", raised.append)
    shop(str(tmp_path / "shop.db")).close()
    running = _ormai.Native.connect(url=f"sqlite:{tmp_path / 'shop.db'}", policy='{"version": 1, "models": {}}')
    order: Any = running.step()
    assert order == ("wait",)

    called = threading.Event()

    def raising() -> None:
        called.set()
        raise ValueError("on purpose")

    try:
        running.on_ready(raising)
    except ValueError:
        # It was ready already.
        raised.append(None)
    assert called.wait(10)
    while order == ("wait",):
        running.wait()
        order = running.step()
    assert isinstance(order[1], _ormai.Native)
    assert len(raised) == 1


def test_a_context_of_another_engine_is_refused(engine: _ormai.Native) -> None:
    with pytest.raises(ValueError, match="speaks postgresql, and the toolset was made for sqlite"):
        engine.call(context("tenant-a", wire="postgres-binary"), "query", QUERY)
    with pytest.raises(ValueError, match="`sqlite3` is no wire"):
        context("tenant-a", wire="sqlite3")


def test_a_toolset_without_connections_needs_one_of_the_context(engine: _ormai.Native) -> None:
    outcome = finish(engine.call(_ormai.Context(principal=principal("tenant-a")), "query", QUERY))
    assert outcome["error"]["code"] == "DATABASE_UNAVAILABLE"
    described = finish(engine.call(_ormai.Context(principal=principal("tenant-a")), "describe_schema", {}))
    assert described["success"] is True


def test_no_thread_is_started_for_hosts() -> None:
    import subprocess
    import sys

    program = """
import os, sys
sys.path.insert(0, sys.argv[1])
from native_shop import *
before = len(os.listdir("/proc/self/task"))
Sqlite(shop()).finish(native().call(context("tenant-a"), "query", {"model": "Order"}))
assert len(os.listdir("/proc/self/task")) == before
"""
    subprocess.run([sys.executable, "-c", program, str(Path(__file__).parent)], check=True)


def test_connections_do_not_outlive_a_fork(tmp_path: Path) -> None:
    import subprocess
    import sys

    shop(str(tmp_path / "shop.db")).close()
    program = """
import os, sys
sys.path.insert(0, sys.argv[1])
from native_shop import *
from ormai import _ormai

def connect():
    return finish(_ormai.Native.connect(url="sqlite:" + sys.argv[2], policy='{"version": 1, "models": {}}'))

engine = connect()
context = _ormai.Context(principal=principal("tenant-a"))
begun = engine.call(context, "query", {"model": "Order"})
child = os.fork()
if child == 0:
    status = 1
    try:
        for running in (engine.call(context, "query", {"model": "Order"}), begun):
            try:
                running.step()
            except RuntimeError as error:
                assert "forked" in str(error)
            else:
                os._exit(2)
        del running, begun
        assert isinstance(connect(), _ormai.Native)
        status = 0
    finally:
        os._exit(status)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
finish(begun)
"""
    arguments = [sys.executable, "-W", "ignore", "-c", program, str(Path(__file__).parent), str(tmp_path / "shop.db")]
    subprocess.run(arguments, check=True, timeout=60)


def test_an_error_of_the_driver_leaves_the_transaction_usable(engine: _ormai.Native) -> None:
    connection = shop()
    connection.execute("CREATE UNIQUE INDEX one_status ON orders (tenant_id, status) WHERE status = 'only'")
    driver, shared = Sqlite(connection), context("tenant-a")
    create = {"model": "Order", "data": {"user_id": "a1", "status": "only"}}
    assert driver.finish(engine.call(shared, "create", create))["success"] is True
    outcome = driver.finish(engine.call(shared, "create", create))
    assert outcome["error"]["code"] == "CONFLICT"
    assert connection.in_transaction
    assert driver.finish(engine.call(shared, "query", QUERY))["success"] is True
    connection.commit()
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("RELEASE SAVEPOINT ormai_1")
