"""Evaluation of your own isolation: your policy, your models, your data.

An `EvalHarness` makes calls and holds each to invariants, which look behind the answer into the database:

    harness = EvalHarness(toolset, policy)
    result = await harness.run(ctx, tool="query", kwargs={"model": "Order"}, invariants=[no_cross_tenant_data])
    result.raise_for_violations()

Everything runs where the context says: on its session's connection and in its transaction, of which nothing is
left changed. `isolation` makes up the requests itself; a `Recorder` keeps those of a program, which `replay` and
`determinism` make again; `diff` tells what another policy opens and closes, and to whom.
"""

from ._comparing import PolicyChange, PolicyDiff, diff, diff_sync
from ._harness import Case, EvalHarness, SyncEvalHarness
from ._invariants import (
    ALL_INVARIANTS,
    Evidence,
    Invariant,
    audited_once,
    errors_reveal_nothing,
    invariant,
    masks_applied,
    no_cross_tenant_data,
    no_denied_fields,
    non_interference,
    response_within_budget,
)
from ._isolation import IsolationReport, isolation, isolation_sync
from ._recording import (
    DeterminismReport,
    Recorder,
    Recording,
    ReplayReport,
    determinism,
    determinism_sync,
    load,
    replay,
    replay_sync,
)
from ._results import Allowed, EvalResult, SuiteResult, Violation, ViolationError

__all__ = [
    "ALL_INVARIANTS",
    "Allowed",
    "Case",
    "DeterminismReport",
    "EvalHarness",
    "EvalResult",
    "Evidence",
    "Invariant",
    "IsolationReport",
    "PolicyChange",
    "PolicyDiff",
    "Recorder",
    "Recording",
    "ReplayReport",
    "SuiteResult",
    "SyncEvalHarness",
    "Violation",
    "ViolationError",
    "audited_once",
    "determinism",
    "determinism_sync",
    "diff",
    "diff_sync",
    "errors_reveal_nothing",
    "invariant",
    "isolation",
    "isolation_sync",
    "load",
    "masks_applied",
    "no_cross_tenant_data",
    "no_denied_fields",
    "non_interference",
    "replay",
    "replay_sync",
    "response_within_budget",
]
