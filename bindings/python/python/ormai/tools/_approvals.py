"""The writes that wait for somebody's word."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._drive import done, drive
from .._told import Told
from ._engine import Engine, reject_async

if TYPE_CHECKING:
    from typing import Literal

    from .._native import Context, Native, Running
    from ..core import RunContext

    Begin = Callable[[Native, Context], Running]
    # `list` is a method's name below.
    Listed = list["Approval"]
    Status = Literal["pending", "approved", "executed", "failed", "rejected", "expired", "void"]
    Asked = Status | Literal["all"]


class Approval(Told):
    """A write that waits for an approval, or waited for one.

    Attributes:
        id: its name.
        status: what became of it: pending, approved, executed, failed, rejected, expired or void.
        requested_at: when it was asked for.
        expires_at: from then on nobody can approve it.
        requester: who asked: `tenant_id`, `user_id`, `roles`. The write is made under this principal.
        policy_version: the policy that it was asked under. Under another one it is void.
        tool: the tool.
        model: the model.
        request: the tool's arguments, exactly as they will be used.
        preview: what the write would have done, as the requester may see it.
        decision: who decided: `tenant_id`, `user_id`, `at`, `note`; None before somebody has.
        outcome: what came of it once it was tried: `affected_count`, or `error`.
    """

    __slots__ = ()

    id: str
    status: Status
    requested_at: str
    expires_at: str
    requester: dict[str, Any]
    policy_version: str
    tool: str
    model: str
    request: dict[str, Any]
    preview: dict[str, Any]
    decision: dict[str, Any] | None
    outcome: dict[str, Any] | None


class Approvals:
    """What can be done about writes that wait. Who is asking comes from the context."""

    __slots__ = ("_engine",)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def list(
        self, ctx: RunContext, *, status: Asked | None = None, limit: int | None = None, before: str | None = None
    ) -> Listed:
        """The requests that one may decide about, and one's own, the newest first.

        Args:
            ctx: who is asking.
            status: what became of them. By default those that wait are told; `all` is all of them.
            limit: the most that are told.
            before: the id of an approval: only those that were asked for before it.

        Raises:
            ValueError: the status is not known.
            ValidationError: there can be no such id.
            DatabaseUnavailableError: the store does not answer; InternalError: there is none.
        """
        told = await self._asked(ctx, lambda native, at: native.pending(at, status=status, limit=limit, before=before))
        return [Approval(each) for each in told]

    async def show(self, ctx: RunContext, id: str) -> Approval:
        """One request that one may decide about, or one's own.

        Raises:
            RecordNotFoundError: there is none; the same for somebody else's.
        """
        return Approval(await self._asked(ctx, lambda native, at: native.show_approval(at, id)))

    async def approve(self, ctx: RunContext, id: str, *, note: str | None = None) -> Approval:
        """Says yes to a request, and makes the write under its requester.

        On a session of yours the write is made there, in the transaction that is open. Nobody knows yet whether that
        will be committed, so the request stays `approved`: `resume` afterwards finds that it was made, or makes it.

        Raises:
            RecordNotFoundError: there is none; the same for somebody else's.
            WriteNotAllowedError: it is one's own.
            ConflictError: it was decided before, has expired, or was made under another policy.
            OrmAiError: `retryable`: the same approver says yes again.
        """
        return Approval(await self._asked(ctx, lambda native, at: native.approve(at, id, note)))

    async def reject(self, ctx: RunContext, id: str, *, note: str | None = None) -> Approval:
        """Says no to a request.

        Raises:
            OrmAiError: as `approve`.
        """
        return Approval(await self._asked(ctx, lambda native, at: native.reject(at, id, note)))

    async def resume(self, ctx: RunContext, id: str) -> Approval:
        """Goes on with a request that was approved: after its session was committed, or after a crash. For operators:
        who may approve has been decided, and is not asked again.

        Raises:
            RecordNotFoundError: there is none.
            ConflictError: it was not approved, or cannot be made any more.
        """
        return Approval(await self._asked(ctx, lambda native, at: native.resume(at, id)))

    async def _asked(self, ctx: RunContext, begin: Begin) -> Any:
        from .._drive_async import closed
        from .._drive_async import drive as drive_async

        place = self._engine.place(ctx)
        running = begin(self._engine.native, place.context)
        try:
            return done(await drive_async(running, place.connection, self._engine.no_tool))
        finally:
            if place.is_own and place.connection is not None:
                await closed(place.connection)


class SyncApprovals:
    """The same for code without an event loop."""

    __slots__ = ("_engine",)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list(
        self, ctx: RunContext, *, status: Asked | None = None, limit: int | None = None, before: str | None = None
    ) -> Listed:
        """As `Approvals.list`."""
        told = self._asked(ctx, lambda native, at: native.pending(at, status=status, limit=limit, before=before))
        return [Approval(each) for each in told]

    def show(self, ctx: RunContext, id: str) -> Approval:
        """As `Approvals.show`."""
        return Approval(self._asked(ctx, lambda native, at: native.show_approval(at, id)))

    def approve(self, ctx: RunContext, id: str, *, note: str | None = None) -> Approval:
        """As `Approvals.approve`."""
        return Approval(self._asked(ctx, lambda native, at: native.approve(at, id, note)))

    def reject(self, ctx: RunContext, id: str, *, note: str | None = None) -> Approval:
        """As `Approvals.reject`."""
        return Approval(self._asked(ctx, lambda native, at: native.reject(at, id, note)))

    def resume(self, ctx: RunContext, id: str) -> Approval:
        """As `Approvals.resume`."""
        return Approval(self._asked(ctx, lambda native, at: native.resume(at, id)))

    def _asked(self, ctx: RunContext, begin: Begin) -> Any:
        place = self._engine.place(ctx)
        reject_async(place.connection)
        running = begin(self._engine.native, place.context)
        try:
            return done(drive(running, place.connection, self._engine.no_tool))
        finally:
            if place.is_own and place.connection is not None:
                place.connection.close()
