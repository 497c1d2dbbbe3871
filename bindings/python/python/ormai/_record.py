"""Values that are read when they are made, and do not change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ._words import kind_of, reject_unknown

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Record", "plain"]

Value = TypeVar("Value")


class Record:
    """A value with named parts.

    Its parts are read once, when it is made; `replace` makes another one. Records are compared, hashed,
    copied and pickled by their parts, and `repr` shows the call that makes one.
    """

    __slots__ = ()

    _parts: ClassVar[tuple[str, ...]] = ()
    """The names of the parts, in the order of their printing."""

    _untold: ClassVar[Mapping[str, object]] = {}
    """By part, the value that says nothing, where that is not None."""

    if not TYPE_CHECKING:
        # Told here and not by Python, so that the nearest known name is told with it.
        def __new__(cls, *_arguments: object, **named: object) -> Record:
            reject_unknown(cls.__name__, named, cls._parts)
            return super().__new__(cls)

    def _fill(self, parts: Mapping[str, object]) -> None:
        for name in self._parts:
            object.__setattr__(self, name, parts[name])

    def _told(self) -> Iterator[tuple[str, Any]]:
        """The parts that something is said about."""
        for name in self._parts:
            value = getattr(self, name)
            if value is not None and value != self._untold.get(name):
                yield name, value

    def replace(self, **changes: Any) -> Self:
        """The same with other parts.

        Raises:
            TypeError: a part is not known, or of another type.
            ValueError: a part is not one of the known words, or out of its range.
        """
        parts = {name: plain(value) for name, value in self._told()}
        return type(self)(**{**parts, **changes})

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} does not change: make another one with `replace({name}=…)`")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a {type(self).__name__} does not change: make another one with `replace({name}=None)`")

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in self._told())
        return f"{type(self).__name__}({shown})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(_same(getattr(self, name), getattr(other, name)) for name in self._parts)

    def __hash__(self) -> int:
        return hash((type(self), *(_hashable(getattr(self, name)) for name in self._parts)))

    def __copy__(self) -> Self:
        return self

    # Pickles name the class and its parts, and nothing else of the package.
    def __getstate__(self) -> dict[str, Any]:
        return {name: plain(value) for name, value in self._told()}

    def __setstate__(self, parts: dict[str, Any]) -> None:
        type(self).__init__(self, **parts)


def published(module: str, *kinds: type) -> None:
    """Says where kinds are imported from, so that pickles and messages do not name the file that they are in."""
    for kind in kinds:
        kind.__module__ = module


def _same(one: object, other: object) -> bool:
    # `1`, `1.0` and `True` are three values in a policy.
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    if isinstance(one, (bool, int, float)):
        return type(one) is type(other) and one == other
    return one == other


def _hashable(value: object) -> object:
    if isinstance(value, Mapping):
        return frozenset((name, _hashable(item)) for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(_hashable(item) for item in value)
    return value


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name!r}: {_shown(item)}" for name, item in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    return repr(value)


def plain(value: object) -> Any:
    """Containers of a record as those that Python copies and pickles."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def frozen(items: Iterable[tuple[str, Value]]) -> Mapping[str, Value]:
    """A mapping that does not change."""
    return MappingProxyType(dict(items))


def wrong_type(path: str, expected: str, value: object) -> TypeError:
    """What is raised for a value of another type."""
    return TypeError(f"`{path}` must be {expected}, and this is {kind_of(value)}")
