"""Two tenants and those that look like one of them, for the attacks: whatever is not the caller's has CANARY in it."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeVar

from ormai.core import Principal, RunContext
from ormai.policy import ModelPolicy, Policy, WritePolicy
from ormai.quickstart import mount_sqlalchemy
from ormai.tools import CallResult, Toolset
from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Integer, Numeric, String, false, text
from sqlalchemy import inspect as looked_at
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from databases import Ground

T = TypeVar("T")

THREE = ("aiosqlite", "psycopg", "asyncmy")
"""A driver of each database."""

CANARY = "c4n4ry"
LOOKALIKES = ("ACME", "acme ", "ácme", "acm_", "acme%", "acmé", "Acme", "acme\u200b")

TENANT = {"tenant_id": "principal.tenant_id"}
HIDDEN = {"ssn": "deny", "email": "mask", "pin": "hash", "memo": "redact"}
"""The fields of an account that are not shown as they are, or not at all."""


class Base(DeclarativeBase):
    """The base of the models."""


class Vault(Base):
    """No policy opens it."""

    __tablename__ = "vaults"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(40))
    secret: Mapped[str] = mapped_column(String(80))


class Account(Base):
    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("balance >= 0", name="never_below_zero"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(40), index=True)
    owner_id: Mapped[str] = mapped_column(String(40))
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str | None] = mapped_column(String(200))
    ssn: Mapped[str | None] = mapped_column(String(40))
    email: Mapped[str | None] = mapped_column(String(80))
    pin: Mapped[str | None] = mapped_column(String(80))
    memo: Mapped[str | None] = mapped_column(String(80))
    balance: Mapped[Decimal] = mapped_column(Numeric(12, 2), server_default="0")
    public: Mapped[bool] = mapped_column(Boolean, server_default=false())
    vault_id: Mapped[int | None] = mapped_column(ForeignKey("vaults.id"))
    vault: Mapped[Vault | None] = relationship()
    notes: Mapped[list[Note]] = relationship(back_populates="account")


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(40), index=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    body: Mapped[str] = mapped_column(String(80))
    account: Mapped[Account | None] = relationship(back_populates="notes")
    remarks: Mapped[list[Remark]] = relationship()


class Remark(Base):
    """A key of two parts."""

    __tablename__ = "remarks"
    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tenant_id: Mapped[str] = mapped_column(String(40), index=True)
    text: Mapped[str] = mapped_column(String(80))


class Meter(Base):
    """Its tenants are numbers."""

    __tablename__ = "meters"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(Integer)
    body: Mapped[str] = mapped_column(String(80))


def allowed(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "allow")


ACCOUNT_WRITES = WritePolicy(
    create="allow",
    update="allow",
    delete="allow",
    bulk_update="allow",
    auto_set=TENANT,
    immutable_fields=["tenant_id"],
    max_affected_rows=3,
)
ACCOUNT = ModelPolicy(
    fields={**allowed("id", "tenant_id", "owner_id", "code", "name", "balance", "public"), **HIDDEN},
    relations={"notes": True},
    scoping=TENANT,
    aggregations={"count": True, "sum": ["balance"], "min": ["name", "balance"], "max": ["name", "balance"]},
    write_policy=ACCOUNT_WRITES,
)
NOTE = ModelPolicy(
    fields=allowed("id", "tenant_id", "account_id", "body"),
    relations={"account": True, "remarks": True},
    scoping=TENANT,
    aggregations={"count": True},
    write_policy=WritePolicy(create="allow", update="allow", delete="allow", bulk_update="allow", auto_set=TENANT),
)
REMARK = ModelPolicy(
    fields=allowed("note_id", "position", "tenant_id", "text"),
    scoping=TENANT,
    write_policy=WritePolicy(update="allow", delete="allow", bulk_update="allow"),
)
METER = ModelPolicy(fields=allowed("id", "tenant_id", "body"), scoping=TENANT)
POLICY = Policy(models={"Account": ACCOUNT, "Note": NOTE, "Remark": REMARK, "Meter": METER})
SECRETS: dict[str, Any] = {
    "hash_key": "a key of the tests, long enough",
    "cursor_secret": "another key of the tests, also so",
}


def with_account(**changes: Any) -> Policy:
    """The policy with changes of the accounts' part."""
    return POLICY.replace(models={**POLICY.models, "Account": ACCOUNT.replace(**changes)})


def fill(session: Session) -> None:
    """Adds the rows: of `acme` what is its own, of others what has CANARY in it."""
    tenants = ["acme", "acme", "globex", *LOOKALIKES]
    session.add_all(Vault(id=n, tenant_id=tenant, secret=f"{CANARY}-vault") for n, tenant in enumerate(tenants, 1))
    session.flush()
    for n, tenant in enumerate(tenants, 1):
        mark = "mine" if tenant == "acme" else CANARY
        hidden = {name: f"{CANARY}-{name}-{n}@x.example" for name in HIDDEN}
        owner = "user-2" if n == 2 else "user-1"
        account = Account(id=n, tenant_id=tenant, owner_id=owner, code=f"{mark}-{n}", name=f"{mark} {n}", vault_id=n)
        for name, value in {**hidden, "balance": Decimal(n), "public": False}.items():
            setattr(account, name, value)
        session.add(account)
    session.flush()
    for n, tenant in enumerate(tenants, 1):
        mark = "mine" if tenant == "acme" else CANARY
        session.add(Note(id=n, tenant_id=tenant, account_id=n, body=f"{mark} {n}"))
    # Of a tenant's own, and about another one's row: stored data is not always what it should be.
    session.add(Note(id=100, tenant_id="acme", account_id=3, body="mine, about theirs"))
    session.add(Note(id=101, tenant_id="globex", account_id=1, body=f"{CANARY}, about ours"))
    session.flush()
    for n, tenant in enumerate(tenants, 1):
        mark = "mine" if tenant == "acme" else CANARY
        session.add(Remark(note_id=n, position=1, tenant_id=tenant, text=f"{mark} {n}"))
    session.add(Remark(note_id=1, position=2, tenant_id="globex", text=f"{CANARY}, on ours"))
    session.add_all(Meter(id=n + 1, tenant_id=n, body=CANARY if n != 7 else "mine") for n in (0, 1, 7, 77))
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        # Its sequences do not notice keys that are given.
        for table in ("accounts", "notes"):
            session.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1000)"))


class Estate:
    """The tables of the attacks on a driver, with a session, and a toolset over it."""

    def __init__(self, ground: Ground) -> None:
        self.engine: Any = ground.engine
        self.session: Any
        self.session = AsyncSession(self.engine) if isinstance(self.engine, AsyncEngine) else Session(self.engine)
        self.toolset: Toolset = self.mount(POLICY)

    def mount(self, policy: Policy, **options: Any) -> Toolset:
        """Puts another policy in force, for this estate's later calls."""
        self.toolset = mount_sqlalchemy(self.engine, Base, policy, **SECRETS, **options)
        return self.toolset

    async def work(self, do: Callable[[Session], T]) -> T:
        """Does something with the session, past any policy."""
        if isinstance(self.session, AsyncSession):
            return await self.session.run_sync(do)
        return do(self.session)

    def ctx(self, tenant_id: Any = "acme", user_id: Any = "user-1", **more: Any) -> RunContext:
        """A context on the session."""
        return RunContext(principal=Principal(tenant_id, user_id, **more), db=self.session)

    async def call(self, tool: str, arguments: Any, ctx: RunContext | None = None) -> CallResult:
        """A call of `acme`, or of whose context it is, that must not show anything of others."""
        outcome = await self.toolset.call(ctx or self.ctx(), tool, arguments)
        told = outcome.to_json()
        assert CANARY not in told, told
        broken = outcome.error is not None and outcome.error["code"] in ("INTERNAL", "DATABASE_UNAVAILABLE")
        assert not broken, f"{tool} {str(arguments)[:200]} failed: {told}"
        return outcome

    async def code(self, tool: str, arguments: Any, ctx: RunContext | None = None) -> str:
        """How a call is refused; `answered` where it is not."""
        outcome = await self.call(tool, arguments, ctx)
        return "answered" if outcome.error is None else str(outcome.error["code"])

    async def error(self, tool: str, arguments: Any, ctx: RunContext | None = None) -> dict[str, Any]:
        """The refusal of a call."""
        outcome = await self.call(tool, arguments, ctx)
        assert outcome.error is not None, outcome
        return outcome.error

    async def ids(self, arguments: dict[str, Any], ctx: RunContext | None = None) -> list[Any]:
        """The ids of the rows of a query, whose primary key is `id`."""
        outcome = await self.call("query", arguments, ctx)
        return [row["id"] for row in outcome.unwrap()["rows"]]

    async def stored(self) -> str:
        """All rows as they are stored."""
        return await self.work(_stored)

    async def undo(self) -> None:
        """Rolls the session's transaction back."""
        done = self.session.rollback()
        if inspect.isawaitable(done):
            await done

    async def works(self) -> None:
        """The session is usable, and `acme` sees its own."""
        assert await self.ids({"model": "Account"}) == [1, 2]

    @asynccontextmanager
    async def unchanged(self) -> AsyncIterator[None]:
        """Nothing is stored otherwise behind the block."""
        before = await self.stored()
        yield
        assert await self.stored() == before
        await self.works()

    async def close(self) -> None:
        done = self.session.close()
        if inspect.isawaitable(done):
            await done


def _stored(session: Session) -> str:
    rows = []
    for mapper in sorted(Base.registry.mappers, key=lambda each: each.class_.__name__):
        session.expire_all()
        for row in session.query(mapper.class_).order_by(*mapper.primary_key):
            rows.append([mapper.class_.__name__, *(str(value) for _, value in sorted(_columns(row).items()))])
    return json.dumps(rows)


def _columns(row: Any) -> dict[str, Any]:
    return {attribute.key: getattr(row, attribute.key) for attribute in looked_at(row).mapper.column_attrs}
