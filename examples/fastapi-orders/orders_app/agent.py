"""The loop of an agent: a model asks for tools, and is told what came of each call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from ormai.core import RunContext
from ormai.tools import Toolset

MOST_STEPS = 10


@dataclass(frozen=True)
class ToolCall:
    """The model wants a tool called."""

    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A call, and what came of it: `{"success", "data" or "error", "metadata"}`."""

    call: ToolCall
    outcome: dict[str, Any]


class Model(Protocol):
    """A language model, as far as the loop sees it."""

    def next(self, task: str, tools: list[dict[str, Any]], steps: list[Step]) -> ToolCall | str:
        """The next call, or the answer."""


@dataclass
class Conversation:
    """What was done for a task."""

    answer: str
    steps: list[Step] = field(default_factory=list)


async def work(model: Model, toolset: Toolset, ctx: RunContext, task: str) -> Conversation:
    """Lets the model work on a task. What it may use is what the policy opens to the principal of `ctx`."""
    tools = toolset.to_openai_tools(ctx)
    steps: list[Step] = []
    for _ in range(MOST_STEPS):
        wanted = model.next(task, tools, steps)
        if isinstance(wanted, str):
            return Conversation(wanted, steps)
        # Never raises: a refusal is told with a hint, and the model goes on from it.
        outcome = await toolset.call(ctx, wanted.tool, wanted.arguments)
        steps.append(Step(wanted, outcome.to_dict()))
    return Conversation("This took too many steps.", steps)
