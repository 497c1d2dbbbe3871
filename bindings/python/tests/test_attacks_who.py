"""Attacks 1 to 5: to be somebody else, or nobody."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from ormai.core import Principal
from ormai.core.errors import PolicyInvalidError
from ormai.policy import ModelPolicy, Policy, RowPolicy

from attacked import ACCOUNT, LOOKALIKES, POLICY, THREE, Estate, allowed, with_account
from databases import DRIVERS

pytestmark = pytest.mark.drivers(*THREE)

EVERY_CALL = [
    ("query", {"model": "Account"}),
    ("get", {"model": "Account", "id": 1}),
    ("aggregate", {"model": "Account", "aggregations": [{"function": "count"}]}),
    ("create", {"model": "Account", "data": {"owner_id": "user-1", "code": "new"}}),
    ("update", {"model": "Account", "id": 1, "data": {"name": "changed"}}),
    ("delete", {"model": "Account", "id": 1}),
    ("bulk_update", {"model": "Account", "ids": [1], "data": {"name": "changed"}}),
]


@pytest.mark.parametrize("tenant", [None, ""], ids=repr)
async def test_attack_01_a_missing_tenant_is_refused(estate: Estate, tenant: Any) -> None:
    async with estate.unchanged():
        for tool, arguments in EVERY_CALL:
            assert await estate.code(tool, arguments, estate.ctx(tenant)) == "TENANT_SCOPE_REQUIRED", tool


async def test_attack_01_an_odd_tenant_is_nobodys(estate: Estate) -> None:
    async with estate.unchanged():
        for tenant in (0, -1, 7, 2**63, 2**80, 10**400, uuid.uuid4(), "\x00", "acme\x00", "x" * 100_000, "'", "\ud800"):
            for tool, arguments in EVERY_CALL:
                if tool != "create":
                    assert await nothing_comes_of(estate, tool, arguments, tenant), tenant


async def nothing_comes_of(estate: Estate, tool: str, arguments: Any, tenant: Any) -> bool:
    """Whether a call finds nothing, or is refused; or its principal is told to be none."""
    try:
        outcome = await estate.call(tool, arguments, estate.ctx(tenant))
    except ValueError:
        return True
    if not outcome.success:
        return True
    return outcome.data.get("rows") in ([], [{"count": 0}]) or outcome.data == {"updated_count": 0}


@pytest.mark.parametrize("identity", [["acme"], {"id": "acme"}, ("acme",), 1.0, True, b"acme"], ids=repr)
def test_attack_01_a_tenant_of_another_kind_makes_no_principal(identity: Any) -> None:
    with pytest.raises(TypeError):
        Principal(tenant_id=identity)
    with pytest.raises(TypeError):
        Principal(tenant_id="acme", user_id=identity)


async def test_attack_01_a_missing_owner_is_refused(estate: Estate) -> None:
    scoping = {"tenant_id": "principal.tenant_id", "owner_id": "principal.user_id"}
    estate.mount(with_account(scoping=scoping))
    assert await estate.ids({"model": "Account"}, estate.ctx(user_id="user-1")) == [1]
    for user in (None, ""):
        for tool, arguments in EVERY_CALL:
            assert await estate.code(tool, arguments, estate.ctx(user_id=user)) == "PRINCIPAL_INCOMPLETE", tool


def refused(estate: Estate, model: ModelPolicy, name: str = "Account") -> str:
    with pytest.raises(PolicyInvalidError) as raised:
        estate.mount(Policy(models={name: model}))
    return str(raised.value)


async def test_attack_02_a_model_that_does_not_say_whose_it_is_is_not_mounted(estate: Estate) -> None:
    told = refused(estate, ModelPolicy(fields=allowed("id", "name")))
    assert "scoping" in told


async def test_attack_02_a_slip_in_a_scope_is_named(estate: Estate) -> None:
    for slip in ("tenantid", "tenant_ID", "tenat_id"):
        told = refused(estate, ACCOUNT.replace(scoping={slip: "principal.tenant_id"}))
        assert slip in told
        assert "tenant_id" in told.replace("principal.tenant_id", "")
    told = refused(estate, ACCOUNT.replace(scoping={"tenant_id": "principal.tenantid"}))
    assert "principal.tenantid" in told


async def test_attack_02_a_child_without_the_tenants_column_is_not_mounted(estate: Estate) -> None:
    told = refused(estate, ModelPolicy(fields=allowed("id"), scoping={"customer_id": "principal.tenant_id"}), "Note")
    assert "customer_id" in told


@pytest.mark.drivers(*(driver.name for driver in DRIVERS))
async def test_attack_03_tenants_that_look_alike_are_strangers(estate: Estate) -> None:
    assert await estate.ids({"model": "Account"}) == [1, 2]
    seen = [1, 2]
    for n, tenant in enumerate(LOOKALIKES, 4):
        outcome = await estate.toolset.call(estate.ctx(tenant), "query", {"model": "Account"})
        assert [row["id"] for row in outcome.unwrap()["rows"]] == [n], tenant
        seen.append(n)
        for tool, arguments in EVERY_CALL[4:6]:
            assert await estate.code(tool, arguments, estate.ctx(tenant)) == "RECORD_NOT_FOUND", tenant
    assert len(seen) == len(set(seen))
    for tenant in ("acme\t", " acme", "%", "_cme", "acme\x00", "a", ""):
        outcome = await estate.call("query", {"model": "Account"}, estate.ctx(tenant))
        assert not outcome.success or outcome.data["rows"] == [], tenant


@pytest.mark.drivers(*(driver.name for driver in DRIVERS))
async def test_attack_03_a_number_is_no_text_and_text_no_number(estate: Estate) -> None:
    assert await estate.ids({"model": "Meter"}, estate.ctx(7)) == [8]
    for tenant in ("7abc", "7 ", " 7", "7.0", "07", "+7", "0x7", "acme", "0; --", 2**62):
        outcome = await estate.call("query", {"model": "Meter"}, estate.ctx(tenant))
        assert not outcome.success or outcome.data["rows"] == [], tenant
    outcome = await estate.call("query", {"model": "Account"}, estate.ctx(0))
    assert not outcome.success or outcome.data["rows"] == []


def bypass(condition: str) -> Policy:
    return with_account(row_policies=[RowPolicy(name="bypass", condition=condition, bypass=True)])


async def test_attack_04_a_bypass_that_can_never_be_true_admits_nobody(estate: Estate) -> None:
    for condition in (
        "1 = 2",
        "principal.user_id IS NULL AND principal.user_id = 'root'",
        "'root' IN principal.metadata.x",
    ):
        try:
            estate.mount(bypass(condition))
        except PolicyInvalidError:
            estate.mount(POLICY)
        assert await estate.ids({"model": "Account"}, estate.ctx(roles=["root", "super_admin"])) == [1, 2]


async def test_attack_04_a_role_of_other_letters_bypasses_nothing(estate: Estate) -> None:
    estate.mount(bypass("'super_admin' IN principal.roles"))
    for role in (
        "Super_Admin",
        "SUPER_ADMIN",
        "super_admin ",
        " super_admin",
        "super_admın",
        "super%",
        "super_admin\x00",
    ):
        outcome = await estate.call("query", {"model": "Account"}, estate.ctx(roles=[role]))
        assert not outcome.success or [row["id"] for row in outcome.data["rows"]] == [1, 2], role


@pytest.mark.parametrize(
    "roles", ["super_admin", b"super_admin", {"super_admin": True}, [1], [None], [["x"]], 7], ids=repr
)
def test_attack_04_roles_that_are_no_list_of_names_make_no_principal(roles: Any) -> None:
    with pytest.raises(TypeError):
        Principal(tenant_id="acme", roles=roles)


async def test_attack_05_metadata_does_not_imitate_the_principal(estate: Estate) -> None:
    estate.mount(bypass("'super_admin' IN principal.roles"))
    imitation = {
        "tenant_id": "globex",
        "user_id": "root",
        "roles": ["super_admin"],
        "principal": {"tenant_id": "globex"},
    }
    assert await estate.ids({"model": "Account"}, estate.ctx(metadata=imitation)) == [1, 2]
    refused_code = await estate.code("query", {"model": "Account"}, estate.ctx(None, metadata=imitation))
    assert refused_code == "TENANT_SCOPE_REQUIRED"


async def test_attack_05_a_path_of_metadata_leads_to_its_values_alone(estate: Estate) -> None:
    for path in ("principal.metadata.__class__", "principal.__class__.__name__", "principal.metadata.tenant.__len__"):
        try:
            estate.mount(with_account(scoping={"tenant_id": path}))
        except PolicyInvalidError:
            continue
        for metadata in ({}, {"tenant": "acme"}, {"__class__": {"acme": 1}}, {"__class__": None}, {"__class__": ""}):
            assert await estate.code("query", {"model": "Account"}, estate.ctx(metadata=metadata)) in (
                "PRINCIPAL_INCOMPLETE",
                "TENANT_SCOPE_REQUIRED",
            )


async def test_attack_05_metadata_of_another_kind_widens_no_scope(estate: Estate) -> None:
    estate.mount(with_account(scoping={"tenant_id": "principal.metadata.org"}))
    assert await estate.ids({"model": "Account"}, estate.ctx(metadata={"org": "acme"})) == [1, 2]
    for value in ({"ne": "x"}, {"$ne": None}, [], [["acme"]], [None], 0, True, None, "", 1.5, "acme' OR '1'='1"):
        outcome = await estate.call("query", {"model": "Account"}, estate.ctx(metadata={"org": value}))
        assert not outcome.success or outcome.data["rows"] == [], value
