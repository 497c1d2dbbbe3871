"""The drivers of SQLAlchemy's that carry out the orders of the engine.

An order runs on the connection of the driver itself, beneath SQLAlchemy's: the statement is compiled already, and what
SQLAlchemy does around one costs more than a small statement does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from sqlalchemy.engine import Dialect

from ..errors import SessionError

if TYPE_CHECKING:
    from ._base import Driver

# The module and class of a driver, by SQLAlchemy's name of it. A module is imported when its driver is in use.
_KNOWN: dict[str, tuple[str, str]] = {
    "pysqlite": ("_sqlite", "Pysqlite"),
    "aiosqlite": ("_sqlite", "Aiosqlite"),
    "psycopg": ("_psycopg", "Psycopg"),
    "psycopg_async": ("_psycopg", "PsycopgAsync"),
    "psycopg2": ("_dbapi", "Psycopg2"),
    "asyncpg": ("_dbapi", "Asyncpg"),
    "pymysql": ("_dbapi", "PyMySql"),
    "mysqldb": ("_dbapi", "MySqlClient"),
    "aiomysql": ("_dbapi", "AioMySql"),
    "asyncmy": ("_dbapi", "AioMySql"),
}
_used: dict[tuple[str, bool], type[Driver]] = {}


def driver_of(dialect: Dialect) -> type[Driver]:
    """The class that drives connections of a dialect.

    Raises:
        SessionError: the driver is not known.
    """
    used = _used.get((dialect.driver, dialect.is_async))
    if used is not None:
        return used
    name = "psycopg_async" if dialect.driver == "psycopg" and dialect.is_async else dialect.driver
    known = _KNOWN.get(name)
    if known is None:
        raise SessionError(
            f"the driver `{dialect.driver}` of `{dialect.name}` is not known",
            hint="use one of " + ", ".join(f"`{name}`" for name in _KNOWN),
        )
    module, kind = known
    driver: type[Driver] = getattr(importlib.import_module(f".{module}", __name__), kind)
    _used[dialect.driver, dialect.is_async] = driver
    return driver


__all__ = ["driver_of"]
