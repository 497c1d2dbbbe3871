"""The arguments of a tool of the project's own: their JSON Schema, and reading them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from .._words import help_for
from ..core.errors import ValidationError


class Parameters(Protocol):
    """How arguments are read."""

    @property
    def schema(self) -> dict[str, Any]:
        """Their JSON Schema."""

    def read(self, arguments: Any) -> Any:
        """The arguments as the tool takes them.

        Raises:
            ValidationError: they are not of the schema.
        """


def of_given(given: Any, name: str) -> Parameters:
    """Those of a JSON Schema or of a pydantic model; None: there are no arguments."""
    if given is None:
        return Schema({"type": "object", "properties": {}, "additionalProperties": False})
    if isinstance(given, Mapping):
        if given.get("type") != "object":
            raise ValueError(f'the parameters of the tool `{name}` must be a schema with `"type": "object"`')
        return Schema(dict(given))
    if isinstance(given, type) and hasattr(given, "model_json_schema"):
        return Model(given, spreads=False)
    raise TypeError(f"the parameters of the tool `{name}` must be a JSON Schema or a pydantic model")


def of_function(function: Callable[..., Any], name: str) -> Parameters:
    """Those of a function's type hints, its first parameter aside."""
    import inspect

    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        raise TypeError(f"the first parameter of the tool `{name}` must be its context")
    if len(parameters) == 1:
        return of_given(None, name)
    try:
        import pydantic
    except ImportError:
        raise TypeError(
            f"reading the type hints of the tool `{name}` needs pydantic: install it, or say "
            "`parameters=` as a JSON Schema"
        ) from None
    from typing import get_type_hints

    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for each in parameters[1:]:
        if each.kind not in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
            raise TypeError(f"the tool `{name}` cannot take `{each}`: its arguments have names")
        if each.name not in hints:
            raise TypeError(f"`{each.name}` of the tool `{name}` needs a type hint")
        fields[each.name] = (hints[each.name], ... if each.default is inspect.Parameter.empty else each.default)
    model: Any = pydantic.create_model(name, __config__=pydantic.ConfigDict(extra="forbid"), **fields)
    return Model(model, spreads=True)


class Model:
    """Arguments that a pydantic model reads."""

    __slots__ = ("_model", "_spreads", "schema")

    schema: dict[str, Any]

    def __init__(self, model: Any, *, spreads: bool) -> None:
        self._model = model
        self._spreads = spreads
        """Whether the arguments are given by name, and not as the model."""
        self.schema = _untitled(model.model_json_schema())

    def read(self, arguments: Any) -> Any:
        from pydantic import ValidationError as Invalid

        try:
            read = self._model.model_validate(arguments)
        except Invalid as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            raise _invalid([(_path(each["loc"]), each["msg"]) for each in found]) from None
        return {name: getattr(read, name) for name in self._model.model_fields} if self._spreads else read


class Schema:
    """Arguments that a JSON Schema tells. Names and the types of values are held to it; what else it says is
    for language models."""

    __slots__ = ("schema",)

    schema: dict[str, Any]

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema

    def read(self, arguments: Any) -> Any:
        if not isinstance(arguments, Mapping):
            raise ValidationError("expected an object")
        properties = self.schema.get("properties", {})
        wrong = [(name, "is missing") for name in self.schema.get("required", ()) if name not in arguments]
        for name, value in arguments.items():
            if name in properties:
                problem = _problem(properties[name], value)
                if problem is not None:
                    wrong.append((name, problem))
            elif self.schema.get("additionalProperties", False) is False:
                wrong.append((name, f"is not known: {help_for(name, properties)}"))
        if wrong:
            raise _invalid(wrong)
        return dict(arguments)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, Mapping),
    "null": lambda value: value is None,
}


def _problem(schema: Any, value: Any) -> str | None:
    if not isinstance(schema, Mapping):
        return None
    if "enum" in schema and value not in schema["enum"]:
        return f"must be one of {', '.join(map(str, schema['enum']))}"
    types = schema.get("type")
    if types is None:
        return None
    known = [types] if isinstance(types, str) else list(types)
    if any(_TYPES.get(each, lambda _: True)(value) for each in known):
        return None
    return f"must be of type {' or '.join(known)}"


def _invalid(found: Sequence[tuple[str, str]]) -> ValidationError:
    told = "; ".join(f"`{path}` {problem}" if path else problem for path, problem in found)
    return ValidationError(told, details={"path": found[0][0]} if found and found[0][0] else None)


def _path(place: Sequence[Any]) -> str:
    path = ""
    for step in place:
        path += f"[{step}]" if isinstance(step, int) else (f".{step}" if path else str(step))
    return path


def _untitled(schema: Any) -> Any:
    """Without titles, which say the names again: every byte is paid for in each model call."""
    if isinstance(schema, list):
        return [_untitled(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    bare = {key: _untitled(value) for key, value in schema.items() if not (key == "title" and isinstance(value, str))}
    # What is called `title` itself stays.
    if isinstance(schema.get("properties"), dict):
        bare["properties"] = {name: _untitled(value) for name, value in schema["properties"].items()}
    return bare
