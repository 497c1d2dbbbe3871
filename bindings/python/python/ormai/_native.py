"""The engine, as the package uses it: the one place that imports the extension module."""

from __future__ import annotations

from typing import Any

from ._ormai import (
    Approvals,
    Context,
    Harness,
    Native,
    NativeError,
    Recorder,
    Recording,
    Running,
    Store,
    determinism,
    diff,
    error_codes,
    isolation,
    nearest,
    policy_from_text,
    replay,
)

Order = tuple[Any, ...]
"""What the engine needs of its host: `("done", outcome)`, `("wait",)`, `("statement", sql, …)`."""

__all__ = [
    "Approvals",
    "Context",
    "Harness",
    "Native",
    "NativeError",
    "Order",
    "Recorder",
    "Recording",
    "Running",
    "Store",
    "determinism",
    "diff",
    "error_codes",
    "isolation",
    "nearest",
    "policy_from_text",
    "replay",
]
