"""Calls that an agent's library makes."""

from __future__ import annotations

from asyncio import Lock
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from threading import Lock as ThreadLock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..core import RunContext
    from ..tools import CallResult, Toolset


class Calls:
    """The calls of one principal: one at a time on a session, which is no place for two at once."""

    __slots__ = ("_alone", "_alone_in_threads", "_ctx", "_toolset")

    def __init__(self, toolset: Toolset, ctx: RunContext) -> None:
        self._toolset = toolset
        self._ctx = ctx
        shares = ctx.db is not None
        self._alone: AbstractAsyncContextManager[Any] = Lock() if shares else nullcontext()
        self._alone_in_threads: AbstractContextManager[Any] = ThreadLock() if shares else nullcontext()

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> CallResult:
        """Calls a tool."""
        async with self._alone:
            return await self._toolset.call(self._ctx, tool, arguments)

    def call_sync(self, tool: str, arguments: Mapping[str, Any]) -> CallResult:
        """Calls a tool and blocks."""
        with self._alone_in_threads:
            return self._toolset.sync.call(self._ctx, tool, arguments)
