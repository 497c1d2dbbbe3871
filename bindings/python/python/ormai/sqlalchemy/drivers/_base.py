"""What a driver does for the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

Fetched = tuple[Sequence[Sequence[Any]], int, "int | None", "Sequence[int] | None"]
"""Rows, how many rows a change found, the key that the server made, the numbers of the columns' types."""


class Interrupted(BaseException):
    """Something of somebody else's was raised in the middle of a statement, and the connection is good."""

    def __init__(self, raised: BaseException) -> None:
        super().__init__(raised)
        self.raised = raised


class Driver(ABC):
    """A connection of a driver, inside of a transaction that is its user's.

    Its errors are those of the driver: whoever calls it translates them.

    Args:
        connection: the connection as SQLAlchemy has it from the pool, which is an adapter for asynchronous drivers.

    Raises:
        SessionError: its settings are such that values would be read wrongly.
    """

    wire: ClassVar[str]
    """How parameters are taken."""
    takes_pairs: ClassVar[bool] = False
    """Whether a parameter is a pair of a type's number and bytes."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @abstractmethod
    def is_autocommit(self) -> bool:
        """Whether each statement is committed by itself, so that nothing could be undone."""

    def is_whole(self) -> bool:
        """Whether it waits for nothing: what the server sends next is the answer to what is sent next."""
        return True

    @abstractmethod
    def control(self, texts: Sequence[str]) -> None:
        """Runs texts without parameters and rows, one after the other."""

    @abstractmethod
    def run(self, sql: str, params: Sequence[Any], limit_ms: int | None) -> Fetched:
        """Runs a statement. The limit is kept here where the server keeps none."""

    def enclosed(
        self, before: Sequence[str], sql: str, params: Sequence[Any], limit_ms: int | None, after: Sequence[str]
    ) -> Fetched:
        """Runs a statement between texts; the first that fails ends it."""
        self.control(before)
        fetched = self.run(sql, params, limit_ms)
        self.control(after)
        return fetched

    @staticmethod
    @abstractmethod
    def code(error: Exception) -> str | None:
        """The database's own code of an error."""

    @staticmethod
    def words(error: Exception) -> str:
        """What is said of an error to the operator, and where there is no code, by what it is known."""
        return f"{type(error).__name__}: {error}"
