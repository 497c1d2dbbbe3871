"""What the models say of columns, held against the database when an engine is first used.

A catalog is made of the models alone. Most of what they say wrongly the database refuses, and text is compared by its
bytes whatever its column is. What is left would take one tenant for another, and is looked for: columns of another
type, where the database finds a value equal to others (`007` is `7` among numbers, `7` is `7-eleven` to MariaDB), and
collations of PostgreSQL whose equality is not by bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

from .errors import SessionError

if TYPE_CHECKING:
    from .drivers._base import Driver

_Table = tuple[str, str]
"""The schema, or nothing for the one that a name without a schema leads to, and the name."""

_INTEGERS = ("bool", "int16", "int32", "int")
_TEXTS = ("text", "char", "enum", "uuid")
_DAYS = ("date", "datetime", "timestamp")


class _Column(NamedTuple):
    """A column as the database has it."""

    table: _Table
    name: str
    declared: str
    """Its type, for people."""
    family: str
    """What it is compared as."""
    is_loose: bool = False
    """Whether its collation takes different texts for the same."""


class _Field(NamedTuple):
    """A field as its model has it."""

    name: str
    kind: str
    is_loose: bool


class Believed:
    """What is believed of a catalog's columns, until a database has shown it.

    Args:
        catalog: as `catalog_of` makes it.
    """

    def __init__(self, catalog: Mapping[str, Any]) -> None:
        self._fields: dict[_Table, dict[str, _Field]] = {}
        for model in catalog["models"]:
            fields = self._fields.setdefault((model["schema"] or "", model["table"]), {})
            for field in model["fields"]:
                name = f"{model['name']}.{field['name']}"
                fields[field["column"]] = _Field(name, _kind(field["type"]), field["collation"] == "loose")
        # A table that is not there yet is looked at when it is.
        self._left: WeakKeyDictionary[Engine, frozenset[_Table]] = WeakKeyDictionary()

    def check(self, connection: Connection, driver: Driver) -> None:
        """Asks the database of the tables that it has not shown yet.

        Raises:
            SessionError: a column is another one than its model says.
        """
        engine = connection.engine
        left = self._left.get(engine)
        if left is None:
            left = frozenset(self._fields)
        if not left:
            return
        look, accepted, folds = _LOOKS[connection.dialect.name]
        # Where names are the same in upper case, they are held in lower case.
        spelled: Callable[[str], str] = str.lower if folds else str
        fields = {
            (schema, spelled(table)): {spelled(column): field for column, field in self._fields[schema, table].items()}
            for schema, table in left
        }
        seen = set()
        for column in look(connection, driver, left):
            table = column.table[0], spelled(column.table[1])
            seen.add(table)
            field = fields.get(table, {}).get(spelled(column.name))
            if field is not None:
                _compare(field, column, accepted)
        self._left[engine] = frozenset(
            (schema, table) for schema, table in left if (schema, spelled(table)) not in seen
        )


def _compare(field: _Field, column: _Column, accepted: Mapping[str, Collection[str]]) -> None:
    families = accepted.get(field.kind)
    if families is not None and column.family not in families:
        raise SessionError(
            f"`{field.name}` is of type `{field.kind}` to its model, and its column is `{column.declared}`, to which "
            "other values are the same",
            hint="map the column as what it is, or change it",
        )
    if column.is_loose and not field.is_loose:
        raise SessionError(
            f"`{field.name}` is plain text to its model, and its column has a collation that takes different texts for "
            "the same",
            hint="give the column another one, or name it in the model (`String(collation=…)`): then it is no scope",
        )


def _kind(kind: Any) -> str:
    """The word of a type of the catalog."""
    return (
        kind if isinstance(kind, str) else str(next(word for word in ("enum", "array", "unsupported") if word in kind))
    )


def _texts(driver: Driver, values: Sequence[str], first: int = 1) -> tuple[str, list[Any]]:
    """Placeholders for texts, and the texts as the driver takes them."""
    if driver.wire in ("postgres-binary", "postgres-dollar"):
        marks = [f"${number}" for number in range(first, first + len(values))]
    else:
        marks = ["?" if driver.wire == "sqlalchemy-sqlite" else "%s"] * len(values)
    return ", ".join(marks), [(_TEXT, value.encode()) if driver.takes_pairs else value for value in values]


# The number of PostgreSQL's type.
_TEXT = 25


def _rows(fetched: Any) -> Iterable[list[Any]]:
    """The rows of texts, whichever form the driver has for them."""
    return [[value.decode() if isinstance(value, bytes) else value for value in row] for row in fetched[0]]


# SQLite: <https://sqlite.org/datatype3.html>, 3.1, says what a column makes of what is stored in it.

# A name without a schema leads to temporary tables first, then to the file, then to what is attached.
_SQLITE = "SELECT x.name, upper(x.type), {kind} FROM pragma_table_xinfo({place}) x"
_SQLITE_KIND = """
(SELECT CASE type WHEN 'table' THEN type ELSE (SELECT group_concat(sql, ' ') FROM {master} WHERE type = 'view') END
 FROM {master} WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view'))"""
_CAST = re.compile(r"\bcast\s*\(", re.IGNORECASE)
_CAST_TO_TEXT = re.compile(r"\bas\s+(text|clob|(var|n)?char(\s*\(\s*\d+\s*\))?)\s*\)", re.IGNORECASE)
_SQLITE_ACCEPTED = {
    **dict.fromkeys(_TEXTS, ("text", "anything")),
    # An integer beside a text is compared as a text.
    **dict.fromkeys(_INTEGERS, ("int", "number", "text", "anything", "expression")),
}


def _sqlite(connection: Connection, driver: Driver, tables: Iterable[_Table]) -> Iterable[_Column]:
    quoted = connection.dialect.identifier_preparer.quote_identifier
    for schema, table in tables:
        masters = [f"{quoted(schema)}.sqlite_master"] if schema else ["sqlite_temp_master", "sqlite_master"]
        kind = ", ".join(_SQLITE_KIND.format(master=master) for master in masters)
        sql = _SQLITE.format(kind=f"coalesce({kind}, '')", place="?1, ?2" if schema else "?1")
        params = [table, schema] if schema else [table]
        for name, declared, kind in _rows(driver.run(sql, params, None)):
            yield _Column((schema, table), name, declared or "an expression", _affinity(declared, kind))


def _affinity(declared: str, kind: str) -> str:
    """What a column is compared as. `kind` is `table`, or what the views of its schema are made of."""
    if "INT" in declared:
        return "int"
    if any(word in declared for word in ("CHAR", "CLOB", "TEXT")):
        return "text"
    if not declared:
        # An expression has one where a view casts it, which SQLite tells since 3.41 alone.
        keeps = kind == "table" or (kind and len(_CAST.findall(kind)) == len(_CAST_TO_TEXT.findall(kind)))
        return "anything" if keeps else "expression"
    if "BLOB" in declared:
        return "anything"
    return "float" if any(word in declared for word in ("REAL", "FLOA", "DOUB")) else "number"


# PostgreSQL has no equality between most types; between integers and binary fractions it has one that rounds.

# A schema is left out where the search path leads to the table. A domain is what it is made of.
_POSTGRES = """
SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN '' ELSE n.nspname::text END, n.nspname::text,
       c.relname::text, a.attname::text,
       (WITH RECURSIVE made(oid, base) AS (
            SELECT t.oid, t.typbasetype FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid
            UNION ALL SELECT t.oid, t.typbasetype FROM made, pg_catalog.pg_type t WHERE t.oid = made.base)
        SELECT pg_catalog.format_type(oid, NULL) FROM made WHERE base = 0),
       CASE WHEN NOT o.collisdeterministic THEN 'loose' ELSE '' END
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relname IN ({tables})"""
_POSTGRES_ACCEPTED = dict.fromkeys(_INTEGERS, ("smallint", "integer", "bigint", "numeric", "oid", "boolean"))

# What fails in there is undone, and the time limit of the session comes back.
_BEFORE = ("SAVEPOINT ormai_seen", "SET LOCAL statement_timeout = 10000")
_AFTER = ("ROLLBACK TO SAVEPOINT ormai_seen", "RELEASE SAVEPOINT ormai_seen")


def _postgres(connection: Connection, driver: Driver, tables: Iterable[_Table]) -> Iterable[_Column]:
    marks, params = _texts(driver, sorted({table for _, table in tables}))
    try:
        fetched = driver.enclosed(_BEFORE, _POSTGRES.format(tables=marks), params, None, _AFTER)
    except Exception:
        with suppress(Exception):
            driver.control(_AFTER)
        raise
    for visible, schema, table, name, declared, loose in _rows(fetched):
        for place in {visible, schema}:
            yield _Column((place, table), name, declared, declared, loose == "loose")


# MariaDB and MySQL compare a text and a number as two binary fractions, and an enum also by the places of its words.

_MYSQL = """
SELECT IF(c.table_schema = DATABASE(), '', c.table_schema), c.table_schema, c.table_name, c.column_name, c.data_type
FROM information_schema.columns c
WHERE (c.table_schema = DATABASE(){schemas}) AND c.table_name IN ({tables})"""
_MYSQL_FAMILIES = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint"), "int"),
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), "text"),
}
_MYSQL_ACCEPTED = {
    **dict.fromkeys(_INTEGERS, ("int", "decimal")),
    "bool": ("int", "decimal", "bit"),
    "decimal": ("int", "decimal"),
    "enum": ("enum",),
    "uuid": ("text", "uuid"),
    **dict.fromkeys(_DAYS, _DAYS),
    "time": ("time",),
}


def _mysql(connection: Connection, driver: Driver, tables: Iterable[_Table]) -> Iterable[_Column]:
    schemas = sorted({schema for schema, _ in tables if schema})
    named, params = _texts(driver, schemas)
    marks, names = _texts(driver, sorted({table for _, table in tables}), 1 + len(schemas))
    sql = _MYSQL.format(schemas=f" OR c.table_schema IN ({named})" if schemas else "", tables=marks)
    for visible, schema, table, name, declared in _rows(driver.run(sql, params + names, None)):
        for place in {visible, schema}:
            yield _Column((place, table), name, declared, _MYSQL_FAMILIES.get(declared, declared))


_Look = Callable[[Connection, "Driver", Collection[_Table]], Iterable[_Column]]
_LOOKS: dict[str, tuple[_Look, Mapping[str, Collection[str]], bool]] = {
    "sqlite": (_sqlite, _SQLITE_ACCEPTED, True),
    "postgresql": (_postgres, _POSTGRES_ACCEPTED, False),
    "mysql": (_mysql, _MYSQL_ACCEPTED, True),
    "mariadb": (_mysql, _MYSQL_ACCEPTED, True),
}
"""By dialect: what looks, which families a type accepts, and whether names are the same in upper case."""
