"""The parts of a policy, with the keys of the policy document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .._record import Record, frozen
from . import _read as read
from ._words import FieldAction, Operation, RowEffect, WriteAction

if TYPE_CHECKING:
    from typing import Literal

    Scalar = str | int | float | bool

_FILTER = read.only("equality")

NOTHING: Mapping[str, Any] = frozen(())


class Part(Record):
    """A part of a policy. What is None is not said, and the document's default holds."""

    __slots__ = ()

    _readers: ClassVar[dict[str, read.Reader]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._parts = tuple(cls._readers)

    def _read(self, given: Mapping[str, object], *required: str) -> None:
        kind = type(self).__name__
        parts = {}
        for name, reader in self._readers.items():
            value = given[name]
            if value is None and name not in required:
                parts[name] = self._untold.get(name)
            else:
                parts[name] = reader(value, f"{kind}.{name}")
        self._fill(parts)


class Budget(Part):
    """Limits; what is not said comes from the policy, then from the defaults.

    Args:
        max_rows: the highest `limit`, also of each include per parent. By default 1000.
        max_include_depth: how deep includes and relation filters nest. By default 3.
        max_selected_fields: how many fields a request selects, includes counted. By default 50.
        statement_timeout_ms: how long a statement runs in the database, in milliseconds. By default 5000.
        max_complexity_score: the highest complexity score. By default 100.
        max_list_length: the longest list of values in a request. By default 1000.
        max_filter_depth: how deep filters nest. By default 8.

    Raises:
        TypeError: a keyword is not known, or a limit is not a whole number.
        ValueError: a limit is out of its range.

    >>> Budget(max_rows=100)
    Budget(max_rows=100)
    """

    __slots__ = (
        "max_complexity_score",
        "max_filter_depth",
        "max_include_depth",
        "max_list_length",
        "max_rows",
        "max_selected_fields",
        "statement_timeout_ms",
    )
    max_rows: int | None
    max_include_depth: int | None
    max_selected_fields: int | None
    statement_timeout_ms: int | None
    max_complexity_score: int | None
    max_list_length: int | None
    max_filter_depth: int | None

    _readers: ClassVar[dict[str, read.Reader]] = {
        "max_rows": read.count(1),
        "max_include_depth": read.count(0),
        "max_selected_fields": read.count(1),
        "statement_timeout_ms": read.count(1),
        "max_complexity_score": read.count(1),
        "max_list_length": read.count(0),
        "max_filter_depth": read.count(0),
    }

    def __init__(
        self,
        *,
        max_rows: int | None = None,
        max_include_depth: int | None = None,
        max_selected_fields: int | None = None,
        statement_timeout_ms: int | None = None,
        max_complexity_score: int | None = None,
        max_list_length: int | None = None,
        max_filter_depth: int | None = None,
    ) -> None:
        self._read(locals())


NO_LIMITS = Budget()


class FieldPolicy(Part):
    """What happens to one field.

    Args:
        action: whether and how its values are shown.
        mask_pattern: what a mask lets through, such as `****{last4}`.
        filter: `"equality"`: a field that is masked, hashed or redacted may still be compared with
            `eq` and `in`.

    Raises:
        TypeError: a keyword is not known, or a value is of another type.
        ValueError: the action is no known word.

    >>> FieldPolicy(action=FieldAction.Mask, mask_pattern="****{last4}")
    FieldPolicy(action=FieldAction.Mask, mask_pattern='****{last4}')
    """

    __slots__ = ("action", "filter", "mask_pattern")
    action: FieldAction
    mask_pattern: str | None
    filter: Literal["equality"] | None

    _readers: ClassVar[dict[str, read.Reader]] = {
        "action": read.word(FieldAction),
        "mask_pattern": read.text,
        "filter": _FILTER,
    }

    def __init__(
        self,
        action: FieldAction | str,
        *,
        mask_pattern: str | None = None,
        filter: Literal["equality"] | None = None,
    ) -> None:
        self._read(locals(), "action")


class RelationPolicy(Part):
    """Whether and how far a relation may be followed.

    Args:
        allowed: whether it is open. By default it is.
        max_depth: how deep an include through it may stand; 1 is directly under the root.
        fields: the fields of the target that may be used through it. By default all that the target opens.

    Raises:
        TypeError: a keyword is not known, or a value is of another type.
        ValueError: the depth is out of its range.
    """

    __slots__ = ("allowed", "fields", "max_depth")
    allowed: bool | None
    max_depth: int | None
    fields: tuple[str, ...] | None

    _readers: ClassVar[dict[str, read.Reader]] = {
        "allowed": read.flag,
        "max_depth": read.count(1),
        "fields": read.many(read.text),
    }

    def __init__(
        self,
        *,
        allowed: bool | None = None,
        max_depth: int | None = None,
        fields: Iterable[str] | None = None,
    ) -> None:
        self._read(locals())


class RowPolicy(Part):
    """A condition on rows.

    The condition is read when the policy is mounted: what is wrong with it is among the findings of
    `PolicyInvalidError`.

    Args:
        name: its name, unique within the model, for `explain` and the audit trail.
        condition: the condition, such as `status != 'draft' OR user_id = principal.user_id`.
        description: why it is there.
        bypass: whether principals for whom it is true are not scoped, permitted or restricted at all.
        effect: what it does. By default that is inferred from its form.
        field: the scoped field that a permit widens. By default it is that of the condition.
        operations: on which operations. A permit is about reads by default, everything else about all.
        check: whether written rows must satisfy it.

    Raises:
        TypeError: a keyword is not known, or a value is of another type.
        ValueError: a word is not known.

    >>> RowPolicy("admin_bypass", "'super_admin' IN principal.roles", bypass=True)
    RowPolicy(name='admin_bypass', condition="'super_admin' IN principal.roles", bypass=True)
    """

    __slots__ = ("bypass", "check", "condition", "description", "effect", "field", "name", "operations")
    name: str
    condition: str
    description: str | None
    bypass: bool | None
    effect: RowEffect | None
    field: str | None
    operations: tuple[Operation, ...] | None
    check: bool | None

    _readers: ClassVar[dict[str, read.Reader]] = {
        "name": read.text,
        "condition": read.text,
        "description": read.text,
        "bypass": read.flag,
        "effect": read.word(RowEffect),
        "field": read.text,
        "operations": read.many(read.word(Operation)),
        "check": read.flag,
    }

    def __init__(
        self,
        name: str,
        condition: str,
        *,
        description: str | None = None,
        bypass: bool | None = None,
        effect: RowEffect | str | None = None,
        field: str | None = None,
        operations: Iterable[Operation | str] | None = None,
        check: bool | None = None,
    ) -> None:
        self._read(locals(), "name", "condition")


class WritePolicy(Part):
    """What may be written, and how. What is not said may not be.

    Args:
        create: whether rows may be made.
        update: whether a row may be changed.
        delete: whether a row may be deleted.
        bulk_update: whether several rows may be changed at once.
        auto_set: by field, what fills it: an attribute of the principal, `now()`, or a literal.
        immutable_fields: fields that an update may not name.
        required_fields: fields that a create must name.
        max_affected_rows: the most rows that one call changes.
        require_reason: whether each write needs a reason.
        approver_roles: the roles that may approve a write that needs it. By default nobody may.
        approval_ttl_s: how long a request waits for its approval, in seconds, at least 60. By default a day.

    Raises:
        TypeError: a keyword is not known, or a value is of another type.
        ValueError: a word is not known, or a number out of its range.
    """

    __slots__ = (
        "approval_ttl_s",
        "approver_roles",
        "auto_set",
        "bulk_update",
        "create",
        "delete",
        "immutable_fields",
        "max_affected_rows",
        "require_reason",
        "required_fields",
        "update",
    )
    create: WriteAction | None
    update: WriteAction | None
    delete: WriteAction | None
    bulk_update: WriteAction | None
    auto_set: Mapping[str, Scalar]
    immutable_fields: tuple[str, ...]
    required_fields: tuple[str, ...]
    max_affected_rows: int | None
    require_reason: bool | None
    approver_roles: tuple[str, ...] | None
    approval_ttl_s: int | None

    _readers: ClassVar[dict[str, read.Reader]] = {
        "create": read.word(WriteAction),
        "update": read.word(WriteAction),
        "delete": read.word(WriteAction),
        "bulk_update": read.word(WriteAction),
        "auto_set": read.named(read.literal),
        "immutable_fields": read.many(read.text),
        "required_fields": read.many(read.text),
        "max_affected_rows": read.count(1),
        "require_reason": read.flag,
        "approver_roles": read.many(read.text),
        "approval_ttl_s": read.count(60),
    }
    _untold: ClassVar[Mapping[str, object]] = {"auto_set": NOTHING, "immutable_fields": (), "required_fields": ()}

    def __init__(
        self,
        *,
        create: WriteAction | str | None = None,
        update: WriteAction | str | None = None,
        delete: WriteAction | str | None = None,
        bulk_update: WriteAction | str | None = None,
        auto_set: Mapping[str, Scalar] | None = None,
        immutable_fields: Iterable[str] | None = None,
        required_fields: Iterable[str] | None = None,
        max_affected_rows: int | None = None,
        require_reason: bool | None = None,
        approver_roles: Iterable[str] | None = None,
        approval_ttl_s: int | None = None,
    ) -> None:
        self._read(locals())


class AggregationPolicy(Part):
    """What may be aggregated. Only fields that are shown as they are can be.

    Args:
        count: whether rows may be counted.
        sum: fields to add up.
        avg: fields to take the mean of.
        min: fields to take the smallest value of.
        max: fields to take the greatest value of.
        group_by: fields to group by. By default every field that is shown as it is.
        min_group_size: smaller groups are hidden.

    Raises:
        TypeError: a keyword is not known, or a value is of another type.
        ValueError: the size is out of its range.
    """

    __slots__ = ("avg", "count", "group_by", "max", "min", "min_group_size", "sum")
    count: bool | None
    sum: tuple[str, ...] | None
    avg: tuple[str, ...] | None
    min: tuple[str, ...] | None
    max: tuple[str, ...] | None
    group_by: tuple[str, ...] | None
    min_group_size: int | None

    _readers: ClassVar[dict[str, read.Reader]] = {
        "count": read.flag,
        "sum": read.many(read.text),
        "avg": read.many(read.text),
        "min": read.many(read.text),
        "max": read.many(read.text),
        "group_by": read.many(read.text),
        "min_group_size": read.count(1),
    }

    def __init__(
        self,
        *,
        count: bool | None = None,
        sum: Iterable[str] | None = None,
        avg: Iterable[str] | None = None,
        min: Iterable[str] | None = None,
        max: Iterable[str] | None = None,
        group_by: Iterable[str] | None = None,
        min_group_size: int | None = None,
    ) -> None:
        self._read(locals())


def short_field(value: object) -> dict[str, Any] | None:
    """`allow`"""
    return {"action": value} if isinstance(value, str) else None


def short_relation(value: object) -> dict[str, Any] | None:
    """`True`, `False`, `allow`, `deny`"""
    if isinstance(value, bool):
        return {"allowed": value}
    if isinstance(value, str) and str(value) in ("allow", "deny"):
        return {"allowed": str(value) == "allow"}
    return None
