"""Fixtures for tests of tenants' isolation; pytest finds them as soon as OrmAI is installed.

Define the first two, and the others where the defaults are not those of your tests:

| fixture | what it is | by default |
|---|---|---|
| `ormai_toolset` | the toolset under test | to be defined |
| `ormai_policy` | the policy that it is meant to obey | to be defined |
| `ormai_session` | the session of both contexts | None: the toolset's own connections |
| `ormai_tenants` | the principals of two tenants | user `user-a` of `tenant-a`, and `user-b` of `tenant-b` |
| `tenant_a`, `tenant_b` | the contexts of the two | their principals, on `ormai_session` |
| `assert_isolated` | holds a call to all invariants, for both tenants | |

    @pytest.fixture
    def ormai_toolset(engine):
        return mount_sqlalchemy(engine, Base, POLICY)

    @pytest.fixture
    def ormai_policy():
        return POLICY

    async def test_orders_are_isolated(assert_isolated):
        await assert_isolated("query", model="Order")

    async def test_anothers_order_is_not_there(ormai_toolset, tenant_b, order_of_a):
        with pytest.raises(RecordNotFoundError):
            await ormai_toolset.get(tenant_b, model="Order", id=order_of_a)
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import pytest

if TYPE_CHECKING:
    from .core import Principal, RunContext
    from .policy import Policy
    from .tools import Toolset

# Nothing else is imported before a test asks for it: every run of pytest loads this module.


class AssertIsolated(Protocol):
    """What `assert_isolated` gives."""

    def __call__(self, tool: str, /, *, shows_rows: bool = True, **arguments: Any) -> Awaitable[None]:
        """Makes the call for each of the two tenants, and holds it to every invariant.

        What a call writes is undone.

        Args:
            tool: the tool, such as `query`.
            shows_rows: whether it must show a row or change one to either tenant; where there are none, nothing
                was shown to be isolated.
            arguments: those of the tool.

        Raises:
            AssertionError: an invariant does not hold, or cannot be decided.
        """


@pytest.fixture
def ormai_toolset() -> Toolset:
    """The toolset under test: define a fixture of this name."""
    _undefined("ormai_toolset", "the toolset under test, such as `mount_sqlalchemy(engine, Base, policy)`")


@pytest.fixture
def ormai_policy() -> Policy:
    """The policy that the toolset is meant to obey: define a fixture of this name."""
    _undefined("ormai_policy", "the policy that the toolset is meant to obey")


@pytest.fixture
def ormai_session() -> Any:
    """The session of both contexts; None for a toolset with connections of its own."""
    return None


@pytest.fixture
def ormai_tenants() -> tuple[Principal, Principal]:
    """The principals of two tenants."""
    from .core import Principal

    one, other = (Principal(tenant_id=f"tenant-{name}", user_id=f"user-{name}") for name in "ab")
    return one, other


@pytest.fixture
def tenant_a(ormai_tenants: tuple[Principal, Principal], ormai_session: Any) -> RunContext:
    """A context of the first tenant."""
    from .core import RunContext

    return RunContext(principal=ormai_tenants[0], db=ormai_session)


@pytest.fixture
def tenant_b(ormai_tenants: tuple[Principal, Principal], ormai_session: Any) -> RunContext:
    """A context of the second tenant."""
    from .core import RunContext

    return RunContext(principal=ormai_tenants[1], db=ormai_session)


@pytest.fixture
def assert_isolated(
    ormai_toolset: Toolset, ormai_policy: Policy, tenant_a: RunContext, tenant_b: RunContext
) -> AssertIsolated:
    """Holds a call to all invariants, for both tenants."""
    return _held(ormai_toolset, ormai_policy, (tenant_a, tenant_b))


def _held(toolset: Toolset, policy: Policy, contexts: tuple[RunContext, RunContext]) -> AssertIsolated:
    one, other = (ctx.principal.tenant_id for ctx in contexts)
    if one == other:
        pytest.fail("`ormai_tenants` are two principals of one tenant: nothing is isolated between them", False)

    async def assert_isolated(tool: str, /, *, shows_rows: bool = True, **arguments: Any) -> None:
        from .eval import EvalHarness

        __tracebackhide__ = True
        harness = EvalHarness(toolset, policy)
        shown = 0
        for ctx in contexts:
            result = await harness.run(ctx, tool=tool, kwargs=arguments)
            assert result.passed, f"as {ctx.principal}: {result}"
            shown += result.metadata.get("row_count") or 0
        assert shown or not shows_rows, (
            f"neither tenant has a row that `{tool}` shows or changes, so nothing was shown to be isolated: "
            "add rows of both, or say `shows_rows=False`"
        )

    return assert_isolated


def _undefined(name: str, what: str) -> NoReturn:
    pytest.fail(f"define a fixture `{name}` that returns {what}", pytrace=False)


__all__ = [
    "AssertIsolated",
    "assert_isolated",
    "ormai_policy",
    "ormai_session",
    "ormai_tenants",
    "ormai_toolset",
    "tenant_a",
    "tenant_b",
]
