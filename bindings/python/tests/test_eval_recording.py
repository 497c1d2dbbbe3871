"""Calls that are recorded, made again and compared, on the sessions of every driver."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from databases import Ground
from evaluating import ACME, POLICY, UMBRELLA, changed, execute, mounted, on_session
from ormai.core import RunContext
from ormai.core.errors import OrmAiError, PolicyInvalidError, ValidationError
from ormai.eval import (
    DeterminismReport,
    PolicyDiff,
    Recorder,
    Recording,
    ReplayReport,
    determinism,
    determinism_sync,
    diff,
    diff_sync,
    load,
    replay,
    replay_sync,
)
from shop import Order
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

FEW = pytest.mark.drivers("pysqlite", "aiosqlite", "psycopg", "asyncpg", "pymysql", "asyncmy")
ONE = pytest.mark.drivers("pysqlite")


async def recorded(shop: Ground, ctx: RunContext, *, answers: bool = False) -> Recorder:
    """Reads of two kinds, a write and a refusal."""
    recorder = Recorder(mounted(shop), answers=answers)
    tools = recorder.toolset
    await tools.query(ctx, model="Order", select=["id", "total"])
    await tools.aggregate(ctx, model="Order", aggregations=[{"function": "count", "alias": "n"}])
    await tools.update(ctx, model="Order", id=1, data={"status": "paid"})
    with pytest.raises(OrmAiError):
        await tools.get(ctx, model="Order", id=2)
    return recorder


@FEW
def test_what_was_recorded_is_saved_loaded_and_made_again(shop: Ground, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"

    async def done(ctx: RunContext) -> tuple[Recording, ReplayReport, ReplayReport, ReplayReport]:
        recorder = await recorded(shop, ctx)
        assert len(recorder) == 4
        recorder.save(path)
        recording = load(path)
        same = await replay(mounted(shop), ctx, recording)
        # What stands in the transaction is what is read.
        await execute(ctx.db, update(Order).where(Order.id == 3).values(total=99))
        otherwise = await replay(mounted(shop), ctx, recording, writes=True)
        as_another = await replay(mounted(shop), ctx, recording, principal=UMBRELLA)
        return recording, same, otherwise, as_another

    recording, same, otherwise, as_another = on_session(shop, done)
    assert [(call["tool"], call["outcome"]["status"]) for call in recording.calls] == [
        ("query", "answered"),
        ("aggregate", "answered"),
        ("update", "answered"),
        ("get", "refused"),
    ]
    assert recording.calls[0]["principal"] == {"tenant_id": "acme", "user_id": "acme-1"}
    assert not recording.has_answers
    assert same.passed and (same.calls, same.made, same.same, same.writes_left_out) == (4, 3, 3, 1)
    assert (otherwise.made, otherwise.changed, otherwise.passed) == (4, 1, False)
    assert otherwise.changes[0]["tool"] == "query" and "query" in str(otherwise)
    assert as_another.changed == 2, as_another
    assert shop.run(lambda session: session.get_one(Order, 1).status) == "pending"


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
@ONE
def test_a_recording_is_for_its_owner_and_never_written_over(shop: Ground, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    recorder = on_session(shop, lambda ctx: recorded(shop, ctx, answers=True))
    assert recorder.recording().has_answers
    assert recorder.recording().calls[0]["outcome"]["data"]["rows"][0]["id"] == 1
    recorder.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(OSError, match="exists"):
        recorder.save(path)
    with pytest.raises(OSError, match="no-such-file"):
        load(tmp_path / "no-such-file")
    path.write_text(path.read_text() + '{"tool": 7}\n')
    with pytest.raises(ValidationError, match=r"calls.jsonl:6"):
        load(path)


@ONE
def test_arguments_that_cannot_be_read_are_recorded_as_such(shop: Ground) -> None:
    recorder = Recorder(mounted(shop))
    ctx = RunContext(principal=ACME)
    result = recorder.toolset.sync.call(ctx, "query", {"model": "Order", "filters": object()})
    assert not result.success
    (call,) = recorder.recording().calls
    assert (call["arguments"], call["missing"], call["outcome"]["status"]) == (None, ["unread"], "refused")
    assert replay_sync(mounted(shop), ctx, recorder.recording()).not_exact == 1


@FEW
def test_calls_in_a_transaction_are_recorded_too(shop: Ground) -> None:
    async def done(ctx: RunContext) -> Recorder:
        recorder = Recorder(mounted(shop))
        async with recorder.toolset.transaction(ctx) as tx:
            await recorder.toolset.update(tx, model="Order", id=1, data={"status": "paid"})
            await recorder.toolset.get(tx, model="Order", id=1)
        return recorder

    assert [call["tool"] for call in on_session(shop, done).recording().calls] == ["update", "get"]


@FEW
def test_the_same_calls_are_answered_the_same_byte_for_byte(shop: Ground) -> None:
    async def done(ctx: RunContext) -> DeterminismReport:
        recorder = await recorded(shop, ctx)
        return await determinism(mounted(shop), ctx, recorder.recording(), runs=3, ignore=["metadata.policy_version"])

    report = on_session(shop, done)
    assert report.passed and (report.calls, report.made, report.runs, report.differing) == (4, 3, 3, 0)


@FEW
def test_what_a_new_policy_opens_and_to_whom_is_told_with_the_rows(shop: Ground) -> None:
    wider = changed(scoping={}, write_policy={}, fields={**POLICY["models"]["Order"]["fields"], "created_at": "allow"})

    async def done(ctx: RunContext) -> tuple[PolicyDiff, PolicyDiff, PolicyDiff]:
        recording = (await recorded(shop, ctx)).recording()
        toolset = mounted(shop)
        found = await diff(toolset, ctx, POLICY, wider, principals=[ACME, UMBRELLA], recording=recording)
        back = await diff(toolset, ctx, wider, POLICY, rows=False)
        return found, back, await diff(toolset, ctx, POLICY, POLICY)

    found, back, same = on_session(shop, done)
    assert found.is_wider and not found.is_empty
    rows = {(each["principal"]["tenant_id"], each["model"]): each for each in found.rows}
    assert rows["acme", "Order"]["newly"] == 6 and rows["acme", "Order"]["newly_keys"] == [10, 12, 2, 4, 6, 8]
    assert "created_at" in str(found) and any("scope" in change.text for change in found.changes)
    assert found.calls["made"] == 3 and found.calls["wider"] >= 2
    assert found.to_html().startswith("<!DOCTYPE html>")
    assert not back.is_empty and back.rows == []
    assert same.is_empty and not same.is_wider and same.changes == []


@ONE
def test_a_policy_that_does_not_load_is_no_difference(shop: Ground) -> None:
    with pytest.raises(PolicyInvalidError, match="Ordr"):
        diff_sync(mounted(shop), RunContext(principal=ACME), POLICY, {"version": 1, "models": {"Ordr": {}}})


@pytest.mark.drivers("pysqlite", "psycopg2", "mysqlclient")
def test_the_sync_twins_block(shop: Ground) -> None:
    recording = on_session(shop, lambda ctx: recorded(shop, ctx)).recording()
    toolset = mounted(shop)
    assert isinstance(shop.engine, Engine)
    with Session(shop.engine) as session:
        ctx = RunContext(principal=ACME, db=session)
        assert replay_sync(toolset, ctx, recording).passed
        assert determinism_sync(toolset, ctx, recording).passed
        assert diff_sync(toolset, ctx, POLICY, POLICY, recording=recording).is_empty


@FEW
def test_without_a_session_calls_are_made_again_on_the_toolsets_own_connections(shop: Ground) -> None:
    recording = on_session(shop, lambda ctx: recorded(shop, ctx)).recording()

    async def done() -> Any:
        return await replay(mounted(shop), RunContext(principal=ACME), recording, writes=True)

    assert asyncio.run(done()).passed
