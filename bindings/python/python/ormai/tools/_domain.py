"""Tools of a project's own, beside those that OrmAI has."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from ..core._context import InnerContext, RunContext
from ._parameters import Parameters, of_function, of_given
from ._results import Result

if TYPE_CHECKING:
    from ..core import Principal
    from ._engine import Engine
    from ._toolset import Toolset

_NAME = re.compile(r"[A-Za-z0-9_]{1,64}\Z", re.ASCII)


class ToolContext(InnerContext):
    """What a tool is called with: who is asking, the caller's `db`, and the toolset.

    What the tool calls through `toolset` in this context is scoped and recorded like any other call; the
    records name that of the tool as their `parent`.
    """

    __slots__ = ("_engine",)

    _engine: Engine

    @property
    def toolset(self) -> Toolset:
        """The toolset that the tool belongs to: `await ctx.toolset.get(ctx, model="Order", id=7)`."""
        from ._toolset import Toolset

        return Toolset(self._engine)


class Tool:
    """A tool of the project's own: it is listed with the others, and each call of it leaves a record.

    A subclass says what it is and does; `tool` makes one of a function. The tool itself is code of the host, and
    is trusted like it: no policy holds what it reads or writes past the toolset, nor what it answers.

        class CancelOrder(Tool):
            \"\"\"Cancel an order that is not paid yet.\"\"\"

            parameters = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
            roles = ("support",)

            async def run(self, ctx, arguments):
                await ctx.toolset.update(ctx, model="Order", id=arguments["id"], data={"status": "cancelled"})
                return {"cancelled": arguments["id"]}

    Attributes:
        name: letters, digits and `_`, none of OrmAI's own. By default the name of the class: `cancel_order`.
        description: what it does, in a sentence for a language model. By default that of the class.
        parameters: the JSON Schema of its arguments, or a pydantic model, which they are then given as.
        roles: who may use it: principals with one of these roles. None: everybody. For others it is not
            there.
        writes: whether it may change anything. Then its record is begun before it runs.
        recorded: the arguments whose values may stand in records; of others their names do.
    """

    name: str = ""
    description: str = ""
    parameters: Any = None
    roles: Sequence[str] | None = None
    writes: bool = True
    recorded: Sequence[str] = ()

    _parameters: Parameters

    def __init__(self) -> None:
        kind = type(self)
        self.name = kind.name or _snake(kind.__name__)
        self.description = kind.description or _first_paragraph(kind.__dict__.get("__doc__"))
        self._check()
        self._parameters = of_given(self.parameters, self.name)

    def _check(self) -> None:
        if not _NAME.match(self.name):
            raise ValueError(f"a tool cannot be named {self.name!r}: a name has letters, digits and `_`, at most 64")
        if not self.description:
            raise ValueError(f"the tool `{self.name}` needs a description, such as its docstring")
        for part in ("roles", "recorded"):
            if isinstance(getattr(self, part), str):
                raise TypeError(f"`{part}` of the tool `{self.name}` must be a list of names")

    def is_open(self, principal: Principal) -> bool:
        """Whether a principal can use it; for others it is not there."""
        return self.roles is None or any(role in self.roles for role in principal.roles)

    def run(self, ctx: ToolContext, arguments: Any) -> Any:
        """Does what it is for, as a function or as an `async` one.

        Returns:
            What goes to the caller as it is, JSON or a pydantic model.

        Raises:
            OrmAiError: a refusal, which the caller is told.
            Exception: the caller is told that the tool failed; what it is goes to the log.
        """
        raise NotImplementedError(f"the tool `{self.name}` does not say what it does in `run`")

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of its arguments."""
        return self._parameters.schema

    def called(self, outer: RunContext, engine: Engine, place: tuple[Any, Any], arguments: Any) -> Any:
        """Runs it for a call: what it answers, or something to await for it."""
        ctx = ToolContext.inside(outer, place)
        object.__setattr__(ctx, "_engine", engine)
        try:
            answer = self.run(ctx, self._parameters.read(arguments))
        except BaseException:
            ctx.end()
            raise
        if isinstance(answer, Awaitable):
            return _awaited(ctx, answer)
        ctx.end()
        return _plain(answer)

    def __repr__(self) -> str:
        return f"<tool {self.name}>"


async def _awaited(ctx: ToolContext, answer: Awaitable[Any]) -> Any:
    try:
        return _plain(await answer)
    finally:
        ctx.end()


class FunctionTool(Tool):
    """A tool that a function is."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None,
        description: str | None,
        parameters: Any,
        roles: Iterable[str] | None,
        is_open: Callable[[Principal], bool] | None,
        writes: bool,
        recorded: Iterable[str],
    ) -> None:
        self._function = function
        self._opens = is_open
        self.name = name or function.__name__
        self.description = description or _first_paragraph(function.__doc__)
        self.writes = writes
        self.recorded = recorded if isinstance(recorded, str) else tuple(recorded)
        # As it is, where it is text: the check tells.
        self.roles = roles if roles is None or isinstance(roles, str) else tuple(roles)
        self._check()
        if parameters is None:
            self._parameters, self._spreads = of_function(function, self.name), True
        else:
            self._parameters, self._spreads = of_given(parameters, self.name), False
        self.__doc__ = function.__doc__

    def is_open(self, principal: Principal) -> bool:
        return super().is_open(principal) and (self._opens is None or bool(self._opens(principal)))

    def run(self, ctx: ToolContext, arguments: Any) -> Any:
        return self._function(ctx, **arguments) if self._spreads else self._function(ctx, arguments)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The function itself."""
        return self._function(*arguments, **named)


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    parameters: Any = None,
    roles: Iterable[str] | None = None,
    is_open: Callable[[Principal], bool] | None = None,
    writes: bool = True,
    recorded: Iterable[str] = (),
) -> Callable[[Callable[..., Any]], FunctionTool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    parameters: Any = None,
    roles: Iterable[str] | None = None,
    is_open: Callable[[Principal], bool] | None = None,
    writes: bool = True,
    recorded: Iterable[str] = (),
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Makes a tool of a function, `async` or not, whose first parameter is its `ToolContext`.

    The arguments are those of the function's type hints, which pydantic reads; without pydantic `parameters` says
    them. A function that calls the toolset on an `AsyncSession` is `async`, because it has to await it.

        @tool(roles=["support"])
        async def cancel_order(ctx: ToolContext, id: int) -> dict[str, int]:
            \"\"\"Cancel an order that is not paid yet.\"\"\"
            await ctx.toolset.update(ctx, model="Order", id=id, data={"status": "cancelled"})
            return {"cancelled": id}

    Args:
        function: the function, where the decorator has no arguments.
        name: by default that of the function.
        description: by default the first paragraph of the function's docstring.
        parameters: the JSON Schema of the arguments, or a pydantic model. The function is then given them
            as its second argument.
        roles: who may use it: principals with one of these roles. By default everybody.
        is_open: whether a principal can use it, beside `roles`.
        writes: whether it may change anything. Then its record is begun before it runs.
        recorded: the arguments whose values may stand in records; of others their names do.

    Raises:
        TypeError: a parameter has no type hint, or pydantic is not installed.
        ValueError: its name is none, or it has no description.
    """

    def decorate(decorated: Callable[..., Any]) -> FunctionTool:
        return FunctionTool(
            decorated,
            name=name,
            description=description,
            parameters=parameters,
            roles=roles,
            is_open=is_open,
            writes=writes,
            recorded=recorded,
        )

    return decorate if function is None else decorate(function)


def as_told(tool: Tool) -> dict[str, Any]:
    """A tool as the engine takes it."""

    def is_open(principal: Mapping[str, Any]) -> bool:
        # It is closed where that cannot be said.
        from ..core._principal import Principal

        try:
            return bool(tool.is_open(Principal.from_dict(principal)))
        except Exception as error:
            _log(f"whether the tool {tool.name!r} is open cannot be said: it is closed", error)
            return False

    return {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.schema(),
        "writes": bool(tool.writes),
        "recorded": list(tool.recorded),
        "is_open": is_open,
    }


def by_name(tools: Iterable[Any]) -> dict[str, Tool]:
    """Tools by their names.

    Raises:
        TypeError: one of them is no tool.
        ValueError: two have one name.
    """
    named: dict[str, Tool] = {}
    for each in tools:
        one = each() if isinstance(each, type) and issubclass(each, Tool) else each
        if not isinstance(one, Tool):
            raise TypeError(f"{each!r} is no tool: decorate a function with `@tool`, or derive from `Tool`")
        if not hasattr(one, "_parameters"):
            raise TypeError(f"{type(one).__name__}.__init__ must call `super().__init__()`")
        if one.name in named:
            raise ValueError(f"there are two tools named `{one.name}`")
        named[one.name] = one
    return named


def _plain(answer: Any) -> Any:
    if isinstance(answer, Result):
        return answer.data
    dump = getattr(answer, "model_dump", None)
    return dump(mode="json") if callable(dump) and not isinstance(answer, type) else answer


def _first_paragraph(text: str | None) -> str:
    lines: list[str] = []
    for line in (text or "").strip().splitlines():
        if not line.strip():
            break
        lines.append(line.strip())
    return " ".join(lines)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _log(message: str, error: Exception) -> None:
    import logging

    logging.getLogger("ormai.tools").error(message, exc_info=error)


__all__ = ["FunctionTool", "Tool", "ToolContext", "as_told", "by_name", "tool"]
