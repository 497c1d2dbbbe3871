"""What is told of the tools without a call: to language models, and to operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import _definitions as definitions
from ._engine import Engine

if TYPE_CHECKING:
    from ..core import RunContext
    from ._definitions import Definition


class Listing:
    """What the toolset and its sync twin both tell."""

    __slots__ = ("_engine",)

    _engine: Engine

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def policy_version(self) -> str:
        """The version of the policy in force."""
        return self._engine.native.policy_version

    def findings(self) -> list[dict[str, Any]]:
        """What a reviewer would say of the policy in force, such as of permits that are inferred.

        Each has `severity` (`warning` or `note`), `code`, `message`, `help`, and the `excerpt` that it is about; `line`
        and `column` where the policy is a file's.
        """
        return self._engine.findings()

    def own_tables(self) -> dict[str, str]:
        """The statements that make the project's own tables in the database of the writes, by their names.

        They are what `install` runs, for migrations: the ledger of idempotency keys and approvals.
        """
        return self._engine.native.own_tables()

    def definitions(self, ctx: RunContext) -> list[Definition]:
        """The tools that this principal can use, each with the JSON Schema of its arguments.

        A tool that the principal can never use is not listed; those of the project's own come last.
        """
        return self._engine.definitions(ctx)

    def to_openai_tools(self, ctx: RunContext) -> list[dict[str, Any]]:
        """The tools as OpenAI's function calling takes them."""
        return definitions.openai(self.definitions(ctx))

    def to_anthropic_tools(self, ctx: RunContext) -> list[dict[str, Any]]:
        """The tools as Anthropic's tool use takes them."""
        return definitions.anthropic(self.definitions(ctx))

    def to_json_schemas(self, ctx: RunContext) -> list[dict[str, Any]]:
        """The tools as plain JSON Schema, titled with their names."""
        return definitions.json_schemas(self.definitions(ctx))

    def explain(self, ctx: RunContext, tool: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What would be done for a request, and why: what each rule did, the predicates and the SQL. The database
        is not asked.

        For operators: it shows what a caller never sees. Under `success`: `policy_version`, `timeout_ms`, `tables`,
        `scope`, `filter`, `check`, `statements`; without, of a request that would be refused: `error`, `refused_by`,
        `tables`.
        """
        return self._engine.explain(ctx, tool, {} if arguments is None else arguments)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} under policy {self.policy_version}>"
