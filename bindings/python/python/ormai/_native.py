"""The engine, as the package uses it: the one place that imports the extension module."""

from __future__ import annotations

from ._ormai import (
    Approvals,
    Context,
    Native,
    NativeError,
    Running,
    Store,
    error_codes,
    nearest,
    policy_from_text,
    policy_to_yaml,
)

__all__ = [
    "Approvals",
    "Context",
    "Native",
    "NativeError",
    "Running",
    "Store",
    "error_codes",
    "nearest",
    "policy_from_text",
    "policy_to_yaml",
]
