"""Reading the parts of a policy: what is not of its type is refused where it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from math import isfinite
from typing import Any, TypeVar

from .._record import Record, frozen, wrong_type
from .._words import help_for

Reader = Callable[[object, str], object]
Made = TypeVar("Made", bound=Record)

MOST = 2**32 - 1
"""The greatest count that a policy holds."""


def flag(value: object, path: str) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    raise wrong_type(path, "True or False", value)


def text(value: object, path: str) -> str:
    """Text."""
    if not isinstance(value, str):
        raise wrong_type(path, "text", value)
    spelled = str(value.value) if isinstance(value, Enum) else value
    if any("\ud800" <= char <= "\udfff" for char in spelled):
        raise ValueError(f"`{path}` has half a character in it, which cannot be written")
    return spelled


def version(value: object, path: str) -> str | int:
    """An integer, or text of 1 to 64 bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return literal_int(value, path)
    if isinstance(value, str):
        spelled = text(value, path)
        if not 1 <= len(spelled.encode()) <= 64:
            raise ValueError(f"`{path}` must have from 1 to 64 bytes")
        return spelled
    raise wrong_type(path, "an integer or text", value)


def count(least: int) -> Reader:
    """A whole number."""

    def read(value: object, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(path, "a whole number", value)
        if not least <= value <= MOST:
            raise ValueError(f"`{path}` must be from {least} to {MOST}")
        return int(value)

    return read


def literal_int(value: int, path: str) -> int:
    """An integer as databases hold them."""
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"`{path}` must be an integer of 64 bits")
    return int(value)


def literal(value: object, path: str) -> str | int | float | bool:
    """An expression (`principal.tenant_id`, `'acme'`, `now()`) or a literal."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return literal_int(value, path)
    if isinstance(value, float):
        if not isfinite(value):
            raise ValueError(f"`{path}` must be a finite number")
        return float(value)
    if isinstance(value, str):
        return text(value, path)
    raise wrong_type(path, "an expression or a literal", value)


def word(known: type[Enum], only: Iterable[Enum] | None = None) -> Reader:
    """One of a few words."""
    words = {str(each.value): each for each in (known if only is None else only)}

    def read(value: object, path: str) -> Enum:
        if not isinstance(value, str):
            raise wrong_type(path, f"one of {', '.join(words)}", value)
        spelled = text(value, path)
        if spelled not in words:
            raise ValueError(f"`{path}` cannot be `{spelled[:64]}`: {help_for(spelled, words)}")
        return words[spelled]

    return read


def only(spelling: str) -> Reader:
    """One word, and no other."""

    def read(value: object, path: str) -> str:
        if not isinstance(value, str):
            raise wrong_type(path, f"`{spelling}`", value)
        if value != spelling:
            raise ValueError(f"`{path}` cannot be `{value[:64]}`: known: {spelling}")
        return spelling

    return read


def many(item: Reader) -> Reader:
    """A list."""

    def read(value: object, path: str) -> tuple[object, ...]:
        # Text is a sequence as well, of its letters.
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            raise wrong_type(path, "a list", value)
        return tuple(item(each, f"{path}[{at}]") for at, each in enumerate(value))

    return read


def named(item: Reader) -> Reader:
    """A mapping of names."""

    def read(value: object, path: str) -> Mapping[str, object]:
        if not isinstance(value, Mapping):
            raise wrong_type(path, "a mapping", value)
        for name in value:
            if not isinstance(name, str):
                raise TypeError(f"the names in `{path}` must be text")
        return frozen((text(name, path), item(each, f"{path}[{name!r}]")) for name, each in value.items())

    return read


def record(kind: type[Made], short: Callable[[object], dict[str, object] | None] = lambda _: None) -> Reader:
    """A part of the policy, as itself, as the mapping that the document has, or in its short form."""

    def read(value: object, path: str) -> Made:
        if type(value) is kind:
            return value
        parts = short(value)
        if parts is None:
            if not isinstance(value, Mapping):
                raise wrong_type(path, f"a {kind.__name__}", value)
            parts = dict(value)
        return made(kind, parts, path)

    return read


def made(kind: type[Made], parts: Mapping[Any, Any], path: str) -> Made:
    """A part of the policy from its mapping, with the place of what is wrong in it."""
    for name, value in parts.items():
        if not isinstance(name, str):
            raise TypeError(f"the keys of `{path}` must be text")
        if value is None:
            raise TypeError(f"`{path}` has nothing behind `{name}`: leave the key out")
    try:
        return kind(**parts)
    except TypeError as error:
        raise TypeError(f"{path}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
