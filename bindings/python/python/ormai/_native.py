"""The engine, as the package uses it: the one place that imports the extension module."""

from __future__ import annotations

from typing import Any

from ._ormai import Context, Native, NativeError, Running, Store, error_codes, read_policy, version

Order = tuple[Any, ...]
"""What the engine needs of its host: `("done", outcome)`, `("wait",)`, `("statement", sql, …)`."""

__all__ = ["Context", "Native", "NativeError", "Order", "Running", "Store", "error_codes", "read_policy", "version"]
