"""The tools that agents call, and tools of a project's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._record import published
from ._results import AggregateResult, CallResult, DescribeResult, GetResult, QueryResult, Result, WriteResult
from ._toolset import Toolset

if TYPE_CHECKING:
    from ._approvals import Approval as Approval
    from ._approvals import Approvals as Approvals
    from ._approvals import SyncApprovals as SyncApprovals
    from ._domain import FunctionTool as FunctionTool
    from ._domain import Tool as Tool
    from ._domain import ToolContext as ToolContext
    from ._domain import tool as tool
    from ._sync import SyncToolset as SyncToolset

published(
    __name__,
    AggregateResult,
    CallResult,
    DescribeResult,
    GetResult,
    QueryResult,
    Result,
    Toolset,
    WriteResult,
)

_PLACES = {
    "Approval": "._approvals",
    "Approvals": "._approvals",
    "FunctionTool": "._domain",
    "SyncApprovals": "._approvals",
    "SyncToolset": "._sync",
    "Tool": "._domain",
    "ToolContext": "._domain",
    "tool": "._domain",
}

__all__ = [
    "AggregateResult",
    "Approval",
    "Approvals",
    "CallResult",
    "DescribeResult",
    "FunctionTool",
    "GetResult",
    "QueryResult",
    "Result",
    "SyncApprovals",
    "SyncToolset",
    "Tool",
    "ToolContext",
    "Toolset",
    "WriteResult",
    "tool",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_PLACES[name], __name__), name)
    globals()[name] = value
    return value
