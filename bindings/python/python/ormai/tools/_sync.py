"""The tools, for programs without an event loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from .._drive import drive
from ..core.errors import PolicyInvalidError
from . import _requests as requests
from ._engine import Engine, outcome, reject_async
from ._listing import Listing
from ._results import AggregateResult, CallResult, DescribeResult, GetResult, QueryResult, WriteResult

if TYPE_CHECKING:
    from .._native import Running
    from ..core import RunContext
    from ._approvals import SyncApprovals
    from ._engine import Place
    from ._transaction import SyncTransaction

    Json = Mapping[str, Any]


class SyncToolset(Listing):
    """The tools for code without an event loop, `toolset.sync`: the methods of `Toolset`, which block.

    They take a `Session`, and refuse an `AsyncSession` with TypeError.
    """

    __slots__ = ()

    @property
    def approvals(self) -> SyncApprovals:
        """The writes that wait for somebody's word."""
        from ._approvals import SyncApprovals

        return SyncApprovals(self._engine)

    def query(
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
        """As `Toolset.query`."""
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
        return requests.query_result(self._called(ctx, "query", arguments))

    def get(
        self,
        ctx: RunContext,
        model: str,
        id: Any,
        *,
        select: Sequence[str] | None = None,
        include: Sequence[Json | str] | None = None,
        **unknown: NoReturn,
    ) -> GetResult:
        """As `Toolset.get`."""
        arguments = requests.asked(unknown, model=model, id=id, select=select, include=include)
        return requests.get_result(self._called(ctx, "get", arguments))

    def aggregate(
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
        """As `Toolset.aggregate`."""
        arguments = requests.asked(
            unknown,
            model=model,
            aggregations=aggregations,
            filters=filters,
            group_by=group_by,
            order=order,
            limit=limit,
        )
        return requests.aggregate_result(self._called(ctx, "aggregate", arguments))

    def describe_schema(self, ctx: RunContext, model: str | None = None, **unknown: NoReturn) -> DescribeResult:
        """As `Toolset.describe_schema`."""
        arguments = requests.asked(unknown, model=model)
        return requests.describe_result(self._called(ctx, "describe_schema", arguments))

    def create(
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
        """As `Toolset.create`."""
        arguments = requests.asked(
            unknown, model=model, data=data, reason=reason, idempotency_key=idempotency_key, dry_run=dry_run
        )
        return requests.write_result("create", arguments, self._called(ctx, "create", arguments))

    def update(
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
        """As `Toolset.update`."""
        arguments = requests.asked(
            unknown, model=model, id=id, data=data, reason=reason, idempotency_key=idempotency_key, dry_run=dry_run
        )
        return requests.write_result("update", arguments, self._called(ctx, "update", arguments))

    def delete(
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
        """As `Toolset.delete`."""
        arguments = requests.asked(
            unknown, model=model, id=id, reason=reason, idempotency_key=idempotency_key, dry_run=dry_run
        )
        return requests.write_result("delete", arguments, self._called(ctx, "delete", arguments))

    def bulk_update(
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
        """As `Toolset.bulk_update`."""
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
        return requests.write_result("bulk_update", arguments, self._called(ctx, "bulk_update", arguments))

    def call(self, ctx: RunContext, tool: str, arguments: Json | str | bytes | None = None) -> CallResult:
        """As `Toolset.call`."""
        return self._called(ctx, tool, {} if arguments is None else arguments)

    def transaction(self, ctx: RunContext) -> SyncTransaction:
        """As `Toolset.transaction`, with `with`."""
        from ._transaction import SyncTransaction

        return SyncTransaction(self._engine, ctx)

    def install(self, db: Any = None) -> list[str]:
        """As `Toolset.install`."""
        connection = self._engine.opened(db)
        if connection is None:
            made: list[str] = self._done(self._engine.native.install())
            return made
        reject_async(connection)
        try:
            return self._engine.make_tables(connection)
        finally:
            connection.close()

    def reload(self, policy: object) -> None:
        """As `Toolset.reload`."""
        from ._policy_text import PolicyText

        text = PolicyText(policy, has_hash_key=self._engine.policy.has_hash_key)
        try:
            self._done(self._engine.native.reload(text.text, text.format))
        except PolicyInvalidError as error:
            raise text.told(error) from None
        self._engine.policy = text

    def close(self) -> None:
        """Seals the audit trail and ends the toolset's own connections."""
        self._done(self._engine.native.close())

    def __enter__(self) -> SyncToolset:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def _called(self, ctx: RunContext, tool: str, arguments: Any) -> CallResult:
        place = self._engine.place(ctx)
        reject_async(place.connection)
        return called(self._engine, ctx, place, self._engine.running(place, tool, arguments))

    def _done(self, running: Running) -> Any:
        return drive(running, None, self._engine.no_tool)[1]


def called(engine: Engine, ctx: RunContext, place: Place, running: Running) -> CallResult:
    """What a call comes to."""
    try:
        return outcome(drive(running, place.connection, engine.call_tool(ctx, place.connection)))
    finally:
        if place.is_own and place.connection is not None:
            place.connection.close()
