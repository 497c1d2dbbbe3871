"""A principal comes of a token that is signed, in force and meant for this service, and of no other."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from ormai.core import Principal
from ormai.core.errors import OrmAiError, TenantScopeRequiredError, UnauthenticatedError
from ormai.integrations.jwt import MOST_BYTES, JwtVerifier

from tokens import AUDIENCE, ISSUER, SECRET, claims, token

LATER = int(time.time()) + 3600
EARLIER = int(time.time()) - 3600


def verifier(**changes: Any) -> JwtVerifier:
    given: dict[str, Any] = {"key": SECRET, "algorithms": ["HS256"], "issuer": ISSUER, "audience": AUDIENCE, **changes}
    return JwtVerifier(given.pop("key"), **given)


def refused(written: str, verify: JwtVerifier | None = None) -> OrmAiError:
    with pytest.raises(OrmAiError) as raised:
        (verify or verifier())(written)
    return raised.value


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_valid_token_makes_its_principal() -> None:
    assert verifier()(token()) == Principal(tenant_id="tenant-a", user_id="user-1", roles=["support"])


def test_claims_have_the_names_that_the_service_gives_them() -> None:
    verify = verifier(tenant_claim="org", user_claim="uid", roles_claim="groups", metadata_claims={"org_id": "unit"})
    written = token(org=7, uid="u", groups=["a"], unit="north", tenant_id="other", sub="other")
    assert verify(written) == Principal(tenant_id=7, user_id="u", roles=["a"], metadata={"org_id": "north"})


def test_metadata_may_be_named_as_its_claims() -> None:
    assert verifier(metadata_claims=["region"])(token(region="eu")).metadata == {"region": "eu"}
    assert verifier(metadata_claims=["region"])(token()).metadata == {}


@pytest.mark.parametrize("name", ["exp", "aud", "iss"])
def test_a_token_without_a_claim_that_it_needs_is_refused(name: str) -> None:
    without: dict[str, Any] = {name: ...}
    assert isinstance(refused(token(**without)), UnauthenticatedError)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://login.example.evil"},
        {"iss": ""},
        {"aud": "payments"},
        {"aud": []},
        {"exp": EARLIER},
        {"exp": "soon"},
        {"nbf": LATER},
        {"secret": "another secret that is long enough too"},
        {"algorithm": "HS512", "secret": SECRET * 2},
        {"algorithm": None, "secret": None},
        {"headers": {"crit": ["x"], "x": 1}},
    ],
    ids=str,
)
def test_a_token_that_does_not_hold_is_refused(changes: dict[str, Any]) -> None:
    refusal = refused(token(**changes))
    assert isinstance(refusal, UnauthenticatedError)
    assert refusal.http_status == 401


@pytest.mark.parametrize("tenant", [..., None, "", "  ", 0.5, True, [], ["tenant-a"], {"id": "tenant-a"}], ids=repr)
def test_a_token_without_a_tenant_is_refused_and_none_takes_its_place(tenant: object) -> None:
    refusal = refused(token(tenant_id=tenant))
    assert isinstance(refusal, TenantScopeRequiredError)
    assert refusal.http_status == 403


def test_a_token_without_a_user_is_refused() -> None:
    assert isinstance(refused(token(sub=...)), UnauthenticatedError)
    assert verifier(user_claim=None)(token(sub=...)).user_id is None


@pytest.mark.parametrize("roles", ["admin", {"admin": True}, [1], [["admin"]], None], ids=repr)
def test_roles_that_are_no_list_of_names_are_refused(roles: object) -> None:
    assert isinstance(refused(token(roles=roles)), UnauthenticatedError)


def test_a_token_without_roles_has_none() -> None:
    assert verifier()(token(roles=...)).roles == ()


def test_a_token_signed_with_the_public_key_as_its_secret_is_refused() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    public = private.public_key().public_bytes(serialization.Encoding.PEM, kind).decode()
    verify = verifier(key=public, algorithms=["RS256"])
    assert verify(token(secret=private, algorithm="RS256")).tenant_id == "tenant-a"

    head, body = part({"alg": "HS256", "typ": "JWT"}), part(claims())
    hs256 = jwt.algorithms.get_default_algorithms()["HS256"]
    signed = hs256.sign(f"{head}.{body}".encode(), public.encode())
    forged = f"{head}.{body}.{base64.urlsafe_b64encode(signed).rstrip(b'=').decode()}"
    assert isinstance(refused(forged, verify), UnauthenticatedError)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
def test_a_token_that_says_it_needs_no_signature_is_refused(algorithm: str) -> None:
    written = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims())}."
    assert isinstance(refused(written), UnauthenticatedError)


def test_a_changed_tenant_breaks_the_signature() -> None:
    head, _, signature = token().split(".")
    assert isinstance(refused(f"{head}.{part(claims(tenant_id='tenant-b'))}.{signature}"), UnauthenticatedError)


@pytest.mark.parametrize("written", ["", ".", "..", "a.b.c", "é.é.é", "\x00", "[" * 3000], ids=repr)
def test_what_is_no_token_is_refused(written: str) -> None:
    assert isinstance(refused(written), UnauthenticatedError)


def test_a_token_beyond_any_size_is_not_read() -> None:
    assert isinstance(refused(token(note="x" * MOST_BYTES)), UnauthenticatedError)


def test_a_refusal_does_not_tell_which_part_of_a_forgery_was_right() -> None:
    forgeries: list[dict[str, Any]] = [{"iss": "x"}, {"aud": "x"}, {"secret": "y" * 40}]
    told = {str(refused(token(**changes))) for changes in forgeries}
    assert len(told) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithms": []},
        {"algorithms": "HS256"},
        {"algorithms": ["none"]},
        {"algorithms": ["HS256", "none"]},
        {"algorithms": ["HS256", "RS256"]},
        {"algorithms": ["HS257"]},
        {"key": ""},
        {"key": None},
        {"key": "short"},
        {"issuer": ""},
        {"issuer": []},
        {"audience": ""},
        {"audience": [""]},
        {"leeway_s": -1},
        {"leeway_s": 301},
        {"metadata_claims": "region"},
    ],
    ids=str,
)
def test_a_verifier_that_would_let_too_much_in_is_not_made(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        verifier(**changes)


def test_a_key_may_be_looked_up_by_token() -> None:
    class Found:
        key = SECRET

    seen: list[str] = []

    def find(written: str) -> Found:
        seen.append(written)
        return Found()

    written = token()
    assert verifier(key=find)(written).tenant_id == "tenant-a"
    assert seen == [written]


def test_a_verifier_does_not_show_its_secret() -> None:
    assert SECRET not in repr(verifier())
