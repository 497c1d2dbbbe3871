"""What goes wrong between a toolset and SQLAlchemy."""

from __future__ import annotations

from ..core.errors import OrmAiError


class CatalogError(ValueError):
    """Models from which no catalog can be made.

    >>> print(CatalogError("no class is mapped", hint="import the modules of the models first"))
    no class is mapped (import the modules of the models first)
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message} ({hint})")
        self.message = message
        self.hint = hint


class SessionError(OrmAiError):
    """A session on which no call can be made: that is its owner's to mend, and not the caller's of a tool.

    >>> SessionError("the driver is not known", hint="use `psycopg`").code
    'INTERNAL'
    """
