"""What evaluations find."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..core import Principal


@dataclass(frozen=True)
class Violation:
    """Something that an invariant found broken.

    Attributes:
        message: what is wrong, in one sentence.
        model: the model of the row.
        row: the key of the row, or the part of the answer where it stands, such as `rows[3].items[0]`.
        field: the field.
        invariant: the name of the invariant; an invariant of your own need not say it.
    """

    message: str
    model: str | None = None
    row: Any = None
    field: str | None = None
    invariant: str = ""

    def __str__(self) -> str:
        row = "" if self.row is None else f" {json.dumps(self.row, separators=(',', ':'))}"
        of = "" if self.model is None else f" ({self.model}{row})"
        at = "" if self.field is None else f", field `{self.field}`"
        return f"{self.invariant}: {self.message}{of}{at}"

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> Violation:
        return cls(told["what"], told.get("model"), told.get("row"), told.get("field"), told["invariant"])


@dataclass(frozen=True)
class Allowed:
    """Rows that are not the principal's own and that a rule of the policy lets it see: no violation.

    Attributes:
        model: the model.
        rule: the rule: `permit parent_access`, `bypass admin_bypass`, `shared`.
        rows: how many rows of the answer.
    """

    model: str
    rule: str
    rows: int


class ViolationError(AssertionError):
    """Invariants do not hold.

    Attributes:
        violations: what was found.
    """

    violations: list[Violation]

    def __init__(self, message: str, violations: Iterable[Violation]) -> None:
        super().__init__(message)
        self.violations = list(violations)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.violations)


class EvalResult:
    """What came out of one call: its answer, and which invariants it breaks. `str(result)` tells it.

    Attributes:
        name: the name of the case; the tool, where it has none.
        tool: the tool.
        kwargs: its arguments.
        principal: who called.
        answered: whether it was answered. A call that is refused breaks few invariants, and shows little.
        data: the answer as JSON has it; None where it was refused.
        error: why it was refused: `{"code", "message", …}`; None where it was answered.
        metadata: what is to be known about the answer.
        records: its records in the audit trail; None without a trail.
        invariants: the names of the invariants that were looked at.
        violations: what they found.
        allowed: rows of others that rules let the principal see.
    """

    __slots__ = (
        "_text",
        "allowed",
        "answered",
        "data",
        "error",
        "invariants",
        "kwargs",
        "metadata",
        "name",
        "principal",
        "records",
        "tool",
        "violations",
    )

    def __init__(self, told: Mapping[str, Any]) -> None:
        call, observed = told["call"], told["observed"]
        result = observed["result"] if isinstance(observed["result"], dict) else {}
        self.name: str = told["name"]
        self.tool: str = call["tool"]
        self.kwargs: Any = call["arguments"]
        self.principal: Principal = Principal(**call["principal"])
        self.answered: bool = told["answered"]
        self.data: Any = result.get("data")
        self.error: dict[str, Any] | None = result.get("error")
        self.metadata: dict[str, Any] = result.get("metadata") or {}
        self.records: list[dict[str, Any]] | None = observed.get("records")
        self.invariants: list[str] = told["invariants"]
        self.violations: list[Violation] = [Violation._of(violation) for violation in told["violations"]]
        self.allowed: list[Allowed] = [Allowed(**allowed) for allowed in told["allowed"]]
        self._text: str = told["text"]

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.violations

    def raise_for_violations(self) -> None:
        """Does nothing where it passed.

        Raises:
            ViolationError: something was found.
        """
        if self.violations:
            raise ViolationError(self._text, self.violations)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<EvalResult {self._text}>"


class SuiteResult:
    """What came out of several cases, in their order. `str(result)` tells it.

    Attributes:
        results: one of each case.
    """

    __slots__ = ("results",)

    def __init__(self, results: Iterable[EvalResult]) -> None:
        self.results: list[EvalResult] = list(results)

    @property
    def passed(self) -> bool:
        """Whether there were cases, and nothing was found: without any, nothing was shown."""
        return bool(self.results) and all(result.passed for result in self.results)

    @property
    def violations(self) -> list[Violation]:
        """All that was found."""
        return [violation for result in self.results for violation in result.violations]

    @property
    def failures(self) -> list[EvalResult]:
        """The cases that did not pass."""
        return [result for result in self.results if not result.passed]

    def raise_for_violations(self) -> None:
        """Does nothing where it passed.

        Raises:
            ViolationError: something was found, or there was no case.
        """
        if not self.passed:
            raise ViolationError(str(self), self.violations)

    def __iter__(self) -> Iterator[EvalResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __str__(self) -> str:
        count, failed = len(self.results), len(self.failures)
        refused = sum(1 for result in self.results if result.passed and not result.answered)
        last = f"{count - failed} of {count} passed"
        if not count:
            last += ": there is no case"
        elif refused:
            last += f", {refused} of them refused"
        return "\n".join([*map(str, self.results), last])

    def __repr__(self) -> str:
        return f"<SuiteResult of {len(self.results)} cases, {len(self.failures)} failed>"
