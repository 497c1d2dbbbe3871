"""The isolation suite, on the sessions of every driver."""

from __future__ import annotations

from typing import Any

import pytest
from databases import Ground
from evaluating import ACME, POLICY, UMBRELLA, changed, execute, mounted, on_session
from ormai.core import RunContext
from ormai.core.errors import PolicyInvalidError, ValidationError
from ormai.eval import IsolationReport, ViolationError, isolation, isolation_sync
from shop import Item, Order, User
from sqlalchemy import insert, select

ONE = pytest.mark.drivers("pysqlite")
REQUESTS = 60


def test_a_sound_policy_is_isolated_and_its_database_is_left_as_it_was(shop: Ground) -> None:
    heard: list[tuple[int, int, int]] = []

    async def tried(ctx: RunContext) -> IsolationReport:
        # An order that nobody else sees yet.
        await execute(ctx.db, insert(Order).values(id=900, tenant_id="acme", user_id="acme-1", status="new"))
        asked = [select(model.__table__) for model in (Order, Item, User)]
        before = [sorted((await execute(ctx.db, each)).all(), key=str) for each in asked]
        report = await isolation(
            mounted(shop),
            ctx,
            POLICY,
            requests=REQUESTS,
            progress=lambda *now: heard.append(now),
            principals=[ACME, UMBRELLA],
        )
        assert [sorted((await execute(ctx.db, each)).all(), key=str) for each in asked] == before
        return report

    report = on_session(shop, tried)
    assert not report.leaks, str(report)
    assert report.passed and report.verdict == "isolated", str(report)
    report.raise_for_violations()
    assert report.requests >= REQUESTS and report.planted_rows > 0
    assert heard[-1][0] == report.requests and heard[-1][2] == 0
    assert {(tool["model"], tool["tool"]) for tool in report.tools} >= {("Order", "query"), ("Order", "create")}
    assert report.to_html().startswith("<!DOCTYPE html>")


@ONE
def test_the_same_seed_makes_the_same_requests(shop: Ground) -> None:
    def tried(seed: int) -> Any:
        report = isolation_sync(mounted(shop), RunContext(principal=ACME), POLICY, requests=REQUESTS, seed=seed)
        return report.tools, report.planted_rows, report.seed

    assert tried(7) == tried(7)
    assert tried(7)[0] != tried(8)[0]


@ONE
def test_what_was_hardly_tested_is_undecided_which_is_no_pass(shop: Ground) -> None:
    nothing = {"version": 1, "models": {}}
    report = isolation_sync(mounted(shop), RunContext(principal=ACME), nothing, requests=10)
    assert report.verdict == "undecided" and not report.passed
    assert report.undecided == ["the policy names no model of the database", "no request was made"], str(report)
    with pytest.raises(ViolationError, match="names no model"):
        report.raise_for_violations()


@ONE
def test_what_cannot_be_tried_says_why(shop: Ground) -> None:
    ctx = RunContext(principal=ACME)
    with pytest.raises(ValidationError, match=r"`Item` has more than 5 rows \(read more with `max_rows`"):
        isolation_sync(mounted(shop), ctx, POLICY, max_rows=5)
    with pytest.raises(PolicyInvalidError, match="Ordr"):
        isolation_sync(mounted(shop), ctx, {"version": 1, "models": {"Ordr": {}}})


@ONE
def test_a_model_of_all_tenants_is_no_leak_where_the_policy_says_so(shop: Ground) -> None:
    shared = changed(scoping={}, write_policy={})
    report = isolation_sync(mounted(shop), RunContext(principal=ACME), shared, requests=REQUESTS)
    assert not report.leaks, str(report)
