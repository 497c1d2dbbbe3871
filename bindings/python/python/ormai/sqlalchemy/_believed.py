"""What the models say of columns of text, held against the database when an engine is first used.

A catalog is made of the models alone. Most of what they say wrongly the database refuses, or is compared by its bytes
all the same. What is left would take one tenant for another, and is looked for: text in a column of numbers on SQLite,
where `007` is `7`, and a collation on PostgreSQL whose equality is not by bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from sqlalchemy import Connection, Engine

from .errors import SessionError

if TYPE_CHECKING:
    from .drivers._base import Driver

# Of one schema: the file itself, or one that is attached.
_SQLITE = """
SELECT m.name, x.name, upper(x.type)
FROM {schema}.sqlite_master m, pragma_table_xinfo(m.name, {literal}) x WHERE m.type IN ('table', 'view')"""

# Partitions and views have collations of their own. The schema is left out where the search path leads to the table.
_POSTGRES = """
SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN '' ELSE n.nspname::text END, n.nspname::text,
       c.relname::text, a.attname::text
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation AND NOT o.collisdeterministic
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped"""

# A column: the schema, or nothing for the one that a name without a schema leads to; the table; the column.
_Place = tuple[str, str, str]


class Believed:
    """What is believed of the text of a catalog's columns, until a database has shown it.

    Args:
        catalog: as `catalog_of` makes it.
    """

    def __init__(self, catalog: Mapping[str, Any]) -> None:
        self._shown: WeakSet[Engine] = WeakSet()
        self._columns: dict[_Place, str] = {
            (model["schema"] or "", model["table"], field["column"]): f"{model['name']}.{field['name']}"
            for model in catalog["models"]
            for field in model["fields"]
            if _is_text(field)
        }

    def check(self, connection: Connection, driver: Driver) -> None:
        """Asks the database, once for an engine.

        Raises:
            SessionError: a column is another one than the models say.
        """
        engine = connection.engine
        if engine in self._shown:
            return
        if connection.dialect.name == "sqlite":
            self._check_sqlite(connection, driver)
        elif connection.dialect.name == "postgresql":
            self._check_postgres(driver)
        self._shown.add(engine)

    def _check_sqlite(self, connection: Connection, driver: Driver) -> None:
        quoted = connection.dialect.identifier_preparer.quote_identifier
        # SQLite's names are the same in upper case.
        names = {(schema, *_lower(column)): name for (schema, *column), name in self._columns.items()}
        for schema in {schema for schema, _, _ in self._columns}:
            named = schema or "main"
            literal = "'" + named.replace("'", "''") + "'"
            for table, column, declared in _rows(driver, _SQLITE.format(schema=quoted(named), literal=literal)):
                name = names.get((schema, *_lower((table, column))))
                if name is not None and not _keeps_text(declared):
                    raise SessionError(
                        f"`{name}` is text to its model, and its column is `{declared}`, which makes a number of it",
                        hint="make the column `TEXT`, or map it as the number that it is",
                    )

    def _check_postgres(self, driver: Driver) -> None:
        for visible, schema, table, column in _rows(driver, _POSTGRES):
            for place in {(visible, table, column), (schema, table, column)} & self._columns.keys():
                raise SessionError(
                    f"`{self._columns[place]}` is plain text to its model, and its column has a collation that takes "
                    "different texts for the same",
                    hint="give the column another one, or name it in the model (`String(collation=…)`): then it is no "
                    "scope",
                )


def _is_text(field: Mapping[str, Any]) -> bool:
    """Whether it is stored as text, and the model does not say itself that its collation is not by bytes."""
    kind = field["type"]
    is_text = kind in ("text", "char", "uuid") or (isinstance(kind, dict) and bool({"enum", "array"} & kind.keys()))
    return is_text and field["collation"] != "loose"


def _lower(names: Iterable[str]) -> list[str]:
    return [name.lower() for name in names]


def _rows(driver: Driver, sql: str) -> Iterable[list[str]]:
    fetched, _, _, _ = driver.run(sql, (), None)
    return [[value.decode() if isinstance(value, bytes) else value for value in row] for row in fetched]


def _keeps_text(declared: str) -> bool:
    """Whether a column of a declared type keeps a text as it is: <https://sqlite.org/datatype3.html>, 3.1."""
    if "INT" in declared:
        return False
    return not declared or any(word in declared for word in ("CHAR", "CLOB", "TEXT", "BLOB"))
