"""The tools in the hands of other libraries' agents: listed by principal, refusals told, one call at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from langchain_core.messages import ToolCall
from ormai.core import Principal, RunContext
from ormai.integrations import langchain, pydantic_ai
from ormai.policy import ModelPolicy, Policy
from ormai.quickstart import mount_sqlalchemy
from ormai.tools import Toolset
from pydantic_ai import Agent, ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from databases import Ground
from shop import Base

POLICY = Policy(
    models={
        "Order": ModelPolicy(
            fields={"id": "allow", "status": "allow"},
            scoping={"tenant_id": "principal.tenant_id"},
            write_policy={"update": "allow", "require_reason": True},
        )
    }
)
READS = ["describe_schema", "query", "get"]


class Desk:
    """A toolset with a context of `acme` on a session."""

    def __init__(self, ground: Ground) -> None:
        self.toolset: Toolset = mount_sqlalchemy(ground.engine, Base, POLICY)
        engine: Engine | AsyncEngine = ground.engine
        self.session: Any = AsyncSession(engine) if isinstance(engine, AsyncEngine) else Session(engine)
        self.ctx = RunContext(principal=Principal("acme", "acme-1"), db=self.session)


@pytest_asyncio.fixture
async def desk(shop: Ground) -> AsyncIterator[Desk]:
    made = Desk(shop)
    yield made
    closed = made.session.close()
    if closed is not None:
        await closed


@pytest.mark.drivers("aiosqlite", "psycopg", "asyncmy")
async def test_langchain_is_given_the_tools_of_the_principal(desk: Desk) -> None:
    tools = {tool.name: tool for tool in langchain.tools(desk.toolset, desk.ctx)}
    assert set(READS) < set(tools)
    assert "create" not in tools
    schemas = {each["name"]: each["parameters"] for each in desk.toolset.definitions(desk.ctx)}
    assert tools["query"].args_schema == schemas["query"]
    answer = json.loads(await tools["query"].ainvoke({"model": "Order", "limit": 1}))
    assert answer["data"]["rows"] == [{"id": 1, "status": "pending"}]


@pytest.mark.drivers("aiosqlite")
async def test_langchain_is_told_of_a_refusal_and_its_hint(desk: Desk) -> None:
    tools = {tool.name: tool for tool in langchain.tools(desk.toolset, desk.ctx)}
    arguments = {"model": "Order", "id": 1, "data": {"status": "paid"}}
    message = await tools["update"].ainvoke(ToolCall(name="update", args=arguments, id="1", type="tool_call"))
    told = json.loads(message.content)
    assert (told["success"], told["error"]["code"]) == (False, "VALIDATION_ERROR")
    assert "reason" in told["error"]["hint"]
    assert message.artifact.exception().code == "VALIDATION_ERROR"
    theirs = json.loads(await tools["get"].ainvoke({"model": "Order", "id": 2}))
    assert theirs["error"]["code"] == "RECORD_NOT_FOUND"


@pytest.mark.drivers("pysqlite")
def test_langchain_calls_tools_without_an_event_loop(shop: Ground) -> None:
    desk = Desk(shop)
    with desk.session:
        tools = {tool.name: tool for tool in langchain.tools(desk.toolset, desk.ctx)}
        answer = json.loads(tools["get"].invoke({"model": "Order", "id": 1}))
    assert answer["data"] == {"id": 1, "status": "pending"}


@pytest.mark.drivers("aiosqlite", "psycopg_async", "asyncmy")
async def test_calls_at_once_take_turns_on_a_session(desk: Desk) -> None:
    tools = {tool.name: tool for tool in langchain.tools(desk.toolset, desk.ctx)}
    asked = [{"model": "Order", "id": id} for id in range(1, 13)]
    answers = await asyncio.gather(*(tools["get"].ainvoke(arguments) for arguments in asked))
    assert [json.loads(answer)["success"] for answer in answers] == [True, False] * 6


@pytest.mark.drivers("aiosqlite", "psycopg", "asyncmy")
async def test_an_agent_of_pydantic_ai_mends_its_call_by_the_hint(desk: Desk) -> None:
    arguments: dict[str, Any] = {"model": "Order", "id": 1, "data": {"status": "paid"}}
    returned: list[dict[str, Any]] = []

    def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        assert set(READS) < {tool.name for tool in info.function_tools}
        for part in messages[-1].parts:
            if part.part_kind == "tool-return":
                content: Any = part.content
                returned.append(content)
        if not returned:
            return ModelResponse(parts=[ToolCallPart("update", arguments)])
        if not returned[-1]["success"]:
            assert "reason" in returned[-1]["error"]["hint"]
            return ModelResponse(parts=[ToolCallPart("update", {**arguments, "reason": "it was paid"})])
        return ModelResponse(parts=[TextPart(f"It is {returned[-1]['data']['status']}.")])

    agent = Agent(FunctionModel(model), tools=pydantic_ai.tools(desk.toolset, desk.ctx))
    done = await agent.run("mark the order as paid")
    assert done.output == "It is paid."
    assert [outcome["success"] for outcome in returned] == [False, True]


@pytest.mark.drivers("aiosqlite")
async def test_a_principal_without_a_tenant_is_refused_by_every_tool(desk: Desk) -> None:
    nobody = RunContext(principal=Principal(None), db=desk.session)
    for tool in langchain.tools(desk.toolset, nobody):
        if tool.name == "get":
            told = json.loads(await tool.ainvoke({"model": "Order", "id": 1}))
            assert told["error"]["code"] == "TENANT_SCOPE_REQUIRED"
