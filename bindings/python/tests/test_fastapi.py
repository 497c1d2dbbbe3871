"""The dependency gives a context for a verified token, and an answer of 401 or 403 for anything else."""

import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from ormai.core import Principal, RunContext
from ormai.core.errors import RecordNotFoundError
from ormai.integrations.fastapi import JwtVerifier, Verifier, answer_refusals, run_context

from tokens import AUDIENCE, ISSUER, SECRET, bearer, token

VERIFY = JwtVerifier(SECRET, algorithms=["HS256"], issuer=ISSUER, audience=AUDIENCE)
SESSIONS: list[str] = []


async def get_session() -> AsyncIterator[str]:
    SESSIONS.append("a session")
    yield "a session"


def application(verify: Verifier = VERIFY, **options: Any) -> FastAPI:
    app = FastAPI()
    answer_refusals(app)
    context = run_context(verify, **options)

    async def who(ctx: Annotated[RunContext, Depends(context)]) -> dict[str, Any]:
        return {**ctx.principal.to_dict(), "db": ctx.db}

    async def missing(ctx: Annotated[RunContext, Depends(context)]) -> None:
        raise RecordNotFoundError("there is no such order", request_id="r-1")

    app.get("/who")(who)
    app.get("/missing")(missing)
    return app


async def asked(app: FastAPI, path: str = "/who", headers: Any = None) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path, headers=headers)


async def test_the_principal_is_the_tokens_and_the_session_the_applications() -> None:
    answer = await asked(application(session=get_session), headers=bearer())
    assert answer.status_code == 200
    assert answer.json() == {
        "tenant_id": "tenant-a",
        "user_id": "user-1",
        "roles": ["support"],
        "metadata": {},
        "db": "a session",
    }


async def test_headers_beside_the_token_say_nothing() -> None:
    headers = {**bearer(), "X-Tenant-ID": "tenant-b", "X-User-ID": "user-2", "X-Roles": "super_admin"}
    answer = await asked(application(), "/who?tenant_id=tenant-b", headers)
    assert answer.json()["tenant_id"] == "tenant-a"
    assert answer.json()["roles"] == ["support"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {token()}"},
        {"Authorization": token()},
        {"X-Tenant-ID": "tenant-a"},
        [("Authorization", f"Bearer {token()}"), ("Authorization", f"Bearer {token(tenant_id='tenant-b')}")],
        {"Authorization": f"Bearer {token(exp=1)}"},
    ],
    ids=["none", "empty", "scheme", "blank", "basic", "bare", "tenant", "two", "expired"],
)
async def test_a_request_without_one_valid_token_is_answered_401_and_takes_no_session(headers: Any) -> None:
    SESSIONS.clear()
    answer = await asked(application(session=get_session), headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["detail"]["code"] == "UNAUTHENTICATED"
    assert SESSIONS == []


async def test_a_token_without_a_tenant_is_answered_403() -> None:
    answer = await asked(application(), headers=bearer(tenant_id=""))
    assert answer.status_code == 403
    assert answer.json()["detail"]["code"] == "TENANT_SCOPE_REQUIRED"


@pytest.mark.parametrize("tenant", [None, ""])
async def test_a_verifier_of_ones_own_that_gives_no_tenant_is_answered_403(tenant: str | None) -> None:
    async def verify(_token: str) -> Principal:
        return Principal(tenant_id=tenant)

    assert (await asked(application(verify), headers=bearer())).status_code == 403
    open_to_all = await asked(application(verify, needs_tenant=False), headers=bearer())
    assert open_to_all.json()["tenant_id"] == tenant


async def test_a_verifier_that_gives_no_principal_lets_nobody_in() -> None:
    def verify(_token: str) -> Any:
        return {"tenant_id": "tenant-a"}

    with pytest.raises(TypeError, match="no Principal but a dict"):
        await asked(application(verify), headers=bearer())


async def test_a_refusal_of_a_tool_is_answered_with_its_status() -> None:
    answer = await asked(application(), "/missing", bearer())
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "RECORD_NOT_FOUND"
    assert answer.json()["request_id"] == "r-1"


async def test_the_openapi_document_tells_of_the_token() -> None:
    schemes = (await asked(application(), "/openapi.json")).json()["components"]["securitySchemes"]
    assert schemes["HTTPBearer"]["scheme"] == "bearer"


@pytest.mark.parametrize(
    ("module", "library", "extra"),
    [
        ("jwt", "jwt", "fastapi"),
        ("fastapi", "fastapi", "fastapi"),
        ("langchain", "langchain_core", "langchain"),
        ("pydantic_ai", "pydantic_ai", "pydantic-ai"),
    ],
)
def test_a_library_that_is_missing_is_told_with_its_extra(module: str, library: str, extra: str) -> None:
    script = f"""
import sys
sys.modules[{library!r}] = None
try:
    import ormai.integrations.{module}
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert f'`pip install "ormai[{extra}]"`' in done.stdout
