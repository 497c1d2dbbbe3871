"""What must hold of every call, whatever it asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, overload

from .._words import help_for
from ..core import Principal
from ..core.errors import InternalError
from ._results import Violation


class Evidence:
    """What an invariant of your own looks at.

    Attributes:
        tool: the tool that was called.
        kwargs: its arguments.
        principal: who called.
        answered: whether it was answered.
        data: the answer as JSON has it; None where it was refused.
        error: why it was refused: `{"code", "message", …}`; None where it was answered.
        metadata: what is said about the answer.
        records: the call's records in the audit trail; None without a trail.
        rows: the rows of the models that the invariant named, of all tenants, as the call left them.
    """

    __slots__ = ("answered", "data", "error", "kwargs", "metadata", "principal", "records", "rows", "tool")

    def __init__(self, told: Mapping[str, Any]) -> None:
        call = told["call"]
        result = told["result"] if isinstance(told["result"], dict) else {}
        self.tool: str = call["tool"]
        self.kwargs: Any = call["arguments"]
        self.principal: Principal = Principal(**call["principal"])
        self.answered: bool = result.get("success") is True
        self.data: Any = result.get("data")
        self.error: dict[str, Any] | None = result.get("error")
        self.metadata: dict[str, Any] = result.get("metadata") or {}
        self.records: list[dict[str, Any]] | None = told["records"]
        self.rows: dict[str, list[dict[str, Any]]] = told["rows"]


Check = Callable[[Evidence], Any]
"""Looks at evidence. Nothing, None and True say that it holds; False, a text, a `Violation` or several of these,
and a failed `assert`, that it does not. May be async."""


class Invariant:
    """Something that must hold of every call.

    Attributes:
        name: its name.
        rows: the models of which it looks at all rows.
    """

    __slots__ = ("__dict__", "_check", "name", "rows")

    def __init__(self, name: str, check: Check | None, rows: Iterable[str] = (), doc: str | None = None) -> None:
        self.name = name
        self.rows = tuple(rows)
        self._check = check
        self.__doc__ = doc

    def __call__(self, evidence: Evidence) -> Any:
        """What its function finds; of one that is built in, the engine decides.

        Raises:
            TypeError: it is built in.
        """
        if self._check is None:
            raise TypeError(f"`{self.name}` is decided by the engine: give it to a harness")
        return self._check(evidence)

    def told(self) -> str | dict[str, Any]:
        """As the engine takes it: the name of one that is built in."""
        return self.name if self._check is None else {"name": self.name, "rows": list(self.rows)}

    def decided(self, told: Mapping[str, Any]) -> list[dict[str, Any]] | Awaitable[list[dict[str, Any]]]:
        """What it finds, as the engine takes it.

        Raises:
            InternalError: it raised something, so nobody knows.
        """
        try:
            found = self(Evidence(told))
            return self._awaited(found) if isinstance(found, Awaitable) else self._told(found)
        except AssertionError as error:
            return [_failed(error)]
        except Exception as error:
            raise self._undecided(error) from error

    async def _awaited(self, found: Awaitable[Any]) -> list[dict[str, Any]]:
        try:
            return self._told(await found)
        except AssertionError as error:
            return [_failed(error)]
        except Exception as error:
            raise self._undecided(error) from error

    def _told(self, found: Any) -> list[dict[str, Any]]:
        if found is None or found is True:
            return []
        if found is False:
            return [{"what": "it does not hold"}]
        if isinstance(found, str):
            return [{"what": found}]
        if isinstance(found, Violation):
            return [{"what": found.message, "model": found.model, "row": found.row, "field": found.field}]
        if isinstance(found, Iterable) and not isinstance(found, (bytes, Mapping)):
            return [violation for each in found for violation in self._told(each)]
        kind = "an async generator" if isinstance(found, AsyncIterator) else type(found).__name__
        raise TypeError(f"an invariant comes to a bool, a text, a Violation or several of these, and not to {kind}")

    def _undecided(self, error: Exception) -> InternalError:
        return InternalError(f"`{self.name}` raised {type(error).__name__}: {error}")

    def __repr__(self) -> str:
        return f"<invariant {self.name}>"


def _failed(error: AssertionError) -> dict[str, Any]:
    # pytest adds lines on what was compared.
    return {"what": str(error).partition("\n")[0] or "an assertion of it failed"}


@overload
def invariant(check: Check, /) -> Invariant: ...


@overload
def invariant(*, name: str | None = None, rows: Iterable[str] = ()) -> Callable[[Check], Invariant]: ...


def invariant(
    check: Check | None = None, /, *, name: str | None = None, rows: Iterable[str] = ()
) -> Invariant | Callable[[Check], Invariant]:
    """Makes an invariant of a function.

        @invariant(rows=["Order"])
        def totals_are_positive(evidence):
            for row in evidence.rows["Order"]:
                if row["total"] is not None and float(row["total"]) < 0:
                    yield Violation("the total is negative", model="Order", row=row["id"], field="total")

    Args:
        name: its name. By default that of the function.
        rows: the models of which it looks at all rows, as the call left them.
    """

    def made(check: Check) -> Invariant:
        if isinstance(rows, str):
            raise TypeError("`rows` of an invariant must be a list of models")
        return Invariant(name or str(getattr(check, "__name__", "invariant")), check, rows, check.__doc__)

    return made if check is None else made(check)


no_cross_tenant_data = Invariant(
    "no_cross_tenant_data",
    None,
    doc="""Every row, figure and count of an answer comes from rows that the policy lets the principal see, and a
    write touches no others.""",
)
no_denied_fields = Invariant(
    "no_denied_fields",
    None,
    doc="No field that is denied to the principal shows, by name or by value, in data, errors or hints.",
)
masks_applied = Invariant(
    "masks_applied",
    None,
    doc="Every masked, hashed and redacted value is what its field's action makes of the stored one.",
)
response_within_budget = Invariant(
    "response_within_budget", None, doc="No answer is larger than the policy's budgets, or than what was asked for."
)
audited_once = Invariant(
    "audited_once", None, doc="The trail has exactly one closed record of the call, and the answer names it."
)
errors_reveal_nothing = Invariant(
    "errors_reveal_nothing",
    None,
    doc="""Errors show nothing of SQL, drivers, hidden names and others' values, and are the same for rows that are
    not there and for rows of others.""",
)
non_interference = Invariant(
    "non_interference",
    None,
    doc="Every byte of the answer stays while others' rows are added, changed and taken away.",
)

ALL_INVARIANTS: tuple[Invariant, ...] = (
    no_cross_tenant_data,
    no_denied_fields,
    masks_applied,
    response_within_budget,
    audited_once,
    errors_reveal_nothing,
    non_interference,
)
"""All that are built in."""

_BUILT_IN = {each.name: each for each in ALL_INVARIANTS}


def read(given: Iterable[Invariant | Check | str] | Invariant | str) -> list[Invariant]:
    """The invariants of a list, in which functions and names of those that are built in stand for them.

    Raises:
        TypeError: something is none.
        ValueError: a name is not known.
    """
    items = [given] if isinstance(given, (Invariant, str)) else list(given)
    return [_one(item) for item in items]


def _one(item: Any) -> Invariant:
    if isinstance(item, Invariant):
        return item
    if isinstance(item, str):
        if item not in _BUILT_IN:
            raise ValueError(f"there is no invariant `{item}`: {help_for(item, _BUILT_IN)}")
        return _BUILT_IN[item]
    if callable(item):
        return invariant(item)
    raise TypeError(f"an invariant is one of `ormai.eval`, a function or a name, and not {type(item).__name__}")
