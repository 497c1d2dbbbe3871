"""SQLAlchemy beneath a toolset: its models as a catalog, its sessions as connections.

`import sqlalchemy` in this package is the library.
"""

from __future__ import annotations

from .catalog import Catalog, LeftOut, catalog_of
from .errors import CatalogError, DriverError

__all__ = ["Catalog", "CatalogError", "DriverError", "LeftOut", "catalog_of"]
