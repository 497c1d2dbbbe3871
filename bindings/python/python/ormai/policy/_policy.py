"""A whole policy, and its documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .._record import Record
from . import _read as read
from ._model import ModelPolicy
from ._parts import NO_LIMITS, Budget, Part
from ._words import FieldAction, Word

if TYPE_CHECKING:
    import os

    from ._model import Written

_FORMATS = {".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json"}


class Policy(Part):
    """Which models an agent may touch, which fields it sees, and whose rows. What is not opened is closed.

    It is checked against the database when it is mounted; `PolicyInvalidError` then tells all that does
    not fit.

    Args:
        models: the open models by name.
        version: the author's own version, an integer or text of 1 to 64 bytes. By default 1.
        strict: whether permits that would be inferred are errors. By default they are not.
        default_field_action: what happens to fields that are not listed, `deny` (the default) or `allow`.
        roles: the roles that principals can have: any other that the policy names is reported.
        budget: limits for all models.

    Raises:
        TypeError: a keyword is not known, or a value is of another type.
        ValueError: a word is not known, or a number out of its range.

    >>> policy = Policy(models={"Order": ModelPolicy(fields={"id": "allow"}, scoping={})})
    >>> policy.to_dict()
    {'models': {'Order': {'fields': {'id': 'allow'}, 'scoping': {}}}}
    >>> Policy.from_dict(policy.to_dict()) == policy
    True
    """

    __slots__ = ("budget", "default_field_action", "models", "roles", "strict", "version")
    version: str | int | None
    strict: bool | None
    default_field_action: FieldAction | None
    roles: tuple[str, ...] | None
    budget: Budget
    models: Mapping[str, ModelPolicy]

    _readers: ClassVar[dict[str, read.Reader]] = {
        "version": read.version,
        "strict": read.flag,
        "default_field_action": read.word(FieldAction, (FieldAction.Allow, FieldAction.Deny)),
        "roles": read.many(read.text),
        "budget": read.record(Budget),
        "models": read.named(read.record(ModelPolicy)),
    }
    _untold: ClassVar[Mapping[str, object]] = {"budget": NO_LIMITS}

    def __init__(
        self,
        models: Mapping[str, ModelPolicy | Written],
        *,
        version: str | int | None = None,
        strict: bool | None = None,
        default_field_action: FieldAction | str | None = None,
        roles: Iterable[str] | None = None,
        budget: Budget | Written | None = None,
    ) -> None:
        self._read(locals(), "models")

    def to_dict(self) -> dict[str, Any]:
        """The policy document, as JSON has it; equal policies give equal documents."""
        return document(self)

    def to_json(self, *, indent: int | None = None) -> str:
        """The policy document as JSON."""
        from json import dumps

        return dumps(self.to_dict(), ensure_ascii=False, indent=indent)

    def to_yaml(self) -> str:
        """The policy document as YAML, without comments.

        >>> print(Policy({"Order": {"fields": {"id": "allow"}, "scoping": {}}}).to_yaml(), end="")
        models:
          Order:
            fields:
              id: allow
            scoping: {}
        """
        from ._yaml import written

        return written(self.to_dict())

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> Policy:
        """A policy from its document.

        Raises:
            TypeError: a key is not known, or a value is of another type.
            ValueError: a word is not known, or a number out of its range.
        """
        if not isinstance(written, Mapping):
            raise TypeError(f"a policy must be a mapping, and this is {type(written).__name__}")
        if "models" not in written:
            raise TypeError("the policy lacks `models`")
        return read.made(cls, written, "policy")

    @classmethod
    def from_yaml(cls, text: str) -> Policy:
        """A policy from YAML.

        Raises:
            PolicyInvalidError: it cannot be read; every finding tells its place.
        """
        return cls._parsed(text, "yaml")

    @classmethod
    def from_toml(cls, text: str) -> Policy:
        """A policy from TOML.

        Raises:
            PolicyInvalidError: it cannot be read; every finding tells its place.
        """
        return cls._parsed(text, "toml")

    @classmethod
    def from_json(cls, text: str) -> Policy:
        """A policy from JSON.

        Raises:
            PolicyInvalidError: it cannot be read; every finding tells its place.
        """
        return cls._parsed(text, "json")

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Policy:
        """A policy from a file, whose name ends in `.yaml`, `.yml`, `.toml` or `.json`.

        Raises:
            OSError: the file cannot be read.
            ValueError: its name does not say its format.
            PolicyInvalidError: the policy cannot be read; every finding tells its place.
        """
        return cls._parsed(*text_of_file(path))

    @classmethod
    def _parsed(cls, text: str, format: str) -> Policy:
        from json import loads

        from .._drive import told
        from .._native import policy_from_text
        from ..core.errors import PolicyInvalidError

        try:
            return cls.from_dict(loads(policy_from_text(text, format)))
        except Exception as error:
            failure = told(error)
            if isinstance(failure, PolicyInvalidError):
                raise failure.placed(text, is_file=True) from None
            raise failure from None


def text_of_file(path: str | os.PathLike[str]) -> tuple[str, str]:
    """The text of a policy's file, and its format.

    Raises:
        OSError: the file cannot be read.
        ValueError: its name does not say its format.
    """
    from pathlib import Path

    place = Path(path)
    format = _FORMATS.get(place.suffix.lower())
    if format is None:
        raise ValueError(f"the name of a policy's file ends in one of {', '.join(_FORMATS)}")
    return place.read_text(encoding="utf-8"), format


def document(part: Record) -> dict[str, Any]:
    """A part as the document has it, in its short form where it has one."""
    return {name: _written(value) for name, value in part._told()}


def _written(value: object) -> Any:
    if isinstance(value, Word):
        return str(value)
    if isinstance(value, Record):
        written = document(value)
        return written["action"] if written.keys() == {"action"} else written
    if isinstance(value, Mapping):
        return {name: _written(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_written(item) for item in value]
    return value
