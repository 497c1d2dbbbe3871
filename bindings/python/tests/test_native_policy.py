"""Catalogs and policies."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from native_shop import CATALOG, POLICY, context, finish, native
from ormai import _ormai


def changed(document: dict[str, Any], *path: Any, to: Any) -> str:
    """A document with another value in one place."""
    document = copy.deepcopy(document)
    at: Any = document
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = to
    return json.dumps(document)


def refused(**more: Any) -> dict[str, Any]:
    with pytest.raises(_ormai.NativeError) as caught:
        native(**more)
    assert caught.value.error is not None
    assert str(caught.value).startswith(caught.value.error["code"])
    return caught.value.error


MODEL = ("models", 1)
FIELD = (*MODEL, "fields", 0)


@pytest.mark.parametrize(
    ("path", "to", "place", "words"),
    [
        ((*FIELD, "type"), "integer", "models[1].fields[0].type", "unknown type `integer`"),
        ((*FIELD, "type"), {"enum": [1]}, "models[1].fields[0].type", "the words of an enum are texts"),
        ((*FIELD, "type"), {"array": {"array": "nothing"}}, "models[1].fields[0].type", "unknown type `nothing`"),
        ((*FIELD, "type"), {"set": "int"}, "models[1].fields[0].type", "a type is one of"),
        ((*FIELD, "colation"), None, "models[1].fields[0].colation", "unknown field `colation`"),
        ((*FIELD, "collation"), "german", "models[1].fields[0].collation", "unknown collation `german`"),
        ((*FIELD, "length"), -1, "models[1].fields[0].length", "invalid value"),
        ((*MODEL, "kind"), "matview", "models[1].kind", "unknown variant `matview`"),
        ((*MODEL, "foreign_keys", 0, "on_delete"), "explode", "models[1].foreign_keys[0].on_delete", "unknown action"),
        ((*MODEL, "relations", 0, "kind"), "some", "models[1].relations[0].kind", "unknown variant `some`"),
        ((*MODEL, "primary_key"), ["nothing"], None, "`Order` has no field `nothing`"),
        ((*MODEL, "relations", 0, "target"), "Nobody", None, "leads to the unknown model `Nobody`"),
        ((*MODEL, "name"), "User", None, "two models are named `User`"),
        ((*MODEL, "foreign_keys", 0, "target_fields"), [], None, "not as many fields"),
        (("models",), 3, "models", "invalid type"),
    ],
)
def test_a_catalog_that_is_not_in_its_form_is_refused_at_its_place(
    path: tuple[Any, ...], to: Any, place: str | None, words: str
) -> None:
    error = refused(catalog=changed(CATALOG, *path, to=to))
    assert error["code"] == "POLICY_INVALID"
    assert words in error["message"]
    assert error.get("details", {}).get("path") == place


def test_text_that_is_no_json_is_no_catalog() -> None:
    for text in ("", "{", "[" * 10_000, "null", "{} {}"):
        assert refused(catalog=text)["code"] == "POLICY_INVALID"


def test_a_catalog_comes_back_as_it_was_read() -> None:
    shown = native().catalog()
    assert native(catalog=shown).catalog() == shown
    described = json.loads(shown)
    assert described["models"][1]["foreign_keys"][0]["on_delete"] == "refuse"
    assert described["models"][0]["relations"] == CATALOG["models"][0]["relations"]
    types: list[Any] = ["bool", "int16", "int32", "interval", "json", {"array": "text"}, {"unsupported": "xml"}]
    for ty in [*types, {"enum": ["a", "b"], "name": "letters"}]:
        catalog = changed(CATALOG, *MODEL, "fields", 4, "type", to=ty)
        text = native(catalog=catalog, policy='{"version": 1, "models": {}}').catalog()
        assert json.loads(text)["models"][1]["fields"][4]["type"] == ty
    for collation in ["ordered", "loose", "folded:utf8mb4_general_ci", None]:
        text = native(catalog=changed(CATALOG, *FIELD, "collation", to=collation)).catalog()
        assert json.loads(text)["models"][1]["fields"][0]["collation"] == collation


def test_a_policy_that_does_not_load_gives_every_finding() -> None:
    policy = copy.deepcopy(POLICY)
    policy["models"]["Order"]["fields"]["totl"] = "allow"
    policy["models"]["Nobody"] = {}
    error = refused(policy=json.dumps(policy))
    assert error["code"] == "POLICY_INVALID"
    diagnostics = error["details"]["diagnostics"]
    assert len([one for one in diagnostics if one["severity"] == "error"]) >= 2
    for one in diagnostics:
        assert set(one) == {"severity", "code", "message", "help", "labels"}
    at = diagnostics[0]["labels"][0]
    assert (at["line"], at["column"]) >= (1, 1)
    with pytest.raises(ValueError, match="`ini` is no format"):
        native(policy_format="ini")


def test_a_secret_that_is_too_short_is_refused() -> None:
    assert "at least 16 bytes" in refused(hash_key=b"short")["message"]


def test_a_policy_is_checked_without_being_put_in_force() -> None:
    assert not any(one["severity"] == "error" for one in _ormai.check_policy(json.dumps(CATALOG), json.dumps(POLICY)))
    hashed = changed(POLICY, "models", "User", "fields", "email", to="hash")
    assert any(one["severity"] == "error" for one in _ormai.check_policy(json.dumps(CATALOG), hashed))
    with_key = _ormai.check_policy(json.dumps(CATALOG), hashed, has_hash_key=True)
    assert not any(one["severity"] == "error" for one in with_key)
    yaml = _ormai.policy_to_yaml(json.dumps(POLICY))
    assert _ormai.check_policy(json.dumps(CATALOG), yaml, "yaml") is not None
    with pytest.raises(_ormai.NativeError, match="the catalog is not in its form"):
        _ormai.check_policy("{", json.dumps(POLICY))


def test_a_policy_goes_to_yaml_and_back() -> None:
    yaml = _ormai.policy_to_yaml(json.dumps(POLICY))
    assert yaml.startswith("version: 1")
    back = _ormai.policy_from_text(yaml)
    assert _ormai.policy_to_yaml(back) == yaml
    assert native(policy=back).policy_version == native().policy_version
    assert native(policy=yaml, policy_format="yaml").policy_version == native().policy_version
    assert json.loads(_ormai.policy_from_text("version = 1\n[models]\n", "toml")) == {"version": 1, "models": {}}
    for text in ("version: 1\nmodles: {}\n", "a: [", ""):
        with pytest.raises(_ormai.NativeError, match="POLICY_INVALID"):
            _ormai.policy_from_text(text)


def test_another_policy_is_put_in_force_or_the_old_one_stays() -> None:
    engine = native()
    before = engine.policy_version
    with pytest.raises(_ormai.NativeError, match="POLICY_INVALID") as caught:
        finish(engine.reload('{"version": 1, "models": {"Nobody": {}}}'))
    assert caught.value.error is not None
    assert caught.value.error["details"]["diagnostics"]
    assert engine.policy_version == before
    after = finish(engine.reload('{"version": 1, "models": {}}'))
    assert engine.policy_version == after != before
    outcome: Any = engine.call(context("tenant-a"), "query", {"model": "Order"}).step()
    assert outcome[1]["error"]["code"] == "MODEL_NOT_ALLOWED"


def test_a_dialect_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="`oracle` is no dialect"):
        native(dialect="oracle")


def test_the_registry_of_errors_and_the_nearest_word_are_the_engines() -> None:
    codes = {one["code"]: one for one in _ormai.error_codes()}
    assert codes["RECORD_NOT_FOUND"]["http_status"] == 404
    assert codes["TIMEOUT"]["retryable"] is True
    assert all(one["meaning"] for one in codes.values())
    assert _ormai.nearest("filtres", ["filters", "limit"]) == "filters"
    assert _ormai.nearest("xyzzy", ["filters", "limit"]) is None
