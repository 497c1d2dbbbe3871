"""Calls, held to invariants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._drive import told
from ..core.errors import PolicyInvalidError
from ..tools._policy_text import PolicyText
from ._driving import awaited, blocked, engine_of, native_of
from ._invariants import ALL_INVARIANTS, Check, Invariant, audited_once, read
from ._results import EvalResult, SuiteResult

if TYPE_CHECKING:
    from .._native import Context, Harness, Running
    from ..core import Principal, RunContext
    from ..tools import Toolset
    from ..tools._engine import Engine
    from ..tools._mount import PolicyLike
    from ._driving import Begin

    Invariants = Iterable[Invariant | Check | str] | Invariant | str


@dataclass(frozen=True)
class Case:
    """A call of a suite, with what is expected of it.

    Attributes:
        tool: the tool.
        kwargs: its arguments.
        principal: who calls; None: the principal of the suite's context.
        name: its name; None: the tool.
        invariants: what must hold of it; None: all that are built in.
        expect: how it must end: `success`, or the code of a refusal such as `RECORD_NOT_FOUND`. None: either way.
    """

    tool: str
    kwargs: Mapping[str, Any] | None = None
    principal: Principal | None = None
    name: str | None = None
    invariants: Invariants | None = None
    expect: str | None = None


class _Harness:
    __slots__ = ("_engine", "_harness")

    _engine: Engine
    _harness: Harness

    @property
    def is_recorded(self) -> bool:
        """Whether the toolset's calls leave records. Without an audit store `audited_once` cannot hold."""
        return self._harness.is_recorded

    def _begin(self, case: Case) -> tuple[Begin, list[Invariant]]:
        if case.invariants is None:
            checks = [each for each in ALL_INVARIANTS if self.is_recorded or each is not audited_once]
        else:
            checks = read(case.invariants)

        def begin(context: Context) -> Running:
            return self._harness.run(
                context,
                case.tool,
                {} if case.kwargs is None else case.kwargs,
                name=case.name,
                principal=None if case.principal is None else case.principal.to_dict(),
                invariants=[check.told() for check in checks],
                expect=case.expect,
            )

        return begin, checks


class EvalHarness(_Harness):
    """Makes calls and holds them to invariants.

    The policy is the one that the toolset is meant to obey: what is visible, masked and allowed is read from it
    once more, and from the stored rows, without the statements that the toolset makes. A call that writes is made
    in a transaction that is undone. `sync` is for code without an event loop.

    Args:
        toolset: the toolset.
        policy: a `Policy`, its document, or the path of its file.
        most_rows: larger tables are not read; what would need them is undecided, which is no pass.
        keep_writes: whether to keep what calls write, for cases that build on each other.

    Raises:
        PolicyInvalidError: the policy does not fit the toolset's models: with every finding.
        TypeError: it is no toolset, or no policy.
    """

    __slots__ = ()

    def __init__(
        self, toolset: Toolset, policy: PolicyLike, *, most_rows: int | None = None, keep_writes: bool = False
    ) -> None:
        from .._native import Harness

        text = PolicyText(policy, has_hash_key=True)
        self._engine = engine_of(toolset)
        try:
            self._harness = Harness(
                native_of(self._engine),
                policy=text.text,
                policy_format=text.format,
                most_rows=most_rows,
                keep_writes=keep_writes,
            )
        except Exception as error:
            raised = told(error)
            raise (text.told(raised) if isinstance(raised, PolicyInvalidError) else raised) from None

    @property
    def sync(self) -> SyncEvalHarness:
        """The same for code without an event loop: `harness.sync.run(ctx, "query", {"model": "Order"})`."""
        return SyncEvalHarness(self)

    async def run(
        self,
        ctx: RunContext,
        tool: str,
        kwargs: Mapping[str, Any] | None = None,
        *,
        invariants: Invariants | None = None,
        expect: str | None = None,
        name: str | None = None,
    ) -> EvalResult:
        """Makes a call as the principal of a context, and holds it to invariants.

        Args:
            ctx: who is asking, and where statements run.
            tool: the tool, one of the project's own as well.
            kwargs: its arguments.
            invariants: those of `ormai.eval`, their names, and functions of yours. None: all that are built in;
                without an audit store, without `audited_once`.
            expect: how it must end: `success`, or the code of a refusal. None: either way.
            name: what to call it.

        Raises:
            ValueError: an invariant or a code is not known.
            OrmAiError: it cannot be evaluated at all.
        """
        return await self.run_case(ctx, Case(tool, kwargs, None, name, invariants, expect))

    async def run_case(self, ctx: RunContext, case: Case) -> EvalResult:
        """Makes the call of a case on the connection of a context."""
        begin, checks = self._begin(case)
        return EvalResult(await awaited(self._engine, ctx, begin, checks, case.principal))

    async def run_suite(self, ctx: RunContext, cases: Iterable[Case]) -> SuiteResult:
        """Makes the calls of cases, one after the other, on the connection of a context."""
        return SuiteResult([await self.run_case(ctx, case) for case in cases])


class SyncEvalHarness(_Harness):
    """The harness for code without an event loop: the methods of `EvalHarness`, which block."""

    __slots__ = ()

    def __init__(self, harness: EvalHarness) -> None:
        self._engine = harness._engine
        self._harness = harness._harness

    def run(
        self,
        ctx: RunContext,
        tool: str,
        kwargs: Mapping[str, Any] | None = None,
        *,
        invariants: Invariants | None = None,
        expect: str | None = None,
        name: str | None = None,
    ) -> EvalResult:
        """As `EvalHarness.run`."""
        return self.run_case(ctx, Case(tool, kwargs, None, name, invariants, expect))

    def run_case(self, ctx: RunContext, case: Case) -> EvalResult:
        """As `EvalHarness.run_case`."""
        begin, checks = self._begin(case)
        return EvalResult(blocked(self._engine, ctx, begin, checks, case.principal))

    def run_suite(self, ctx: RunContext, cases: Iterable[Case]) -> SuiteResult:
        """As `EvalHarness.run_suite`."""
        return SuiteResult([self.run_case(ctx, case) for case in cases])
