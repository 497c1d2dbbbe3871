"""What the engine tells, as a dict whose values are attributes as well."""

from __future__ import annotations

from typing import Any


class Told(dict[str, Any]):
    """A dict as JSON has it; `told.id` is `told["id"]`."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no `{name}`") from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict.__repr__(self)})"
