"""A token as the login service would sign it: `python -m orders_app.token acme ann`."""

from __future__ import annotations

import os
import sys
import time

import jwt

from .app import AUDIENCE, ISSUER


def token(secret: str, tenant: str, user: str, *, seconds: int = 3600) -> str:
    """A token for a user of a tenant."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + seconds, "sub": user, "tenant_id": tenant}
    return jwt.encode(claims, secret, algorithm="HS256")


if __name__ == "__main__":
    print(token(os.environ["ORDERS_SECRET"], sys.argv[1], sys.argv[2]))
