"""OrmAI: agents on a database, each held to a policy.

A principal, a policy and a request become a scoped, parameterised query, a redacted answer and an audit
record. `ormai.quickstart.mount_sqlalchemy` mounts a policy on SQLAlchemy models, `ormai.connect` on a database
by its URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._connect import connect as connect
    from ._connect import connect_sync as connect_sync
    from .core import OrmAiError as OrmAiError
    from .core import Principal as Principal
    from .core import RunContext as RunContext
    from .policy import Policy as Policy
    from .tools import Toolset as Toolset

    __version__: str

# By name, where it is: nothing is imported before it is used.
_PLACES = {
    "connect": "._connect",
    "connect_sync": "._connect",
    "OrmAiError": ".core",
    "Principal": ".core",
    "RunContext": ".core",
    "Policy": ".policy",
    "Toolset": ".tools",
}
_MODULES = ("core", "eval", "policy", "quickstart", "sqlalchemy", "store", "tools")

__all__ = ["OrmAiError", "Policy", "Principal", "RunContext", "Toolset", "connect", "connect_sync"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    place = _PLACES.get(name)
    if place is not None:
        value = getattr(import_module(place, __name__), name)
    elif name in _MODULES:
        value = import_module(f".{name}", __name__)
    elif name == "__version__":
        from importlib.metadata import version

        value = version("ormai")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES, *_MODULES, "__version__"})
