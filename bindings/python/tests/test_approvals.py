"""Writes that wait for somebody's word."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ormai
import pytest
from ormai.core.errors import ApprovalRequiredError, ConflictError, RecordNotFoundError, WriteNotAllowedError
from ormai.store import MemoryApprovalStore, SqlApprovalStore
from ormai.tools import Toolset
from sqlite_shop import CATALOG, POLICY, ROWS, TABLES, AsyncConnection, Connection, context, database, shop

MODEL = POLICY.models["Order"]
assert MODEL.write_policy is not None
WAITING = POLICY.replace(
    models={
        **POLICY.models,
        "Order": MODEL.replace(
            write_policy=MODEL.write_policy.replace(update="require_approval", approver_roles=["manager"])
        ),
    }
)


@pytest.fixture(params=["memory", "sqlite"])
def toolset(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Toolset]:
    """The shop in a file, with a store of approvals."""
    with sqlite3.connect(tmp_path / "shop.db") as db:
        db.executescript(TABLES + ROWS)
    store = (
        MemoryApprovalStore()
        if request.param == "memory"
        else SqlApprovalStore(f"sqlite:{tmp_path}/approvals.db?mode=rwc", install=True)
    )
    toolset = ormai.connect_sync(f"sqlite:{tmp_path}/shop.db", WAITING, catalog=CATALOG, approvals=store)
    assert "ormai_idempotency" in toolset.sync.install()
    yield toolset
    toolset.sync.close()


REQUESTER = context(None)
MANAGER = context(None, "acme", "manager", user="boss")
STRANGER = context(None, "globex", "manager", user="u9")


def asked(toolset: Toolset) -> str:
    """A write that waits."""
    waits = toolset.sync.update(REQUESTER, model="Order", id=1, data={"status": "paid"}, reason="by phone")
    assert (waits.is_pending, waits.row, waits.updated_count) == (True, None, None)
    assert waits.data == {"status": "pending_approval", "approval_id": waits.approval_id}
    assert waits.approval_id is not None
    return waits.approval_id


def status(toolset: Toolset) -> Any:
    """Of the order that is written."""
    return toolset.sync.get(REQUESTER, model="Order", id=1).row["status"]


def test_an_approved_write_is_made_under_its_requester(toolset: Toolset) -> None:
    id = asked(toolset)
    (waiting,) = toolset.sync.approvals.list(MANAGER)
    assert (waiting.id, waiting.status, waiting.model, waiting.tool) == (id, "pending", "Order", "update")
    assert waiting.requester == {"tenant_id": "acme", "user_id": "u1", "roles": []}
    assert waiting.request["data"] == {"status": "paid"}
    assert waiting.preview["after"][0]["status"] == "paid"
    assert status(toolset) == "pending"
    done = toolset.sync.approvals.approve(MANAGER, id, note="fine")
    assert (done.status, done.outcome) == ("executed", {"affected_count": 1})
    assert done.decision is not None
    assert (done.decision["user_id"], done.decision["note"]) == ("boss", "fine")
    assert status(toolset) == "paid"
    assert toolset.sync.approvals.list(MANAGER) == []
    assert [each.id for each in toolset.sync.approvals.list(MANAGER, status="all")] == [id]
    with pytest.raises(ConflictError):
        toolset.sync.approvals.approve(MANAGER, id)


def test_a_rejected_write_is_not_made(toolset: Toolset) -> None:
    id = asked(toolset)

    async def reject() -> None:
        assert [each.id for each in await toolset.approvals.list(MANAGER)] == [id]
        rejected = await toolset.approvals.reject(MANAGER, id, note="no")
        assert rejected.status == "rejected"
        assert (await toolset.approvals.show(REQUESTER, id)).status == "rejected"
        with pytest.raises(ConflictError):
            await toolset.approvals.approve(MANAGER, id)

    asyncio.run(reject())
    assert status(toolset) == "pending"


def test_nobody_decides_about_a_request_of_their_own_or_of_strangers(toolset: Toolset) -> None:
    id = asked(toolset)
    with pytest.raises(WriteNotAllowedError):
        toolset.sync.approvals.approve(context(None, "acme", "manager", user="u1"), id)
    for who in (STRANGER, context(None, "acme", user="u2")):
        with pytest.raises(RecordNotFoundError):
            toolset.sync.approvals.show(who, id)
        with pytest.raises(RecordNotFoundError):
            toolset.sync.approvals.approve(who, id)
        assert toolset.sync.approvals.list(who) == []
    with pytest.raises(RecordNotFoundError):
        toolset.sync.approvals.show(MANAGER, "apr-nothing")
    with pytest.raises(ValueError, match="`nope` is no status"):
        toolset.sync.approvals.list(MANAGER, status="nope")  # type: ignore[arg-type]
    assert status(toolset) == "pending"


def test_a_write_that_nobody_could_approve_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as db:
        db.executescript(TABLES + ROWS)
    toolset = ormai.connect_sync(f"sqlite:{tmp_path}/shop.db", WAITING, catalog=CATALOG)
    with pytest.raises(ApprovalRequiredError):
        toolset.sync.update(REQUESTER, model="Order", id=1, data={"status": "paid"})
    toolset.sync.close()


def test_what_a_store_of_approvals_is_shown_as_has_no_secrets() -> None:
    assert repr(SqlApprovalStore("postgres://u:hunter2@db/shop")) == "SqlApprovalStore('postgres:…')"
    with pytest.raises(TypeError, match="must be text"):
        SqlApprovalStore(7)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_sync", [True, False])
def test_on_a_session_an_approved_write_is_a_part_of_its_transaction(is_sync: bool) -> None:
    toolset = shop(WAITING, approvals=MemoryApprovalStore(), open_connection=Connection if is_sync else AsyncConnection)

    def wait_for(sync: Any, awaited: Any) -> Any:
        return sync() if is_sync else asyncio.run(awaited())

    with database() as db:
        made = wait_for(lambda: toolset.sync.install(db), lambda: toolset.install(db))
        assert made == list(toolset.own_tables()) == ["ormai_idempotency"]
        assert wait_for(lambda: toolset.sync.install(db), lambda: toolset.install(db)) == made
        asks = {"model": "Order", "id": 1, "data": {"status": "paid"}}
        requester, manager = context(db), context(db, "acme", "manager", user="boss")
        waits = wait_for(
            lambda: toolset.sync.update(requester, **asks),  # type: ignore[arg-type]
            lambda: toolset.update(requester, **asks),  # type: ignore[arg-type]
        )
        id = waits.approval_id
        db.execute("BEGIN")
        approved = wait_for(
            lambda: toolset.sync.approvals.approve(manager, id), lambda: toolset.approvals.approve(manager, id)
        )
        # Whether it will be committed is its owner's to know.
        assert approved.status == "approved"
        assert db.execute("SELECT status FROM orders WHERE id = 1").fetchone() == ("paid",)
        db.execute("COMMIT")
        resumed = wait_for(
            lambda: toolset.sync.approvals.resume(manager, id), lambda: toolset.approvals.resume(manager, id)
        )
        assert (resumed.status, resumed.outcome) == ("executed", {"affected_count": 1})


def test_a_write_under_a_key_is_made_once() -> None:
    toolset = shop()
    with database() as db:
        toolset.sync.install(db)
        first, second = (
            toolset.sync.create(context(db), model="Order", data={"status": "new"}, idempotency_key="k-1")
            for _ in range(2)
        )
        assert first.row == second.row
        with pytest.raises(ConflictError):
            toolset.sync.create(context(db), model="Order", data={"status": "other"}, idempotency_key="k-1")
        assert db.execute("SELECT count(*) FROM orders WHERE status = 'new'").fetchone() == (1,)
