"""What a change of a policy changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._told import Told
from ..tools._policy_text import PolicyText
from ._driving import awaited, blocked, engine_of, native_of

if TYPE_CHECKING:
    from .._native import Context, Running
    from ..core import Principal, RunContext
    from ..tools import Toolset
    from ..tools._mount import PolicyLike
    from ._driving import Begin
    from ._recording import Recording


@dataclass(frozen=True)
class PolicyChange:
    """A change of a rule.

    Attributes:
        text: what changes, in one line.
        roles: the sets of roles that it is for.
    """

    text: str
    roles: list[list[str]]

    def __str__(self) -> str:
        return self.text


class PolicyDiff(Told):
    """What differs between two policies: `old` and `new` versions, `roles` with what the policies say by set of roles,
    `rows` with what becomes of rows by principal and model, `calls` with what becomes of recorded calls."""

    __slots__ = ("_html", "changes", "is_empty", "is_wider")

    changes: list[PolicyChange]
    """Each change of a rule once, widenings first."""
    is_wider: bool
    """Whether somebody can do or see something under the new policy that they could not under the old one, or may
    be able to."""
    is_empty: bool
    """Whether nothing differs at all."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(told["diff"])
        self.changes = [PolicyChange(change["text"], change["roles"]) for change in told["changes"]]
        self.is_wider = told["is_wider"]
        self.is_empty = told["is_empty"]
        self._html = told["html"]

    def to_html(self) -> str:
        """A page that shows it, which loads nothing."""
        html: str = self._html
        return html

    def __str__(self) -> str:
        return "\n".join(change.text for change in self.changes)


async def diff(
    toolset: Toolset,
    ctx: RunContext,
    old: PolicyLike,
    new: PolicyLike,
    *,
    principals: Iterable[Principal] = (),
    rows: bool = True,
    most_rows: int | None = None,
    recording: Recording | None = None,
) -> PolicyDiff:
    """What a new policy opens and closes, and to whom. Nothing is put in force.

    Args:
        toolset: the toolset, for its models.
        ctx: where statements run. Who it says is asking does not matter.
        old: the policy that is compared with.
        new: the other one.
        principals: for whom; by default for principals of two tenants of the database, with each combination of the
            roles that the policies name.
        rows: whether to compare which rows they see.
        most_rows: how many rows of a model are compared at most.
        recording: calls to make under both; only reads are made.

    Raises:
        PolicyInvalidError: one of them does not load, or does not fit: with every finding.
        OrmAiError: the database cannot be asked.
    """
    begin = _comparing(toolset, old, new, principals, rows, most_rows, recording)
    return PolicyDiff(await awaited(engine_of(toolset), ctx, begin))


def diff_sync(
    toolset: Toolset,
    ctx: RunContext,
    old: PolicyLike,
    new: PolicyLike,
    *,
    principals: Iterable[Principal] = (),
    rows: bool = True,
    most_rows: int | None = None,
    recording: Recording | None = None,
) -> PolicyDiff:
    """As `diff`, and blocks."""
    begin = _comparing(toolset, old, new, principals, rows, most_rows, recording)
    return PolicyDiff(blocked(engine_of(toolset), ctx, begin))


def _comparing(
    toolset: Toolset,
    old: PolicyLike,
    new: PolicyLike,
    principals: Iterable[Principal],
    rows: bool,
    most_rows: int | None,
    recording: Recording | None,
) -> Begin:
    from .._native import diff as begin

    native = native_of(engine_of(toolset))
    versions = [(text.text, text.format) for text in (PolicyText(each, has_hash_key=True) for each in (old, new))]
    told = [principal.to_dict() for principal in principals]
    calls = None if recording is None else recording._native

    def begun(context: Context) -> Running:
        return begin(native, context, *versions, principals=told, rows=rows, most_rows=most_rows, recording=calls)

    return begun
