"""The engine, as the package uses it: the one place that imports the extension module."""

from __future__ import annotations

from typing import Any

from ._ormai import Approvals, Context, Native, NativeError, Running, Store, error_codes, nearest, policy_from_text

Order = tuple[Any, ...]
"""What the engine needs of its host: `("done", outcome)`, `("wait",)`, `("statement", sql, …)`."""

__all__ = [
    "Approvals",
    "Context",
    "Native",
    "NativeError",
    "Order",
    "Running",
    "Store",
    "error_codes",
    "nearest",
    "policy_from_text",
]
