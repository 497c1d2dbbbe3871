"""The circumstances of a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .._record import Record, frozen, wrong_type
from ._principal import Principal

if TYPE_CHECKING:
    from datetime import datetime

    from typing_extensions import Self


class RunContext(Record):
    """Who is asking, and where statements run.

    Args:
        principal: who is asking.
        db: the caller's own SQLAlchemy `Session` or `AsyncSession`. Statements run on its connection, in its
            transaction and on its thread; they see what it has written and not yet committed, and a call
            that fails leaves it usable. None: the toolset's own connections.
        request_id: names the call in answers, logs and records. By default each call gets a UUID.
        trace_id: the caller's trace, carried through.
        now: what `now()` means, a time with its zone. By default it is the time of each call.
        metadata: for tools of the project's own. No policy sees it.

    Raises:
        TypeError: a keyword is not known, or a value is of another type.
        ValueError: the time has no zone.

    >>> RunContext(principal=Principal(tenant_id="acme-corp"), request_id="r-1")
    RunContext(principal=Principal(tenant_id='acme-corp', user_id=None, roles=[], metadata={}), request_id='r-1')
    """

    __slots__ = ("_place", "db", "metadata", "now", "principal", "request_id", "trace_id")
    _parts: ClassVar[tuple[str, ...]] = ("principal", "db", "request_id", "trace_id", "now", "metadata")

    principal: Principal
    db: Any
    request_id: str | None
    trace_id: str | None
    now: datetime | None
    metadata: Mapping[str, Any]
    # Inside of a transaction or a tool: the engine's own context and the connection that it is on.
    _place: tuple[Any, Any] | None

    def __init__(
        self,
        principal: Principal,
        db: Any = None,
        request_id: str | None = None,
        trace_id: str | None = None,
        now: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(principal, Principal):
            raise wrong_type("RunContext.principal", "a Principal", principal)
        self._fill(
            {
                "principal": principal,
                "db": db,
                "request_id": _name(request_id, "request_id"),
                "trace_id": _name(trace_id, "trace_id"),
                "now": _time(now),
                "metadata": _metadata({} if metadata is None else metadata),
            }
        )
        object.__setattr__(self, "_place", None)

    def __repr__(self) -> str:
        shown = [f"principal={self.principal!r}"]
        shown += [f"db=<{type(self.db).__name__}>"] if self.db is not None else []
        for name in ("request_id", "trace_id", "now"):
            value = getattr(self, name)
            shown += [f"{name}={value!r}"] if value is not None else []
        return f"{type(self).__name__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        # Two sessions are never one.
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __getstate__(self) -> dict[str, Any]:
        raise TypeError("a RunContext belongs to its database session: pickle its principal instead")


class InnerContext(RunContext):
    """The circumstances of a call that is made for another one, or inside of a transaction."""

    __slots__ = ()

    @classmethod
    def inside(cls, outer: RunContext, place: tuple[Any, Any]) -> Self:
        """The same circumstances in another place. Each call in them gets an id of its own."""
        inner = cls(outer.principal, outer.db, None, outer.trace_id, outer.now, outer.metadata)
        object.__setattr__(inner, "_place", place)
        return inner

    def end(self) -> None:
        """What it was made for is over."""
        object.__setattr__(self, "_place", _OVER)

    def replace(self, **changes: Any) -> Self:
        """Not possible: another principal has calls of its own.

        Raises:
            TypeError: always.
        """
        raise TypeError("what is inside of a transaction or a tool keeps its circumstances")


_OVER: tuple[Any, Any] = (None, None)


def _name(value: object, name: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise wrong_type(f"RunContext.{name}", "text or None", value)


def _time(value: Any) -> Any:
    if value is None:
        return None
    from datetime import datetime

    if not isinstance(value, datetime):
        raise wrong_type("RunContext.now", "a datetime or None", value)
    if value.utcoffset() is None:
        raise ValueError("`RunContext.now` must have a zone: `datetime.now(timezone.utc)`")
    return value


def _metadata(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise wrong_type("RunContext.metadata", "a mapping", value)
    return frozen(value.items())
