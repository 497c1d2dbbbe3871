"""Tokens of a login service of the tests' own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import jwt

SECRET = "a secret of the tests that is long enough"
ISSUER = "https://login.example"
AUDIENCE = "orders"


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a valid token, with changes; a claim that is `...` is left out."""
    now = int(time.time())
    valid = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": now + 60,
        "sub": "user-1",
        "tenant_id": "tenant-a",
        "roles": ["support"],
    }
    return {name: value for name, value in {**valid, **changes}.items() if value is not ...}


def token(
    *, secret: Any = SECRET, algorithm: str | None = "HS256", headers: Mapping[str, Any] | None = None, **changes: Any
) -> str:
    """A token with these claims."""
    return jwt.encode(claims(**changes), secret, algorithm=algorithm, headers=dict(headers or {}))


def bearer(**changes: Any) -> dict[str, str]:
    """The headers of a request with such a token."""
    return {"Authorization": f"Bearer {token(**changes)}"}
