"""The words of a policy. Each is text too: `FieldAction.Allow == "allow"`."""

from __future__ import annotations

from enum import Enum


class Word(str, Enum):
    """A word of the policy document."""

    def __str__(self) -> str:
        return str(self.value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    def __format__(self, spec: str) -> str:
        return format(str(self.value), spec)


class FieldAction(Word):
    """What happens to a field."""

    Allow = "allow"
    """It is shown."""
    Deny = "deny"
    """It does not exist."""
    Mask = "mask"
    """It is shown in part."""
    Hash = "hash"
    """It is shown as a keyed hash."""
    Redact = "redact"
    """It is shown as `[REDACTED]`."""


class WriteAction(Word):
    """Whether something may be written."""

    Allow = "allow"
    """It may."""
    Deny = "deny"
    """It may not."""
    RequireApproval = "require_approval"
    """It may, once somebody else has approved it."""


class RowEffect(Word):
    """What a row policy does."""

    Restrict = "restrict"
    """Rows must satisfy it as well."""
    Permit = "permit"
    """Rows that satisfy it need not satisfy the scope on one field."""


class Operation(Word):
    """What is done with rows."""

    Read = "read"
    Create = "create"
    Update = "update"
    Delete = "delete"
