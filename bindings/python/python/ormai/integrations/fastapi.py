"""OrmAI in a FastAPI application: `pip install "ormai[fastapi]"`.

A dependency makes the context of a request from its verified token and the application's own session, and
refusals are answered with the status of their code:

    verify = JwtVerifier(key, algorithms=["RS256"], issuer="https://login.example", audience="orders")
    context = run_context(verify, session=get_session)
    answer_refusals(app)

    @app.get("/orders")
    async def orders(ctx: Annotated[RunContext, Depends(context)]) -> list[dict]:
        return (await toolset.query(ctx, model="Order")).rows
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from ..core import Principal, RunContext
from ..core.errors import OrmAiError, TenantScopeRequiredError, UnauthenticatedError
from ._extras import missing

try:
    from fastapi import Depends, FastAPI, HTTPException, Request
    from fastapi.responses import JSONResponse
    from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
except ImportError as error:
    raise missing("FastAPI", "fastapi") from error

if TYPE_CHECKING:
    from .jwt import JwtVerifier as JwtVerifier

__all__ = ["JwtVerifier", "Verifier", "answer_refusals", "run_context"]

Verifier = Callable[[str], Principal | Awaitable[Principal]]
"""Makes a principal of a bearer token, or raises UnauthenticatedError or TenantScopeRequiredError."""


def run_context(
    verify: Verifier, *, session: Callable[..., Any] | None = None, needs_tenant: bool = True
) -> Callable[..., Awaitable[RunContext]]:
    """A dependency that gives the context of a request.

    The principal is what `verify` makes of the bearer token, and nothing else: no header, path or body of the
    request is looked at beside it. What it refuses is answered with 401 or 403.

    Args:
        verify: makes a principal of the token, such as a `JwtVerifier`; it may be asynchronous.
        session: the application's dependency that gives a `Session` or `AsyncSession`. None: statements run on
            the toolset's own connections.
        needs_tenant: whether a principal without a tenant is refused here, whatever the policy says.
    """

    bearer = HTTPBearer(auto_error=False, description="A token of the login service.")

    async def principal(
        request: Request, credentials: HTTPAuthorizationCredentials | None = Depends(bearer)
    ) -> Principal:
        try:
            # Of two, a proxy may have read the other one.
            if credentials is None or len(request.headers.getlist("authorization")) != 1:
                raise UnauthenticatedError("the request has no bearer token", hint="send one in `Authorization`")
            verified = verify(credentials.credentials)
            made = await verified if isawaitable(verified) else verified
            if not isinstance(made, Principal):
                raise TypeError(f"the verifier has made no Principal but a {type(made).__name__}")
            if needs_tenant and made.tenant_id in (None, ""):
                raise TenantScopeRequiredError("the token names no tenant")
        except OrmAiError as refusal:
            raise _answered(refusal) from None
        return made

    # Two functions, so that an anonymous request takes no session from a pool.
    async def on_own(principal: Principal = Depends(principal)) -> RunContext:
        return RunContext(principal=principal)

    if session is None:
        return on_own

    async def on_session(principal: Principal = Depends(principal), db: Any = Depends(session)) -> RunContext:
        return RunContext(principal=principal, db=db)

    return on_session


def answer_refusals(app: FastAPI) -> None:
    """Has the application answer what the tools raise: `{"error": {"code", "message", …}}` with the code's status."""

    async def answer(_request: Request, refusal: Exception) -> JSONResponse:
        if not isinstance(refusal, OrmAiError):
            raise refusal
        told = {"error": refusal.to_dict(), "request_id": refusal.request_id}
        return JSONResponse(told, refusal.http_status, headers=_headers(refusal))

    app.add_exception_handler(OrmAiError, answer)


def _answered(refusal: OrmAiError) -> HTTPException:
    return HTTPException(refusal.http_status, detail=refusal.to_dict(), headers=_headers(refusal))


def _headers(refusal: OrmAiError) -> dict[str, str] | None:
    return {"WWW-Authenticate": "Bearer"} if refusal.http_status == 401 else None


def __getattr__(name: str) -> Any:
    # Not everybody's tokens are JWT.
    if name == "JwtVerifier":
        from .jwt import JwtVerifier

        return JwtVerifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
