"""Principals from signed tokens (JSON Web Tokens), with PyJWT: `pip install "ormai[fastapi]"`.

>>> from ormai.integrations.jwt import JwtVerifier
>>> verify = JwtVerifier(
...     "a secret of 32 bytes, or a public key",
...     algorithms=["HS256"],
...     issuer="https://login.example",
...     audience="orders",
... )
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..core import Principal
from ..core.errors import OrmAiError, TenantScopeRequiredError, UnauthenticatedError
from ._extras import missing

try:
    import jwt
except ImportError as error:
    raise missing("PyJWT", "fastapi") from error

__all__ = ["JwtVerifier"]

MOST_BYTES = 16 * 1024
"""The longest token that is looked at."""

_SHORTEST_SECRET = {"HS256": 32, "HS384": 48, "HS512": 64}


class JwtVerifier:
    """Makes a principal of a token: only of one that is signed, in force, and meant for this service.

    A token without `exp`, `aud` or `iss` is refused, and so is one without a tenant or a user: nothing takes the
    place of what is missing.

    Args:
        key: the secret or the public key; or a function that finds it for a token, as
            `PyJWKClient(url).get_signing_key_from_jwt` does, whose answer's `key` is taken.
        algorithms: those that are accepted, all with secrets (`HS256`) or all with public keys (`RS256`).
        issuer: who must have made the token (`iss`), or several of whom one must have.
        audience: for whom it must be made (`aud`), or several.
        tenant_claim: the claim with the tenant. Its text or number becomes `principal.tenant_id`.
        user_claim: the claim with the user. None: principals have no user.
        roles_claim: the claim with the list of roles; no such claim means no roles.
        metadata_claims: by key of `principal.metadata`, the claim that it is taken from; or the names of claims
            that are taken under their own.
        leeway_s: by how many seconds clocks may differ, at most 300.

    Raises:
        ValueError: an algorithm is none that is safe here, a secret is too short, or something is empty.
    """

    __slots__ = ("_algorithms", "_audience", "_issuer", "_key", "_leeway", "_metadata", "_roles", "_tenant", "_user")

    def __init__(
        self,
        key: Any,
        *,
        algorithms: Sequence[str],
        issuer: str | Sequence[str],
        audience: str | Sequence[str],
        tenant_claim: str = "tenant_id",
        user_claim: str | None = "sub",
        roles_claim: str = "roles",
        metadata_claims: Mapping[str, str] | Iterable[str] = (),
        leeway_s: int = 0,
    ) -> None:
        if not key:
            raise ValueError("`key` is empty")
        self._key = key
        self._algorithms = _accepted(algorithms, key)
        self._issuer = _names(issuer, "issuer")
        self._audience = _names(audience, "audience")
        if not 0 <= leeway_s <= 300:
            raise ValueError("`leeway_s` must be between 0 and 300")
        self._leeway = leeway_s
        self._tenant = tenant_claim
        self._user = user_claim
        self._roles = roles_claim
        claims = metadata_claims
        if isinstance(claims, str):
            raise ValueError("`metadata_claims` must be a list of claims")
        self._metadata = dict(claims) if isinstance(claims, Mapping) else {name: name for name in claims}

    def __repr__(self) -> str:
        return f"JwtVerifier(algorithms={self._algorithms!r}, issuer={self._issuer!r}, audience={self._audience!r})"

    def __call__(self, token: str) -> Principal:
        """The principal of a token.

        Raises:
            UnauthenticatedError: the token is not valid, is no longer, or names no user.
            TenantScopeRequiredError: it is valid and names no tenant.
        """
        claims = self._verified(token)
        if _is_missing(claims.get(self._tenant)):
            raise TenantScopeRequiredError(
                "the token names no tenant", hint=f"sign in with a login that has the claim `{self._tenant}`"
            )
        user = None if self._user is None else claims.get(self._user)
        if self._user is not None and _is_missing(user):
            raise UnauthenticatedError("the token names no user", hint=f"it needs the claim `{self._user}`")
        metadata = {name: claims[claim] for name, claim in self._metadata.items() if claim in claims}
        return Principal(claims[self._tenant], user, self._roles_of(claims), metadata)

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            if len(token) > MOST_BYTES:
                raise _refused()
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key_for(token),
                algorithms=self._algorithms,
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": ["exp", "aud", "iss"], "verify_signature": True},
            )
        except jwt.ExpiredSignatureError:
            raise UnauthenticatedError("the token is no longer valid", hint="sign in again") from None
        # Also what PyJWT did not foresee in a token that anybody may have written.
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise _refused() from None
        return claims

    def _key_for(self, token: str) -> Any:
        if not callable(self._key):
            return self._key
        find: Callable[[str], Any] = self._key
        found = find(token)
        return getattr(found, "key", found)

    def _roles_of(self, claims: Mapping[str, Any]) -> list[str]:
        roles = claims.get(self._roles, [])
        if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
            raise UnauthenticatedError("the token's roles are no list of names")
        return roles


def _refused() -> OrmAiError:
    # Why it is not is for whoever made it: nothing here tells a forger which part was right.
    return UnauthenticatedError("the token is not valid", hint="sign in again")


def _is_missing(value: object) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return not isinstance(value, int) or isinstance(value, bool)


def _accepted(algorithms: Sequence[str], key: Any) -> list[str]:
    if isinstance(algorithms, str) or not algorithms:
        raise ValueError("`algorithms` must be a list of the algorithms that are accepted")
    accepted = list(algorithms)
    known = jwt.algorithms.get_default_algorithms()
    for name in accepted:
        if name not in known or name.lower() == "none":
            raise ValueError(f"`{name}` is no algorithm that signs, or its library is missing (`cryptography`)")
    symmetric = [name for name in accepted if name.startswith("HS")]
    if symmetric and len(symmetric) != len(accepted):
        # Who knows a public key could sign with it as if it were the secret.
        raise ValueError("`algorithms` mixes secrets (HS…) with public keys")
    if isinstance(key, (str, bytes)):
        length = len(key.encode() if isinstance(key, str) else key)
        for name in symmetric:
            if length < _SHORTEST_SECRET[name]:
                raise ValueError(f"`key` has {length} bytes, and {name} needs {_SHORTEST_SECRET[name]}")
    return accepted


def _names(value: str | Sequence[str], name: str) -> list[str]:
    names = [value] if isinstance(value, str) else list(value)
    if not names or not all(isinstance(each, str) and each for each in names):
        raise ValueError(f"`{name}` must be a name, or a list of names")
    return names
