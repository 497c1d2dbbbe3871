"""The tools, for programs with an event loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from ..core.errors import PolicyInvalidError
from . import _requests as requests
from ._engine import Engine, outcome
from ._listing import Listing
from ._results import AggregateResult, CallResult, DescribeResult, GetResult, QueryResult, WriteResult

if TYPE_CHECKING:
    from .._native import Running
    from ..core import RunContext
    from ._approvals import Approvals
    from ._engine import Place
    from ._sync import SyncToolset
    from ._transaction import Transaction

    Json = Mapping[str, Any]


class Toolset(Listing):
    """The tools: each takes who is asking and what for, and keyword arguments as the request's fields.

    `ormai.quickstart.mount_sqlalchemy` and `ormai.connect` make one. Its methods are awaited; `sync` has the same
    ones for code without an event loop. A refusal is raised, so that it cannot be overlooked; each
    method's own page of errors is that of the tool in the reference.

    Statements run where the context says: on the caller's own `Session` or `AsyncSession`, or on the
    toolset's connections.
    """

    __slots__ = ("_sync",)

    _sync: SyncToolset | None

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._sync = None

    @property
    def sync(self) -> SyncToolset:
        """The same tools for code without an event loop: `toolset.sync.query(ctx, model="Order")`."""
        if self._sync is None:
            from ._sync import SyncToolset

            self._sync = SyncToolset(self._engine)
        return self._sync

    @property
    def approvals(self) -> Approvals:
        """The writes that wait for somebody's word."""
        from ._approvals import Approvals

        return Approvals(self._engine)

    async def query(
        self,
        ctx: RunContext,
        model: str,
        *,
        filters: Sequence[Json] | None = None,
        select: Sequence[str] | None = None,
        order: Sequence[Json] | None = None,
        include: Sequence[Json | str] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        with_total: bool | None = None,
        **unknown: NoReturn,
    ) -> QueryResult:
        """Rows of a model, page by page.

        Args:
            ctx: who is asking, and where statements run.
            model: the model.
            filters: what all rows satisfy, such as `{"field": "status", "op": "eq", "value": "pending"}`.
            select: the fields to return. By default every open field.
            order: such as `{"field": "created_at", "direction": "desc"}`. By default by primary key.
            include: related rows to return with each row, such as `{"relation": "user"}`.
            limit: the most rows. By default the smaller of 50 and the budget.
            cursor: `next_cursor` of the page before, with the same request.
            with_total: whether to count the rows of all pages.

        Raises:
            ValidationError: the request is not well formed, or an argument is not known.
            ModelNotAllowedError: the model does not exist or is not open; likewise
                FieldNotAllowedError and RelationNotAllowedError.
            TenantScopeRequiredError: the principal has no tenant; likewise PrincipalIncompleteError.
            QueryBudgetExceededError: more is asked for than the policy's budget; likewise QueryTooBroadError.
            InvalidCursorError: the cursor is not one of this request.
            TimeoutError: the statement took too long.
            AuditUnavailableError: the call cannot be recorded; DatabaseUnavailableError, InternalError.
        """
        arguments = requests.asked(
            unknown,
            model=model,
            filters=filters,
            select=select,
            order=order,
            include=include,
            limit=limit,
            cursor=cursor,
            with_total=with_total,
        )
        return requests.query_result(await self._called(ctx, "query", arguments))

    async def get(
        self,
        ctx: RunContext,
        model: str,
        id: Any,
        *,
        select: Sequence[str] | None = None,
        include: Sequence[Json | str] | None = None,
        **unknown: NoReturn,
    ) -> GetResult:
        """One row by its key: a scalar, or a mapping with every part of a composite key.

        Raises:
            RecordNotFoundError: there is no such row for this principal.
            OrmAiError: as `query`.
        """
        arguments = requests.asked(unknown, model=model, id=id, select=select, include=include)
        return requests.get_result(await self._called(ctx, "get", arguments))

    async def aggregate(
        self,
        ctx: RunContext,
        model: str,
        aggregations: Sequence[Json],
        *,
        filters: Sequence[Json] | None = None,
        group_by: Sequence[str] | None = None,
        order: Sequence[Json] | None = None,
        limit: int | None = None,
        **unknown: NoReturn,
    ) -> AggregateResult:
        """Figures over the rows that the principal may see.

        Args:
            ctx: who is asking, and where statements run.
            model: the model.
            aggregations: such as `{"function": "sum", "field": "total", "alias": "revenue"}`.
            filters: as in `query`.
            group_by: the fields to group by.
            order: fields of groups and aliases.
            limit: the most groups.

        Raises:
            AggregationNotAllowedError: the aggregation is not open on this field.
            OrmAiError: as `query`.
        """
        arguments = requests.asked(
            unknown,
            model=model,
            aggregations=aggregations,
            filters=filters,
            group_by=group_by,
            order=order,
            limit=limit,
        )
        return requests.aggregate_result(await self._called(ctx, "aggregate", arguments))

    async def describe_schema(self, ctx: RunContext, model: str | None = None, **unknown: NoReturn) -> DescribeResult:
        """What exists for the principal: models, fields, relations, writes and limits.

        Raises:
            ModelNotAllowedError: the model does not exist or is not open.
            OrmAiError: as `query`.
        """
        arguments = requests.asked(unknown, model=model)
        return requests.describe_result(await self._called(ctx, "describe_schema", arguments))

    async def create(
        self,
        ctx: RunContext,
        model: str,
        data: Json,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
        dry_run: bool | None = None,
        **unknown: NoReturn,
    ) -> WriteResult:
        """A new row.

        Args:
            ctx: who is asking, and where statements run.
            model: the model.
            data: fields and their values; None sets a field to NULL.
            reason: why; some policies want one.
            idempotency_key: under one key the write is made once, however often it is sent.
            dry_run: whether to tell what would happen, and change nothing.

        Raises:
            WriteNotAllowedError: the policy does not open this write, or the row fails its check.
            ValidationError: the request or a value does not fit, or something required is missing.
            ConflictError: a stored row or another change is in the way.
            ApprovalRequiredError: it needs an approval that nobody could give.
            OrmAiError: as `query`. In every case nothing was written.
        """
        arguments = requests.asked(
            unknown, model=model, data=data, reason=reason, idempotency_key=idempotency_key, dry_run=dry_run
        )
        return requests.write_result("create", arguments, await self._called(ctx, "create", arguments))

    async def update(
        self,
        ctx: RunContext,
        model: str,
        id: Any,
        data: Json,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
        dry_run: bool | None = None,
        **unknown: NoReturn,
    ) -> WriteResult:
        """Other values in one row, which its key names as in `get`.

        Raises:
            RecordNotFoundError: there is no such row that this principal may see and change.
            OrmAiError: as `create`.
        """
        arguments = requests.asked(
            unknown, model=model, id=id, data=data, reason=reason, idempotency_key=idempotency_key, dry_run=dry_run
        )
        return requests.write_result("update", arguments, await self._called(ctx, "update", arguments))

    async def delete(
        self,
        ctx: RunContext,
        model: str,
        id: Any,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
        dry_run: bool | None = None,
        **unknown: NoReturn,
    ) -> WriteResult:
        """One row less. Under `soft_delete` it is marked as deleted.

        Raises:
            RecordNotFoundError: there is no such row that this principal may see and delete.
            OrmAiError: as `create`.
        """
        arguments = requests.asked(
            unknown, model=model, id=id, reason=reason, idempotency_key=idempotency_key, dry_run=dry_run
        )
        return requests.write_result("delete", arguments, await self._called(ctx, "delete", arguments))

    async def bulk_update(
        self,
        ctx: RunContext,
        model: str,
        data: Json,
        *,
        filters: Sequence[Json] | None = None,
        ids: Iterable[Any] | None = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
        dry_run: bool | None = None,
        **unknown: NoReturn,
    ) -> WriteResult:
        """The same values in several rows, which either `filters` or `ids` name: all of them, or none.

        Raises:
            MaxAffectedRowsExceededError: more rows would change than one write may.
            OrmAiError: as `create`.
        """
        arguments = requests.asked(
            unknown,
            model=model,
            data=data,
            filters=filters,
            ids=None if ids is None else list(ids),
            reason=reason,
            idempotency_key=idempotency_key,
            dry_run=dry_run,
        )
        return requests.write_result("bulk_update", arguments, await self._called(ctx, "bulk_update", arguments))

    async def call(self, ctx: RunContext, tool: str, arguments: Json | str | bytes | None = None) -> CallResult:
        """Calls a tool by its name, one of the project's own as well. For language models: a refusal is an
        outcome and is never raised.

        Args:
            ctx: who is asking, and where statements run.
            tool: the name of the tool.
            arguments: its arguments, or their JSON as a model has written it.
        """
        return await self._called(ctx, tool, {} if arguments is None else arguments)

    def transaction(self, ctx: RunContext) -> Transaction:
        """Groups calls: all that they write is kept, or nothing of it.

            async with toolset.transaction(ctx) as tx:
                order = await toolset.create(tx, model="Order", data={"status": "pending"})
                await toolset.create(tx, model="OrderItem", data={"sku": "A-1"})

        Inside, calls are made in the context that it gives. It is committed at the end of the block, and
        rolled back when an exception leaves it. A write that is refused leaves nothing of itself and does
        not end the transaction, if its exception is caught inside. In a transaction of the caller's it is a
        savepoint.

        Raises:
            ConflictError: it cannot be committed.
            OrmAiError: it cannot be begun, or be recorded.
        """
        from ._transaction import Transaction

        return Transaction(self._engine, ctx)

    async def install(self, db: Any = None) -> list[str]:
        """Makes the project's own tables where they are missing: the ledger of idempotency keys and approvals.
        `own_tables` has the statements for migrations.

        Args:
            db: a session to make them on, which you commit. By default a connection of the toolset's engine.

        Returns:
            The names of the tables.

        Raises:
            OrmAiError: the database does not make them.
        """
        from .._drive_async import closed

        connection = self._engine.opened(db)
        if connection is None:
            made: list[str] = await self._done(self._engine.native.install())
            return made
        try:
            if not connection.is_async:
                return self._engine.make_tables(connection)
            made = await connection.run_sync(self._engine.make_tables, connection)
            return made
        finally:
            await closed(connection)

    async def reload(self, policy: object) -> None:
        """Puts another policy in force. Calls under way end under the one they began with.

        Raises:
            PolicyInvalidError: it does not load; the old one stays.
            AuditUnavailableError: it cannot be recorded.
        """
        from ._policy_text import PolicyText

        text = PolicyText(policy, has_hash_key=self._engine.policy.has_hash_key)
        try:
            if self._engine.decide is not None:
                self._engine.decide(text.document())
            await self._done(self._engine.native.reload(text.text, text.format))
        except PolicyInvalidError as error:
            raise text.told(error) from None
        self._engine.policy = text

    async def aclose(self) -> None:
        """Seals the audit trail and ends the toolset's own connections."""
        await self._done(self._engine.native.close())

    async def __aenter__(self) -> Toolset:
        return self

    async def __aexit__(self, *_raised: object) -> None:
        await self.aclose()

    async def _called(self, ctx: RunContext, tool: str, arguments: Any) -> CallResult:
        place = self._engine.place(ctx)
        return await called(self._engine, ctx, place, self._engine.running(place, tool, arguments))

    async def _done(self, running: Running) -> Any:
        from .._drive_async import drive

        return (await drive(running, None, self._engine.no_tool))[1]


async def called(engine: Engine, ctx: RunContext, place: Place, running: Running) -> CallResult:
    """What a call comes to."""
    from .._drive_async import closed, drive

    try:
        return outcome(await drive(running, place.connection, engine.call_tool(ctx, place.connection)))
    finally:
        if place.is_own and place.connection is not None:
            await closed(place.connection)
