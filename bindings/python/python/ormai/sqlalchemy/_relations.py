"""Relations of a catalog from relationships: those whose condition is columns being equal, and nothing wider."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Column
from sqlalchemy.orm import RelationshipProperty
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList, Grouping

from ._model import Described, add_foreign_keys

Missing = list[tuple[str | None, str]]
Link = list[list[str]]


def relations(model: Described, models: Mapping[str, Described]) -> Missing:
    """Adds the relations and foreign keys of a model; what is left out of them, and why."""
    add_foreign_keys(model, models)
    missing: Missing = []
    for prop in model.mapper.relationships:
        reason = _add(model, prop, models)
        if reason is not None:
            missing.append((prop.key, reason))
    _add_parent(model, models)
    return missing


def _add(model: Described, prop: RelationshipProperty[Any], models: Mapping[str, Described]) -> str | None:
    if getattr(prop.entity, "is_aliased_class", False):
        return "it leads to a query and not to a model"
    target = next((each for each in models.values() if each.mapper is prop.mapper), None)
    if target is None:
        return f"`{prop.mapper.class_.__name__}` is not in the catalog"
    if prop.secondary is not None:
        return _add_secondary(model, prop, models)
    pairs = _equal_columns(prop.primaryjoin)
    if pairs is None:
        return "its condition is more than columns being equal, and without the rest of it more rows would answer"
    link = _link(model, target, pairs, [tuple(pair) for pair in prop.local_remote_pairs or ()])
    if link is None:
        return "its condition names columns of other tables than the two"
    return _put(model, target, prop.key, link, is_many=bool(prop.uselist))


def _put(model: Described, target: Described, name: str, link: Link, *, is_many: bool) -> str | None:
    if not is_many and not target.is_key(there for _, there in link):
        fields = ", ".join(f"`{there}`" for _, there in link)
        return (
            f"it leads to one row of `{target.name}`, but {fields} is no key there; a unique constraint would say it is"
        )
    kind = "many" if is_many else "one"
    model.json["relations"].append({"name": name, "target": target.name, "kind": kind, "link": link})
    return None


def _add_secondary(model: Described, prop: RelationshipProperty[Any], models: Mapping[str, Described]) -> str | None:
    """A relation over a third table leads to that one, when it is a model: a relation is one step."""
    between = next((each for each in models.values() if each.table is prop.secondary), None)
    if between is None:
        return f"it goes over the table `{prop.secondary}`, which is no model; map a class to it"
    pairs = _equal_columns(prop.primaryjoin)
    link = None if pairs is None else _link(model, between, pairs, None)
    if link is None:
        return "its condition is more than columns being equal, and without the rest of it more rows would answer"
    wanted = sorted(link)
    for other in model.mapper.relationships:
        if other.mapper is between.mapper and other.secondary is None:
            pairs = _equal_columns(other.primaryjoin)
            direct = None if pairs is None else _link(model, between, pairs, None)
            if direct is not None and sorted(direct) == wanted:
                return f"it goes over `{between.name}`, to which `{other.key}` leads"
    return _put(model, between, prop.key, link, is_many=True)


def _equal_columns(condition: Any) -> list[tuple[Column[Any], Column[Any]]] | None:
    """The columns that a condition says are equal, when it says nothing else."""
    pairs = []
    for part in _conjuncts(condition):
        if not isinstance(part, BinaryExpression) or part.operator is not operators.eq:
            return None
        left, right = part.left, part.right
        if not isinstance(left, Column) or not isinstance(right, Column):
            return None
        pairs.append((left, right))
    return pairs or None


def _conjuncts(condition: Any) -> Iterator[Any]:
    if isinstance(condition, Grouping):
        yield from _conjuncts(condition.element)
    elif isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
        for part in condition.clauses:
            yield from _conjuncts(part)
    else:
        yield condition


def _link(
    here: Described,
    there: Described,
    pairs: list[tuple[Column[Any], Column[Any]]],
    ends: list[tuple[Any, ...]] | None,
) -> Link | None:
    """The pairs as fields; `ends` says which end is which, where both are of one table."""
    link: Link = []
    for left, right in pairs:
        found = None
        for local, remote in ((left, right), (right, left)):
            fields = (here.fields_of([local]), there.fields_of([remote]))
            if fields[0] and fields[1] and (ends is None or _is_among(local, remote, ends)):
                found = [fields[0][0], fields[1][0]]
                break
        if found is None:
            return None
        link.append(found)
    return link


def _is_among(local: Column[Any], remote: Column[Any], ends: list[tuple[Any, ...]]) -> bool:
    # A column as a condition holds it has the hash of the column.
    return any(hash(local) == hash(end[0]) and hash(remote) == hash(end[1]) for end in ends)


def _add_parent(model: Described, models: Mapping[str, Described]) -> None:
    """A class with a table of its own beside its parent's leads to the parent's row, on the key that both share."""
    mapper = model.mapper
    if mapper.inherits is None or mapper.concrete or mapper.inherit_condition is None:
        return
    parent = next((each for each in models.values() if each.mapper is mapper.inherits), None)
    pairs = _equal_columns(mapper.inherit_condition)
    link = None if parent is None or pairs is None else _link(model, parent, pairs, None)
    if parent is None or link is None or not parent.is_key(there for _, there in link):
        return
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", parent.name).lower()
    taken = {each["name"] for each in [*model.json["fields"], *model.json["relations"]]}
    for name in (words, f"parent_{words}", f"parent_{words}_row"):
        if name not in taken:
            _put(model, parent, name, link, is_many=False)
            return
