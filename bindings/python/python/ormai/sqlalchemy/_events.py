"""Telling a connection's listeners and log of a statement that runs beneath it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.util import immutabledict


class Said:
    """A statement as the listeners left it."""

    __slots__ = ("parameters", "statement")

    def __init__(self, statement: str, parameters: Any) -> None:
        self.statement = statement
        self.parameters = parameters


def is_told(connection: Connection) -> bool:
    """Whether anybody wants to know of statements."""
    if connection._echo:
        return True
    if not (connection._has_events or connection.engine._has_events):
        return False
    dispatch: Any = connection.dispatch
    return bool(dispatch.before_cursor_execute or dispatch.after_cursor_execute)


@contextmanager
def telling(connection: Connection, statement: str, parameters: tuple[Any, ...]) -> Iterator[Said]:
    """Tells of a statement before and after it; a listener may put another text in its place."""
    dialect = connection.dialect
    options = connection.get_execution_options()
    # Nothing runs on its cursor, so that must be none that is kept by the server.
    plain = immutabledict({name: value for name, value in options.items() if name != "stream_results"})
    context: Any = dialect.execution_ctx_cls._init_statement(
        dialect, connection, connection.connection, plain, "", [parameters]
    )
    context.execution_options = options
    context.statement = context.unicode_statement = statement
    cursor = context.cursor
    said = Said(statement, parameters)
    dispatch: Any = connection.dispatch
    try:
        for listener in dispatch.before_cursor_execute:
            said.statement, said.parameters = listener(
                connection, cursor, said.statement, said.parameters, context, False
            )
        if connection._echo:
            connection._log_info(said.statement)
            shown = "[parameters hidden]" if connection.engine.hide_parameters else repr(said.parameters)
            connection._log_info("[ormai] %s", shown)
        yield said
        for listener in dispatch.after_cursor_execute:
            listener(connection, cursor, said.statement, said.parameters, context, False)
    finally:
        cursor.close()
