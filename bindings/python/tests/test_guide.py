"""The guide's code does what the guide says of it: a test for each of its sections."""

from __future__ import annotations

import ast
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from ormai.core import RunContext
from ormai.core.errors import (
    PrincipalIncompleteError,
    RecordNotFoundError,
    TenantScopeRequiredError,
    WriteNotAllowedError,
)
from ormai.policy import ModelPolicy, Policy, WritePolicy
from ormai.store import JsonlAuditStore
from sqlalchemy import Boolean, Column, Integer, String

from databases import DRIVERS, Ground
from guide import BLOCKS, Guide, run

pytestmark = pytest.mark.drivers("aiosqlite", "psycopg", "asyncmy")

Test = Callable[..., Any]
COVERED: dict[str, Test] = {}

TENANTS = {"id": "allow", "name": "allow"}
OPEN = {"id": "allow", "tenant_id": "allow"}


def of(section: str) -> Callable[[Test], Test]:
    """Says which section a test is of."""

    def named(test: Test) -> Test:
        COVERED[section] = test
        return test

    return named


@pytest_asyncio.fixture
async def guide(ground: Ground) -> AsyncIterator[Guide]:
    made = Guide(ground)
    await made.run("1. Define Tenant-Aware Models")
    yield made
    await made.close()


async def filled(guide: Guide) -> Guide:
    """Two tenants with an order or two."""
    tenant, user, order = guide["Tenant"], guide["User"], guide["Order"]
    await guide.fill(
        tenant(id="acme-corp", name="Acme Corp"),
        tenant(id="globex", name="Globex"),
        user(id="user-1", tenant_id="acme-corp", email="ann@acme.example"),
        user(id="user-2", tenant_id="globex", email="gus@globex.example"),
        order(id=1, tenant_id="acme-corp", user_id="user-1", status="pending"),
        order(id=2, tenant_id="acme-corp", user_id="user-1", status="paid"),
        order(id=3, tenant_id="globex", user_id="user-2", status="pending"),
    )
    return guide


def document(guide: Guide, *columns: Column[Any]) -> Any:
    """A model for the sections that name other columns than the guide's models have."""
    named = {"__tablename__": "documents", "__module__": "guide", "id": Column(Integer, primary_key=True)}
    named["tenant_id"] = Column(String(100))
    return type("Document", (guide["Base"],), {**named, **{column.name: column for column in columns}})


def ids(result: Any) -> list[Any]:
    return [row["id"] for row in result.rows]


def test_every_section_with_code_has_a_test() -> None:
    assert list(BLOCKS) == list(COVERED)


@of("1. Define Tenant-Aware Models")
async def test_the_models_are_tenant_aware(guide: Guide) -> None:
    assert {mapper.class_.__name__ for mapper in guide["Base"].registry.mappers} == {"Tenant", "User", "Order"}
    assert all("tenant_id" in guide[name].__table__.columns for name in ("User", "Order"))


@of("2. Configure Tenant Scoping")
async def test_a_scoped_policy_is_mounted(guide: Guide) -> None:
    await filled(guide)
    await guide.run("2. Configure Tenant Scoping")
    toolset = guide.mount(guide["policy"])
    for tenant, orders, users in (("acme-corp", [1, 2], ["user-1"]), ("globex", [3], ["user-2"]), ("hooli", [], [])):
        assert ids(await toolset.query(guide.ctx(tenant), model="Order")) == orders
        assert ids(await toolset.query(guide.ctx(tenant), model="User")) == users


@of("3. Pass Tenant in Principal")
async def test_the_tenant_is_in_the_principal(guide: Guide) -> None:
    await filled(guide)
    await guide.run("2. Configure Tenant Scoping")
    toolset = guide.mount(guide["policy"])
    await guide.run("3. Pass Tenant in Principal")
    user = SimpleNamespace(id="user-1")
    ctx = guide["get_context"](SimpleNamespace(headers={"X-Tenant-ID": "acme-corp"}, user=user), guide.session)
    assert ids(await toolset.query(ctx, model="Order")) == [1, 2]
    for headers in ({}, {"X-Tenant-ID": ""}):
        without = guide["get_context"](SimpleNamespace(headers=headers, user=user), guide.session)
        with pytest.raises(TenantScopeRequiredError):
            await toolset.query(without, model="Order")


@of("How Scoping Works")
async def test_a_query_is_scoped(guide: Guide, tmp_path: Path) -> None:
    await filled(guide)
    await guide.run("2. Configure Tenant Scoping")
    store = JsonlAuditStore(tmp_path / "audit.jsonl")
    toolset = guide.mount(guide["policy"], audit_store=store)
    ctx = guide.names["ctx"] = guide.ctx("acme-corp")
    await guide.run("How Scoping Works")
    assert guide["result"].rows == [{"id": 1, "tenant_id": "acme-corp", "user_id": "user-1", "status": "pending"}]
    (record,) = await store.query(filters={"tenant_id": "acme-corp"})
    assert told(record)["scopes_injected"] == ["tenant_id = 'acme-corp'"]
    # "Users cannot override or bypass the tenant scope."
    theirs = {"field": "tenant_id", "op": "eq", "value": "globex"}
    for filters in ([theirs], [{"or": [theirs, {"field": "id", "op": "gt", "value": 2}]}]):
        assert 3 not in ids(await toolset.query(ctx, model="Order", filters=filters))
    with pytest.raises(RecordNotFoundError):
        await toolset.get(ctx, model="Order", id=3)


@of("Multiple Scoping Fields")
async def test_every_scoping_field_must_match(guide: Guide) -> None:
    model = await guide.run("Multiple Scoping Fields")
    kind = document(guide, Column("organization_id", String(100)))
    places = [("acme", "north"), ("acme", "south"), ("globex", "north")]
    await guide.fill(*(kind(id=n, tenant_id=t, organization_id=o) for n, (t, o) in enumerate(places, 1)))
    toolset = guide.mount(Policy(models={"Document": model.replace(fields=OPEN)}))
    ctx = guide.ctx("acme", metadata={"org_id": "north"})
    assert ids(await toolset.query(ctx, model="Document")) == [1]
    with pytest.raises(PrincipalIncompleteError):
        await toolset.query(guide.ctx("acme"), model="Document")


@of("User-Level Scoping")
async def test_users_see_their_own_within_the_tenant(guide: Guide) -> None:
    model = await guide.run("User-Level Scoping")
    kind = document(guide, Column("owner_id", String(100)))
    owned = [("acme", "user-1"), ("acme", "user-2"), ("globex", "user-1")]
    await guide.fill(*(kind(id=n, tenant_id=t, owner_id=o) for n, (t, o) in enumerate(owned, 1)))
    toolset = guide.mount(Policy(models={"Document": model.replace(fields=OPEN)}))
    assert ids(await toolset.query(guide.ctx("acme", "user-1"), model="Document")) == [1]
    assert ids(await toolset.query(guide.ctx("acme", "user-2"), model="Document")) == [2]
    with pytest.raises(PrincipalIncompleteError):
        await toolset.query(guide.ctx("acme", None), model="Document")


@of("Hierarchical Tenancy")
async def test_a_child_sees_its_parents_rows_and_no_others(guide: Guide) -> None:
    model = await guide.run("Hierarchical Tenancy")
    kind = document(guide, Column("title", String(100)))
    tenants = ["root", "parent-tenant", "child-tenant", "sibling-tenant"]
    await guide.fill(*(kind(id=n, tenant_id=tenant) for n, tenant in enumerate(tenants, 1)))
    opened = model.replace(fields={**OPEN, "title": "allow"}, write_policy={"update": "allow"})
    toolset = guide.mount(Policy(models={"Document": opened}))
    ctx = RunContext(principal=guide["principal"], db=guide.session)
    assert ids(await toolset.query(ctx, model="Document")) == [1, 2, 3]
    # A parent does not see its children, and nobody changes what is only shown to them.
    assert ids(await toolset.query(guide.ctx("parent-tenant"), model="Document")) == [2]
    with pytest.raises(RecordNotFoundError):
        await toolset.update(ctx, model="Document", id=2, data={"title": "changed"})
    assert (await toolset.update(ctx, model="Document", id=3, data={"title": "changed"})).row["id"] == 3


@of("Cross-Tenant Access (Admin)")
async def test_a_super_admin_sees_all_tenants_and_is_recorded(guide: Guide, tmp_path: Path) -> None:
    model = await guide.run("Cross-Tenant Access (Admin)")
    await filled(guide)
    store = JsonlAuditStore(tmp_path / "audit.jsonl")
    toolset = guide.mount(Policy(models={"Order": model.replace(fields=OPEN)}), audit_store=store)
    admin = RunContext(principal=guide["admin_principal"], db=guide.session)
    assert ids(await toolset.query(admin, model="Order")) == [1, 2, 3]
    (record,) = await store.query(filters={"tenant_id": "system"})
    assert "admin_bypass" in json.dumps(told(record)["bypass"])
    for roles in ([], ["SUPER_ADMIN"], ["super_admin "], ["admin"]):
        assert ids(await toolset.query(guide.ctx("acme-corp", roles=roles), model="Order")) == [1, 2]
        assert ids(await toolset.query(guide.ctx("system", roles=roles), model="Order")) == []


@of("Write Operations")
async def test_the_tenant_is_set_on_create_and_stays(guide: Guide) -> None:
    model = await guide.run("Write Operations")
    kind = document(guide, Column("title", String(100)))
    await guide.fill(kind(id=1000, tenant_id="globex", title="theirs"))
    # Updates are opened, so that it is not their being closed that protects the tenant.
    writes = model.write_policy.replace(update="allow")
    scoped = model.replace(
        fields={**OPEN, "title": "allow"}, scoping={"tenant_id": "principal.tenant_id"}, write_policy=writes
    )
    toolset = guide.mount(Policy(models={"Document": scoped}))
    ctx = guide.ctx("acme-corp")
    created = await toolset.create(ctx, model="Document", data={"title": "ours"})
    assert created.row["tenant_id"] == "acme-corp"
    with pytest.raises(WriteNotAllowedError):
        await toolset.create(ctx, model="Document", data={"title": "planted", "tenant_id": "globex"})
    for tenant in ("globex", "acme-corp", None):
        with pytest.raises(WriteNotAllowedError):
            await toolset.update(ctx, model="Document", id=created.row["id"], data={"tenant_id": tenant})
    assert ids(await toolset.query(guide.ctx("globex"), model="Document")) == [1000]


@of("Validation")
async def test_rows_without_a_tenant_are_caught(guide: Guide) -> None:
    required = await guide.run("Validation")
    kind = document(guide)
    await guide.fill(kind(id=1, tenant_id="acme-corp"), kind(id=2, tenant_id=None))
    closed = ModelPolicy(fields=OPEN, scoping={}, row_policies=[required], write_policy=WritePolicy(create="allow"))
    toolset = guide.mount(Policy(models={"Document": closed}))
    assert ids(await toolset.query(guide.ctx("acme-corp"), model="Document")) == [1]


@pytest.mark.drivers(*(driver.name for driver in DRIVERS))
@of("Unit Tests")
async def test_two_tenants_are_isolated(guide: Guide) -> None:
    user, tenant = guide["User"], guide["Tenant"]
    await guide.fill(
        *(tenant(id=name, name=name) for name in ("tenant-a", "tenant-b")),
        user(id="user-1", tenant_id="tenant-a", email="a@a.example"),
        user(id="user-2", tenant_id="tenant-b", email="b@b.example"),
    )
    await guide.run("2. Configure Tenant Scoping")
    writes = (await guide.run("Write Operations")).write_policy
    # The guide's order says nothing of its user, who is whoever makes it.
    writes = writes.replace(auto_set={**writes.auto_set, "user_id": "principal.user_id"})
    models = dict(guide["policy"].models)
    models["Order"] = models["Order"].replace(write_policy=writes)
    models["Tenant"] = ModelPolicy(fields=TENANTS, scoping={"id": "principal.tenant_id"})
    guide.mount(Policy(models=models))
    await guide.run("Unit Tests")
    await guide["test_tenant_isolation"]()
    # It was made, so that it is no wonder of an empty table.
    (mine,) = (await guide["toolset"].query(guide.ctx("tenant-a"), model="Order")).rows
    assert (mine["tenant_id"], mine["user_id"], mine["status"]) == ("tenant-a", "user-1", "pending")


@of("Invariant Testing")
async def test_the_harness_holds_a_query_to_its_invariants(guide: Guide) -> None:
    await filled(guide)
    await guide.run("2. Configure Tenant Scoping")
    guide.mount(guide["policy"])
    guide.names["ctx"] = guide.ctx("acme-corp")
    await guide.run("Invariant Testing")
    result = guide["result"]
    assert result.passed
    assert [row["id"] for row in result.data["rows"]] == [1, 2]


@of("Audit Trail")
async def test_records_are_as_the_guide_shows_and_found_by_tenant(guide: Guide, tmp_path: Path) -> None:
    await filled(guide)
    await guide.run("2. Configure Tenant Scoping")
    store = guide.names["audit_store"] = JsonlAuditStore(tmp_path / "audit.jsonl")
    toolset = guide.mount(guide["policy"], audit_store=store)
    await toolset.query(guide.ctx("acme-corp", "user-123"), model="Order")
    await toolset.query(guide.ctx("globex", "user-2"), model="Order")
    await guide.run("Audit Trail", 1)
    (record,) = (told(record) for record in guide["records"])
    # The guide's record goes on where it has three dots.
    shown = ast.literal_eval(BLOCKS["Audit Trail"][0].replace("    ...\n", ""))
    assert {name: record[name] for name in shown} == {**shown, "id": record["id"]}
    assert record["id"].startswith("aud-")


@of("Shared Resources")
async def test_public_rows_are_shared_and_others_owned(guide: Guide) -> None:
    model = await guide.run("Shared Resources")
    kind = document(guide, Column("is_public", Boolean))
    shared = [("acme", False), ("acme", True), ("globex", False), ("globex", True), ("globex", None)]
    await guide.fill(*(kind(id=n, tenant_id=t, is_public=p) for n, (t, p) in enumerate(shared, 1)))
    toolset = guide.mount(Policy(models={"Document": model.replace(fields=OPEN)}))
    assert ids(await toolset.query(guide.ctx("acme"), model="Document")) == [1, 2, 4]
    assert ids(await toolset.query(guide.ctx("globex"), model="Document")) == [2, 3, 4, 5]


@of("Tenant Metadata Access")
async def test_a_tenant_reads_its_own_entry_and_changes_nothing(guide: Guide) -> None:
    await filled(guide)
    # It is an entry of the mapping of models.
    (source,) = BLOCKS["Tenant Metadata Access"]
    toolset = guide.mount(Policy(models=await run(f"{{{source}}}", guide.names)))
    ctx = guide.ctx("acme-corp")
    assert (await toolset.query(ctx, model="Tenant")).rows == [{"id": "acme-corp", "name": "Acme Corp"}]
    with pytest.raises(WriteNotAllowedError):
        await toolset.create(ctx, model="Tenant", data={"id": "hooli", "name": "Hooli"})
    with pytest.raises(WriteNotAllowedError):
        await toolset.update(ctx, model="Tenant", id="acme-corp", data={"name": "Acme"})
    with pytest.raises(WriteNotAllowedError):
        await toolset.delete(ctx, model="Tenant", id="acme-corp")
    assert (await toolset.query(ctx, model="Tenant")).rows == [{"id": "acme-corp", "name": "Acme Corp"}]


def told(record: Any) -> dict[str, Any]:
    """A record as JSON has it."""
    return dict(record)
