"""A mounted policy: what all calls of a toolset share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from .._drive import Connection, DriverError, told
from .._record import wrong_type
from ..core._context import RunContext
from ..core.errors import InternalError
from ._results import CallResult

if TYPE_CHECKING:
    from .._native import Context, Native, Running
    from ._definitions import Definition
    from ._domain import Tool
    from ._policy_text import PolicyText

Opening = Callable[[Any], Connection]
"""Makes a connection of a context's `db`, without asking anything of the database."""


class Place:
    """Where a call is made: the engine's context, and the connection that it is on."""

    __slots__ = ("connection", "context", "is_own")

    def __init__(self, context: Context, connection: Connection | None, is_own: bool) -> None:
        self.context = context
        self.connection = connection
        self.is_own = is_own
        """Whether the connection was opened for this call, and ends with it."""


class Engine:
    """The engine with what Python does for it."""

    __slots__ = ("_inside", "_native", "_open", "_tools", "decide", "policy")

    policy: PolicyText
    """The policy in force, as it was given."""

    decide: Callable[[Mapping[str, Any]], None] | None
    """Is told of a policy's document before that is in force."""

    def __init__(
        self,
        native: Native,
        opening: Opening | None,
        tools: Mapping[str, Tool],
        policy: PolicyText,
        decide: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self._native = native
        self._open = opening
        self._tools = tools
        self.policy = policy
        self.decide = decide
        # Which one the calls of tools of the project's own go through, where it is not this one.
        self._inside: Engine | None = None

    @property
    def native(self) -> Native:
        """The engine itself."""
        return self._native

    def through(self, native: Any) -> Engine:
        """The same with another way into the engine, which what tools of the project's own call does not take."""
        made = Engine(native, self._open, self._tools, self.policy, self.decide)
        made._inside = self._inside or self
        return made

    def place(self, ctx: RunContext) -> Place:
        """Where the calls of a context are made.

        Raises:
            TypeError: it is no context, or its database is none of those that are known.
            RuntimeError: the transaction or tool that it belongs to is over.
        """
        if not isinstance(ctx, RunContext):
            raise wrong_type("ctx", "a RunContext", ctx)
        if ctx._place is not None:
            context, connection = ctx._place
            if context is None:
                raise RuntimeError("what this context was made for is over: its transaction, or its tool")
            return Place(context, connection, False)
        connection = self.opened(ctx.db)
        if connection is None:
            return Place(self.context(ctx, None), None, False)
        return Place(self.context(ctx, connection.wire), connection, True)

    def context(self, ctx: RunContext, wire: str | None) -> Context:
        """The circumstances as the engine takes them.

        Raises:
            OrmAiError: the principal cannot be told to the engine.
        """
        from .._native import Context

        try:
            return Context(
                principal=ctx.principal.to_dict(),
                request_id=ctx.request_id,
                trace_id=ctx.trace_id,
                now=None if ctx.now is None else ctx.now.isoformat(),
                wire=wire,
            )
        except Exception as error:
            raise told(error) from None

    def running(self, place: Place, tool: str, arguments: Any) -> Running:
        """A call that has not begun."""
        try:
            return self._native.call(place.context, tool, arguments)
        except Exception as error:
            raise told(error) from None

    def opened(self, db: Any) -> Connection | None:
        """A connection of the host's; None where the engine has its own.

        Raises:
            TypeError: the engine has its own, and another was given.
        """
        if self._open is not None:
            return self._open(db)
        if db is not None:
            raise TypeError("this toolset has connections of its own: leave out `db`")
        return None

    def make_tables(self, connection: Connection) -> list[str]:
        """Makes the project's own tables on a connection of the host's; the names of those that are there then.

        Raises:
            InternalError: the database does not make them.
        """
        tables = self._native.own_tables()
        try:
            connection.control(list(tables.values()))
        except DriverError as error:
            # What the driver said is the exception's cause, and in no text of an error.
            raise InternalError("the project's own tables cannot be made") from error
        return list(tables)

    def definitions(self, ctx: RunContext) -> list[Definition]:
        """The tools that a principal can use."""
        if not isinstance(ctx, RunContext):
            raise wrong_type("ctx", "a RunContext", ctx)
        return cast("list[Definition]", self._native.definitions(self.context(ctx, None)))

    def explain(self, ctx: RunContext, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What would be done for a request."""
        if not isinstance(ctx, RunContext):
            raise wrong_type("ctx", "a RunContext", ctx)
        try:
            explained = self._native.explain(self.context(ctx, None), tool, arguments)
        except Exception as error:
            raise told(error) from None
        return {"success": explained["success"], **explained.get("explanation", {}), **explained.get("refusal", {})}

    def findings(self) -> list[dict[str, Any]]:
        """What a reviewer would say of the policy in force."""
        from .._native import check_policy

        found = check_policy(
            self._native.catalog(), self.policy.text, self.policy.format, has_hash_key=self.policy.has_hash_key
        )
        return self.policy.placed(found)

    def no_tool(self, name: str, arguments: Any, context: Context) -> Any:
        """How tools are called where none is to be called."""
        raise InternalError(f"the engine asked for the tool `{name}` outside of a call")

    def call_tool(self, ctx: RunContext, connection: Connection | None) -> Callable[[str, Any, Context], Any]:
        """How tools of the project's own are called for a call."""

        def called(name: str, arguments: Any, context: Context) -> Any:
            tool = self._tools.get(name)
            if tool is None:
                raise InternalError(f"the engine asked for the tool `{name}`, which was not given to it")
            return tool.called(ctx, self._inside or self, (context, connection), arguments)

        return called


def outcome(order: tuple[Any, ...]) -> CallResult:
    """What a call came to that is done."""
    return CallResult.of(order[1])


def reject_async(connection: Connection | None) -> None:
    """A call that blocks cannot wait for an event loop.

    Raises:
        TypeError: the connection needs one.
    """
    if connection is not None and connection.is_async:
        raise TypeError(
            "`sync` takes no AsyncSession, which needs an event loop: `await` the toolset's own methods, "
            "or give a Session"
        )
