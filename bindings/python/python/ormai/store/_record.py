"""What is known of a call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .._told import Told

if TYPE_CHECKING:
    from typing import Literal


class AuditRecord(Told):
    """The closed record of a call, as JSON has it: `record["tenant_id"]` is `record.tenant_id`.

    Values of denied, masked and hashed fields never stand in it. `approval_id`, `inferred_permits`, `parent`,
    `replayed` and `transaction` are there only where there is something to say.
    """

    __slots__ = ()

    id: str
    timestamp: str
    request_id: str
    trace_id: str | None
    tenant_id: str | int | None
    user_id: str | int | None
    roles: list[str]
    tool_name: str
    model: str | None
    action: str
    inputs: Any
    reason: str | None
    policy_version: str
    policies_applied: list[str]
    scopes_injected: list[str]
    bypass: list[str] | None
    fields_redacted: list[str]
    outcome: Literal["answered", "pending", "refused", "dropped", "unknown"]
    success: bool
    error: dict[str, str] | None
    row_count: int | None
    execution_time_ms: float
    before_snapshot: Any
    after_snapshot: Any
    kind: str
    chain: str
    seq: int
    prev_hash: str
    hash: str


class AuditRecords(list[AuditRecord]):
    """A page of records, the newest first.

    Attributes:
        next_cursor: the `cursor` of the next page; None when this was the last.
    """

    next_cursor: str | None

    def __init__(self, records: Iterable[AuditRecord] = (), next_cursor: str | None = None) -> None:
        super().__init__(records)
        self.next_cursor = next_cursor
