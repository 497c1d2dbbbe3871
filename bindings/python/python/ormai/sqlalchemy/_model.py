"""One model of a catalog: columns, keys, indexes and foreign keys of a mapped table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Table, UniqueConstraint
from sqlalchemy import types as sqltypes
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Mapper
from sqlalchemy.schema import Computed, Identity, Sequence

from ._types import ColumnType, Stored, collation, stored

# What makes an index another one than the B-tree of some columns, by the dialect of its option.
_PARTIAL = {
    "postgresql": ("where",),
    "sqlite": ("where",),
    "mysql": ("length", "prefix"),
    "mariadb": ("length", "prefix"),
}
_REFERENTIAL = {"CASCADE": "cascade", "SET NULL": "set_null", "SET DEFAULT": "set_default"}


@dataclass
class Described:
    """A model, and what its columns are called in it."""

    name: str
    mapper: Mapper[Any]
    table: Table
    json: dict[str, Any]
    names: dict[str, str]
    """The field of each column, by the column's name."""
    left_out: list[tuple[str | None, str]] = field(default_factory=list)
    hex_uuids: set[str] = field(default_factory=set)
    """The fields of UUIDs that are stored as text without hyphens."""

    def fields_of(self, columns: Iterable[Any]) -> list[str] | None:
        """The fields of columns of this table; `None` when one of them has none."""
        fields = []
        for column in columns:
            if not isinstance(column, Column) or not is_of(column, self.table) or column.name not in self.names:
                return None
            fields.append(self.names[column.name])
        return fields

    def is_key(self, fields: Iterable[str]) -> bool:
        """Whether at most one row can have given values in these fields."""
        held = set(fields)
        return any(key and held.issuperset(key) for key in [self.json["primary_key"], *self.json["unique_keys"]])


def is_of(column: Column[Any], table: Table) -> bool:
    """Whether a column, also one as a condition holds it, is of a table and not of an alias of it."""
    return hash(column.table) == hash(table)


def describe(
    name: str,
    mapper: Mapper[Any],
    dialect: Dialect,
    types: Mapping[type, ColumnType],
    schemas: Mapping[str | None, str | None],
) -> Described:
    """A model without its relations and foreign keys, which need the other ones."""
    table = mapper.local_table
    assert isinstance(table, Table)
    model = Described(name, mapper, table, {}, {})
    attributes: dict[str, str] = {}
    for prop in mapper.column_attrs:
        here = [column for column in prop.columns if isinstance(column, Column) and column.table is table]
        if here:
            attributes.setdefault(here[0].name, prop.key)
        elif all(isinstance(column, Column) for column in prop.columns):
            model.left_out.append((prop.key, f"its column is in the table `{prop.columns[0].table}` of a parent class"))
        else:
            model.left_out.append((prop.key, "it is an expression and not a column; the database can compute it"))
    fields = []
    for column in table.columns:
        attribute = attributes.get(column.name)
        if attribute is None:
            continue
        model.names[str(column.name)] = attribute
        found = stored(column.type, dialect, types)
        fields.append(_field(attribute, column, found, table, dialect))
        if found.why is not None:
            model.left_out.append((attribute, found.why))
        if found.is_hex:
            model.hex_uuids.add(attribute)
    schema = schemas.get(table.schema, table.schema)
    primary = model.fields_of(table.primary_key.columns if len(table.primary_key) else mapper.primary_key)
    if primary is None:
        model.left_out.append((None, "a column of its primary key is not mapped; without one there is no get"))
    model.json = {
        "name": name,
        "table": str(table.name),
        "schema": None if schema is None else str(schema),
        "kind": "view" if table.info.get("is_view") else "table",
        "fields": fields,
        "primary_key": primary or [],
        "unique_keys": [],
        "indexes": [],
        "relations": [],
        "foreign_keys": [],
    }
    _add_indexes(model, dialect)
    return model


def _field(name: str, column: Column[Any], found: Stored, table: Table, dialect: Dialect) -> dict[str, Any]:
    is_text = found.type in ("text", "char")
    compares = found.collation
    if is_text and compares is None and dialect.name in ("mysql", "mariadb"):
        options = table.dialect_options[dialect.name]
        compares = collation(options.get("collate"), dialect)
    identity = column.identity
    return {
        "name": name,
        "column": str(column.name),
        "type": found.type,
        "nullable": bool(column.nullable),
        "has_default": _has_default(column, table, dialect),
        "generated": column.computed is not None or (identity is not None and bool(identity.always)),
        "length": found.length if is_text else None,
        "collation": compares,
    }


def _has_default(column: Column[Any], table: Table, dialect: Dialect) -> bool:
    """Whether the database fills the column by itself. What SQLAlchemy would fill (`default=`), it does not."""
    if isinstance(column.server_default, (Computed, Identity)):
        return True
    if column.server_default is not None:
        return True
    if table.autoincrement_column is not column or isinstance(column.default, Sequence):
        return False
    if dialect.name == "sqlite":
        # The row's number, and no other integer key.
        is_number = str(column.type.compile(dialect=dialect)).upper() == "INTEGER"
        has_rowid = table.dialect_options["sqlite"].get("with_rowid", True)
        return is_number and has_rowid and len(table.primary_key) == 1
    return column.default is None and isinstance(column.type, sqltypes.Integer | sqltypes.TypeDecorator)


def _add_indexes(model: Described, dialect: Dialect) -> None:
    """Keys and indexes that are B-trees without a condition; an expression ends an index."""
    unique_keys: list[list[str]] = model.json["unique_keys"]
    indexes: list[list[str]] = model.json["indexes"]

    def add(fields: list[str], is_unique: bool) -> None:
        if is_unique and fields not in unique_keys and fields != model.json["primary_key"]:
            unique_keys.append(fields)
        if fields and fields not in indexes:
            indexes.append(fields)

    if model.json["primary_key"] and len(model.table.primary_key):
        add(model.json["primary_key"], is_unique=False)
    constraints = [each for each in model.table.constraints if isinstance(each, UniqueConstraint)]
    for constraint in sorted(constraints, key=_by_columns):
        fields = model.fields_of(constraint.columns)
        if fields and not isinstance(constraint, PrimaryKeyConstraint):
            add(fields, is_unique=True)
    for index in sorted(model.table.indexes, key=_by_columns):
        options = index.dialect_options[dialect.name]
        if any(options.get(option) is not None for option in _PARTIAL.get(dialect.name, ())):
            continue
        using = str(options.get("using") or "btree").lower()
        if using not in ("btree", "hash"):
            continue
        expressions = list(index.expressions)
        plain = []
        for expression in expressions:
            fields = model.fields_of([expression])
            if fields is None:
                break
            plain += fields
        if plain and using == "btree":
            add(plain, is_unique=bool(index.unique) and len(plain) == len(expressions))


def _by_columns(constraint: UniqueConstraint | Index | ForeignKeyConstraint) -> tuple[list[str], str]:
    """An order that does not change from one run to the next: a table's constraints are a set."""
    return [column.name for column in constraint.columns], str(constraint.name or "")


def add_foreign_keys(model: Described, models: Mapping[str, Described]) -> None:
    """The foreign keys to other models of the catalog."""
    keys: list[dict[str, Any]] = model.json["foreign_keys"]
    for constraint in sorted(model.table.foreign_key_constraints, key=_by_columns):
        try:
            there = [element.column for element in constraint.elements]
        except Exception:  # The table of the key is not in the metadata: whatever that raises, it leads nowhere.
            continue
        target = next((each for each in models.values() if there and there[0].table is each.table), None)
        here = model.fields_of(element.parent for element in constraint.elements)
        fields_there = None if target is None else target.fields_of(there)
        if target is None or not here or not fields_there:
            continue
        keys.append(
            {
                "fields": here,
                "target": target.name,
                "target_fields": fields_there,
                "on_delete": _REFERENTIAL.get((constraint.ondelete or "").upper(), "refuse"),
                "on_update": _REFERENTIAL.get((constraint.onupdate or "").upper(), "refuse"),
            }
        )
