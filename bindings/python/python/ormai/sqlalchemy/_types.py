"""What the type of a SQLAlchemy column is in a catalog, and why it is none of them.

The type is that of what is stored: a dialect stores the same class of SQLAlchemy's in different ways, and a type
that changes values on their way is not the type of what is in the column.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.dialects.mysql.mariadb import MariaDBDialect
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

ColumnType = str | dict[str, Any]

# What a type does to values, or to the SQL around them, when one of these is its own.
_CHANGES = (
    "process_bind_param",
    "process_result_value",
    "bind_processor",
    "result_processor",
    "bind_expression",
    "column_expression",
)

# Types of other packages that keep the value: by module and name, since nothing is imported for them.
_KNOWN: dict[tuple[str, str], ColumnType] = {
    # Aware times in UTC, whatever the database keeps of a zone.
    ("sqlmodel.sql.sqltypes", "UTCDateTime"): "timestamp",
}

# Collations that PostgreSQL brings along; each is deterministic.
_POSTGRES_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?(\.(utf8|UTF-8))?|[a-z]{2,3}(-[A-Za-z0-9]+)*-x-icu|default")

# How SQLAlchemy writes times as text, unless a type has been told otherwise.
_SQLITE_FORMS = frozenset(kind._storage_format for kind in (sqlite.DATETIME, sqlite.DATE, sqlite.TIME))


@dataclass(frozen=True)
class Stored:
    """How a column is stored."""

    type: ColumnType
    length: int | None = None
    collation: str | None = None
    why: str | None = None
    """Why the type is unsupported."""
    is_hex: bool = False
    """Whether it is a UUID as text without hyphens."""


def stored(type_: TypeEngine[Any], dialect: Dialect, known: Mapping[type, ColumnType]) -> Stored:
    """What a type stores, in a dialect. `known` says it of types that would be unsupported."""
    for _ in range(16):
        variant = type_._variant_mapping.get(dialect.name)
        if variant is not None:
            type_ = variant
            continue
        said = known.get(type(type_)) or _KNOWN.get((type(type_).__module__, type(type_).__name__))
        if said is not None:
            return Stored(said)
        if isinstance(type_, sqltypes.Interval):
            break
        changed = _changed(type_)
        if changed is not None:
            name = type(type_).__name__
            return _unsupported(name, f"`{name}.{changed}` changes values on their way, which SQL does not see")
        if isinstance(type_, TypeDecorator):
            type_ = type_.load_dialect_impl(dialect)
            continue
        if isinstance(type_, postgresql.DOMAIN):
            type_ = type_.data_type
            continue
        break
    return _plain(type_, dialect, known)


def _changed(type_: TypeEngine[Any]) -> str | None:
    """The method of a class that is not SQLAlchemy's by which it changes values."""
    for kind in type(type_).__mro__:
        if kind.__module__.startswith("sqlalchemy.") and not issubclass(kind, sqltypes.PickleType):
            return None
        for name in _CHANGES:
            if name in vars(kind):
                return name
    return None


def _unsupported(name: str, why: str) -> Stored:
    return Stored({"unsupported": name}, why=why)


def _spelled(type_: TypeEngine[Any], dialect: Dialect) -> str:
    """As the dialect would declare it, for people to read."""
    try:
        return str(type_.compile(dialect=dialect))
    except Exception:  # A type that cannot be declared has any error of its author's.
        return type(type_).__name__


def _plain(type_: TypeEngine[Any], dialect: Dialect, known: Mapping[type, ColumnType]) -> Stored:
    """A type that stores what it is given."""
    name = dialect.name
    is_mysql = name in ("mysql", "mariadb")
    if isinstance(type_, mysql.SET):
        return _unsupported(_spelled(type_, dialect), "a set is several words in one")
    if isinstance(type_, sqltypes.Enum):
        return _enum(type_, dialect)
    if isinstance(type_, sqltypes.Boolean):
        return Stored("bool")
    if isinstance(type_, sqltypes.Integer):
        return Stored(_integer(type_, name))
    if isinstance(type_, sqltypes.Float):
        return Stored("float")
    if isinstance(type_, sqltypes.Numeric):
        return Stored("decimal")
    if isinstance(type_, sqltypes.Uuid):
        return _uuid(type_, dialect)
    if isinstance(type_, (sqltypes.Interval, postgresql.INTERVAL)):
        if name == "postgresql" and getattr(type_, "native", True):
            return Stored("interval")
        return _unsupported("interval", "this database keeps it as a date and time, which it is not")
    if isinstance(type_, (sqltypes.DateTime, sqltypes.Date, sqltypes.Time)):
        return _time(type_, dialect)
    if isinstance(type_, (sqltypes.LargeBinary, sqltypes._Binary)):
        return Stored("bytes")
    if isinstance(type_, sqltypes.JSON):
        return Stored("json")
    if isinstance(type_, sqltypes.ARRAY):
        if name != "postgresql":
            return _unsupported("array", "this database has no arrays")
        item = stored(type_.item_type, dialect, known)
        if item.why is not None:
            return _unsupported(_spelled(type_, dialect), item.why)
        return Stored({"array": item.type})
    if isinstance(type_, sqltypes.String):
        if name == "postgresql" and isinstance(type_, postgresql.CITEXT):
            return Stored("text", collation="loose")
        is_bounded = not isinstance(type_, sqltypes.Text) and not (
            is_mysql and isinstance(type_, (mysql.TINYTEXT, mysql.MEDIUMTEXT, mysql.LONGTEXT))
        )
        return Stored(
            "char" if name == "postgresql" and isinstance(type_, (sqltypes.CHAR, sqltypes.NCHAR)) else "text",
            length=type_.length if is_bounded and type_.length else None,
            collation=collation(type_.collation, dialect),
        )
    if isinstance(type_, sqltypes.NullType):
        return _unsupported("without a type", "the column has no type")
    spelled = _spelled(type_, dialect)
    return _unsupported(spelled, f"`{spelled}` is not among the types that are read")


def _enum(type_: sqltypes.Enum, dialect: Dialect) -> Stored:
    words = [str(word) for word in type_.enums]
    if not words:
        return _unsupported("enum", "the words of the enum are not known")
    kind: dict[str, Any] = {"enum": words}
    if type_.name:
        kind["name"] = str(type_.name)
    if dialect.supports_native_enum and type_.native_enum:
        if dialect.name in ("mysql", "mariadb") and len({_plain_word(word) for word in words}) < len(words):
            # Its collation may take two of the words for one, and text is compared by its bytes.
            return Stored("text")
        return Stored(kind)
    if dialect.name in ("mysql", "mariadb"):
        # An enum's order is that of its words there, and this column's is that of its collation.
        return Stored("text", length=type_.length, collation=collation(type_.collation, dialect))
    # In a column of text, the words are in the order of texts, and on SQLite compared as texts are.
    compares = collation(type_.collation, dialect) if dialect.name == "sqlite" else None
    return Stored({**kind, "enum": sorted(words)}, collation=compares)


def _plain_word(word: str) -> str:
    """Without case, accents and blanks at the end."""
    parts = unicodedata.normalize("NFKD", word).casefold().rstrip()
    return "".join(part for part in parts if not unicodedata.combining(part))


def _integer(type_: sqltypes.Integer, dialect: str) -> str:
    if dialect == "sqlite":
        return "int"
    is_unsigned = bool(getattr(type_, "unsigned", False))
    if isinstance(type_, mysql.TINYINT):
        return "bool" if type_.display_width == 1 and not is_unsigned else "int16"
    if isinstance(type_, mysql.MEDIUMINT):
        return "int32"
    if isinstance(type_, sqltypes.BigInteger):
        return "int"
    if isinstance(type_, sqltypes.SmallInteger):
        return "int32" if is_unsigned else "int16"
    return "int" if is_unsigned else "int32"


def _uuid(type_: sqltypes.Uuid[Any], dialect: Dialect) -> Stored:
    # SQLAlchemy 2.1 has MariaDB's own type, and learns from the server that it is one.
    may_be_mariadb = (
        dialect.name == "mysql" and mysql.dialect.supports_native_uuid is not MariaDBDialect.supports_native_uuid
    )
    if may_be_mariadb and type_.native_uuid and getattr(dialect, "server_version_info", None) is None:
        return _unsupported(
            "uuid of an engine that has not connected yet",
            "on MariaDB it is a UUID and on MySQL a CHAR(32); connect once before, or name `mariadb` in the URL",
        )
    if _spelled(type_, dialect).upper() == "UUID":
        return Stored("uuid")
    if dialect.name == "postgresql":
        return _unsupported("uuid as text", "it is stored without its hyphens, as a CHAR(32)")
    return Stored("uuid", is_hex=True)


def _time(type_: TypeEngine[Any], dialect: Dialect) -> Stored:
    form = getattr(type_, "_storage_format", None) if dialect.name == "sqlite" else None
    if form is not None and form not in _SQLITE_FORMS:
        return _unsupported("text", "its texts are in a form of their own")
    if isinstance(type_, sqltypes.Date):
        return Stored("date")
    if isinstance(type_, sqltypes.Time):
        if dialect.name == "postgresql" and type_.timezone:
            return _unsupported("time with time zone", "a time of day with a zone is not among the types that are read")
        return Stored("time")
    keeps_zone = isinstance(type_, sqltypes.DateTime) and type_.timezone and dialect.name == "postgresql"
    # MariaDB's and MySQL's TIMESTAMP is a point in time; elsewhere a zone that is not kept is not claimed.
    is_point = dialect.name in ("mysql", "mariadb") and isinstance(type_, sqltypes.TIMESTAMP)
    return Stored("timestamp" if keeps_zone or is_point else "datetime")


def collation(name: str | None, dialect: Dialect) -> str | None:
    """What is known of how text of a collation compares; without a name, what is safe to suppose of it."""
    if dialect.name == "postgresql":
        if name is None or _POSTGRES_LANGUAGE.fullmatch(name):
            return "ordered"
        return None if name in ("C", "POSIX", "ucs_basic") else "loose"
    if dialect.name == "sqlite":
        # The database is not asked, so each comparison says that it is by bytes. An index by bytes serves it as well.
        return "ordered" if name is None or name.upper() == "BINARY" else "loose"
    # Nobody relies on a collation there that is not named: all text is compared by its bytes.
    return f"folded:{name}" if name else None
