"""The tools for agents of LangChain and LangGraph: `pip install "ormai[langchain]"`.

from ormai.integrations.langchain import tools

agent = create_agent(model, tools(toolset, ctx))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._calls import Calls
from ._extras import missing

try:
    from langchain_core.tools import StructuredTool
except ImportError as error:
    raise missing("LangChain", "langchain") from error

if TYPE_CHECKING:
    from ..core import RunContext
    from ..tools import CallResult, Definition, Toolset

__all__ = ["tools"]


def tools(toolset: Toolset, ctx: RunContext) -> list[StructuredTool]:
    """The tools that the principal can use, each with its schema.

    A call never raises: its outcome is given to the model as JSON, a refusal with its hint like any answer, and
    is the message's `artifact` as a `CallResult`. On a session, calls are made one at a time.

    Args:
        toolset: the tools.
        ctx: who is asking, and where statements run. With an `AsyncSession` the tools can be awaited only.
    """
    calls = Calls(toolset, ctx)
    return [_tool(calls, definition) for definition in toolset.definitions(ctx)]


def _tool(calls: Calls, definition: Definition) -> StructuredTool:
    name = definition["name"]

    async def call(**arguments: Any) -> tuple[str, CallResult]:
        outcome = await calls.call(name, arguments)
        return outcome.to_json(), outcome

    def call_sync(**arguments: Any) -> tuple[str, CallResult]:
        outcome = calls.call_sync(name, arguments)
        return outcome.to_json(), outcome

    return StructuredTool(
        name=name,
        description=definition["description"],
        args_schema=definition["parameters"],
        func=call_sync,
        coroutine=call,
        response_format="content_and_artifact",
    )
