"""The shop of the tests: its tables, catalog and policy, and a loop that carries out orders over sqlite3."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from ormai import _ormai
from ormai._orders import Order

TABLES = """
CREATE TABLE users (id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, email TEXT NOT NULL);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    status TEXT NOT NULL,
    total NUMERIC
);
"""


def field(name: str, type: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "column": name, "type": type, **more}


CATALOG: dict[str, Any] = {
    "models": [
        {
            "name": "User",
            "table": "users",
            "schema": None,
            "kind": "table",
            "fields": [field("id", "text"), field("tenant_id", "text"), field("email", "text")],
            "primary_key": ["id"],
            "relations": [
                {"name": "orders", "target": "Order", "kind": "many", "link": [["id", "user_id"]]},
            ],
        },
        {
            "name": "Order",
            "table": "orders",
            "fields": [
                field("id", "int", has_default=True),
                field("tenant_id", "text"),
                field("user_id", "text"),
                field("status", "text"),
                field("total", "decimal", nullable=True),
            ],
            "primary_key": ["id"],
            "relations": [
                {"name": "user", "target": "User", "kind": "one", "link": [["user_id", "id"]]},
            ],
            "foreign_keys": [
                {
                    "fields": ["user_id"],
                    "target": "User",
                    "target_fields": ["id"],
                    "on_delete": "NO ACTION",
                    "on_update": None,
                },
            ],
        },
    ],
}

POLICY: dict[str, Any] = {
    "version": 1,
    "models": {
        "User": {
            "fields": {"id": "allow", "email": "allow", "tenant_id": "allow"},
            "scoping": {"tenant_id": "principal.tenant_id"},
        },
        "Order": {
            "fields": {
                "id": "allow",
                "tenant_id": "allow",
                "user_id": "allow",
                "status": "allow",
                "total": "allow",
            },
            "relations": {"user": {"allowed": True}},
            "scoping": {"tenant_id": "principal.tenant_id"},
            "write_policy": {
                "create": "allow",
                "update": "allow",
                "delete": "allow",
                "auto_set": {"tenant_id": "principal.tenant_id"},
            },
        },
    },
}


def shop(path: str = ":memory:") -> sqlite3.Connection:
    """A connection to a new shop of two tenants, in a transaction of its user's."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(TABLES)
    connection.executemany(
        "INSERT INTO users VALUES (?, ?, ?)",
        [("a1", "tenant-a", "a@example.com"), ("b1", "tenant-b", "b@example.com")],
    )
    connection.executemany(
        "INSERT INTO orders VALUES (?, ?, ?, ?, ?)",
        [(n, f"tenant-{t}", f"{t}1", "pending", n * 10) for n in range(1, 21) for t in "ab"[n % 2]],
    )
    return connection


class Sqlite:
    """Carries out orders on a connection, and remembers them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.orders: list[Order] = []
        self.tools: dict[str, Callable[[Any, _ormai.Context], Any]] = {}
        self.inside: Callable[[_ormai.Context], bool] | None = None

    def finish(self, running: _ormai.Running) -> Any:
        """Steps to the end; what the call comes to."""
        if not self.connection.in_transaction:
            self.connection.execute("BEGIN")
        order = running.step()
        while order[0] != "done":
            self.orders.append(order)
            order = self.carried_out(running, order)
        return order[1]

    def carried_out(self, running: _ormai.Running, order: Any) -> Order:
        if order[0] == "wait":
            running.wait()
            return running.step()
        if order[0] == "tool":
            return running.step(self.tools[order[1]](order[2], order[3]))
        if order[0] == "inside":
            assert self.inside is not None
            return running.step(self.inside(order[1]))
        try:
            if order[0] == "control":
                for text in order[1]:
                    self.connection.execute(text)
                return running.step()
            cursor = self.connection.execute(order[1], order[2])
            return running.step((cursor.fetchall(), cursor.rowcount, cursor.lastrowid, None))
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None)
            return running.fail(None if code is None else str(code), str(error))


def finish(running: _ormai.Running) -> Any:
    """Steps a call that needs no connection of anybody's to its end."""
    order = running.step()
    while order[0] != "done":
        assert order == ("wait",)
        running.wait()
        order = running.step()
    return order[1]


def native(**more: Any) -> _ormai.Native:
    options: dict[str, Any] = {
        "catalog": json.dumps(CATALOG),
        "dialect": "sqlite",
        "policy": json.dumps(POLICY),
        "cursor_secret": b"a secret of the tests",
        **more,
    }
    made = finish(_ormai.Native.over_host(**options))
    assert isinstance(made, _ormai.Native)
    return made


def principal(tenant: str, *roles: str, user: str = "u") -> dict[str, Any]:
    return {"tenant_id": tenant, "user_id": user, "roles": list(roles)}


def context(tenant: str, *roles: str, user: str = "u", **more: Any) -> _ormai.Context:
    return _ormai.Context(principal=principal(tenant, *roles, user=user), **{"wire": "sqlite", **more})
