"""Principals, contexts and errors."""

from __future__ import annotations

import copy
import pickle
import re
import subprocess
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ormai.core import Principal, RunContext, errors
from ormai.core.errors import (
    CODES,
    InternalError,
    OrmAiError,
    PolicyInvalidError,
    RecordNotFoundError,
    ValidationError,
)

PAGE = Path(__file__).parents[3] / "docs/reference/errors.md"


def registry() -> list[tuple[str, int, bool, str]]:
    """The errors as the reference has them."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\d+) \| (yes|no) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    return [(code, int(status), retryable == "yes", meaning) for code, status, retryable, meaning in rows]


def test_each_code_of_the_reference_has_its_exception() -> None:
    assert list(CODES) == [code for code, *_ in registry()]
    for code, status, retryable, meaning in registry():
        words = "".join(word.capitalize() for word in code.split("_"))
        kind = getattr(errors, words if words.endswith("Error") else f"{words}Error")
        assert issubclass(kind, OrmAiError)
        assert (kind.code, kind.http_status, kind.retryable) == (code, status, retryable)
        assert (kind.__doc__ or "").partition("\n")[0].rstrip(".") == meaning.partition(";")[0].rstrip(".") or (
            kind.__doc__ or ""
        ).startswith(meaning)
        assert kind.__name__ in errors.__all__


def test_an_error_is_made_of_what_answers_have() -> None:
    written = {
        "code": "VALIDATION_ERROR",
        "message": "unknown key `filter`",
        "hint": "did you mean `filters`?",
        "details": {"path": "filter"},
        "retryable": False,
    }
    error = OrmAiError.from_dict(written, audit_id="aud-1", request_id="r-1")
    assert type(error) is ValidationError
    assert str(error) == "unknown key `filter` (did you mean `filters`?)"
    assert (error.audit_id, error.request_id) == ("aud-1", "r-1")
    assert error.to_dict() == written


def test_an_error_of_an_unknown_code_is_an_error_all_the_same() -> None:
    error = OrmAiError.from_dict({"code": "OF_TOMORROW", "message": "no", "retryable": True})
    assert (type(error), error.code, error.retryable) == (OrmAiError, "OF_TOMORROW", True)


def test_whether_a_call_may_be_tried_again_is_of_the_error_and_not_of_its_kind() -> None:
    conflict = OrmAiError.from_dict({"code": "CONFLICT", "message": "a deadlock", "retryable": True})
    assert conflict.retryable
    assert not errors.ConflictError("taken").retryable


@pytest.mark.parametrize("copied", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_errors_survive_pickling(copied: Any) -> None:
    finding = {"severity": "error", "code": "unknown-field", "message": "`Order` has no field `x`"}
    for error in (
        RecordNotFoundError("there is none", hint="look for it", details={"id": 7}, audit_id="aud-1"),
        OrmAiError("no", code="OF_TOMORROW", retryable=True),
        OrmAiError.from_dict(
            {"code": "POLICY_INVALID", "message": "it does not load\n- more", "details": {"diagnostics": [finding]}}
        ),
    ):
        again = copied(error)
        assert type(again) is type(error)
        assert vars(again) == vars(error)
        assert str(again) == str(error)
        assert again.to_dict() == error.to_dict()


def test_a_policy_that_does_not_load_tells_every_finding_with_its_place() -> None:
    text = "models:\n  Order:\n    scoping: {tenant: x}\n"
    start = text.index("tenant")
    error = OrmAiError.from_dict(
        {
            "code": "POLICY_INVALID",
            "message": "the policy does not load\n- `Order` has no field `tenant`",
            "details": {
                "diagnostics": [
                    {
                        "severity": "error",
                        "code": "unknown-field",
                        "message": "`Order` has no field `tenant`",
                        "labels": [{"start": start, "end": start + 6, "text": ""}],
                        "help": "did you mean `tenant_id`?",
                    },
                    {"severity": "warning", "code": "x", "message": "doubtful", "labels": [], "help": None},
                ]
            },
        }
    )
    assert isinstance(error, PolicyInvalidError)
    assert str(error.placed(text, is_file=True)) == (
        "the policy does not load\n"
        "- line 3, column 15: `Order` has no field `tenant` (did you mean `tenant_id`?) [unknown-field]\n"
        "    scoping: {tenant: x}\n"
        "              ^^^^^^\n"
        "- warning: doubtful [x]"
    )


def test_a_principal_keeps_what_it_was_given() -> None:
    roles = ["support"]
    metadata = {"org_id": 7}
    principal = Principal(tenant_id="acme-corp", user_id=7, roles=roles, metadata=metadata)
    roles.append("admin")
    metadata["org_id"] = 8
    assert principal.to_dict() == {
        "tenant_id": "acme-corp",
        "user_id": 7,
        "roles": ["support"],
        "metadata": {"org_id": 7},
    }
    with pytest.raises(AttributeError):
        principal.tenant_id = "globex"


def test_a_principal_is_copied_pickled_and_compared() -> None:
    principal = Principal("acme", "u1", ["a"], {"groups": ["x", "y"]})
    assert pickle.loads(pickle.dumps(principal)) == principal == copy.deepcopy(principal)
    assert hash(principal) == hash(Principal.from_dict(principal.to_dict()))
    assert principal != Principal("acme", "u1", ["a"])
    assert Principal(7) != Principal("7")


def test_a_pickle_names_what_is_public_alone() -> None:
    from ormai.policy import ModelPolicy, Policy
    from ormai.tools import CallResult

    for value in (
        Principal("acme"),
        Policy({"Order": ModelPolicy(scoping={}, fields={"id": "allow"})}),
        CallResult(True, None, None, {}),
        RecordNotFoundError("x"),
    ):
        assert not re.findall(rb"ormai[\w.]*\._\w+", pickle.dumps(value, 0).replace(b"_made_again", b""))


def test_a_principals_metadata_is_not_shown() -> None:
    shown = repr(RunContext(Principal("acme", metadata={"token": "hunter2"})))
    assert "hunter2" not in shown
    assert "token" in shown


def test_a_uuid_names_a_tenant_by_its_text() -> None:
    tenant = uuid.UUID("6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d")
    assert Principal(tenant).to_dict()["tenant_id"] == str(tenant)


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"tenant": "acme"}, "Principal has no `tenant`: did you mean `tenant_id`?"),
        ({"tenant_id": "acme", "role": "admin"}, "Principal has no `role`: did you mean `roles`?"),
        ({"tenant_id": "acme", "roles": "admin"}, "`Principal.roles` must be a list of names, and this is str"),
        ({"tenant_id": "acme", "roles": [1]}, "`Principal.roles` must be a list of names, and this is int"),
        ({"tenant_id": ["acme"]}, "`Principal.tenant_id` must be text, an integer, a UUID or None, and this is list"),
        ({"tenant_id": True}, "and this is bool"),
        ({"tenant_id": 1.5}, "and this is float"),
        ({"tenant_id": "acme", "metadata": "x"}, "`Principal.metadata` must be a mapping"),
        ({"tenant_id": "acme", "metadata": {1: "x"}}, "the names in `Principal.metadata` must be text"),
    ],
)
def test_a_principal_of_the_wrong_types_is_refused(named: dict[str, Any], told: str) -> None:
    with pytest.raises(TypeError) as raised:
        Principal(**named)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("named", "raises", "told"),
    [
        ({"principle": None}, TypeError, "RunContext has no `principle`: did you mean `principal`?"),
        ({"principal": {"tenant_id": "acme"}}, TypeError, "must be a Principal, and this is dict"),
        ({"principal": Principal("a"), "session": 1}, TypeError, "RunContext has no `session`"),
        ({"principal": Principal("a"), "request_id": 1}, TypeError, "must be text or None"),
        ({"principal": Principal("a"), "now": "today"}, TypeError, "must be a datetime or None"),
        ({"principal": Principal("a"), "now": datetime(2026, 1, 1)}, ValueError, "must have a zone"),
    ],
)
def test_a_context_of_the_wrong_types_is_refused(named: dict[str, Any], raises: type[Exception], told: str) -> None:
    with pytest.raises(raises) as raised:
        RunContext(**named)
    assert told in str(raised.value)


def test_a_context_stays_where_its_session_is() -> None:
    ctx = RunContext(Principal("acme"), db=object(), now=datetime(2026, 1, 1, tzinfo=timezone.utc))
    with pytest.raises(TypeError, match="pickle its principal"):
        pickle.dumps(ctx)
    other = ctx.replace(principal=Principal("globex"))
    assert (other.db, other.now, other.principal) == (ctx.db, ctx.now, Principal("globex"))
    assert ctx != other


def imported(statement: str) -> set[str]:
    """The modules that a statement imports, in an interpreter of its own."""
    shown = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - before))",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(shown.stdout.split())


@pytest.mark.parametrize(
    "statement",
    ["import ormai", "import ormai.core, ormai.policy", "import ormai.tools, ormai.store, ormai.core.errors"],
)
def test_importing_brings_in_nothing_that_is_slow(statement: str) -> None:
    slow = {"sqlalchemy", "pydantic", "asyncio", "inspect", "dataclasses", "typing_extensions", "logging", "json"}
    assert not imported(statement) & slow


def test_a_name_that_is_not_there_is_no_attribute() -> None:
    import ormai

    with pytest.raises(AttributeError, match="has no attribute 'Toolsett'"):
        _ = ormai.Toolsett
    assert ormai.Principal is Principal
    assert set(ormai.__all__) <= set(dir(ormai))


def test_the_internal_error_is_none_of_the_callers() -> None:
    assert InternalError("x").http_status == 500
