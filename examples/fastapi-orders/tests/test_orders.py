"""The example does what its page says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from orders_app.app import Settings, create_app
from orders_app.token import token

SECRET = "a secret of the example's tests, long enough"


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(SECRET, f"sqlite+aiosqlite:///{tmp_path / 'orders.db'}", str(tmp_path / "audit.jsonl"))
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://orders") as made,
    ):
        yield made


def ann() -> dict[str, str]:
    return {"Authorization": f"Bearer {token(SECRET, 'acme', 'ann')}"}


async def orders(client: httpx.AsyncClient, tenant: str) -> dict[int, str]:
    headers = {"Authorization": f"Bearer {token(SECRET, tenant, 'somebody')}"}
    answer = await client.get("/orders", headers=headers)
    assert answer.status_code == 200, answer.text
    return {row["id"]: row["status"] for row in answer.json()["orders"]}


async def test_users_see_their_tenants_orders(client: httpx.AsyncClient) -> None:
    assert await orders(client, "acme") == {1: "pending", 2: "shipped"}
    assert await orders(client, "globex") == {3: "pending"}
    assert await orders(client, "hooli") == {}


async def test_cards_are_masked(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/orders?status=pending", headers=ann())).json()
    assert answer["orders"][0]["customer"] == {"id": 1, "name": "Ada", "card": "****1111"}


async def test_anothers_order_is_answered_like_one_that_is_not_there(client: httpx.AsyncClient) -> None:
    theirs, nobodys = [await client.get(f"/orders/{id}", headers=ann()) for id in (3, 4)]
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json()["error"] == nobodys.json()["error"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-Tenant-ID": "acme"}, 401),
        ({"Authorization": f"Bearer {token('another secret that is long enough', 'acme', 'ann')}"}, 401),
        ({"Authorization": f"Bearer {token(SECRET, 'acme', 'ann', seconds=-1)}"}, 401),
        ({"Authorization": f"Bearer {token(SECRET, '', 'ann')}"}, 403),
    ],
    ids=["no token", "a header", "forged", "expired", "no tenant"],
)
async def test_nobody_is_let_in_without_a_valid_token(
    client: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    assert (await client.get("/orders", headers=headers)).status_code == status


async def test_the_agent_mends_its_call_by_the_hint_and_ships_the_order(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    answer = await client.post("/agent", json={"task": "ship what is pending"}, headers=ann())
    done = answer.json()
    assert done["answer"] == "Order 1 is shipped."
    told = [(step["tool"], step["success"], step.get("error", {}).get("code")) for step in done["steps"]]
    assert told == [("query", True, None), ("update", False, "VALIDATION_ERROR"), ("update", True, None)]
    assert "reason" in done["steps"][1]["error"]["hint"]
    assert done["steps"][0]["data"]["rows"][0]["customer"] == {"name": "Ada", "card": "****1111"}

    # It is committed, and the other tenant's pending order is as it was.
    assert await orders(client, "acme") == {1: "shipped", 2: "shipped"}
    assert await orders(client, "globex") == {3: "pending"}

    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    # A write says before it is made that it will be; what came of it follows.
    records: list[dict[str, Any]] = [
        line for line in lines if line.get("tool_name") == "update" and line["kind"] != "intent"
    ]
    assert [record["success"] for record in records] == [False, True]
    assert records[1]["reason"] == "the customer asked for it to be shipped"
    assert {record["tenant_id"] for record in records} == {"acme"}


async def test_where_nothing_is_pending_the_agent_says_so(client: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {token(SECRET, 'hooli', 'hal')}"}
    answer = await client.post("/agent", json={"task": "ship what is pending"}, headers=headers)
    assert answer.json()["answer"] == "There is no pending order."
