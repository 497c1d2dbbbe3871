"""Instances that a session holds of rows that were changed past it."""

from __future__ import annotations

import re

from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import instance_state

# The table of a statement that the engine compiled: the last of the quoted names behind the verb.
_TABLE = re.compile(
    r"""\s*(?:UPDATE(?:\s+OR\s+\w+)?|DELETE\s+FROM)\s+(?:(?:"(?:[^"]|"")*"|`(?:[^`]|``)*`)\.)?(?:"((?:[^"]|"")*)"|`((?:[^`]|``)*)`)"""
)


def expire(session: Session, sql: str | None) -> None:
    """Has instances read again what is stored: those of the table that a statement changed, or all of them.

    Instances that were changed and not yet flushed keep what they were given.
    """
    if sql is not None and sql.lstrip().startswith("INSERT"):
        return
    found = None if sql is None else _TABLE.match(sql)
    name = None if found is None else (found[1] or found[2] or "").replace('""', '"').replace("``", "`")
    for instance in list(session.identity_map.values()):
        state = instance_state(instance)
        if state.modified or not state.has_identity:
            continue
        if name is None or any(getattr(table, "name", None) == name for table in state.mapper.tables):
            session.expire(instance)
