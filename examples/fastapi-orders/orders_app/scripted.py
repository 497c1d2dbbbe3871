"""A stand-in for a language model, so that the example runs without a network and always alike."""

from __future__ import annotations

from typing import Any

from .agent import Step, ToolCall


class ScriptedModel:
    """Ships the pending orders. Like many a model it forgets what the tool needs, and reads the hint."""

    def next(self, task: str, tools: list[dict[str, Any]], steps: list[Step]) -> ToolCall | str:
        """The next call, or the answer."""
        if not steps:
            pending = {"field": "status", "op": "eq", "value": "pending"}
            # It asks for the customer's card as well, although nobody told it to.
            include = [{"relation": "customer", "select": ["name", "card"]}]
            return ToolCall("query", {"model": "Order", "filters": [pending], "include": include})
        last = steps[-1]
        if not last.outcome["success"]:
            return self._mended(last)
        if last.call.tool == "query":
            rows = last.outcome["data"]["rows"]
            return self._ship(rows[0]["id"]) if rows else "There is no pending order."
        return f"Order {last.outcome['data']['id']} is {last.outcome['data']['status']}."

    def _ship(self, order: int) -> ToolCall:
        return ToolCall("update", {"model": "Order", "id": order, "data": {"status": "shipped"}})

    def _mended(self, refused: Step) -> ToolCall | str:
        error = refused.outcome["error"]
        if "reason" in error.get("hint", "") and "reason" not in refused.call.arguments:
            arguments = {**refused.call.arguments, "reason": "the customer asked for it to be shipped"}
            return ToolCall(refused.call.tool, arguments)
        return f"That is not possible: {error['message']}."
