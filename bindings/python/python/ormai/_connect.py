"""A policy mounted on a database by its URL, over connections of the engine's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .core.errors import PolicyInvalidError
from .tools import Toolset
from .tools._engine import Engine
from .tools._mount import begun, no_tool, settings, stores_of
from .tools._policy_text import PolicyText

if TYPE_CHECKING:
    from ._native import Running, Store
    from .store import ApprovalStore, AuditStore
    from .tools._mount import PolicyLike


async def connect(
    url: str,
    policy: PolicyLike,
    *,
    audit_store: AuditStore | Iterable[AuditStore] | None = None,
    tools: Iterable[Any] = (),
    approvals: ApprovalStore | None = None,
    hash_key: str | bytes | None = None,
    cursor_secret: str | bytes | None = None,
    audit_options: Mapping[str, Any] | None = None,
    catalog: str | Mapping[str, Any] | None = None,
    **options: Any,
) -> Toolset:
    """Connects to a database, reads its schema and puts a policy in force. SQLAlchemy is not needed.

        async with await ormai.connect("postgres://app@db.internal/shop", "policy.yaml") as toolset:
            page = await toolset.query(RunContext(principal), model="Order")

    Args:
        url: `sqlite:path`, `postgres://user@host/name` or `mysql://user@host/name`.
        policy: a `Policy`, its document, or the path of its file.
        audit_store: where every call leaves its record, one of `ormai.store` or several. None: nowhere.
        tools: tools of the project's own.
        approvals: where writes wait for an approval, one of `ormai.store`. None: they are refused.
        hash_key: the secret behind `action: hash`, of at least 16 bytes.
        cursor_secret: the secret that seals cursors. By default they end with the process.
        audit_options: of the trail: the secrets `mac_key`, of at least 16 bytes, and `signing_key`, 64 hexadecimal
            digits; `checkpoint_every`, `checkpoint_after_ms`, `checkpoint_copies`.
        catalog: the catalog, where the database is not to be read.
        options: `max_connections`, `acquire_timeout_ms`, `statement_timeout_ms`, `read_only`; and of reading the schema
            `schemas`, `include_views`, `model_names`, `relation_names`.

    Raises:
        PolicyInvalidError: the policy does not load, or does not fit the database: with every finding.
        DatabaseUnavailableError: the database cannot be reached.
        OrmAiError: a store cannot be opened, or a setting is not possible.
    """
    from ._drive_async import drive

    text = PolicyText(policy, has_hash_key=hash_key is not None)
    stores = [await store.opened() for store in stores_of(audit_store)]
    told, named = settings(tools, hash_key, cursor_secret, audit_options)
    try:
        told["approvals"] = None if approvals is None else await approvals.opened()
        running = _connecting(url, text, catalog, options, stores, told)
        native = (await drive(running, None, no_tool))[1]
    except PolicyInvalidError as error:
        raise text.told(error) from None
    return Toolset(Engine(native, None, named, text))


def connect_sync(
    url: str,
    policy: PolicyLike,
    *,
    audit_store: AuditStore | Iterable[AuditStore] | None = None,
    tools: Iterable[Any] = (),
    approvals: ApprovalStore | None = None,
    hash_key: str | bytes | None = None,
    cursor_secret: str | bytes | None = None,
    audit_options: Mapping[str, Any] | None = None,
    catalog: str | Mapping[str, Any] | None = None,
    **options: Any,
) -> Toolset:
    """As `connect`, and blocks. Of the toolset, `sync` is for code without an event loop."""
    from ._drive import drive

    text = PolicyText(policy, has_hash_key=hash_key is not None)
    stores: list[Store] = [store.opened_sync() for store in stores_of(audit_store)]
    told, named = settings(tools, hash_key, cursor_secret, audit_options)
    try:
        told["approvals"] = None if approvals is None else approvals.opened_sync()
        native = drive(_connecting(url, text, catalog, options, stores, told), None, no_tool)[1]
    except PolicyInvalidError as error:
        raise text.told(error) from None
    return Toolset(Engine(native, None, named, text))


def _connecting(
    url: str,
    policy: PolicyText,
    catalog: str | Mapping[str, Any] | None,
    options: dict[str, Any],
    stores: list[Store],
    told: Mapping[str, Any],
) -> Running:
    from json import dumps

    from ._native import Native

    return begun(
        Native.connect,
        url=url,
        policy=policy.text,
        policy_format=policy.format,
        catalog=catalog if catalog is None or isinstance(catalog, str) else dumps(catalog),
        options=options,
        stores=stores,
        **told,
    )
