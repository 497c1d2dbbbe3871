"""The tools for agents of PydanticAI: `pip install "ormai[pydantic-ai]"`.

from ormai.integrations.pydantic_ai import tools

agent = Agent(model, tools=tools(toolset, ctx))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._calls import Calls
from ._extras import missing

try:
    from pydantic_ai import Tool
except ImportError as error:
    raise missing("PydanticAI", "pydantic-ai") from error

if TYPE_CHECKING:
    from ..core import RunContext
    from ..tools import Definition, Toolset

__all__ = ["tools"]


def tools(toolset: Toolset, ctx: RunContext) -> list[Tool[Any]]:
    """The tools that the principal can use, each with its schema.

    A call never raises: the model is given `{"success", "data" or "error", "metadata"}`, a refusal with its hint
    like any answer. On a session, calls are made one at a time.

    Args:
        toolset: the tools.
        ctx: who is asking, and where statements run.
    """
    calls = Calls(toolset, ctx)
    return [_tool(calls, definition) for definition in toolset.definitions(ctx)]


def _tool(calls: Calls, definition: Definition) -> Tool[Any]:
    name = definition["name"]

    async def call(**arguments: Any) -> dict[str, Any]:
        return (await calls.call(name, arguments)).to_dict()

    return Tool.from_schema(
        call, name=name, description=definition["description"], json_schema=definition["parameters"]
    )
