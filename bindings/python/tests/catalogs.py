"""Catalogs as short as they can be read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.engine import Dialect

from ormai.sqlalchemy import Catalog

SQLITE, POSTGRES = "sqlite://", "postgresql+psycopg://"
MYSQL, MARIADB = "mysql+pymysql://", "mariadb+pymysql://"


def dialect(url: str) -> Dialect:
    """A dialect that has never been connected."""
    return create_engine(url).dialect


def brief(catalog: Catalog) -> dict[str, Any]:
    """Models by name: fields as `type(length) default generated null ~collation <column`, relations `one Model a=b`."""
    return {model["name"]: _model(model) for model in catalog["models"]}


def _model(model: dict[str, Any]) -> dict[str, Any]:
    table = model["table"] if model["schema"] is None else f"{model['schema']}.{model['table']}"
    found = {
        "table": table if model["kind"] == "table" else f"{table} {model['kind']}",
        "fields": {field["name"]: _field(field) for field in model["fields"]},
        "key": ", ".join(model["primary_key"]),
        "unique": [", ".join(key) for key in model["unique_keys"]],
        "indexes": [", ".join(index) for index in model["indexes"]],
        "relations": {
            each["name"]: f"{each['kind']} {each['target']} " + ", ".join(f"{a}={b}" for a, b in each["link"])
            for each in model["relations"]
        },
        "foreign keys": [_foreign_key(key) for key in model["foreign_keys"]],
    }
    return {name: value for name, value in found.items() if value}


def _foreign_key(key: dict[str, Any]) -> str:
    pairs = ", ".join(f"{a}={b}" for a, b in zip(key["fields"], key["target_fields"], strict=True))
    actions = "".join(
        f" {word} {key[name]}"
        for word, name in (("delete", "on_delete"), ("update", "on_update"))
        if key[name] != "refuse"
    )
    return f"{key['target']} {pairs}{actions}"


def _field(field: dict[str, Any]) -> str:
    length = "" if field["length"] is None else f"({field['length']})"
    words = [f"{_type(field['type'])}{length}"]
    words += [word for word in ("default", "generated") if field["has_default" if word == "default" else word]]
    words += ["null"] if field["nullable"] else []
    words += [f"~{field['collation']}"] if field["collation"] else []
    words += [f"<{field['column']}"] if field["column"] != field["name"] else []
    return " ".join(words)


def _type(kind: Any) -> str:
    if isinstance(kind, str):
        return kind
    if "enum" in kind:
        return f"{kind.get('name', 'enum')}[{'|'.join(kind['enum'])}]"
    if "array" in kind:
        return f"{_type(kind['array'])}[]"
    return f"!{kind['unsupported']}"


def missing(catalog: Catalog) -> dict[str, str]:
    """What was left out, by `Model.attribute`, with the beginning of the reason."""
    return {f"{each.model}.{each.name}" if each.name else each.model: each.reason for each in catalog.left_out}
