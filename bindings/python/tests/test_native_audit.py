"""Stores of records."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from native_shop import Sqlite, context, finish, native, shop
from ormai import _ormai


def stores(directory: Path) -> list[_ormai.Store]:
    return [
        _ormai.Store.memory(),
        _ormai.Store.jsonl(directory / "audit.jsonl"),
        finish(_ormai.Store.sql(f"sqlite:{directory / 'audit.db'}", install=True)),
    ]


@pytest.fixture(params=["memory", "jsonl", "sql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> _ormai.Store:
    return dict(zip(["memory", "jsonl", "sql"], stores(tmp_path)))[request.param]


def called(store: _ormai.Store, **more: Any) -> _ormai.Native:
    """Two queries of tenant-a, one refused, and a write of tenant-b."""
    engine, driver = native(stores=[store], **more), Sqlite(shop())
    ours, theirs = context("tenant-a", request_id="req-1"), context("tenant-b")
    driver.finish(engine.call(ours, "query", {"model": "Order", "limit": 2}))
    driver.finish(engine.call(ours, "query", {"model": "Secret"}))
    driver.finish(engine.call(theirs, "create", {"model": "Order", "data": {"user_id": "b1", "status": "new"}}))
    return engine


def test_records_are_found_by_tenant(store: _ormai.Store) -> None:
    called(store)
    ours = finish(store.query({"tenant_id": "tenant-a"}))
    assert [record["tenant_id"] for record in ours["records"]] == ["tenant-a"] * 2
    assert ours["next_cursor"] is None
    newest, oldest = ours["records"]
    assert (newest["success"], newest["error"]["code"]) == (False, "MODEL_NOT_ALLOWED")
    assert oldest["tool_name"] == "query"
    assert oldest["model"] == "Order"
    assert oldest["scopes_injected"] == ["tenant_id = 'tenant-a'"]
    assert oldest["row_count"] == 2
    assert oldest["request_id"] == "req-1"


def test_an_answer_names_its_record(store: _ormai.Store) -> None:
    engine, driver = native(stores=[store]), Sqlite(shop())
    outcome = driver.finish(engine.call(context("tenant-a"), "query", {"model": "Order"}))
    found = finish(store.query({"id": outcome["metadata"]["audit_id"]}))
    assert len(found["records"]) == 1


def test_a_call_whose_arguments_have_no_form_leaves_a_record(store: _ormai.Store) -> None:
    engine = native(stores=[store])
    for arguments in ({"model": "Order", "limit": {1}}, "{", "\ud800"):
        outcome = finish(engine.call(context("tenant-a"), "query", arguments))
        record = finish(store.query({"id": outcome["metadata"]["audit_id"]}))["records"][0]
        assert record["error"]["code"] == outcome["error"]["code"] == "VALIDATION_ERROR"
        assert record["tool_name"] == "query"


def test_records_come_page_by_page_and_by_time(store: _ormai.Store) -> None:
    called(store)
    first = finish(store.query(limit=2))
    rest = finish(store.query(None, 2, first["next_cursor"]))
    assert len(first["records"]) == 2
    assert len(rest["records"]) == 1
    now = datetime.now(timezone.utc)
    assert finish(store.query({"timestamp_gte": now + timedelta(hours=1)}))["records"] == []
    assert len(finish(store.query({"timestamp_gte": now - timedelta(hours=1)}))["records"]) == 3


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"tenant_ids": "a"}, "did you mean `tenant_id`"),
        ({"timestamp_gte": "yesterday"}, "expected a time with its offset"),
        ({"tenant_id": ["a"]}, "expected one value"),
    ],
)
def test_a_filter_that_is_not_known_is_refused(filters: Any, words: str) -> None:
    with pytest.raises(_ormai.NativeError, match=words) as caught:
        _ormai.Store.memory().query(filters)
    assert caught.value.error is not None
    assert caught.value.error["code"] == "VALIDATION_ERROR"


def test_a_page_has_a_limit() -> None:
    for wrong in (0, 10_001):
        with pytest.raises(ValueError, match="from 1 to 10000"):
            _ormai.Store.memory().query(limit=wrong)


def test_a_trail_that_was_changed_is_found(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    store = _ormai.Store.jsonl(path)
    finish(called(store, audit={"mac_key": b"a key of the tests, of 32 bytes."}).close())
    verified = finish(store.verify(mac_key=b"a key of the tests, of 32 bytes."))
    assert verified["ok"] is True
    assert verified["report"]["records"] == 3
    assert finish(store.verify(mac_key=b"another key of the tests........"))["ok"] is False
    path.write_bytes(path.read_bytes().replace(b"tenant-b", b"tenant-c", 1))
    assert finish(store.verify())["ok"] is False


def test_calls_after_the_end_of_the_trail_are_refused(store: _ormai.Store) -> None:
    engine = called(store)
    finish(engine.close())
    outcome = Sqlite(shop()).finish(engine.call(context("tenant-a"), "query", {"model": "Order"}))
    assert outcome["error"]["code"] == "AUDIT_UNAVAILABLE"
    assert outcome["data"] is None


def test_a_store_that_is_not_there_is_told_when_the_policy_is_put_in_force(tmp_path: Path) -> None:
    store = finish(_ormai.Store.sql(f"sqlite:{tmp_path / 'audit.db'}"))
    with pytest.raises(_ormai.NativeError, match="the audit store is not installed") as caught:
        native(stores=[store])
    assert caught.value.error is not None
    assert caught.value.error["code"] == "AUDIT_UNAVAILABLE"
    assert finish(store.install()) != []
    assert isinstance(native(stores=[store]), _ormai.Native)


def test_calls_are_counted(store: _ormai.Store) -> None:
    called(store)
    stats = finish(store.stats())
    assert stats["all"]["calls"] == 3
    assert stats["all"]["refused"] == 1
    assert finish(store.stats({"tenant_id": "tenant-b"}))["all"]["calls"] == 1


def test_records_are_exported(store: _ormai.Store) -> None:
    called(store)
    exported = finish(store.export("csv", {"tenant_id": "tenant-a"}))
    assert exported["written"] == 2
    assert len(exported["text"].splitlines()) == 3
    lines = finish(store.export())["text"].splitlines()
    assert {json.loads(line)["tenant_id"] for line in lines if "tenant_id" in json.loads(line)} >= {"tenant-a"}
    with pytest.raises(ValueError, match="`jsonl` or `csv`"):
        store.export("parquet")


def test_old_records_are_let_go_and_the_rest_still_verifies(store: _ormai.Store) -> None:
    finish(called(store).close())
    dry = finish(store.prune(by="an operator", keep=1, dry_run=True))
    assert dry["records"] == 2
    pruned = finish(store.prune(by="an operator", keep=1))
    assert pruned["records"] == dry["records"]
    assert len(finish(store.query())["records"]) == 1
    assert finish(store.verify())["ok"] is True


def test_pruning_needs_to_be_told_what_goes() -> None:
    with pytest.raises(ValueError, match="say which records go"):
        _ormai.Store.memory().prune(by="an operator")
    with pytest.raises(TypeError, match="a time with its offset"):
        _ormai.Store.memory().prune(by="an operator", older_than="yesterday")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"mac": b"x"}, TypeError, "the audit options have no `mac`"),
        ({"mac_key": b"short"}, ValueError, "the MAC key is too short"),
        ({"signing_key": "short"}, ValueError, "the signing key is not in its form"),
        ({"checkpoint_every": "often"}, TypeError, "`checkpoint_every`"),
    ],
)
def test_audit_options_that_are_not_in_their_form_are_refused(
    options: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        native(audit=options)


def test_every_store_has_every_record(tmp_path: Path) -> None:
    all_stores = stores(tmp_path)
    engine, driver = native(stores=all_stores), Sqlite(shop())
    driver.finish(engine.call(context("tenant-a"), "query", {"model": "Order"}))
    found = [finish(store.query())["records"] for store in all_stores]
    assert [len(records) for records in found] == [1, 1, 1]
    assert len({records[0]["id"] for records in found}) == 1
    assert repr(all_stores[1]) == f"<Store: {tmp_path / 'audit.jsonl'}>"
    assert "audit" in all_stores[2].name
