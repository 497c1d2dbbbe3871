"""What calls come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..core.errors import OrmAiError

if TYPE_CHECKING:
    from typing import TypedDict

    class Metadata(TypedDict, total=False):
        """What is to be known about an answer. Of a refusal: `request_id` and `audit_id`."""

        request_id: str
        """Names the call in logs and records."""
        row_count: int
        """Rows at the root of the answer."""
        execution_time_ms: float
        """From the request to the answer, in milliseconds."""
        policy_version: str
        """The version of the policy that decided."""
        policies_applied: list[str]
        """The rules that took part: `Order.tenant_id` for a scope, `Order:own_drafts` for a row policy."""
        audit_id: str | None
        """The name of the call's record; None where there is no audit store."""

    Row = dict[str, Any]
    """The fields of a row by name, in the forms of JSON."""


class Result:
    """An answer.

    Attributes:
        data: the answer as JSON has it.
        metadata: what is to be known about it, such as `metadata["audit_id"]`.
    """

    __slots__ = ("data", "metadata")

    data: Any
    metadata: Metadata

    def __init__(self, data: Any, metadata: Metadata) -> None:
        self.data = data
        self.metadata = metadata

    def __repr__(self) -> str:
        return f"{type(self).__name__}(data={self.data!r})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.data == other.data and self.metadata == other.metadata)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.data, self.metadata)


class QueryResult(Result):
    """A page of rows."""

    __slots__ = ()

    @property
    def rows(self) -> list[Row]:
        """The rows. A to-one include in one is a row or None, a to-many one `{"rows": […], "has_more": …}`."""
        rows: list[Row] = self.data["rows"]
        return rows

    @property
    def has_more(self) -> bool:
        """Whether there is another page."""
        return bool(self.data["has_more"])

    @property
    def next_cursor(self) -> str | None:
        """The `cursor` of the next page; None at the end."""
        cursor: str | None = self.data["next_cursor"]
        return cursor

    @property
    def total(self) -> int | None:
        """How many rows all pages have; None unless `with_total` was asked for."""
        total: int | None = self.data.get("total")
        return total


class GetResult(Result):
    """A row."""

    __slots__ = ()

    @property
    def row(self) -> Row:
        """The row."""
        row: Row = self.data
        return row


class AggregateResult(Result):
    """Figures, one row a group."""

    __slots__ = ()

    @property
    def rows(self) -> list[Row]:
        """By group, its fields and its figures by alias."""
        rows: list[Row] = self.data["rows"]
        return rows


class DescribeResult(Result):
    """What exists for the principal."""

    __slots__ = ()

    @property
    def models(self) -> list[dict[str, Any]]:
        """The open models."""
        models: list[dict[str, Any]] = self.data["models"]
        return models


class WriteResult(Result):
    """What a write came to: a stored row, a count, a dry run, or that it waits for an approval."""

    __slots__ = ("_kind",)

    _kind: str

    def __init__(self, data: Any, metadata: Metadata, kind: str) -> None:
        super().__init__(data, metadata)
        self._kind = kind

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.data, self.metadata, self._kind)

    @property
    def row(self) -> Row | None:
        """The stored row, or the deleted one; None for any other outcome."""
        return self.data if self._kind == "row" else None

    @property
    def updated_count(self) -> int | None:
        """How many rows a `bulk_update` changed; None for any other outcome."""
        return self.data["updated_count"] if self._kind == "count" else None

    @property
    def is_pending(self) -> bool:
        """Whether it was not made, and waits for somebody's approval."""
        return self._kind == "pending"

    @property
    def approval_id(self) -> str | None:
        """The name of the approval that it waits for; None when it does not."""
        return self.data["approval_id"] if self._kind == "pending" else None

    @property
    def is_dry_run(self) -> bool:
        """Whether it only told what would happen."""
        return self._kind == "dry_run"


class CallResult:
    """The outcome of `Toolset.call`, for language models: a refusal is an outcome like any other.

    Attributes:
        success: whether it was answered.
        data: the answer as JSON has it; None for a refusal.
        error: `{"code", "message", "hint"?, "details"?, "retryable"}`; None for an answer.
        metadata: what is to be known about it.
    """

    __slots__ = ("data", "error", "metadata", "success")

    success: bool
    data: Any
    error: dict[str, Any] | None
    metadata: Metadata

    def __init__(self, success: bool, data: Any, error: dict[str, Any] | None, metadata: Metadata) -> None:
        self.success = success
        self.data = data
        self.error = error
        self.metadata = metadata

    @classmethod
    def of(cls, outcome: Mapping[str, Any]) -> CallResult:
        """The outcome that the engine told."""
        return cls(bool(outcome["success"]), outcome.get("data"), outcome.get("error"), outcome["metadata"])

    def to_dict(self) -> dict[str, Any]:
        """As a language model is told: `{"success", "data" or "error", "metadata"}`."""
        told = {"data": self.data} if self.success else {"error": self.error}
        return {"success": self.success, **told, "metadata": dict(self.metadata)}

    def to_json(self) -> str:
        """As JSON."""
        from json import dumps

        return dumps(self.to_dict(), ensure_ascii=False)

    def exception(self) -> OrmAiError | None:
        """The refusal as an exception; None for an answer."""
        if self.error is None:
            return None
        named = {name: self.metadata.get(name) for name in ("audit_id", "request_id")}
        return OrmAiError.from_dict(self.error, **named)  # type: ignore[arg-type]

    def unwrap(self) -> Any:
        """The answer.

        Raises:
            OrmAiError: the call was refused or failed.
        """
        error = self.exception()
        if error is not None:
            raise error
        return self.data

    def __repr__(self) -> str:
        told = f"data={self.data!r}" if self.success else f"error={self.error!r}"
        return f"CallResult(success={self.success}, {told})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CallResult) and self.__reduce__() == other.__reduce__()

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return CallResult, (self.success, self.data, self.error, self.metadata)


def of_write(tool: str, arguments: Mapping[str, Any], outcome: CallResult) -> WriteResult:
    """A write that was answered."""
    data = outcome.unwrap()
    if arguments.get("dry_run"):
        kind = "dry_run"
    elif _is_pending(data, outcome.metadata):
        kind = "pending"
    else:
        kind = "count" if tool == "bulk_update" else "row"
    return WriteResult(data, outcome.metadata, kind)


def _is_pending(data: Mapping[str, Any], metadata: Metadata) -> bool:
    # A row may have fields of these names as well; but a write that waits has no row.
    is_so_named = data.keys() == {"status", "approval_id"} and data["status"] == "pending_approval"
    return is_so_named and metadata.get("row_count") == 0
