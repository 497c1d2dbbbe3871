"""Requests that are made up from policy and database, with rows of strangers around them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .._told import Told
from ..core.errors import PolicyInvalidError
from ..tools._policy_text import PolicyText
from ._driving import awaited, blocked, engine_of, native_of
from ._results import Violation, ViolationError

if TYPE_CHECKING:
    from .._native import Context, Running
    from ..core import Principal, RunContext
    from ..tools import Toolset
    from ..tools._mount import PolicyLike
    from ._driving import Begin

    Progress = Callable[[int, int, int], object]
    """Told of how many requests were made, of how many, and how many leaks were found."""


class IsolationReport(Told):
    """What a run of the isolation suite has found: `verdict`, `leaks`, `requests`, `planted_rows`, `tools` and `rules`
    with what was covered, `undecided` and `not_covered` with what was not."""

    __slots__ = ("_html",)

    verdict: str
    """`isolated`, `leaks`, or `undecided` where too little was tested."""
    is_isolated: bool
    """Whether the verdict is that it is isolated."""
    leaks: list[dict[str, Any]]
    """What leaked, each with the call that shows it."""
    undecided: list[str]
    not_covered: list[str]
    requests: int
    planted_rows: int

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(told["report"])
        self._html = told["html"]

    @property
    def passed(self) -> bool:
        """Whether enough was tested, and nothing leaked."""
        return self.is_isolated

    @property
    def violations(self) -> list[Violation]:
        """What was broken by each leak."""
        return [Violation._of(leak["violation"]) for leak in self.leaks]

    def raise_for_violations(self) -> None:
        """Does nothing where it passed.

        Raises:
            ViolationError: something leaked, or too little was tested.
        """
        if not self.passed:
            raise ViolationError(str(self), self.violations)

    def to_html(self) -> str:
        """A page that shows it, which loads nothing."""
        html: str = self._html
        return html

    def __str__(self) -> str:
        leaks = [
            f"{violation}\n  {leak['command']}" for violation, leak in zip(self.violations, self.leaks, strict=True)
        ]
        doubts = [f"undecided: {why}" for why in self.undecided]
        last = f"{self.verdict}: {self.requests} requests, {self.planted_rows} rows planted"
        return "\n".join([*leaks, *doubts, last])


async def isolation(
    toolset: Toolset,
    ctx: RunContext,
    policy: PolicyLike,
    *,
    seed: int = 0,
    requests: int = 1_000,
    max_rows: int | None = None,
    principals: Iterable[Principal] = (),
    stop_at_first: bool = False,
    progress: Progress | None = None,
) -> IsolationReport:
    """Tries to break the isolation of a policy.

    Rows of strangers are planted, requests of every kind are made by principals of all kinds, and each answer is held
    to what the policy says of the stored rows. All of it in a transaction that is undone, in that of the context where
    it has one; nobody else's changes may come in between.

    Args:
        toolset: the toolset, for its models and its database.
        ctx: where statements run. Who it says is asking does not matter.
        policy: the policy.
        seed: chooses rows and requests; the same one chooses the same.
        requests: how many requests are made.
        max_rows: the most rows of a model that are read; with more nothing is tried.
        principals: who asks too, instead of principals that are sampled from the database.
        stop_at_first: whether to end with the first leak.
        progress: called after each request.

    Raises:
        PolicyInvalidError: the policy does not fit the toolset's models: with every finding.
        ValidationError: a model has more rows than are read.
        OrmAiError: the database cannot be asked.
    """
    begin, text = _trying(toolset, policy, seed, requests, max_rows, principals, stop_at_first, progress)
    try:
        return IsolationReport(await awaited(engine_of(toolset), ctx, begin))
    except PolicyInvalidError as error:
        raise text.told(error) from None


def isolation_sync(
    toolset: Toolset,
    ctx: RunContext,
    policy: PolicyLike,
    *,
    seed: int = 0,
    requests: int = 1_000,
    max_rows: int | None = None,
    principals: Iterable[Principal] = (),
    stop_at_first: bool = False,
    progress: Progress | None = None,
) -> IsolationReport:
    """As `isolation`, and blocks."""
    begin, text = _trying(toolset, policy, seed, requests, max_rows, principals, stop_at_first, progress)
    try:
        return IsolationReport(blocked(engine_of(toolset), ctx, begin))
    except PolicyInvalidError as error:
        raise text.told(error) from None


def _trying(
    toolset: Toolset,
    policy: PolicyLike,
    seed: int,
    requests: int,
    max_rows: int | None,
    principals: Iterable[Principal],
    stop_at_first: bool,
    progress: Progress | None,
) -> tuple[Begin, PolicyText]:
    from .._native import isolation as begin

    text = PolicyText(policy, has_hash_key=True)
    native = native_of(engine_of(toolset))
    told = [principal.to_dict() for principal in principals]

    def begun(context: Context) -> Running:
        return begin(
            native,
            context,
            policy=text.text,
            policy_format=text.format,
            seed=seed,
            requests=requests,
            max_rows=max_rows,
            principals=told,
            stop_at_first=stop_at_first,
            progress=progress,
        )

    return begun, text
