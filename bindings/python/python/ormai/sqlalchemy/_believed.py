"""What the models say of columns that decide whose a row is, held against the database at the first use of an engine.

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


_Fields = dict[str, list[_Field]]
"""By column, what the models say of it: there may be several."""


class Believed:
    """What is believed of the columns that decide whose a row is, until a database has shown it.

    Args:
        catalog: as `catalog_of` makes it.
    """

    def __init__(self, catalog: Mapping[str, Any]) -> None:
        self._models = catalog["models"]
        self._words: frozenset[str] = frozenset()
        self._fields: dict[_Table, _Fields] = {}
        # The tables that an engine has not shown yet; one that is not there is looked at when it is.
        self._left: WeakKeyDictionary[Engine, frozenset[_Table]] = WeakKeyDictionary()

    def decide(self, policy: Mapping[str, Any]) -> None:
        """Has what a policy decides by looked at, besides what those before it did. Told before it is in force."""
        words = self._words | _words(policy)
        if words == self._words:
            return
        fields: dict[_Table, _Fields] = {}
        links = set()
        for model in self._models:
            for relation in model["relations"]:
                if relation["name"] in words:
                    links |= {(model["name"], here) for here, _ in relation["link"]}
                    links |= {(relation["target"], there) for _, there in relation["link"]}
        for model in self._models:
            for field in model["fields"]:
                if field["name"] in words or (model["name"], field["name"]) in links:
                    table = fields.setdefault((model["schema"] or "", model["table"]), {})
                    told = _Field(
                        f"{model['name']}.{field['name']}", _kind(field["type"]), field["collation"] == "loose"
                    )
                    table.setdefault(field["column"], []).append(told)
        self._words, self._fields, self._left = words, fields, WeakKeyDictionary()

    def check(self, connection: Connection, driver: Driver) -> None:
        """Asks the database of the tables that it has not shown yet.

        Raises:
            SessionError: a column is another one than a model says.
        """
        engine = connection.engine
        known, fields = self._left, self._fields
        left = known.get(engine)
        if left is None:
            left = frozenset(fields)
        if not left:
            return
        look, accepted = _LOOKS[connection.dialect.name]
        seen = set()
        for column in look(connection, driver, left):
            seen.add(column.table)
            # Names of columns are the same in upper case but on PostgreSQL, where there may be two of them.
            for name, told in fields[column.table].items():
                if name == column.name or (look is not _postgres and name.lower() == column.name.lower()):
                    for field in told:
                        _compare(field, column, accepted)
        known[engine] = left - seen


# Parts of a model's policy in which nothing decides whose a row is.
_HARMLESS = frozenset(("fields", "relations", "aggregations", "budget"))
_HARMLESS_IN_WRITES = frozenset(("immutable_fields", "required_fields"))


def _words(policy: Mapping[str, Any]) -> frozenset[str]:
    """Every word of a policy that could be the name of a field or a relation by which it decides."""
    return _union(_words_of_model(model) for model in policy["models"].values())


def _words_of_model(model: Mapping[str, Any]) -> frozenset[str]:
    found = []
    for key, part in model.items():
        if key == "roles" and isinstance(part, Mapping):
            found += [_words_of_model(overlay) for overlay in part.values() if isinstance(overlay, Mapping)]
        elif key == "write_policy" and isinstance(part, Mapping):
            found += [_all_words(each) for name, each in part.items() if name not in _HARMLESS_IN_WRITES]
        elif key not in _HARMLESS:
            found.append(_all_words(part))
    return _union(found)


def _all_words(part: Any) -> frozenset[str]:
    if isinstance(part, Mapping):
        return _union(_all_words(key) | _all_words(value) for key, value in part.items())
    if isinstance(part, list):
        return _union(map(_all_words, part))
    return frozenset(re.findall(r"\w+", part)) if isinstance(part, str) else frozenset()


def _union(parts: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*parts)


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

_SQLITE = "SELECT x.name, upper(x.type), {kind} FROM pragma_table_xinfo({place}) x"
_SQLITE_KIND = "(SELECT type FROM {schema}.sqlite_master WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view'))"
_SQLITE_CASTS = "SELECT 1 FROM {schema}.sqlite_master WHERE type = 'view' AND sql LIKE '%cast%' LIMIT 1"
_SQLITE_ACCEPTED = {
    **dict.fromkeys(_TEXTS, ("text", "anything")),
    # An integer beside a text is compared as a text.
    **dict.fromkeys(_INTEGERS, ("int", "number", "text", "anything", "expression")),
}


def _sqlite(connection: Connection, driver: Driver, tables: Iterable[_Table]) -> Iterable[_Column]:
    quoted = connection.dialect.identifier_preparer.quote_identifier
    names = [row[0] for row in _rows(driver.run("SELECT name FROM pragma_database_list", (), None))]
    # A name without a schema leads to temporary tables first, then to the file, then to what is attached.
    schemas = ["temp", "main", *(name for name in names if name not in ("temp", "main"))]
    casts = _casts(driver, [quoted(schema) for schema in schemas])
    for schema, table in tables:
        kinds = [_SQLITE_KIND.format(schema=quoted(each)) for each in ([schema] if schema else schemas)]
        sql = _SQLITE.format(kind=f"coalesce({', '.join(kinds)}, '')", place="?1, ?2" if schema else "?1")
        try:
            found = _rows(driver.run(sql, [table, schema] if schema else [table], None))
        except Exception:
            # What is not attached, and a view that does not run, no statement can read either.
            continue
        for name, declared, kind in found:
            family = _affinity(declared, keeps=kind == "table" or not casts)
            yield _Column((schema, table), name, declared or "an expression", family)


def _casts(driver: Driver, schemas: Iterable[str]) -> bool:
    """Whether an expression of a view may be one that was cast: since 3.41, SQLite tells to what."""
    ((version,),) = _rows(driver.run("SELECT sqlite_version()", (), None))
    if tuple(int(part) for part in version.split(".")[:2]) >= (3, 41):
        return False
    return any(list(_rows(driver.run(_SQLITE_CASTS.format(schema=schema), (), None))) for schema in schemas)


def _affinity(declared: str, keeps: bool) -> str:
    """What a column is compared as; `keeps` says whether one without a type takes everything as it is."""
    if "INT" in declared:
        return "int"
    if any(word in declared for word in ("CHAR", "CLOB", "TEXT")):
        return "text"
    if not declared:
        return "anything" if keeps else "expression"
    if "BLOB" in declared:
        return "anything"
    return "float" if any(word in declared for word in ("REAL", "FLOA", "DOUB")) else "number"


# PostgreSQL has no equality between most types. Between integers and binary fractions it has one that rounds, and the
# word of an enum is taken for whatever the column is.

# A schema is left out where the search path leads to the table. A domain is what it is made of.
_POSTGRES = """
SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN '' ELSE n.nspname::text END, n.nspname::text,
       c.relname::text, a.attname::text,
       (WITH RECURSIVE made(oid, base) AS (
            SELECT t.oid, t.typbasetype FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid
            UNION ALL SELECT t.oid, t.typbasetype FROM made, pg_catalog.pg_type t WHERE t.oid = made.base)
        SELECT CASE t.typtype WHEN 'e' THEN 'enum' ELSE pg_catalog.format_type(t.oid, NULL) END
        FROM made JOIN pg_catalog.pg_type t ON t.oid = made.oid WHERE made.base = 0),
       CASE WHEN NOT o.collisdeterministic THEN 'loose' ELSE '' END
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relname IN ({tables})
  AND (pg_catalog.pg_table_is_visible(c.oid){schemas})"""
_POSTGRES_ACCEPTED = {
    **dict.fromkeys(_INTEGERS, ("smallint", "integer", "bigint", "numeric", "oid", "boolean")),
    "enum": ("enum", "text", "character varying"),
}

# What fails in there is undone, and the time limit of the session comes back.
_BEFORE = ("SAVEPOINT ormai_seen", "SET LOCAL statement_timeout = 10000")
_AFTER = ("ROLLBACK TO SAVEPOINT ormai_seen", "RELEASE SAVEPOINT ormai_seen")


def _postgres(connection: Connection, driver: Driver, tables: Collection[_Table]) -> Iterable[_Column]:
    named, params = _named(driver, tables, " OR n.nspname IN ({})")
    try:
        fetched = driver.enclosed(_BEFORE, _POSTGRES.format(**named), params, None, _AFTER)
    except Exception:
        with suppress(Exception):
            driver.control(_AFTER)
        raise
    for visible, schema, table, name, declared, loose in _rows(fetched):
        for place in {(visible, table), (schema, table)} & set(tables):
            yield _Column(place, name, declared, declared, loose == "loose")


def _named(driver: Driver, tables: Collection[_Table], of_schemas: str) -> tuple[dict[str, str], list[Any]]:
    """Placeholders for the names of tables and of their schemas, and the names."""
    names = sorted({table for _, table in tables})
    schemas = sorted({schema for schema, _ in tables if schema})
    marks, params = _texts(driver, names)
    more, named = _texts(driver, schemas, 1 + len(names))
    return {"tables": marks, "schemas": of_schemas.format(more) if schemas else ""}, params + named


# MariaDB and MySQL compare a text and a number as two binary fractions, and an enum also by the places of its words.

_MYSQL = """
SELECT IF(c.table_schema = DATABASE(), '', c.table_schema), c.table_schema, c.table_name, c.column_name, c.data_type,
       CAST(@@lower_case_table_names AS CHAR)
FROM information_schema.columns c
WHERE c.table_name IN ({tables}) AND (c.table_schema = DATABASE(){schemas})"""
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


def _mysql(connection: Connection, driver: Driver, tables: Collection[_Table]) -> Iterable[_Column]:
    named, params = _named(driver, tables, " OR c.table_schema IN ({})")
    for visible, schema, table, name, declared, folds in _rows(driver.run(_MYSQL.format(**named), params, None)):
        for place in {(visible, table), (schema, table)}:
            for asked in tables:
                # Whether names of tables are the same in upper case is a setting of the server.
                if asked == place or (folds != "0" and [*map(str.lower, asked)] == [*map(str.lower, place)]):
                    yield _Column(asked, name, declared, _MYSQL_FAMILIES.get(declared, declared))


_Look = Callable[[Connection, "Driver", Collection[_Table]], Iterable[_Column]]
_LOOKS: dict[str, tuple[_Look, Mapping[str, Collection[str]]]] = {
    "sqlite": (_sqlite, _SQLITE_ACCEPTED),
    "postgresql": (_postgres, _POSTGRES_ACCEPTED),
    "mysql": (_mysql, _MYSQL_ACCEPTED),
    "mariadb": (_mysql, _MYSQL_ACCEPTED),
}
"""By dialect: what looks, and which families a type accepts."""
