"""What goes wrong between a toolset and SQLAlchemy."""

from __future__ import annotations


class CatalogError(ValueError):
    """Models from which no catalog can be made.

    >>> print(CatalogError("no class is mapped", hint="import the modules of the models first"))
    no class is mapped (import the modules of the models first)
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message} ({hint})")
        self.message = message
        self.hint = hint


class DriverError(Exception):
    """An order that a driver could not carry out.

    Args:
        code: the SQLSTATE, number or extended result code of the database, as text; `None` when it gave none.
        message: the driver's words, which are for the log and for nobody else.
        lost: whether the connection is gone, and what was open on it with it.
    """

    def __init__(self, code: str | None, message: str, lost: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.lost = lost
