"""The application: `uvicorn --factory orders_app.app:create_app`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, FastAPI
from ormai.core import RunContext
from ormai.integrations.fastapi import JwtVerifier, answer_refusals, run_context
from ormai.quickstart import mount_sqlalchemy
from ormai.store import JsonlAuditStore
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from .agent import Model, work
from .models import Base, seed
from .policy import POLICY
from .scripted import ScriptedModel

ISSUER = "https://login.example"
AUDIENCE = "orders"


@dataclass(frozen=True)
class Settings:
    """What differs between places where this runs."""

    secret: str
    """The secret that the login service signs with. There is none by default."""
    database_url: str = "sqlite+aiosqlite:///orders.db"
    audit_path: str = "audit.jsonl"

    @classmethod
    def from_environment(cls) -> Settings:
        """`ORDERS_SECRET`, and where given `ORDERS_DATABASE_URL` and `ORDERS_AUDIT_PATH`."""
        names = {"database_url": "ORDERS_DATABASE_URL", "audit_path": "ORDERS_AUDIT_PATH"}
        given = {name: os.environ[variable] for name, variable in names.items() if os.environ.get(variable)}
        return cls(secret=os.environ["ORDERS_SECRET"], **given)


class Task(BaseModel):
    """What the agent is to do."""

    task: str


def create_app(settings: Settings | None = None, model: Model | None = None) -> FastAPI:
    """The application with these settings, and a model to work for its users."""
    settings = settings or Settings.from_environment()
    model = model or ScriptedModel()
    engine = create_async_engine(settings.database_url)
    audit_store = JsonlAuditStore(settings.audit_path)
    toolset = mount_sqlalchemy(engine, Base, POLICY, audit_store=audit_store)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncSession(engine) as session, session.begin():
            await session.run_sync(lambda on: Base.metadata.create_all(on.connection()))
            await session.run_sync(seed)
        yield
        await toolset.aclose()
        await engine.dispose()

    async def session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as opened:
            yield opened

    verify = JwtVerifier(settings.secret, algorithms=["HS256"], issuer=ISSUER, audience=AUDIENCE)
    context = run_context(verify, session=session)
    app = FastAPI(title="Orders", lifespan=lifespan)
    answer_refusals(app)

    async def orders(ctx: RunContext = Depends(context), status: str | None = None) -> dict[str, Any]:
        """The orders of the tenant that the token names."""
        filters = [{"field": "status", "op": "eq", "value": status}] if status else []
        page = await toolset.query(ctx, model="Order", filters=filters, include=[{"relation": "customer"}])
        return {"orders": page.rows, "next_cursor": page.next_cursor}

    async def order(id: int, ctx: RunContext = Depends(context)) -> dict[str, Any]:
        """One order; another tenant's is not there."""
        return (await toolset.get(ctx, model="Order", id=id)).row

    async def agent(task: Task, ctx: RunContext = Depends(context)) -> dict[str, Any]:
        """Has the agent work on a task, as the user of the token."""
        done = await work(model, toolset, ctx, task.task)
        # What the tools wrote stands in this session's transaction.
        await ctx.db.commit()
        steps = [{"tool": step.call.tool, "arguments": step.call.arguments, **step.outcome} for step in done.steps]
        return {"answer": done.answer, "steps": steps}

    app.get("/orders")(orders)
    app.get("/orders/{id}")(order)
    app.post("/agent")(agent)
    return app
