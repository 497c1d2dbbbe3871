"""The fixtures of the plugin find what leaks, and say what is missing."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

SHOP = """
import pytest
from ormai.core.errors import RecordNotFoundError
from ormai.policy import ModelPolicy, Policy
from ormai.quickstart import mount_sqlalchemy
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    status: Mapped[str]


POLICY = Policy(models={"Order": ModelPolicy(
    fields={"id": "allow", "tenant_id": "allow", "status": "allow"},
    scoping={"tenant_id": "principal.tenant_id"},
    write_policy={"create": "allow", "update": "allow", "auto_set": {"tenant_id": "principal.tenant_id"}},
)})


@pytest.fixture
def engine(tmp_path):
    made = create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    Base.metadata.create_all(made)
    with Session(made) as session:
        session.add_all([Order(id=n, tenant_id=f"tenant-{t}", status="pending") for n, t in enumerate("ab", 1)])
        session.commit()
    yield made
    made.dispose()


@pytest.fixture
def ormai_policy():
    return POLICY


@pytest.fixture
def ormai_toolset(engine):
    return mount_sqlalchemy(engine, Base, POLICY)
"""
OPTIONS = ("-p", "no:langsmith_plugin", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto")


def outcomes(pytester: pytest.Pytester, body: str, shop: str = SHOP) -> tuple[dict[str, int], str]:
    pytester.makepyfile(shop + body)
    result = pytester.runpytest_subprocess(*OPTIONS)
    return result.parseoutcomes(), result.stdout.str()


def test_what_is_isolated_passes(pytester: pytest.Pytester) -> None:
    counted, _ = outcomes(
        pytester,
        """
async def test_orders_are_isolated(assert_isolated):
    await assert_isolated("query", model="Order")
    await assert_isolated("update", model="Order", id=1, data={"status": "paid"})


async def test_each_sees_its_own(ormai_toolset, tenant_a, tenant_b):
    for ctx, id in ((tenant_a, 1), (tenant_b, 2)):
        assert [row["id"] for row in (await ormai_toolset.query(ctx, model="Order")).rows] == [id]
    with pytest.raises(RecordNotFoundError):
        await ormai_toolset.get(tenant_b, model="Order", id=1)


def test_the_tenants_are_two(ormai_tenants, tenant_a, tenant_b, ormai_session):
    assert [tenant.tenant_id for tenant in ormai_tenants] == ["tenant-a", "tenant-b"]
    assert (tenant_a.principal, tenant_b.principal) == ormai_tenants
    assert tenant_a.db is ormai_session is None
""",
    )
    assert counted == {"passed": 3}


def test_a_session_of_ones_own_is_used_and_left_as_it_was(pytester: pytest.Pytester) -> None:
    counted, _ = outcomes(
        pytester,
        """
@pytest.fixture
def ormai_session(engine):
    with Session(engine) as session:
        session.add(Order(id=3, tenant_id="tenant-a", status="new"))
        session.flush()
        yield session


async def test_writes_are_isolated_and_undone(assert_isolated, ormai_session, tenant_a, ormai_toolset):
    await assert_isolated("create", model="Order", data={"status": "made"})
    assert [row["id"] for row in (await ormai_toolset.query(tenant_a, model="Order")).rows] == [1, 3]
    assert tenant_a.db is ormai_session
""",
    )
    assert counted == {"passed": 1}


def test_a_toolset_that_leaks_fails(pytester: pytest.Pytester) -> None:
    counted, told = outcomes(
        pytester,
        """
@pytest.fixture
def ormai_toolset(engine):
    # It is mounted under another policy than the one that it is meant to obey.
    return mount_sqlalchemy(engine, Base, Policy(models={"Order": POLICY.models["Order"].replace(scoping={})}))


async def test_orders_are_isolated(assert_isolated):
    await assert_isolated("query", model="Order")
""",
    )
    assert counted == {"failed": 1}
    assert "no_cross_tenant_data" in told


def test_where_nothing_is_shown_nothing_is_isolated(pytester: pytest.Pytester) -> None:
    counted, told = outcomes(
        pytester,
        """
NOBODYS = [{"field": "status", "value": "nobody's"}]


async def test_of_nothing(assert_isolated):
    await assert_isolated("query", model="Order", filters=NOBODYS)


async def test_of_nothing_at_ones_word(assert_isolated):
    await assert_isolated("query", model="Order", filters=NOBODYS, shows_rows=False)
""",
    )
    assert counted == {"failed": 1, "passed": 1}
    assert "nothing was shown to be isolated" in told


def test_two_users_of_one_tenant_are_not_two_tenants(pytester: pytest.Pytester) -> None:
    counted, told = outcomes(
        pytester,
        """
from ormai.core import Principal


@pytest.fixture
def ormai_tenants():
    return Principal("tenant-a", "user-1"), Principal("tenant-a", "user-2")


async def test_orders_are_isolated(assert_isolated):
    await assert_isolated("query", model="Order")
""",
    )
    assert counted == {"errors": 1}
    assert "principals of one tenant" in told


@pytest.mark.parametrize("name", ["ormai_toolset", "ormai_policy"])
def test_a_fixture_that_is_to_be_defined_says_so(pytester: pytest.Pytester, name: str) -> None:
    counted, told = outcomes(pytester, f"def test_it({name}):\n    pass\n", shop="")
    assert counted == {"errors": 1}
    assert f"define a fixture `{name}`" in told
