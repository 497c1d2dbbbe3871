"""Recorded calls, and those that are made again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .._told import Told
from ..tools._toolset import Toolset
from ._driving import awaited, blocked, engine_of, native_of

if TYPE_CHECKING:
    import os

    from typing_extensions import Self

    from .._native import Context, Native, Running
    from .._native import Recorder as NativeRecorder
    from .._native import Recording as NativeRecording
    from ..core import Principal, RunContext
    from ._driving import Begin


class Recording:
    """Calls with how they ended. Values of tenants are among what callers asked; the file is to be kept as such."""

    __slots__ = ("_native",)

    def __init__(self, native: NativeRecording) -> None:
        self._native = native

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Reads a file of calls, also one of `ormai eval record`.

        Raises:
            OSError: it cannot be read.
            ValidationError: it is none, with the line.
        """
        from os import fspath

        from .._drive import told
        from .._native import Recording as NativeRecording

        try:
            return cls(NativeRecording.load(fspath(path)))
        except Exception as error:
            raise told(error) from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a file of calls, which must not be there yet. On Unix only its owner may read it.

        Raises:
            OSError: it cannot be written.
        """
        from os import fspath

        self._native.save(fspath(path))

    @property
    def has_answers(self) -> bool:
        """Whether the answers stand in it."""
        return self._native.has_data

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls: `{"principal", "tool", "arguments", "now", "outcome", …}`."""
        return self._native.calls()

    def __len__(self) -> int:
        return len(self._native)

    def __repr__(self) -> str:
        return f"<Recording of {len(self)} calls>"


def load(path: str | os.PathLike[str]) -> Recording:
    """As `Recording.load`."""
    return Recording.load(path)


class Recorder:
    """Writes down what a toolset is asked; it answers as it always does.

        recorder = Recorder(toolset)
        await recorder.toolset.query(ctx, model="Order")
        recorder.save("calls.jsonl")

    Args:
        toolset: the toolset. What is asked of it, and not of the recorder's, is not recorded.
        answers: whether to keep the answers too: they are tenants' data.
    """

    __slots__ = ("_native", "toolset")

    toolset: Toolset
    """The toolset whose calls are recorded."""

    def __init__(self, toolset: Toolset, *, answers: bool = False) -> None:
        from .._native import Recorder as NativeRecorder

        engine = engine_of(toolset)
        native = native_of(engine)
        self._native = NativeRecorder(native, answers=answers)
        self.toolset = Toolset(engine.through(_Recorded(native, self._native)))

    def recording(self) -> Recording:
        """What was recorded up to now."""
        return Recording(self._native.recording())

    def save(self, path: str | os.PathLike[str]) -> None:
        """As `Recording.save`."""
        self.recording().save(path)

    def __len__(self) -> int:
        return len(self._native)

    def __repr__(self) -> str:
        return f"<Recorder of {len(self)} calls>"


class _Recorded:
    """The engine, whose calls go through a recorder."""

    __slots__ = ("_recorder", "native")

    def __init__(self, native: Native, recorder: NativeRecorder) -> None:
        self.native = native
        self._recorder = recorder

    def call(self, context: Context, tool: str, arguments: object) -> Running:
        return self._recorder.call(context, tool, arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.native, name)


class ReplayReport(Told):
    """What a replay came to: `calls`, `made`, `same`, `same_whole`, `same_by_counts`, `same_refused`, `changed`,
    `unknown`, `writes_left_out`, `not_exact`, `seconds`, and `changes` with each call that ended otherwise."""

    __slots__ = ()

    calls: int
    made: int
    same: int
    same_whole: int
    changed: int
    writes_left_out: int
    not_exact: int
    changes: list[dict[str, Any]]

    @property
    def passed(self) -> bool:
        """Whether calls were compared, and none ended otherwise."""
        return bool(self.same) and not self.changed

    def __str__(self) -> str:
        lines = [change["text"] for change in self.changes]
        return "\n".join([*lines, f"{self.made} of {self.calls} made again, {self.changed} changed"])


class DeterminismReport(Told):
    """Whether calls are answered the same each time: `calls`, `made`, `runs`, `differing`, `refused`, and `first`
    with the first difference, where there is one."""

    __slots__ = ()

    calls: int
    made: int
    runs: int
    differing: int

    @property
    def passed(self) -> bool:
        """Whether calls were made, and each was answered the same."""
        return bool(self.made) and not self.differing


async def replay(
    toolset: Toolset,
    ctx: RunContext,
    recording: Recording,
    *,
    principal: Principal | None = None,
    writes: bool = False,
) -> ReplayReport:
    """Makes recorded calls again, each by its own principal and at its own time, and compares how they end.

    Args:
        toolset: the toolset, which may have another policy.
        ctx: where statements run. Who it says is asking does not matter.
        recording: the calls.
        principal: who calls, instead of those who did.
        writes: whether to make writes too, each undone. They are left out otherwise.

    Raises:
        OrmAiError: nothing can be made.
    """
    return _replayed(await awaited(engine_of(toolset), ctx, _replaying(toolset, recording, principal, writes)))


def replay_sync(
    toolset: Toolset,
    ctx: RunContext,
    recording: Recording,
    *,
    principal: Principal | None = None,
    writes: bool = False,
) -> ReplayReport:
    """As `replay`, and blocks."""
    return _replayed(blocked(engine_of(toolset), ctx, _replaying(toolset, recording, principal, writes)))


def _replaying(toolset: Toolset, recording: Recording, principal: Principal | None, writes: bool) -> Begin:
    from .._native import replay as begin

    native = native_of(engine_of(toolset))
    who = None if principal is None else principal.to_dict()
    return lambda context: begin(native, context, recording._native, principal=who, writes=writes)


def _replayed(told: dict[str, Any]) -> ReplayReport:
    return ReplayReport(told["summary"], changes=told["changes"])


async def determinism(
    toolset: Toolset,
    ctx: RunContext,
    recording: Recording,
    *,
    runs: int = 2,
    ignore: Iterable[str] = (),
    writes: bool = False,
) -> DeterminismReport:
    """Makes recorded calls several times, and compares what they are answered, byte for byte.

    Args:
        toolset: the toolset.
        ctx: where statements run.
        recording: the calls.
        runs: how often each is made.
        ignore: parts of results to leave out, such as `data.rows.updated_at`.
        writes: whether to make writes too, each undone.
    """
    begin = _determining(toolset, recording, runs, ignore, writes)
    return DeterminismReport(await awaited(engine_of(toolset), ctx, begin))


def determinism_sync(
    toolset: Toolset,
    ctx: RunContext,
    recording: Recording,
    *,
    runs: int = 2,
    ignore: Iterable[str] = (),
    writes: bool = False,
) -> DeterminismReport:
    """As `determinism`, and blocks."""
    begin = _determining(toolset, recording, runs, ignore, writes)
    return DeterminismReport(blocked(engine_of(toolset), ctx, begin))


def _determining(toolset: Toolset, recording: Recording, runs: int, ignore: Iterable[str], writes: bool) -> Begin:
    from .._native import determinism as begin

    native = native_of(engine_of(toolset))
    paths = [ignore] if isinstance(ignore, str) else list(ignore)
    return lambda context: begin(native, context, recording._native, runs=runs, ignore=paths, writes=writes)
