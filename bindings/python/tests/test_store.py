"""Audit stores: what calls leave there, and what is read from there."""

from __future__ import annotations

import asyncio
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from ormai.core.errors import AuditUnavailableError, OrmAiError, RecordNotFoundError, ValidationError
from ormai.store import AuditRecord, AuditStore, JsonlAuditStore, MemoryAuditStore, SqlAuditStore
from sqlite_shop import context, database, shop

STORES = ["memory", "jsonl", "sqlite"]


def store_of(kind: str, place: Path) -> AuditStore:
    """A store of a kind."""
    if kind == "memory":
        return MemoryAuditStore()
    if kind == "jsonl":
        return JsonlAuditStore(place / "audit.jsonl")
    return SqlAuditStore(f"sqlite:{place}/audit.db", install=True)


@pytest.mark.parametrize("kind", STORES)
def test_every_call_leaves_its_record(kind: str, tmp_path: Path) -> None:
    store = store_of(kind, tmp_path)
    toolset = shop(audit_store=store)
    with database() as db:
        page = toolset.sync.query(context(db), model="Order", filters=[{"field": "status", "value": "pending"}])
        with pytest.raises(RecordNotFoundError) as raised:
            toolset.sync.get(context(db), model="Order", id=7)
        asyncio.run(toolset.query(context(db, "globex"), model="Order"))
    refused, answered = store.sync.query(filters={"tenant_id": "acme"})
    assert (answered.id, answered.tenant_id, answered.user_id) == (page.metadata["audit_id"], "acme", "u1")
    assert (answered.tool_name, answered.model, answered.action) == ("query", "Order", "read")
    assert answered.scopes_injected == ["tenant_id = 'acme'"]
    assert answered.inputs["filters"] == [{"field": "status", "op": "eq", "value": "pending"}]
    assert (answered.success, answered.row_count, answered["outcome"]) == (True, 2, "answered")
    assert refused.error is not None
    assert (refused.id, refused.error["code"]) == (raised.value.audit_id, "RECORD_NOT_FOUND")
    assert asyncio.run(store.query(filters={"tenant_id": "acme"})) == [refused, answered]
    toolset.sync.close()


@pytest.mark.parametrize("kind", STORES)
def test_records_come_page_by_page(kind: str, tmp_path: Path) -> None:
    store = store_of(kind, tmp_path)
    toolset = shop(audit_store=store)
    with database() as db:
        for _ in range(5):
            toolset.sync.describe_schema(context(db))
    pages = []
    cursor: str | None = None
    while True:
        page = store.sync.query(limit=2, cursor=cursor)
        pages.append([record.id for record in page])
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [len(page) for page in pages] == [2, 2, 1]
    every = [record.id for record in store.sync.query()]
    assert [name for page in pages for name in page] == every == sorted(every, reverse=True)


def test_a_filter_that_is_not_known_is_refused_with_the_nearest_one() -> None:
    store = MemoryAuditStore()
    with pytest.raises(ValidationError, match="did you mean `tenant_id`"):
        store.sync.query(filters={"tennant_id": "acme"})
    with pytest.raises(ValidationError, match="unknown action"):
        asyncio.run(store.query(filters={"action": "reed"}))
    with pytest.raises(ValueError, match="`limit` is a number"):
        store.sync.query(limit=0)


def test_every_store_has_all_records(tmp_path: Path) -> None:
    stores = [store_of(kind, tmp_path) for kind in STORES]
    toolset = shop(audit_store=stores)
    with database() as db:
        made = toolset.sync.create(context(db), model="Order", data={"status": "new"})
    ids = [[record.id for record in store.sync.query()] for store in stores]
    assert ids == [[made.metadata["audit_id"]]] * 3


def test_the_lines_of_a_file_are_its_records(tmp_path: Path) -> None:
    toolset = shop(audit_store=JsonlAuditStore(tmp_path / "audit.jsonl"))
    with database() as db:
        answer = toolset.sync.query(context(db), model="Order")
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert answer.metadata["audit_id"] in [line.get("id") for line in lines]


def test_a_call_whose_record_cannot_be_taken_is_not_answered(tmp_path: Path) -> None:
    store = SqlAuditStore(f"sqlite:{tmp_path}/never.db")
    with pytest.raises(AuditUnavailableError, match="not installed"):
        shop(audit_store=store)
    assert asyncio.run(store.install())
    assert store.sync.install() == []
    toolset = shop(audit_store=store)
    toolset.sync.close()
    with database() as db:
        before = db.execute("SELECT * FROM orders").fetchall()
        refused = toolset.sync.call(context(db), "create", {"model": "Order", "data": {"status": "x"}})
        assert refused.error is not None
        assert refused.error["code"] == "AUDIT_UNAVAILABLE"
        assert db.execute("SELECT * FROM orders").fetchall() == before


def test_a_store_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    with pytest.raises(OrmAiError) as raised:
        SqlAuditStore("oracle://hunter2@db/audit").sync.query()
    assert "hunter2" not in str(raised.value)
    with pytest.raises(TypeError, match="must be text"):
        SqlAuditStore(tmp_path)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="an audit store is one of those"):
        shop(audit_store=["audit.jsonl"])


def test_what_a_store_is_shown_as_has_no_secrets(tmp_path: Path) -> None:
    assert repr(SqlAuditStore("postgres://u:hunter2@db/audit")) == "SqlAuditStore('postgres:…')"
    assert repr(JsonlAuditStore(tmp_path / "a.jsonl")) == f"JsonlAuditStore('{tmp_path / 'a.jsonl'}')"
    assert repr(MemoryAuditStore()) == "MemoryAuditStore()"


def test_a_record_is_a_dict_whose_values_are_attributes() -> None:
    written: dict[str, Any] = {"id": "aud-1", "tenant_id": "acme"}
    record = AuditRecord(written)
    assert record == written
    assert record.id == record["id"] == "aud-1"
    assert pickle.loads(pickle.dumps(record)) == record
    assert json.loads(json.dumps(record)) == written
    with pytest.raises(AttributeError, match="AuditRecord has no `tenantid`"):
        _ = record.tenantid


@pytest.mark.parametrize("kind", STORES)
def test_a_store_is_verified_counted_and_exported(kind: str, tmp_path: Path) -> None:
    key = "k" * 16
    store = store_of(kind, tmp_path)
    toolset = shop(audit_store=store, audit_options={"mac_key": key})
    with database() as db:
        toolset.sync.query(context(db), model="Order")
        toolset.sync.call(context(db), "query", {"model": "Nope"})
    toolset.sync.close()
    report = store.sync.verify(mac_key=key)
    assert report["ok"] and report["first"] is None
    assert not asyncio.run(store.verify(mac_key="another key of 16"))["ok"]
    assert store.sync.stats(filters={"success": False})["all"]["calls"] == 1
    assert asyncio.run(store.stats())["all"]["calls"] == 2
    lines = [json.loads(line) for line in store.sync.export().splitlines()]
    assert [line["model"] for line in lines if line["kind"] == "record"] == ["Order", "Nope"]
    assert asyncio.run(store.export("csv", filters={"model": "Order"})).count("aud-") >= 1
    with pytest.raises(ValueError, match="`jsonl` or `csv`"):
        store.sync.export("xml")  # type: ignore[arg-type]


def test_a_trail_that_somebody_changed_is_not_what_its_writers_wrote(tmp_path: Path) -> None:
    store = JsonlAuditStore(tmp_path / "audit.jsonl")
    toolset = shop(audit_store=store)
    with database() as db:
        toolset.sync.query(context(db), model="Order")
    toolset.sync.close()
    assert store.sync.verify()["ok"]
    text = (tmp_path / "audit.jsonl").read_text()
    (tmp_path / "audit.jsonl").write_text(text.replace('"row_count":3', '"row_count":2'))
    report = store.sync.verify()
    assert not report["ok"]
    assert report["first"]["kind"] == "changed"
