"""From a policy and a database to a toolset."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .._drive import drive
from .._drive import told as as_exception
from ..core.errors import PolicyInvalidError
from ._domain import as_told, by_name
from ._engine import Engine, Opening
from ._policy_text import PolicyText as PolicyText
from ._toolset import Toolset

if TYPE_CHECKING:
    import os

    from .._native import Running
    from ..policy import Policy
    from ..store import ApprovalStore, AuditStore

    PolicyLike = Policy | Mapping[str, Any] | str | os.PathLike[str]
    """A policy, its document, or the path of its file."""


def stores_of(given: AuditStore | Iterable[AuditStore] | None) -> list[AuditStore]:
    """The audit stores, of which there may be several."""
    from ..store import AuditStore

    if given is None:
        return []
    stores = [given] if isinstance(given, AuditStore) else list(given)
    for store in stores:
        if not isinstance(store, AuditStore):
            raise TypeError(f"an audit store is one of those in `ormai.store`, and not {type(store).__name__}")
    return stores


def settings(
    tools: Iterable[Any],
    hash_key: str | bytes | None,
    cursor_secret: str | bytes | None,
    audit_options: Mapping[str, Any] | None,
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """What every way to mount tells the engine, and the tools by their names."""
    named = by_name(tools)
    told = {
        "tools": [as_told(tool) for tool in named.values()],
        "hash_key": _secret(hash_key),
        "cursor_secret": _secret(cursor_secret),
        "audit": None if audit_options is None else _options(audit_options),
    }
    return told, named


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    options = dict(given)
    if isinstance(options.get("mac_key"), str):
        options["mac_key"] = _secret(options["mac_key"])
    return options


def _secret(given: str | bytes | None) -> bytes | None:
    return given.encode() if isinstance(given, str) else given


def no_tool(name: str, _arguments: Any, _context: Any) -> Any:
    """No tool is called before anything is mounted."""
    raise RuntimeError(f"the tool `{name}` was called before it was mounted")


def begun(begin: Callable[..., Running], **settings: Any) -> Running:
    """Begins to set something up."""
    try:
        return begin(**settings)
    except Exception as error:
        raise as_exception(error) from None


def set_up(begin: Callable[..., Running], **settings: Any) -> Any:
    """Sets something up. Blocks."""
    return drive(begun(begin, **settings), None, no_tool)[1]


def over_host(
    *,
    catalog: str | Mapping[str, Any],
    dialect: str,
    policy: PolicyLike,
    open_connection: Opening,
    decide: Callable[[Mapping[str, Any]], None] | None = None,
    audit_store: AuditStore | Iterable[AuditStore] | None = None,
    tools: Iterable[Any] = (),
    approvals: ApprovalStore | None = None,
    hash_key: str | bytes | None = None,
    cursor_secret: str | bytes | None = None,
    audit_options: Mapping[str, Any] | None = None,
) -> Toolset:
    """Mounts a policy on connections that the host drives. Blocks for as long as the audit stores need.

    Raises:
        PolicyInvalidError: the policy does not load, or does not fit the catalog: with every finding.
        OrmAiError: a store cannot be opened, or a setting is not possible.
        TypeError, ValueError: the policy or a tool is none.
    """
    from json import dumps

    from .._native import Native

    text = PolicyText(policy, has_hash_key=hash_key is not None)
    stores = [store.opened_sync() for store in stores_of(audit_store)]
    told, named = settings(tools, hash_key, cursor_secret, audit_options)
    try:
        native = set_up(
            Native.over_host,
            catalog=catalog if isinstance(catalog, str) else dumps(catalog),
            dialect=dialect,
            policy=text.text,
            policy_format=text.format,
            stores=stores,
            approvals=None if approvals is None else approvals.opened_sync(),
            **told,
        )
    except PolicyInvalidError as error:
        raise text.told(error) from None
    if decide is not None:
        decide(text.document())
    return Toolset(Engine(native, open_connection, named, text, decide))
