"""The extension module: the engine, stepped from Python.

Every call is a :class:`Running`. Whoever holds it carries out its orders on a connection, and steps again with
what came of them::

    order = running.step()
    while order[0] != "done":
        order = running.step(carried_out(order))
    outcome = order[1]
"""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, final

from ormai._orders import (
    AuditDict,
    ConnectDict,
    DialectName,
    FormatName,
    Order,
    PrincipalDict,
    ToolDict,
    WireName,
)

__all__ = [
    "Approvals",
    "Context",
    "Harness",
    "Native",
    "NativeError",
    "Recorder",
    "Recording",
    "Running",
    "Store",
    "check_policy",
    "determinism",
    "diff",
    "error_codes",
    "forked",
    "invariants",
    "isolation",
    "nearest",
    "policy_from_text",
    "policy_to_yaml",
    "replay",
]

class NativeError(Exception):
    """Something was refused, or failed, where no call can tell of it as its outcome.

    `error` is `{"code", "message", "hint", "details", "retryable"}`. For a policy that does not load
    (`POLICY_INVALID`) `details["diagnostics"]` has every finding, as `check_policy` tells it.
    """

    error: dict[str, Any] | None

@final
class Running:
    """A call under way.

    One thread at a time steps it, any thread may. Stepping a call that has come to its end, answering what was
    not asked and stepping from two threads at once raise RuntimeError; an answer of another form raises
    TypeError, and the order stays to be answered.
    """

    def step(self, answer: object = None) -> Order:
        """Goes on with the call: `answer` is what came of the order before.

        None for a control; `Answered` for a fixed text and a statement; anything that has a JSON form for a tool;
        True (keep) or False (undo) for what was done inside.

        Raises what the call fails with, where its outcome cannot tell: `NativeError`.
        """

    def fail(self, code: str | None, message: str, lost: bool = False) -> Order:
        """Goes on after the driver could not carry out the order before.

        `code` is an SQLSTATE, a number of MariaDB or MySQL, or an extended result code of SQLite. `message` is
        for the log alone. `lost`: the connection is gone, or nobody knows what became of the order.
        """

    def refuse(self, error: Mapping[str, Any]) -> Order:
        """Goes on after a tool refused, or what was done inside of a transaction failed.

        `error` is `{"code", "message", "hint", "details", "retryable"}`; a code that is not in the registry is
        `INTERNAL`.
        """

    def wait(self) -> None:
        """Blocks until stepping makes sense, without holding the interpreter. After `("wait",)` only.

        Raises KeyboardInterrupt where Python does.
        """

    def on_ready(self, callback: Callable[[], object]) -> None:
        """Has `callback` called once when stepping makes sense: at once, or from any thread. After `("wait",)`
        only."""

    def cancel(self) -> list[str]:
        """Gives the call up.

        The texts undo what it has left open on the host's connection: they are to be run one by one, each also
        when one before it failed. Not necessary where the connection is closed, or its transaction rolled back.
        """

@final
class Context:
    """Who asks, and where the statements run.

    With a `wire` they run on a connection that Python drives, in a transaction that is open there; the name
    says how its driver takes parameters:

    - `sqlite`: `?`, None, int, float, str and bytes, both ways.
    - `postgres-binary`: `$1`, pairs of a type's number (0: the server infers it) and its binary form or None; rows of
      bytes or None, with `oids`.
    - `postgres-dollar`: `$1`, texts and None; rows of Python objects.
    - `postgres-format`: `%s`, texts and None; rows of Python objects.
    - `mysql-format`: `%s`, None, int, float, Decimal, str and bytes; rows of Python objects.
    - `sqlalchemy-sqlite`, `sqlalchemy-mysql`: as these, for databases in which SQLAlchemy's own types have stored
      times and UUIDs.

    Without one they run on connections of the toolset's own. Calls in one context come one after the other.
    """

    def __new__(
        cls,
        *,
        principal: PrincipalDict | dict[str, Any],
        request_id: str | None = None,
        trace_id: str | None = None,
        now: str | datetime | None = None,
        wire: WireName | str | None = None,
    ) -> Context: ...

@final
class Store:
    """Where calls leave their records."""

    @staticmethod
    def jsonl(
        path: str | os.PathLike[str],
        *,
        rotate_bytes: int | None = 67108864,
        rotate_after_seconds: int | None = 86400,
    ) -> Store:
        """A store in files, one JSON object a line. Made where it is missing when a toolset uses it."""

    @staticmethod
    def memory() -> Store:
        """A store in memory: gone with the process."""

    @staticmethod
    def sql(url: str, *, install: bool = False) -> Running:
        """A store in a table of a database, with connections of its own: the outcome is a `Store`. With
        `install` a toolset that uses it makes its table where that is missing."""

    @property
    def name(self) -> str:
        """What it is called, without secrets."""

    def install(self) -> Running:
        """Makes what it needs where that is missing: the outcome is the list of what was made."""

    def query(
        self,
        filters: Mapping[str, Any] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Running:
        """Records, the newest first: the outcome is `{"records": [...], "next_cursor": str | None}`.

        Filters: `tenant_id`, `user_id`, `id`, `request_id`, `trace_id`, `approval_id`, `transaction`, `parent`,
        `tool_name`, `model`, `action`, `outcome`, `error_code`, `success`, `bypass`, `timestamp_gte`,
        `timestamp_gt`, `timestamp_lte`, `timestamp_lt`.

        Raises `NativeError` (`VALIDATION_ERROR`) for any other.
        """

    def verify(
        self,
        *,
        mac_key: bytes | None = None,
        earlier_mac_keys: Sequence[bytes] | None = None,
        public_keys: Sequence[str] | None = None,
        checkpoints: Sequence[str] | None = None,
        accept_unkeyed: bool = False,
    ) -> Running:
        """Whether the store is what its writers wrote: the outcome is `{"ok", "store", "first", "report"}`."""

    def stats(self, filters: Mapping[str, Any] | None = None, *, top: int = 20) -> Running:
        """How many calls, how they ended, how long they took."""

    def prune(
        self,
        *,
        by: str,
        older_than: str | datetime | None = None,
        keep: int | None = None,
        tenant_id: Any = None,
        dry_run: bool = False,
        mac_key: bytes | None = None,
        signing_key: str | None = None,
    ) -> Running:
        """Lets records go that are not to be kept; what is left can still be verified.

        The outcome is `{"store", "records", "lines", "stubs", ...}`.
        """

    def export(self, format: str = "jsonl", filters: Mapping[str, Any] | None = None) -> Running:
        """The records as one text, `jsonl` or `csv`: the outcome is `{"text", "written", "lines", "unreadable"}`."""

@final
class Approvals:
    """A store of writes that wait for their approval."""

    @staticmethod
    def memory() -> Approvals:
        """In memory: gone with the process."""

    @staticmethod
    def sql(url: str, *, install: bool = False) -> Running:
        """In the table `ormai_approvals` of a database, with connections of its own: the outcome is
        `Approvals`."""

@final
class Native:
    """A database with a policy in force."""

    @staticmethod
    def over_host(
        *,
        catalog: str,
        dialect: DialectName | str,
        policy: str,
        policy_format: FormatName | str = "json",
        hash_key: bytes | None = None,
        cursor_secret: bytes | None = None,
        stores: Sequence[Store] | None = None,
        audit: AuditDict | dict[str, Any] | None = None,
        tools: Sequence[ToolDict | dict[str, Any]] | None = None,
        approvals: Approvals | None = None,
    ) -> Running:
        """Puts a policy in force over connections that each call's context brings: the outcome is a `Native`.

        `catalog` and `policy` are texts. No threads are started, unless a store is in a file or a database.

        Raises `NativeError` at once for a catalog that is not in its form, and from the running for a policy
        that does not load or fit (`POLICY_INVALID`).
        """

    @staticmethod
    def connect(
        *,
        url: str,
        policy: str,
        policy_format: FormatName | str = "json",
        catalog: str | None = None,
        options: ConnectDict | dict[str, Any] | None = None,
        hash_key: bytes | None = None,
        cursor_secret: bytes | None = None,
        stores: Sequence[Store] | None = None,
        audit: AuditDict | dict[str, Any] | None = None,
        tools: Sequence[ToolDict | dict[str, Any]] | None = None,
        approvals: Approvals | None = None,
    ) -> Running:
        """Connects to `sqlite:…`, `postgres:…` or `mysql:…` with connections of the module's own: the outcome is
        a `Native`. Without a catalog the database is read.

        The connections belong to the process that opened them: in one that was forked later, stepping raises
        RuntimeError.
        """

    def call(self, context: Context, tool: str, arguments: object) -> Running:
        """Calls a tool by name; a refusal is an outcome like any other.

        The outcome is `{"success": bool, "data": Any, "error": {...} | None, "metadata": {...}}`. Arguments are
        what JSON has, and datetime, date, time, Decimal, UUID, bytes and Enum. Text and bytes in their place are
        their JSON.
        """

    def transaction(self, context: Context) -> Running:
        """Groups calls: all that they write is kept, or nothing of it.

        Once it has begun, the order `("inside", context)` hands out the context of the calls in it. The outcome
        is as that of `call`, without data.
        """

    def definitions(self, context: Context) -> list[dict[str, Any]]:
        """The tools that this principal can use: `{"name", "description", "parameters"}` of each."""

    def explain(self, context: Context, tool: str, arguments: object) -> dict[str, Any]:
        """What would be done for a request, and why: `{"success", "explanation" or "refusal"}`. For operators."""

    def reload(self, policy: str, policy_format: FormatName | str = "json") -> Running:
        """Puts another policy in force over the same catalog: the outcome is its version. One that does not load
        leaves the old one in force, and raises `NativeError`."""

    def pending(
        self,
        context: Context,
        *,
        status: str | None = None,
        limit: int | None = None,
        before: str | None = None,
    ) -> Running:
        """The requests that one may decide about, and one's own, the newest first: a list of dicts.

        Those that wait, unless `status` is another: `approved`, `executed`, `failed`, `rejected`, `expired`,
        `void`, or `all`.
        """

    def show_approval(self, context: Context, id: str) -> Running:
        """One request that one may decide about, or one's own."""

    def approve(self, context: Context, id: str, note: str | None = None) -> Running:
        """Says yes to a request, and makes the write: the outcome is the request with what came of it.

        In a context with a connection the write is made there, in the transaction that is open. Nobody knows yet
        whether that will be committed, so the request stays `approved`: `resume`, or the same approver once more,
        finds afterwards that it was made, or makes it.
        """

    def reject(self, context: Context, id: str, note: str | None = None) -> Running:
        """Says no to a request."""

    def resume(self, context: Context, id: str) -> Running:
        """Goes on with a request that was approved, after its session was committed, or after a crash. For
        operators: who may approve has been decided, and is not asked again."""

    def own_tables(self) -> dict[str, str]:
        """The statements that make OrmAI's own tables in the database of the writes where they are missing, by
        their names: for migrations, and for databases that the engine has no connections to."""

    def install(self) -> Running:
        """Makes OrmAI's own tables where they are missing, over connections of the engine's own: the outcome is
        the list of what was made."""

    def close(self) -> Running:
        """Seals the audit trail and ends it in order: calls that come afterwards are refused."""

    @property
    def policy_version(self) -> str:
        """The version of the policy in force."""

    @property
    def dialect(self) -> str:
        """What its statements are for: `sqlite`, `postgresql` or `mysql`."""

    def catalog(self) -> str:
        """Its catalog, as JSON text: what `over_host` reads."""

def check_policy(
    catalog: str,
    policy: str,
    policy_format: FormatName | str = "json",
    *,
    has_hash_key: bool = False,
) -> list[dict[str, Any]]:
    """What a reviewer would say of a policy against a catalog, errors first of all.

    `{"severity": "error" | "warning" | "note", "code", "message", "help", "labels"}` of each; a label is
    `{"start", "end", "line", "column", "text"}`, in bytes of the policy's text.
    """

def policy_to_yaml(policy: str) -> str:
    """A policy, which is JSON, as YAML: equal policies give equal texts. Raises `NativeError`."""

def policy_from_text(text: str, policy_format: FormatName | str = "yaml") -> str:
    """A policy in any format as JSON. Raises `NativeError` with every finding when it is none."""

def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that is nearest to another one, if any is near."""

def error_codes() -> list[dict[str, Any]]:
    """The registry of errors: `{"code", "http_status", "retryable", "meaning"}` of each."""

@final
class Harness:
    """Makes calls and holds them to invariants."""

    def __new__(
        cls,
        native: Native,
        *,
        policy: str,
        policy_format: FormatName | str = "json",
        most_rows: int | None = None,
        keep_writes: bool = False,
    ) -> Harness:
        """For a toolset and the policy that it is meant to obey."""

    @property
    def is_recorded(self) -> bool:
        """Whether the calls leave records."""

    def run(
        self,
        context: Context,
        tool: str,
        arguments: object,
        *,
        name: str | None = None,
        principal: PrincipalDict | Mapping[str, Any] | None = None,
        invariants: Sequence[str | Mapping[str, Any]] = ...,
        expect: str | None = None,
    ) -> Running:
        """Makes a call and holds it to invariants. The outcome is `{"name", "call", "observed", "answered",
        "invariants", "violations", "allowed", "text"}`.

        An invariant is the name of one that is built in, or `{"name", "rows"}`: that one is asked by an order
        `("tool", "invariant:<its place>", {"call", "result", "records", "rows"}, context)`, which is answered with
        `[{"what", "model", "row", "field"}]`. `expect` is `success` or the code of a refusal.
        """

@final
class Recording:
    """Calls with how they ended."""

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Recording:
        """Reads a file of calls. Raises OSError, and NativeError for a file that is none."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a file of calls, which must not be there yet."""

    @property
    def has_data(self) -> bool:
        """Whether the answers stand in it."""

    def calls(self) -> list[dict[str, Any]]:
        """The calls."""

    def __len__(self) -> int: ...

@final
class Recorder:
    """Writes down what a toolset is asked."""

    def __new__(cls, native: Native, *, answers: bool = False) -> Recorder:
        """With `answers`, these are kept too."""

    def call(self, context: Context, tool: str, arguments: object) -> Running:
        """As `Native.call`."""

    def recording(self) -> Recording:
        """What was recorded up to now."""

    def __len__(self) -> int: ...

def replay(
    native: Native,
    context: Context,
    recording: Recording,
    *,
    principal: PrincipalDict | Mapping[str, Any] | None = None,
    writes: bool = False,
) -> Running:
    """Makes recorded calls again. The outcome is `{"summary", "changes"}`."""

def determinism(
    native: Native,
    context: Context,
    recording: Recording,
    *,
    runs: int = 2,
    ignore: Sequence[str] = ...,
    writes: bool = False,
) -> Running:
    """Makes recorded calls several times, and compares what they are answered."""

def diff(
    native: Native,
    context: Context,
    old: tuple[str, str],
    new: tuple[str, str],
    *,
    principals: Sequence[PrincipalDict | Mapping[str, Any]] = ...,
    rows: bool = True,
    most_rows: int | None = None,
    recording: Recording | None = None,
) -> Running:
    """Compares two policies, each `(text, format)`. The outcome is `{"diff", "is_wider", "is_empty", "changes",
    "html"}`."""

def isolation(
    native: Native,
    context: Context,
    *,
    policy: str,
    policy_format: FormatName | str = "json",
    seed: int = 0,
    requests: int | None = None,
    max_rows: int | None = None,
    principals: Sequence[PrincipalDict | Mapping[str, Any]] = ...,
    stop_at_first: bool = False,
    progress: Callable[[int, int, int], object] | None = None,
) -> Running:
    """Tries to break the isolation of a policy. The outcome is `{"report", "html"}`."""

def invariants() -> list[str]:
    """The names of the invariants that are built in."""

def forked() -> None:
    """Says that this process is the child of a fork. `os.fork` does, so it is for who forks otherwise."""
