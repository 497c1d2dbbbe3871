"""Orders as the engine hands them out, written by hand for each way in which drivers take parameters."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from ormai.sqlalchemy import HostConnection

TEXT, INT8 = 25, 20
Statement = tuple[str, list[Any]]


def statement(wire: str, sql: str, *values: str | int) -> Statement:
    """A statement whose values stand as `?`, and whose names as `"name"`, for a wire."""
    parts = sql.split("?")
    assert len(parts) == len(values) + 1
    if wire == "sqlalchemy-sqlite":
        return sql, list(values)
    if wire == "mysql-format":
        return "%s".join(parts).replace('"', "`"), list(values)
    casts = ["::int8" if isinstance(value, int) else "::text" for value in values]
    if wire == "postgres-binary":
        pairs: list[Any] = [
            (INT8, value.to_bytes(8, "big", signed=True)) if isinstance(value, int) else (TEXT, value.encode())
            for value in values
        ]
        return "".join(f"{part}${at}" for at, part in enumerate(parts[:-1], 1)) + parts[-1], pairs
    marks = ["%s" if wire == "postgres-format" else f"${at}" for at in range(1, len(values) + 1)]
    text = parts[0]
    for mark, cast, part in zip(marks, casts, parts[1:], strict=True):
        text += f"{mark}::text{cast}{part}"
    return text, [str(value) for value in values]


def run(place: HostConnection, sql: str, *values: str | int, is_change: bool = False, limit_ms: int = 5000) -> Any:
    """Runs a statement; the rows, and how many a change found."""
    text, params = statement(place.wire, sql, *values)
    return place.statement(text, params, limit_ms, is_change, [], (), ())


def sqlite_code(code: str) -> str | None:
    """An error's code of SQLite's, which Python tells since 3.11."""
    return code if sys.version_info >= (3, 11) else None


def cells(fetched: Any) -> list[tuple[Any, ...]]:
    """The rows as Python's values, for texts and integers alone."""
    rows, _, _, oids = fetched
    if oids is None:
        return [tuple(row) for row in rows]
    return [tuple(_cell(value, oid) for value, oid in zip(row, oids, strict=True)) for row in rows]


def _cell(value: bytes | None, oid: int) -> Any:
    if value is None:
        return None
    return int.from_bytes(value, "big", signed=True) if oid in (INT8, 23, 21) else value.decode()


def ids(place: HostConnection, tenant: str, names: Sequence[str] = ("id",)) -> list[tuple[Any, ...]]:
    """Fields of a tenant's orders."""
    listed = ", ".join(f'"{name}"' for name in names)
    return cells(run(place, f'SELECT {listed} FROM "orders" WHERE "tenant_id" = ? ORDER BY "id"', tenant))
