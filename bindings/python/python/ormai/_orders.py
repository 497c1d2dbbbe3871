"""The forms of what goes between Python and the extension module."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

if TYPE_CHECKING:
    from ormai._ormai import Context

#: A parameter of a statement; see `Context`.
Parameter: TypeAlias = None | int | float | Decimal | str | bytes | tuple[int, bytes | None]

#: `("done", outcome)`: the end of the call.
Done: TypeAlias = tuple[Literal["done"], Any]
#: `("wait",)`: something of the module's own is under way; see `Running.wait` and `Running.on_ready`.
Wait: TypeAlias = tuple[Literal["wait"]]
#: `("control", texts)`: statements without parameters and rows, one after the other. Answered with None.
Control: TypeAlias = tuple[Literal["control"], list[str]]
#: `("fixed", sql, ())`: one statement without parameters, whose rows are wanted.
Fixed: TypeAlias = tuple[Literal["fixed"], str, tuple[()]]
#: `("statement", sql, parameters, limit_ms, is_change, columns, before, after)`; `columns` are the types that come
#: back, as a catalog writes them. `before` and `after` are texts as those of a control, for the same round trip.
Statement: TypeAlias = tuple[
    Literal["statement"], str, tuple[Parameter, ...], int, bool, tuple[str, ...], tuple[str, ...], tuple[str, ...]
]
#: `("tool", name, arguments, context)`: a tool of the project's own, with the context for its own calls.
Tool: TypeAlias = tuple[Literal["tool"], str, Any, "Context"]
#: `("inside", context)`: a transaction has begun, and this is the context of the calls in it.
Inside: TypeAlias = tuple[Literal["inside"], "Context"]
Order: TypeAlias = Done | Wait | Control | Fixed | Statement | Tool | Inside

#: `(rows, rowcount, lastrowid, oids)`: the answer to a fixed text or a statement. With `oids`, the numbers of
#: PostgreSQL's types, every value of a row is bytes in the binary form, or None.
Answered: TypeAlias = tuple[Sequence[Sequence[Any]] | None, int | None, int | None, Sequence[int] | None]

WireName: TypeAlias = Literal[
    "sqlite",
    "sqlalchemy-sqlite",
    "postgres-binary",
    "postgres-dollar",
    "postgres-format",
    "mysql-format",
    "sqlalchemy-mysql",
]
DialectName: TypeAlias = Literal["sqlite", "postgresql", "postgres", "mysql", "mariadb"]
FormatName: TypeAlias = Literal["json", "yaml", "toml"]


class PrincipalDict(TypedDict, total=False):
    """Who is asking. What is not said is not there."""

    tenant_id: Any
    user_id: Any
    roles: Sequence[str]
    metadata: Mapping[str, Any] | None
    permissions: Any


class ToolDict(TypedDict, total=False):
    """A tool of the project's own. `name`, `description` and `parameters` must be there."""

    name: str
    description: str
    #: The JSON Schema of its arguments.
    parameters: Mapping[str, Any]
    #: Whether it may change anything (True when it is not said). Then its record is begun before it runs.
    writes: bool
    #: Who can use it: principals with one of these roles. None for all.
    roles: Sequence[str] | None
    #: Whether a principal can use it, asked beside the roles. An exception counts as no.
    is_open: Callable[[dict[str, Any]], bool] | None
    #: The arguments whose values may stand in records. Of the others only the names do.
    recorded: Sequence[str] | None


class AuditDict(TypedDict, total=False):
    """How the records are kept."""

    #: Keys the chains; at least 16 bytes.
    mac_key: bytes
    #: Signs checkpoints, as `ormai audit keygen` prints it.
    signing_key: str
    checkpoint_every: int
    checkpoint_after_ms: int
    checkpoint_copies: str | os.PathLike[str]


class ConnectDict(TypedDict, total=False):
    """How to connect, and what of the database to read where no catalog is given."""

    max_connections: int
    statement_timeout_ms: int
    acquire_timeout_ms: int
    read_only: bool
    schemas: Sequence[str]
    include_views: bool
    model_names: dict[str, str]
    relation_names: dict[str, str]
