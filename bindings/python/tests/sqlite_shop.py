"""A connection of `sqlite3`'s that carries out orders, and the shop of the tests on it: without SQLAlchemy."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from ormai._drive import DriverError
from ormai.core import Principal, RunContext
from ormai.policy import ModelPolicy, Policy, WritePolicy
from ormai.tools import Toolset
from ormai.tools._mount import over_host

TABLES = """
CREATE TABLE tenants (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, tenant_id TEXT NOT NULL, user_id TEXT, status TEXT, total NUMERIC, card TEXT
);
CREATE TABLE items (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, tenant_id TEXT NOT NULL, sku TEXT NOT NULL,
    packed_at TIMESTAMP);
"""

ROWS = """
INSERT INTO tenants VALUES ('acme', 'Acme'), ('globex', 'Globex');
INSERT INTO orders VALUES
    (1, 'acme', 'u1', 'pending', 10, '4111111111111111'), (2, 'acme', 'u2', 'shipped', 20, NULL),
    (3, 'acme', 'u1', 'pending', 30, NULL), (7, 'globex', 'u9', 'pending', 700, '4222222222222222');
INSERT INTO items VALUES (1, 1, 'acme', 'A-1', NULL), (2, 1, 'acme', 'B-1', NULL), (3, 7, 'globex', 'A-1', NULL);
"""


def _fields(*columns: tuple[str, str, bool]) -> list[dict[str, Any]]:
    return [{"name": name, "column": name, "type": kind, "nullable": nullable} for name, kind, nullable in columns]


CATALOG: dict[str, Any] = {
    "models": [
        {
            "name": "Tenant",
            "table": "tenants",
            "fields": _fields(("id", "text", False), ("name", "text", False)),
            "primary_key": ["id"],
        },
        {
            "name": "Order",
            "table": "orders",
            "fields": _fields(
                ("id", "int", False),
                ("tenant_id", "text", False),
                ("user_id", "text", True),
                ("status", "text", True),
                ("total", "decimal", True),
                ("card", "text", True),
            ),
            "primary_key": ["id"],
            "relations": [{"name": "items", "target": "Item", "kind": "many", "link": [["id", "order_id"]]}],
        },
        {
            "name": "Item",
            "table": "items",
            "fields": _fields(
                ("id", "int", False),
                ("order_id", "int", False),
                ("tenant_id", "text", False),
                ("sku", "text", False),
                ("packed_at", "timestamp", True),
            ),
            "primary_key": ["id"],
            "relations": [{"name": "order", "target": "Order", "kind": "one", "link": [["order_id", "id"]]}],
            "foreign_keys": [{"fields": ["order_id"], "target": "Order", "target_fields": ["id"]}],
        },
    ]
}

WRITES = WritePolicy(
    create="allow",
    update="allow",
    delete="allow",
    bulk_update="allow",
    auto_set={"tenant_id": "principal.tenant_id"},
    immutable_fields=["tenant_id"],
    max_affected_rows=2,
)

POLICY = Policy(
    models={
        "Tenant": ModelPolicy(fields={"id": "allow", "name": "allow"}, scoping={"id": "principal.tenant_id"}),
        "Order": ModelPolicy(
            fields={
                "id": "allow",
                "tenant_id": "allow",
                "user_id": "allow",
                "status": "allow",
                "total": "allow",
                "card": {"action": "mask", "mask_pattern": "****{last4}"},
            },
            relations={"items": True},
            scoping={"tenant_id": "principal.tenant_id"},
            write_policy=WRITES,
            aggregations={"count": True, "sum": ["total"]},
        ),
        "Item": ModelPolicy(
            fields={"id": "allow", "order_id": "allow", "sku": "allow", "packed_at": "allow"},
            relations={"order": True},
            scoping={"tenant_id": "principal.tenant_id"},
            write_policy=WRITES.replace(auto_set={**WRITES.auto_set, "packed_at": "now()"}),
        ),
    }
)


class Connection:
    """A connection of `sqlite3`'s that is the caller's."""

    wire = "sqlite"
    is_async = False
    is_borrowed = True
    is_open = True

    def __init__(self, db: Any) -> None:
        if not isinstance(db, sqlite3.Connection):
            raise TypeError(f"`db` is a {type(db).__name__}")
        self._db = db

    def control(self, texts: Sequence[str]) -> None:
        for text in texts:
            self._run(text, ())

    def fixed(self, sql: str, params: Sequence[Any]) -> Any:
        return self._run(sql, params)

    def statement(
        self,
        sql: str,
        params: Sequence[Any],
        limit_ms: int,
        is_change: bool,
        columns: Sequence[str],
        before: Sequence[str],
        after: Sequence[str],
    ) -> Any:
        assert not before and not after, "what stands around a statement is an order of its own here"
        return self._run(sql, params)

    def _run(self, sql: str, params: Sequence[Any]) -> Any:
        try:
            cursor = self._db.execute(sql, params)
            return cursor.fetchall(), cursor.rowcount, cursor.lastrowid, None
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None)
            raise DriverError(None if code is None else str(code), str(error)) from error

    def run_sync(self, function: Callable[..., Any], *arguments: Any) -> Any:
        raise AssertionError("it is used on its owner's thread")

    def discard(self) -> None:
        self._db.rollback()

    def close(self) -> None:
        """It stays open, since it is its owner's."""


class AsyncConnection(Connection):
    """The same as drivers of an event loop have it: usable inside of `run_sync` alone."""

    is_async = True

    def __init__(self, db: Any) -> None:
        super().__init__(db)
        self._is_inside = False

    def _run(self, sql: str, params: Sequence[Any]) -> Any:
        assert self._is_inside
        return super()._run(sql, params)

    async def run_sync(self, function: Callable[..., Any], *arguments: Any) -> Any:
        await asyncio.sleep(0)
        self._is_inside = True
        try:
            return function(*arguments)
        finally:
            self._is_inside = False


def database() -> sqlite3.Connection:
    """The shop, with a connection that begins no transaction by itself."""
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    db.executescript(TABLES + ROWS)
    return db


def shop(
    policy: Any = POLICY,
    *,
    open_connection: Callable[[Any], Any] = Connection,
    **settings: Any,
) -> Toolset:
    """A policy in force over the shop."""
    return over_host(catalog=CATALOG, dialect="sqlite", policy=policy, open_connection=open_connection, **settings)


def context(db: Any, tenant: str | None = "acme", *roles: str, user: str | None = "u1") -> RunContext:
    """Somebody who asks."""
    return RunContext(principal=Principal(tenant_id=tenant, user_id=user, roles=roles), db=db)
