"""From SQLAlchemy models and a policy to a toolset, in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    from .store import ApprovalStore, AuditStore
    from .tools import Toolset
    from .tools._mount import PolicyLike


def mount_sqlalchemy(
    engine: Engine | AsyncEngine,
    base: Any,
    policy: PolicyLike,
    *,
    audit_store: AuditStore | Iterable[AuditStore] | None = None,
    tools: Iterable[Any] = (),
    approvals: ApprovalStore | None = None,
    hash_key: str | bytes | None = None,
    cursor_secret: str | bytes | None = None,
    audit_options: Mapping[str, Any] | None = None,
    include: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    types: Mapping[type, Any] | None = None,
) -> Toolset:
    """Puts a policy in force on SQLAlchemy models.

    The models are read, and the database is asked with the first call whether its columns are theirs. Statements run
    where a context's `db` says: on a `Session`, `AsyncSession`, `Connection` or `AsyncConnection`, as a part of its
    transaction, or without one on a connection of the engine's, in a transaction of the call's own.

    What of the models the tools cannot offer is in `ormai.sqlalchemy.catalog_of(base, engine.dialect).left_out`.

        engine = create_engine("postgresql+psycopg://app@db.internal/shop")
        toolset = mount_sqlalchemy(engine, Base, policy)
        with Session(engine) as session:
            ctx = RunContext(principal=Principal(tenant_id="acme-corp"), db=session)
            page = toolset.sync.query(ctx, model="Order")

    Args:
        engine: the engine of the sessions, synchronous or not. It says the dialect, and what is without a session
            runs on its connections.
        base: a declarative base (also of automap, or `SQLModel`), a `registry`, or mapped classes, as a list or by the
            names that the models shall have.
        policy: a `Policy`, its document, or the path of its file.
        audit_store: where every call leaves its record, one of `ormai.store` or several. None: nowhere.
        tools: tools of the project's own.
        approvals: where writes wait for an approval, an `ApprovalStore`. None: what needs one is refused.
        hash_key: the secret behind `action: hash`, of at least 16 bytes.
        cursor_secret: the secret that seals cursors. By default they end with the process.
        audit_options: how the trail is kept, as of `ormai.connect`.
        include: names of the only models to take.
        exclude: names of models to leave away.
        types: what a column type of your own stores, where it would be unsupported: `{Money: "decimal"}`.

    Raises:
        CatalogError: the models make no catalog.
        SessionError: the engine's driver is not known.
        PolicyInvalidError: the policy does not load, or does not fit the models: with every finding.
        OrmAiError: a store cannot be opened, or a setting is not possible.
    """
    from functools import partial

    from .sqlalchemy import catalog_of, open_session
    from .sqlalchemy._believed import Believed
    from .sqlalchemy.drivers import driver_of
    from .tools._mount import over_host

    # Of an AsyncEngine, what is the same without an event loop.
    plain: Engine = getattr(engine, "sync_engine", engine)  # type: ignore[arg-type]
    driver_of(plain.dialect)
    schemas = plain.get_execution_options().get("schema_translate_map") or {}
    catalog = catalog_of(
        base, plain.dialect, include=include, exclude=exclude, types=types, schema_translate_map=schemas
    )
    believed = Believed(catalog)
    return over_host(
        catalog=catalog,
        dialect=plain.dialect.name,
        policy=policy,
        open_connection=partial(
            open_session,
            engine=engine,
            mappers=list(catalog.mappers.values()),
            schemas=schemas,
            has_hex_uuids=catalog.has_hex_uuids,
            believed=believed,
        ),
        decide=believed.decide,
        audit_store=audit_store,
        tools=tools,
        approvals=approvals,
        hash_key=hash_key,
        cursor_secret=cursor_secret,
        audit_options=audit_options,
    )
