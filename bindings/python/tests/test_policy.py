"""Policies as Python objects."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from ormai.policy import (
    AggregationPolicy,
    Budget,
    FieldAction,
    FieldPolicy,
    ModelPolicy,
    Operation,
    Overlay,
    Policy,
    RelationPolicy,
    RowEffect,
    RowPolicy,
    WriteAction,
    WritePolicy,
)

WHOLE = Policy(
    version="2026-05",
    strict=True,
    default_field_action=FieldAction.Deny,
    roles=["support", "manager"],
    budget=Budget(
        max_rows=500,
        max_include_depth=2,
        max_selected_fields=40,
        statement_timeout_ms=2000,
        max_complexity_score=90,
        max_list_length=100,
        max_filter_depth=4,
    ),
    models={
        "Order": ModelPolicy(
            allowed=True,
            fields={
                "id": FieldPolicy(action=FieldAction.Allow),
                "card": FieldPolicy(action=FieldAction.Mask, mask_pattern="****{last4}"),
                "user_id": FieldPolicy(action="hash", filter="equality"),
                "status": "allow",
                "note": {"action": "redact"},
            },
            relations={"user": RelationPolicy(max_depth=2, fields=["id"]), "items": True, "tenant": "deny"},
            scoping={"tenant_id": "principal.tenant_id", "region": 7, "kind": "'shop'", "live": True},
            row_policies=[
                RowPolicy(
                    name="parent_access",
                    condition="tenant_id IN principal.metadata.tenant_hierarchy",
                    description="Access data from parent tenants",
                    effect=RowEffect.Permit,
                    field="tenant_id",
                    operations=[Operation.Read],
                    check=False,
                ),
                RowPolicy("admin_bypass", "'super_admin' IN principal.roles", bypass=True),
            ],
            write_policy=WritePolicy(
                create=WriteAction.Allow,
                update="require_approval",
                delete=WriteAction.Deny,
                bulk_update=WriteAction.Deny,
                auto_set={"tenant_id": "principal.tenant_id", "created_at": "now()"},
                immutable_fields=["tenant_id"],
                required_fields=["status"],
                max_affected_rows=100,
                require_reason=True,
                approver_roles=["manager"],
                approval_ttl_s=3600,
            ),
            aggregations=AggregationPolicy(count=True, sum=["total"], group_by=[], min_group_size=5),
            budget=Budget(max_rows=100),
            soft_delete="deleted_at",
            roles={"support": Overlay(fields={"card": "deny"}), "finance": Overlay(grants=True, allowed=True)},
        ),
        "Tenant": ModelPolicy(scoping={}),
    },
)


def names(policy: Any) -> dict[str, Any]:
    """What `repr` needs to be evaluated."""
    import ormai.policy

    return dict(vars(ormai.policy))


def test_a_policy_is_what_its_repr_evaluates_to() -> None:
    assert eval(repr(WHOLE), names(WHOLE)) == WHOLE


def test_a_policy_is_what_its_document_says() -> None:
    assert Policy.from_dict(WHOLE.to_dict()) == WHOLE


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_policy_survives_pickling(protocol: int) -> None:
    assert pickle.loads(pickle.dumps(WHOLE, protocol)) == WHOLE


def test_a_policy_survives_copying() -> None:
    assert copy.copy(WHOLE) == WHOLE
    assert copy.deepcopy(WHOLE) == WHOLE


def test_equal_policies_have_equal_hashes() -> None:
    assert hash(Policy.from_dict(WHOLE.to_dict())) == hash(WHOLE)
    assert len({RowPolicy("a", "b = 1"), RowPolicy("a", "b = 1"), RowPolicy("a", "b = 2")}) == 2


def test_the_document_has_the_short_forms() -> None:
    order = WHOLE.to_dict()["models"]["Order"]
    assert order["fields"]["status"] == "allow"
    assert order["fields"]["card"] == {"action": "mask", "mask_pattern": "****{last4}"}
    assert order["relations"]["items"] == {"allowed": True}
    assert order["row_policies"][0]["operations"] == ["read"]
    assert order["aggregations"] == {"count": True, "sum": ["total"], "group_by": [], "min_group_size": 5}


def test_what_is_not_said_is_not_in_the_document() -> None:
    assert Policy(models={}).to_dict() == {"models": {}}
    assert ModelPolicy(fields={}, relations={}, row_policies=[], budget=Budget()) == ModelPolicy(budget=Budget())
    written = Policy(models={"Order": ModelPolicy(fields={}, budget=Budget(), write_policy=WritePolicy())}).to_dict()
    assert written == {"models": {"Order": {"write_policy": {}}}}


def test_no_scoping_and_an_empty_one_are_two_things() -> None:
    assert ModelPolicy().scoping is None
    assert ModelPolicy(scoping={}).scoping == {}
    assert Policy(models={"Order": ModelPolicy(scoping={})}).to_dict() == {"models": {"Order": {"scoping": {}}}}
    assert ModelPolicy(scoping={}) != ModelPolicy()


def test_nobody_and_nothing_said_about_approvers_are_two_things() -> None:
    assert WritePolicy(approver_roles=[]) != WritePolicy()
    assert Policy({"A": ModelPolicy(write_policy=WritePolicy(approver_roles=[]))}).to_dict()["models"]["A"] == {
        "write_policy": {"approver_roles": []}
    }


def test_true_is_no_one() -> None:
    assert ModelPolicy(scoping={"a": True}) != ModelPolicy(scoping={"a": 1})
    assert ModelPolicy(scoping={"a": 1}) != ModelPolicy(scoping={"a": 1.0})


@pytest.mark.parametrize(
    ("kind", "named", "told"),
    [
        (ModelPolicy, {"scopping": {}}, "ModelPolicy has no `scopping`: did you mean `scoping`?"),
        (ModelPolicy, {"row_policy": []}, "did you mean `row_policies`?"),
        (FieldPolicy, {"action": "allow", "mask": "*"}, "FieldPolicy has no `mask`: did you mean `mask_pattern`?"),
        (RowPolicy, {"name": "a", "condition": "b", "by_pass": True}, "did you mean `bypass`?"),
        (WritePolicy, {"auto_sett": {}}, "did you mean `auto_set`?"),
        (Budget, {"max_row": 1}, "did you mean `max_rows`?"),
        (Policy, {"model": {}}, "did you mean `models`?"),
        (AggregationPolicy, {"medians": []}, "AggregationPolicy has no `medians`: known: avg, count,"),
        (RelationPolicy, {"depth": 1}, "RelationPolicy has no `depth`"),
        (Overlay, {"soft_delete": "a"}, "Overlay has no `soft_delete`"),
    ],
)
def test_an_unknown_keyword_is_refused_with_the_nearest_known_one(kind: Any, named: dict[str, Any], told: str) -> None:
    with pytest.raises(TypeError) as raised:
        kind(**named)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "named", "raises", "told"),
    [
        (FieldPolicy, {"action": "alow"}, ValueError, "`FieldPolicy.action` cannot be `alow`: did you mean `allow`?"),
        (FieldPolicy, {"action": "Allow"}, ValueError, "did you mean `allow`?"),
        (FieldPolicy, {"action": None}, TypeError, "must be one of allow, deny, mask, hash, redact"),
        (FieldPolicy, {"action": True}, TypeError, "and this is bool"),
        (FieldPolicy, {"action": "mask", "filter": "prefix"}, ValueError, "known: equality"),
        (WritePolicy, {"create": "approve"}, ValueError, "`WritePolicy.create` cannot be `approve`"),
        (WritePolicy, {"max_affected_rows": 0}, ValueError, "must be from 1 to"),
        (WritePolicy, {"approval_ttl_s": 59}, ValueError, "must be from 60 to"),
        (WritePolicy, {"require_reason": 1}, TypeError, "must be True or False, and this is int"),
        (WritePolicy, {"immutable_fields": "tenant_id"}, TypeError, "must be a list, and this is str"),
        (Budget, {"max_rows": True}, TypeError, "must be a whole number, and this is bool"),
        (Budget, {"max_rows": 2**32}, ValueError, "must be from 1 to 4294967295"),
        (Budget, {"max_rows": 1.0}, TypeError, "must be a whole number, and this is float"),
        (ModelPolicy, {"scoping": "tenant_id"}, TypeError, "must be a mapping, and this is str"),
        (ModelPolicy, {"scoping": {"a": None}}, TypeError, "must be an expression or a literal, and this is None"),
        (ModelPolicy, {"scoping": {"a": float("nan")}}, ValueError, "must be a finite number"),
        (ModelPolicy, {"scoping": {"a": 2**63}}, ValueError, "must be an integer of 64 bits"),
        (ModelPolicy, {"scoping": {1: "a"}}, TypeError, "the names in `ModelPolicy.scoping` must be text"),
        (ModelPolicy, {"fields": ["id"]}, TypeError, "`ModelPolicy.fields` must be a mapping, and this is list"),
        (ModelPolicy, {"fields": {"id": 1}}, TypeError, "`ModelPolicy.fields['id']` must be a FieldPolicy"),
        (
            ModelPolicy,
            {"relations": {"user": "yes"}},
            TypeError,
            "`ModelPolicy.relations['user']` must be a RelationPolicy",
        ),
        (ModelPolicy, {"row_policies": [{"name": "a"}]}, TypeError, "ModelPolicy.row_policies[0]: "),
        (ModelPolicy, {"budget": Budget(max_rows=1), "write_policy": Budget()}, TypeError, "must be a WritePolicy"),
        (Policy, {"models": {}, "version": ""}, ValueError, "must have from 1 to 64 bytes"),
        (Policy, {"models": {}, "version": 1.1}, TypeError, "must be an integer or text, and this is float"),
        (Policy, {"models": {}, "default_field_action": "mask"}, ValueError, "known: allow, deny"),
        (Policy, {"models": {}, "roles": ["a\ud800"]}, ValueError, "half a character"),
        (Policy, {"models": None}, TypeError, "`Policy.models` must be a mapping"),
    ],
)
def test_what_is_not_of_its_type_is_refused_where_it_is_written(
    kind: Any, named: dict[str, Any], raises: type[Exception], told: str
) -> None:
    with pytest.raises(raises) as raised:
        kind(**named)
    assert told in str(raised.value)


def test_the_place_of_what_is_wrong_in_a_document_is_told() -> None:
    written = {"models": {"Order": {"fields": {"card": {"action": "mask", "mask_patern": "*"}}}}}
    with pytest.raises(TypeError) as raised:
        Policy.from_dict(written)
    assert str(raised.value).endswith("FieldPolicy has no `mask_patern`: did you mean `mask_pattern`?")
    assert "models['Order']" in str(raised.value)
    assert "fields['card']" in str(raised.value)


def test_a_document_with_nothing_behind_a_key_is_refused() -> None:
    with pytest.raises(TypeError, match="nothing behind `scoping`"):
        Policy.from_dict({"models": {"Order": {"scoping": None}}})


def test_a_refusal_does_not_repeat_a_value() -> None:
    with pytest.raises(TypeError) as raised:
        Policy(models={"Order": ModelPolicy(scoping={"tenant_id": ["hunter2"]})})  # type: ignore[dict-item]
    assert "hunter2" not in str(raised.value)


def test_a_policy_does_not_change() -> None:
    scoping = {"tenant_id": "principal.tenant_id"}
    fields: dict[str, Any] = {"id": "allow"}
    model = ModelPolicy(scoping=scoping, fields=fields)
    scoping.clear()
    fields["card"] = "allow"
    assert model == ModelPolicy(scoping={"tenant_id": "principal.tenant_id"}, fields={"id": "allow"})
    with pytest.raises(AttributeError, match="replace"):
        model.scoping = {}
    with pytest.raises(AttributeError, match="replace"):
        del model.scoping
    with pytest.raises(TypeError):
        model.fields["card"] = FieldPolicy("allow")  # type: ignore[index]
    assert model.replace(scoping={}).scoping == {}
    assert model.scoping == {"tenant_id": "principal.tenant_id"}


def test_words_are_text() -> None:
    assert {"allow": 1}[FieldAction.Allow] == 1
    assert f"{WriteAction.RequireApproval}" == "require_approval"
    assert str(RowEffect.Permit) == "permit"
    assert repr(FieldAction.Redact) == "FieldAction.Redact"
    assert FieldAction("mask") is FieldAction.Mask


def test_yaml_is_written_so_that_it_reads_as_the_same() -> None:
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(WHOLE.to_yaml()) == WHOLE.to_dict()
    for text in ("no", "1.10", "0x1f", "~", "a: b", '"', "\\", "", " a ", "é", "a\nb", "\u2028", "2024-05-01", "\x7f"):
        policy = Policy(models={text: ModelPolicy(scoping={text: text})})
        assert yaml.safe_load(policy.to_yaml()) == policy.to_dict(), text


def test_json_is_the_document() -> None:
    import json

    assert json.loads(WHOLE.to_json()) == WHOLE.to_dict()


def test_every_way_to_write_a_policy_is_read_as_the_same() -> None:
    for read in (Policy.from_yaml(WHOLE.to_yaml()), Policy.from_json(WHOLE.to_json()), Policy.from_toml(TOML)):
        assert read == (SMALL if read.version == 3 else WHOLE)


TOML = """
version = 3
[models.Order]
scoping = {tenant_id = "principal.tenant_id"}
[models.Order.fields]
id = "allow"
"""
SMALL = Policy({"Order": ModelPolicy(fields={"id": "allow"}, scoping={"tenant_id": "principal.tenant_id"})}, version=3)


def test_yaml_is_written_as_the_engine_writes_it() -> None:
    from ormai._native import policy_to_yaml

    odd = Policy({"A b": ModelPolicy(scoping={"a b": -1.5, "c": True, "d": 2**62})})
    for policy in (WHOLE, SMALL, Policy({}), odd):
        assert policy.to_yaml() == policy_to_yaml(policy.to_json())


def test_what_cannot_be_read_tells_its_places() -> None:
    from ormai.core.errors import PolicyInvalidError

    with pytest.raises(PolicyInvalidError) as raised:
        Policy.from_yaml("models:\n  Order:\n    scopping: {}\n    fields: {id: alow}\n")
    assert str(raised.value) == (
        "the policy does not load\n"
        "- line 3, column 5: unknown key `scopping` in `models.Order` (did you mean `scoping`?) [unknown-key]\n"
        "    scopping: {}\n"
        "    ^^^^^^^^\n"
        "- line 4, column 18: unknown word `alow` for `models.Order.fields.id` (did you mean `allow`?) "
        "[unknown-word]\n"
        "    fields: {id: alow}\n"
        "                 ^^^^"
    )


def test_a_policy_is_read_from_its_file(tmp_path: Any) -> None:
    (tmp_path / "policy.YML").write_text(WHOLE.to_yaml(), encoding="utf-8")
    assert Policy.from_file(tmp_path / "policy.YML") == WHOLE
    with pytest.raises(ValueError, match="ends in one of"):
        Policy.from_file(tmp_path / "policy.txt")
    with pytest.raises(FileNotFoundError):
        Policy.from_file(tmp_path / "none.yaml")
