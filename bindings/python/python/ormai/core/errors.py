"""Every way in which a call is refused or fails: an exception for each code of the registry.

The name of each is its code in words: `RECORD_NOT_FOUND` is `RecordNotFoundError`.

>>> from ormai.core.errors import OrmAiError, RecordNotFoundError
>>> try:
...     raise RecordNotFoundError("there is no such order", hint="look for it with `query`")
... except OrmAiError as error:
...     print(error.code, error.hint, error.retryable)
RECORD_NOT_FOUND look for it with `query` False
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

_BY_CODE: dict[str, type[OrmAiError]] = {}


class OrmAiError(Exception):
    """A refusal or a failure.

    It never holds SQL, a driver's words or a stored value: what an operator needs beside it is in the log,
    under the request's id.

    Args:
        message: what happened.
        code: the code, where it is not that of the class.
        hint: how to mend the call.
        details: facts for a program, such as `{"path": "filters[0].op"}`.
        retryable: whether the same call may succeed later, unchanged.
        audit_id: the name of the call's record.
        request_id: names the call in answers, logs and records.
    """

    code: str = "INTERNAL"
    """The stable code."""
    http_status: ClassVar[int] = 500
    """The HTTP status of an answer with this code."""
    retryable: bool = False
    """Whether the same call may succeed later, unchanged."""

    message: str
    hint: str | None
    details: dict[str, Any]
    audit_id: str | None
    request_id: str | None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" in cls.__dict__:
            _BY_CODE.setdefault(cls.code, cls)

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        details: Mapping[str, Any] | None = None,
        retryable: bool | None = None,
        audit_id: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = dict(details or {})
        self.audit_id = audit_id
        self.request_id = request_id
        if code is not None:
            self.code = code
        if retryable is not None:
            self.retryable = retryable

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception would call the class with its message alone, and what else it has is keyword-only.
        return _made_again, (type(self), self.message, dict(self.__dict__))

    def to_dict(self) -> dict[str, Any]:
        """As answers have it: `{"code", "message", "hint"?, "details"?, "retryable"}`."""
        written: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.hint is not None:
            written["hint"] = self.hint
        if self.details:
            written["details"] = dict(self.details)
        written["retryable"] = self.retryable
        return written

    @staticmethod
    def from_dict(
        written: Mapping[str, Any], *, audit_id: str | None = None, request_id: str | None = None
    ) -> OrmAiError:
        """The exception of an error as answers have it; its class is that of the code."""
        code = str(written.get("code", "INTERNAL"))
        kind = _BY_CODE.get(code, OrmAiError)
        error = kind(
            str(written.get("message", "the call failed")),
            code=code,
            hint=written.get("hint"),
            details=written.get("details"),
            retryable=written.get("retryable"),
            audit_id=audit_id,
            request_id=request_id,
        )
        if isinstance(error, PolicyInvalidError):
            findings = [dict(finding) for finding in error.details.pop("diagnostics", ())]
            # What stops it comes first.
            error.findings = sorted(findings, key=lambda finding: finding.get("severity") != "error")
            if error.findings:
                # Its further lines tell the findings again.
                error.message = error.message.partition("\n")[0]
        return error


def _made_again(kind: type[OrmAiError], message: str, parts: dict[str, Any]) -> OrmAiError:
    error = kind.__new__(kind, message)
    error.__dict__.update(parts)
    return error


class ModelNotAllowedError(OrmAiError):
    """The model does not exist or is not open to this principal; the two are one."""

    code = "MODEL_NOT_ALLOWED"
    http_status = 403


class FieldNotAllowedError(OrmAiError):
    """The field does not exist or may not be used in this way; the two are one."""

    code = "FIELD_NOT_ALLOWED"
    http_status = 403


class RelationNotAllowedError(OrmAiError):
    """The relation does not exist or is not open to this principal; the two are one."""

    code = "RELATION_NOT_ALLOWED"
    http_status = 403


class TenantScopeRequiredError(OrmAiError):
    """The principal carries no usable tenant, and the model is scoped by tenant."""

    code = "TENANT_SCOPE_REQUIRED"
    http_status = 403


class PrincipalIncompleteError(OrmAiError):
    """The principal lacks an attribute that the policy needs, or it has the wrong type."""

    code = "PRINCIPAL_INCOMPLETE"
    http_status = 403


class QueryBudgetExceededError(OrmAiError):
    """The request asks for more rows, fields, depth or values than the policy's budget."""

    code = "QUERY_BUDGET_EXCEEDED"
    http_status = 422


class QueryTooBroadError(OrmAiError):
    """The request's complexity score is above the policy's limit."""

    code = "QUERY_TOO_BROAD"
    http_status = 422


class AggregationNotAllowedError(OrmAiError):
    """The aggregation does not exist or is not open on this field."""

    code = "AGGREGATION_NOT_ALLOWED"
    http_status = 403


class WriteNotAllowedError(OrmAiError):
    """The policy does not open this write."""

    code = "WRITE_NOT_ALLOWED"
    http_status = 403


class ApprovalRequiredError(OrmAiError):
    """The write waits for an approval."""

    code = "APPROVAL_REQUIRED"
    http_status = 202


class MaxAffectedRowsExceededError(OrmAiError):
    """The write would change more rows than the policy allows; nothing was changed."""

    code = "MAX_AFFECTED_ROWS_EXCEEDED"
    http_status = 422


class ValidationError(OrmAiError):
    """The request is not well formed, or a value does not fit its column."""

    code = "VALIDATION_ERROR"
    http_status = 400


class RecordNotFoundError(OrmAiError):
    """There is no such record for this principal."""

    code = "RECORD_NOT_FOUND"
    http_status = 404


class ConflictError(OrmAiError):
    """The write conflicts with a stored record or a concurrent change."""

    code = "CONFLICT"
    http_status = 409


class InvalidCursorError(OrmAiError):
    """The cursor was not made by this request under this policy and principal."""

    code = "INVALID_CURSOR"
    http_status = 400


class TimeoutError(OrmAiError):
    """The statement reached its time limit and was stopped in the database."""

    code = "TIMEOUT"
    http_status = 504
    retryable = True


class RateLimitedError(OrmAiError):
    """Too many calls in a given time."""

    code = "RATE_LIMITED"
    http_status = 429
    retryable = True


class UnauthenticatedError(OrmAiError):
    """The caller could not be identified."""

    code = "UNAUTHENTICATED"
    http_status = 401


class PolicyInvalidError(OrmAiError):
    """The policy does not load, or does not fit the database.

    Its text has every finding. `findings` has them for a program: `severity`, `code`, `message`, `help`, the
    `excerpt` of the policy that it is about, and `line` and `column` where the policy is a file's.
    """

    code = "POLICY_INVALID"
    http_status = 500

    findings: Sequence[dict[str, Any]] = ()

    def placed(self, text: str, *, is_file: bool) -> PolicyInvalidError:
        """The same, with the places of its findings in the text of the policy."""
        source = text.encode()
        self.findings = [placed(finding, source, is_file=is_file) for finding in self.findings]
        return self

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *map(_finding, self.findings)])


def placed(finding: dict[str, Any], source: bytes, *, is_file: bool) -> dict[str, Any]:
    """A finding with the excerpt that it is about, and in a file with its place."""
    labels: list[Any] = list(finding.get("labels") or ())
    start = labels[0]["start"] if labels else None
    if not isinstance(start, int) or not 0 <= start < len(source):
        return finding
    begin = source.rfind(b"\n", 0, start) + 1
    end = source.find(b"\n", start)
    line = source[begin:] if end < 0 else source[begin:end]
    column = len(source[begin:start].decode(errors="replace"))
    marked = len(source[start : min(labels[0]["end"], begin + len(line))].decode(errors="replace"))
    shown = line.decode(errors="replace")
    margin = len(shown) - len(shown.lstrip())
    excerpt = f"{shown.strip()}\n{' ' * (column - margin)}{'^' * max(marked, 1)}"
    place = {"line": source.count(b"\n", 0, start) + 1, "column": column + 1} if is_file else {}
    return {**finding, **place, "excerpt": excerpt}


def _finding(finding: Mapping[str, Any]) -> str:
    at = [f"{name} {finding[name]}" for name in ("line", "column") if finding.get(name) is not None]
    place = f"{', '.join(at)}: " if at else ""
    severity = finding.get("severity", "error")
    mark = "" if severity == "error" else f"{severity}: "
    help = f" ({finding['help']})" if finding.get("help") else ""
    told = f"- {place}{mark}{finding.get('message', '')}{help} [{finding.get('code', '')}]"
    excerpt = str(finding.get("excerpt", ""))
    return "\n".join([told, *(f"    {line}" for line in excerpt.splitlines())])


class AuditUnavailableError(OrmAiError):
    """The audit trail cannot be written, so nothing is done."""

    code = "AUDIT_UNAVAILABLE"
    http_status = 503
    retryable = True


class DatabaseUnavailableError(OrmAiError):
    """The database cannot be reached."""

    code = "DATABASE_UNAVAILABLE"
    http_status = 503
    retryable = True


class InternalError(OrmAiError):
    """A fault of OrmAI or its set-up; the log names the cause under the request id."""

    code = "INTERNAL"
    http_status = 500


CODES: tuple[str, ...] = tuple(_BY_CODE)
"""All codes, in the order of the registry."""

__all__ = [
    "CODES",
    "AggregationNotAllowedError",
    "ApprovalRequiredError",
    "AuditUnavailableError",
    "ConflictError",
    "DatabaseUnavailableError",
    "FieldNotAllowedError",
    "InternalError",
    "InvalidCursorError",
    "MaxAffectedRowsExceededError",
    "ModelNotAllowedError",
    "OrmAiError",
    "PolicyInvalidError",
    "PrincipalIncompleteError",
    "QueryBudgetExceededError",
    "QueryTooBroadError",
    "RateLimitedError",
    "RecordNotFoundError",
    "RelationNotAllowedError",
    "TenantScopeRequiredError",
    "TimeoutError",
    "UnauthenticatedError",
    "ValidationError",
    "WriteNotAllowedError",
]
