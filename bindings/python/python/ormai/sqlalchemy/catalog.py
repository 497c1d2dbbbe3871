"""A catalog from SQLAlchemy's mappers: what the models say, and no look at the database.

>>> from sqlalchemy import Column, ForeignKey, Integer, create_engine
>>> from sqlalchemy.orm import declarative_base, relationship
>>> Base = declarative_base()
>>> class User(Base):
...     __tablename__ = "users"
...     id = Column(Integer, primary_key=True)
...     orders = relationship("Order", back_populates="user")
>>> class Order(Base):
...     __tablename__ = "orders"
...     id = Column(Integer, primary_key=True)
...     user_id = Column(ForeignKey("users.id"), nullable=False)
...     user = relationship(User, back_populates="orders")
>>> catalog = catalog_of(Base, create_engine("sqlite://").dialect)
>>> [(model["name"], [relation["name"] for relation in model["relations"]]) for model in catalog["models"]]
[('Order', ['user']), ('User', ['orders'])]
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import MetaData, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import NoInspectionAvailable
from sqlalchemy.orm import Mapper, registry

from ._model import Described, describe
from ._relations import relations
from ._types import ColumnType
from .errors import CatalogError


class LeftOut(NamedTuple):
    """Something of the models that is not in the catalog, or cannot be used there."""

    model: str
    """The model's name."""
    name: str | None
    """The attribute; `None` when it is the whole model."""
    reason: str
    """Why, and what can be done about it."""


class Catalog(dict[str, Any]):
    """The catalog as JSON has it: `{"models": [...]}`."""

    left_out: list[LeftOut]
    """What is missing from it, or cannot be used."""
    mappers: dict[str, Mapper[Any]]
    """The mapper of each model, by the model's name."""
    has_hex_uuids: bool
    """Whether its UUIDs are stored as text without hyphens, on MariaDB and MySQL."""


def catalog_of(
    models: Any,
    dialect: Dialect,
    *,
    include: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    types: Mapping[type, ColumnType] | None = None,
    schema_translate_map: Mapping[str | None, str | None] | None = None,
) -> Catalog:
    """The catalog of mapped classes.

    A model has its class's name, a field its attribute's. What a catalog cannot say truly is left out and listed in
    `left_out`: relationships whose condition is more than columns being equal, classes that are some of the rows of a
    table, columns of another table. A column whose type changes values is there as unsupported: it can be neither
    selected nor used.

    Args:
        models: a declarative base (also of automap, or `SQLModel`), a `registry`, or mapped classes, as a list or by
            the names that the models shall have.
        dialect: the dialect of the database, `engine.dialect`: the types depend on it.
        include: names of the only models to take.
        exclude: names of models to leave away.
        types: what a type of your own stores, where it would be unsupported: `{Money: "decimal"}`.
        schema_translate_map: as the engine has it.

    Raises:
        CatalogError: nothing is mapped, two classes have one name, or a name is unknown.
    """
    named = _chosen(_mappers(models), include, exclude)
    for each in {mapper.registry for mapper in named.values()}:
        each.configure(cascade=True)
    left_out: list[LeftOut] = []
    described: dict[str, Described] = {}
    for name, mapper in named.items():
        reason = _not_a_table(mapper)
        if reason is not None:
            left_out.append(LeftOut(name, None, reason))
            continue
        described[name] = describe(name, mapper, dialect, types or {}, schema_translate_map or {})
        left_out += [LeftOut(name, *missing) for missing in described[name].left_out]
    has_hex_uuids, mixed = _hex_uuids(described, dialect)
    left_out += mixed
    for model in described.values():
        missing = relations(model, described)
        left_out += [LeftOut(model.name, *each) for each in missing]
    if not described:
        raise CatalogError(
            "no model is left for the catalog",
            hint="; ".join(f"{each.model}: {each.reason}" for each in left_out) or "map classes to tables first",
        )
    catalog = Catalog(models=[model.json for model in described.values()])
    catalog.left_out = left_out
    catalog.has_hex_uuids = has_hex_uuids
    catalog.mappers = {name: model.mapper for name, model in described.items()}
    return catalog


def _mappers(models: Any) -> dict[str, Mapper[Any]]:
    """The mappers by the names of their models, in the order of the names."""
    if isinstance(models, MetaData):
        raise CatalogError(
            "tables without classes have no models", hint="give the declarative base, or map the tables to classes"
        )
    if isinstance(models, Mapping):
        return {str(name): _mapper(kind) for name, kind in models.items()}
    if isinstance(models, registry):
        found: Iterable[Mapper[Any]] = _configured(models)
    elif isinstance(models, type):
        mapper = _mapper_or_none(models)
        of_base = getattr(models, "registry", None) or getattr(models, "_sa_registry", None)
        if mapper is not None:
            found = [mapper]
        elif isinstance(of_base, registry):
            found = _configured(of_base)
        else:
            raise CatalogError(f"`{models.__name__}` is no declarative base and not mapped")
    elif isinstance(models, Iterable) and not isinstance(models, (str, bytes)):
        found = [_mapper(kind) for kind in models]
    else:
        raise CatalogError(
            f"a catalog is not made of {type(models).__name__}",
            hint="give a declarative base, a registry, or mapped classes",
        )
    named: dict[str, Mapper[Any]] = {}
    for mapper in sorted(found, key=lambda mapper: (mapper.class_.__name__, mapper.class_.__module__)):
        name = mapper.class_.__name__
        if name in named:
            raise CatalogError(f"two classes are named `{name}`", hint="give the classes by name: {'Name': Class, ...}")
        named[name] = mapper
    if not named:
        raise CatalogError(
            "no class is mapped", hint="import the modules of the models first; with automap, call Base.prepare first"
        )
    return named


def _configured(of: registry) -> Iterable[Mapper[Any]]:
    """All mappers of a registry: some are made only when it is configured. Other registries may be incomplete."""
    of.configure(cascade=True)
    return of.mappers


def _mapper_or_none(kind: type) -> Mapper[Any] | None:
    try:
        mapper: Any = sqlalchemy.inspect(kind)
    except NoInspectionAvailable:
        return None
    return mapper if isinstance(mapper, Mapper) else None


def _mapper(kind: Any) -> Mapper[Any]:
    mapper = kind if isinstance(kind, Mapper) else _mapper_or_none(kind) if isinstance(kind, type) else None
    if mapper is None:
        raise CatalogError(f"`{getattr(kind, '__name__', kind)}` is not mapped")
    return mapper


def _chosen(
    named: dict[str, Mapper[Any]], include: Iterable[str] | None, exclude: Iterable[str] | None
) -> dict[str, Mapper[Any]]:
    wanted = None if include is None else list(include)
    unwanted = [] if exclude is None else list(exclude)
    for name in [*(wanted or []), *unwanted]:
        if name not in named:
            nearest = difflib.get_close_matches(name, named, n=1)
            raise CatalogError(f"there is no model `{name}`", hint=f"did you mean `{nearest[0]}`?" if nearest else None)
    return {
        name: mapper for name, mapper in named.items() if (wanted is None or name in wanted) and name not in unwanted
    }


def _hex_uuids(described: Mapping[str, Described], dialect: Dialect) -> tuple[bool, list[LeftOut]]:
    """Whether UUIDs are text without hyphens; where they are of the database's own type as well, those are not read."""
    if dialect.name not in ("mysql", "mariadb"):
        return False, []
    has_own = any(
        field["type"] == "uuid" and field["name"] not in model.hex_uuids
        for model in described.values()
        for field in model.json["fields"]
    )
    if not has_own:
        return any(model.hex_uuids for model in described.values()), []
    left_out = []
    for model in described.values():
        for field in model.json["fields"]:
            if field["name"] in model.hex_uuids:
                field["type"] = {"unsupported": "uuid as text"}
                reason = "it is a CHAR(32), and other UUIDs are of the database's own type; use one for all of them"
                left_out.append(LeftOut(model.name, field["name"], reason))
    return False, left_out


def _not_a_table(mapper: Mapper[Any]) -> str | None:
    """Why a class is not the rows of one table."""
    if not isinstance(mapper.local_table, Table):
        return "it is mapped to a query and not to a table; a view in the database can be mapped as one"
    if mapper.inherits is not None and not mapper.concrete and mapper.inherits.local_table is mapper.local_table:
        root = mapper.inherits.class_.__name__
        return (
            f"it is some of the rows of `{root}`, and as a model would show all of them; "
            f"open `{root}` with a row policy on its discriminator"
        )
    return None
