"""Connections of the module's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from native_shop import CATALOG, POLICY, finish, principal, shop
from ormai import _ormai


def connect(path: Path, **more: Any) -> _ormai.Native:
    if not path.exists():
        shop(str(path)).close()
    engine = finish(_ormai.Native.connect(url=f"sqlite:{path}", policy=json.dumps(POLICY), **more))
    assert isinstance(engine, _ormai.Native)
    return engine


def own(tenant: str = "tenant-a", *roles: str) -> _ormai.Context:
    return _ormai.Context(principal=principal(tenant, *roles))


def test_the_database_is_read_when_no_catalog_is_given(tmp_path: Path) -> None:
    engine = connect(tmp_path / "shop.db")
    assert engine.dialect == "sqlite"
    assert [model["name"] for model in json.loads(engine.catalog())["models"]] == ["Order", "User"]
    outcome = finish(engine.call(own(), "query", {"model": "Order", "include": [{"relation": "user"}]}))
    assert {row["user"]["id"] for row in outcome["data"]["rows"]} == {"a1"}


def test_the_catalog_that_is_given_is_used(tmp_path: Path) -> None:
    engine = connect(tmp_path / "shop.db", catalog=json.dumps(CATALOG), options={"max_connections": 2})
    assert [model["name"] for model in json.loads(engine.catalog())["models"]] == ["User", "Order"]
    assert len(finish(engine.call(own(), "query", {"model": "Order"}))["data"]["rows"]) == 10


def test_names_of_models_can_be_said(tmp_path: Path) -> None:
    shop(str(tmp_path / "shop.db")).close()
    policy = json.dumps(POLICY).replace("Order", "Purchase")
    options = {"model_names": {"orders": "Purchase"}}
    running = _ormai.Native.connect(url=f"sqlite:{tmp_path / 'shop.db'}", policy=policy, options=options)
    assert len(finish(finish(running).call(own(), "query", {"model": "Purchase"}))["data"]["rows"]) == 10


def test_a_transaction_is_kept_or_undone(tmp_path: Path) -> None:
    engine = connect(tmp_path / "shop.db")
    create = {"model": "Order", "data": {"user_id": "a1", "status": "new"}}
    for is_kept, total in [(False, 10), (True, 11)]:
        running = engine.transaction(own())
        order: Any = running.step()
        while order == ("wait",):
            running.wait()
            order = running.step()
        assert order[0] == "inside"
        assert finish(engine.call(order[1], "create", create))["success"] is True
        order = running.step(is_kept)
        while order == ("wait",):
            running.wait()
            order = running.step()
        assert order[1]["success"] is is_kept
        counted = finish(engine.call(own(), "query", {"model": "Order", "with_total": True}))
        assert counted["data"]["total"] == total


def test_own_tables_are_made_once(tmp_path: Path) -> None:
    engine = connect(tmp_path / "shop.db")
    assert finish(engine.install()) == ["ormai_idempotency"]
    assert finish(engine.install()) == []
    keyed = {"model": "Order", "data": {"user_id": "a1", "status": "new"}, "idempotency_key": "k"}
    first, again = (finish(engine.call(own(), "create", keyed)) for _ in range(2))
    assert first["data"] == again["data"]


def test_calls_of_many_run_at_once(tmp_path: Path) -> None:
    engine = connect(tmp_path / "shop.db", options={"max_connections": 4})
    runnings = [engine.call(own(), "query", {"model": "Order"}) for _ in range(40)]
    steps: list[Any] = [running.step() for running in runnings]
    for running, step in zip(runnings, steps):
        while step == ("wait",):
            running.wait()
            step = running.step()
        assert len(step[1]["data"]["rows"]) == 10


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("oracle://somebody:secret@host/db", "INTERNAL"),
        ("postgres://somebody:secret@127.0.0.1:1/db", "DATABASE_UNAVAILABLE"),
        ("sqlite:/no/such/directory/shop.db", "DATABASE_UNAVAILABLE"),
    ],
)
def test_a_database_that_is_not_there_is_told_without_its_url(url: str, code: str) -> None:
    running = _ormai.Native.connect(url=url, policy='{"version": 1, "models": {}}', options={"acquire_timeout_ms": 500})
    with pytest.raises(_ormai.NativeError) as caught:
        finish(running)
    assert caught.value.error is not None
    assert caught.value.error["code"] == code
    assert "secret" not in str(caught.value)


def test_options_that_are_not_known_are_refused() -> None:
    with pytest.raises(TypeError, match="the options of a connection have no `pool_size`"):
        _ormai.Native.connect(url="sqlite::memory:", policy="{}", options={"pool_size": 5})


def test_a_wait_is_interrupted_like_any_other(tmp_path: Path) -> None:
    import _thread
    import signal
    import sys
    import threading

    engine = connect(tmp_path / "shop.db", options={"max_connections": 1, "acquire_timeout_ms": 60_000})
    # The one connection is taken as long as this transaction is open.
    holds = engine.transaction(own())
    order: Any = holds.step()
    while order == ("wait",):
        holds.wait()
        order = holds.step()
    waits = engine.call(own(), "query", {"model": "Order"})
    assert waits.step() == ("wait",)
    main = threading.get_ident()

    def waiting() -> None:
        # It may be woken for something that comes to nothing.
        while True:
            waits.wait()
            assert waits.step() == ("wait",)

    def interrupt() -> None:
        while sys._current_frames()[main].f_code is not waiting.__code__:
            pass
        _thread.interrupt_main()

    # In the background of a shell it may be ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            waiting()
    finally:
        signal.signal(signal.SIGINT, before)
    interrupting.join()
    assert waits.cancel() == []
    order = holds.step(True)
    while order == ("wait",):
        holds.wait()
        order = holds.step()
    assert order[1]["success"] is True
