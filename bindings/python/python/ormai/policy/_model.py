"""What is open in one model, and what differs for a role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from . import _read as read
from ._parts import (
    NO_LIMITS,
    NOTHING,
    AggregationPolicy,
    Budget,
    FieldPolicy,
    Part,
    RelationPolicy,
    RowPolicy,
    WritePolicy,
    short_field,
    short_relation,
)

if TYPE_CHECKING:
    from ._parts import Scalar
    from ._words import FieldAction

    Written = Mapping[str, Any]
    """A part as the mapping that the policy document has."""
    Fields = Mapping[str, FieldPolicy | FieldAction | str | Written]
    Relations = Mapping[str, RelationPolicy | bool | str | Written]

_SHARED: dict[str, read.Reader] = {
    "allowed": read.flag,
    "fields": read.named(read.record(FieldPolicy, short_field)),
    "relations": read.named(read.record(RelationPolicy, short_relation)),
    "scoping": read.named(read.literal),
    "row_policies": read.many(read.record(RowPolicy)),
    "write_policy": read.record(WritePolicy),
    "aggregations": read.record(AggregationPolicy),
    "budget": read.record(Budget),
}

_EMPTY: dict[str, object] = {"fields": NOTHING, "relations": NOTHING, "row_policies": (), "budget": NO_LIMITS}


class Overlay(Part):
    """What differs for principals with a role. It says only what differs, and without `grants` it narrows.

    Args:
        grants: whether it may widen what the model opens.
        allowed: as in `ModelPolicy`, and so are the other parts.

    Raises:
        TypeError: a keyword is not known, or a value is of another type.
        ValueError: a word is not known, or a number out of its range.

    >>> Overlay(fields={"total": "deny"})
    Overlay(fields={'total': FieldPolicy(action=FieldAction.Deny)})
    """

    __slots__ = (
        "aggregations",
        "allowed",
        "budget",
        "fields",
        "grants",
        "relations",
        "row_policies",
        "scoping",
        "write_policy",
    )
    grants: bool | None
    allowed: bool | None
    fields: Mapping[str, FieldPolicy]
    relations: Mapping[str, RelationPolicy]
    scoping: Mapping[str, Scalar] | None
    row_policies: tuple[RowPolicy, ...]
    write_policy: WritePolicy | None
    aggregations: AggregationPolicy | None
    budget: Budget

    _readers: ClassVar[dict[str, read.Reader]] = {"grants": read.flag, **_SHARED}
    _untold: ClassVar[Mapping[str, object]] = _EMPTY

    def __init__(
        self,
        *,
        grants: bool | None = None,
        allowed: bool | None = None,
        fields: Fields | None = None,
        relations: Relations | None = None,
        scoping: Mapping[str, Scalar] | None = None,
        row_policies: Iterable[RowPolicy | Written] | None = None,
        write_policy: WritePolicy | Written | None = None,
        aggregations: AggregationPolicy | Written | None = None,
        budget: Budget | Written | None = None,
    ) -> None:
        self._read(locals())


class ModelPolicy(Part):
    """What is open in one model. What is not said is closed.

    Args:
        allowed: whether the model is open. By default it is.
        fields: by field, what happens to it: a `FieldPolicy`, or in short its action.
        relations: by relation, whether and how far it may be followed: a `RelationPolicy`, or in short
            True or False.
        scoping: by field, what its value must equal: an attribute of the principal
            (`principal.tenant_id`) or a literal (`7`, `"'shared'"`). `{}` says that all tenants share the
            rows; a model without scoping does not load.
        row_policies: further conditions on rows.
        write_policy: what may be written.
        aggregations: what may be aggregated.
        budget: limits of this model.
        soft_delete: the field that a delete sets; rows where it is set are hidden.
        roles: by role, what differs for its principals.

    Raises:
        TypeError: a keyword is not known, or a value is of another type.
        ValueError: a word is not known, or a number out of its range.

    >>> ModelPolicy(fields={"id": "allow"}, scoping={"tenant_id": "principal.tenant_id"})
    ModelPolicy(fields={'id': FieldPolicy(action=FieldAction.Allow)}, scoping={'tenant_id': 'principal.tenant_id'})
    """

    __slots__ = (
        "aggregations",
        "allowed",
        "budget",
        "fields",
        "relations",
        "roles",
        "row_policies",
        "scoping",
        "soft_delete",
        "write_policy",
    )
    allowed: bool | None
    fields: Mapping[str, FieldPolicy]
    relations: Mapping[str, RelationPolicy]
    scoping: Mapping[str, Scalar] | None
    row_policies: tuple[RowPolicy, ...]
    write_policy: WritePolicy | None
    aggregations: AggregationPolicy | None
    budget: Budget
    soft_delete: str | None
    roles: Mapping[str, Overlay]

    _readers: ClassVar[dict[str, read.Reader]] = {
        **_SHARED,
        "soft_delete": read.text,
        "roles": read.named(read.record(Overlay)),
    }
    _untold: ClassVar[Mapping[str, object]] = {**_EMPTY, "roles": NOTHING}

    def __init__(
        self,
        *,
        allowed: bool | None = None,
        fields: Fields | None = None,
        relations: Relations | None = None,
        scoping: Mapping[str, Scalar] | None = None,
        row_policies: Iterable[RowPolicy | Written] | None = None,
        write_policy: WritePolicy | Written | None = None,
        aggregations: AggregationPolicy | Written | None = None,
        budget: Budget | Written | None = None,
        soft_delete: str | None = None,
        roles: Mapping[str, Overlay | Written] | None = None,
    ) -> None:
        self._read(locals())
