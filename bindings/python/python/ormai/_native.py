"""The engine, as the package uses it: the one place that imports the extension module."""

from __future__ import annotations

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
    check_policy,
    determinism,
    diff,
    error_codes,
    isolation,
    nearest,
    policy_from_text,
    policy_to_yaml,
    replay,
)

__all__ = [
    "Approvals",
    "Context",
    "Harness",
    "Native",
    "NativeError",
    "Recorder",
    "Recording",
    "Running",
    "Store",
    "check_policy",
    "determinism",
    "diff",
    "error_codes",
    "isolation",
    "nearest",
    "policy_from_text",
    "policy_to_yaml",
    "replay",
]
