"""SQLAlchemy beneath a toolset: its models as a catalog, its sessions as connections.

`import sqlalchemy` in this package is the library.
"""

from __future__ import annotations

from .catalog import Catalog, LeftOut, catalog_of
from .errors import CatalogError, SessionError
from .session import HostConnection, open_session

__all__ = [
    "Catalog",
    "CatalogError",
    "HostConnection",
    "LeftOut",
    "SessionError",
    "catalog_of",
    "open_session",
]
