"""The engine, as the package uses it: the one place that imports the extension module."""

from __future__ import annotations

from typing import Any

from ._ormai import Context, Native, NativeError, Running

Order = tuple[Any, ...]
"""What the engine needs of its host: `("done", outcome)`, `("wait",)`, `("statement", sql, …)`."""

__all__ = ["Context", "Native", "NativeError", "Order", "Running"]


def __getattr__(name: str) -> Any:
    from . import _ormai

    return getattr(_ormai, name)
