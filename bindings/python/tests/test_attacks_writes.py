"""Attacks 15 to 21: to write what is not one's own, more than is open, or without whose word it takes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from ormai.core import RunContext
from ormai.core.errors import OrmAiError
from ormai.policy import Policy
from sqlalchemy import text

from attacked import ACCOUNT, ACCOUNT_WRITES, CANARY, LOOKALIKES, NOTE, TENANT, THREE, Estate, with_account
from databases import DRIVERS, Ground

pytestmark = pytest.mark.drivers(*THREE)

NEW = {"owner_id": "user-1", "code": "new", "name": "new"}
OTHERS = ("globex", *LOOKALIKES)


def where(field: str, op: str, value: Any) -> list[dict[str, Any]]:
    return [{"field": field, "op": op, "value": value}]


async def created(estate: Estate, data: dict[str, Any], model: str = "Account") -> dict[str, Any]:
    row: dict[str, Any] = (await estate.call("create", {"model": model, "data": data})).unwrap()
    return row


def bare(error: dict[str, Any]) -> str:
    """What a refusal tells, but for what the caller itself has asked for."""
    return str({name: error.get(name) for name in ("code", "message", "hint", "retryable")})


@pytest.mark.drivers(*(driver.name for driver in DRIVERS))
async def test_attack_15_a_new_row_belongs_to_nobody_else(estate: Estate) -> None:
    async with estate.unchanged():
        for tenant in (*OTHERS, "", None, 0, ["acme"], {"eq": "acme"}, "acme\x00"):
            code = await estate.code("create", {"model": "Account", "data": {**NEW, "tenant_id": tenant}})
            assert code in ("WRITE_NOT_ALLOWED", "VALIDATION_ERROR"), tenant
    assert (await created(estate, NEW))["tenant_id"] == "acme"
    assert (await created(estate, {**NEW, "code": "other", "tenant_id": "acme"}))["tenant_id"] == "acme"


async def test_attack_15_without_auto_set_the_tenant_must_be_ones_own(estate: Estate) -> None:
    writes = ACCOUNT_WRITES.replace(auto_set={}, immutable_fields=[])
    estate.mount(with_account(write_policy=writes))
    async with estate.unchanged():
        for tenant in OTHERS:
            for tool, arguments in (
                ("create", {"data": {**NEW, "tenant_id": tenant}}),
                ("update", {"id": 1, "data": {"tenant_id": tenant}}),
                ("bulk_update", {"ids": [1, 2], "data": {"tenant_id": tenant}}),
            ):
                assert await estate.code(tool, {"model": "Account", **arguments}) == "WRITE_NOT_ALLOWED", (tool, tenant)
        for data in (NEW, {**NEW, "tenant_id": None}):
            assert await estate.code("create", {"model": "Account", "data": data}) in (
                "WRITE_NOT_ALLOWED",
                "VALIDATION_ERROR",
            )


async def test_attack_15_a_row_is_given_to_nobody(estate: Estate) -> None:
    async with estate.unchanged():
        for tenant in (*OTHERS, None, "acme"):
            for tool, arguments in (
                ("update", {"id": 1, "data": {"name": "x", "tenant_id": tenant}}),
                ("bulk_update", {"filters": where("id", "gt", 0), "data": {"tenant_id": tenant}}),
            ):
                assert await estate.code(tool, {"model": "Account", **arguments}) in (
                    "WRITE_NOT_ALLOWED",
                    "VALIDATION_ERROR",
                ), (tool, tenant)


async def test_attack_15_an_owner_is_the_caller(estate: Estate) -> None:
    scoping = {**TENANT, "owner_id": "principal.user_id"}
    estate.mount(with_account(scoping=scoping))
    before = await estate.stored()
    for owner in ("user-2", "USER-1", "user-1 ", ""):
        assert await estate.code("create", {"model": "Account", "data": {**NEW, "owner_id": owner}}) != "answered"
        assert await estate.code("update", {"model": "Account", "id": 1, "data": {"owner_id": owner}}) != "answered"
    # The other row of the tenant is another user's.
    assert await estate.code("update", {"model": "Account", "id": 2, "data": {"name": "x"}}) == "RECORD_NOT_FOUND"
    assert await estate.code("delete", {"model": "Account", "id": 2}) == "RECORD_NOT_FOUND"
    assert await estate.stored() == before


@pytest.mark.drivers(*(driver.name for driver in DRIVERS))
async def test_attack_16_a_reference_to_theirs_is_one_to_none(estate: Estate) -> None:
    async with estate.unchanged():
        for tool, arguments, data in (
            ("create", {}, {"body": "x"}),
            ("update", {"id": 1}, {}),
            ("bulk_update", {"ids": [1, 2]}, {}),
        ):
            told = {
                bare(await estate.error(tool, {"model": "Note", **arguments, "data": {**data, "account_id": account}}))
                for account in (3, 4, 5, 6, 12_345, -1)
            }
            assert len(told) == 1, told
    assert (await created(estate, {"body": "x", "account_id": 2}, "Note"))["account_id"] == 2


@pytest.mark.drivers(*(driver.name for driver in DRIVERS))
async def test_attack_17_a_key_that_is_theirs_is_taken_without_a_word_of_it(estate: Estate) -> None:
    async with estate.unchanged():
        theirs = [
            await estate.error("create", {"model": "Note", "data": {"id": key, "body": "x"}}) for key in (3, 4, 101)
        ]
        assert {error["code"] for error in theirs} == {"CONFLICT"}
        assert len({bare(error) for error in theirs}) == 1
        # The code of another tenant's account is unique in the table.
        taken = f"{CANARY}-3"
        for tool, arguments in (
            ("create", {"data": {**NEW, "code": taken}}),
            ("update", {"id": 1, "data": {"code": taken}}),
            ("bulk_update", {"ids": [1], "data": {"code": taken}}),
        ):
            outcome = await estate.toolset.call(estate.ctx(), tool, {"model": "Account", **arguments})
            assert outcome.error is not None
            assert outcome.error["code"] == "CONFLICT"
            assert CANARY not in outcome.to_json()


@pytest.mark.drivers(*(driver.name for driver in DRIVERS))
async def test_attack_18_no_key_leads_to_a_strangers_row(estate: Estate) -> None:
    async with estate.unchanged():
        for tool, data in (("update", {"data": {"name": "x"}}), ("delete", {}), ("get", {})):
            told = {bare(await estate.error(tool, {"model": "Account", "id": key, **data})) for key in (3, 4, 5, 999)}
            assert told == {bare(await estate.error(tool, {"model": "Account", "id": -1, **data}))}
        for arguments in (
            {"ids": [3, 4]},
            {"filters": where("id", "in", [3, 4])},
            {"filters": where("tenant_id", "ne", "acme")},
        ):
            outcome = await estate.call("bulk_update", {"model": "Account", "data": {"name": "x"}, **arguments})
            assert outcome.error or outcome.data == {"updated_count": 0}
        told = {
            bare(await estate.error("bulk_update", {"model": "Account", "data": {"name": "x"}, "ids": ids}))
            for ids in ([1, 3], [1, 999])
            if not (
                await estate.call(
                    "bulk_update", {"model": "Account", "data": {"name": "x"}, "ids": ids, "dry_run": True}
                )
            ).success
        }
        assert len(told) <= 1


async def test_attack_18_a_bulk_update_changes_no_strangers(estate: Estate) -> None:
    others = (await estate.stored()).split('["Account", ')
    outcome = await estate.call(
        "bulk_update", {"model": "Account", "filters": where("id", "gt", 0), "data": {"name": "x"}}
    )
    assert outcome.unwrap() == {"updated_count": 2}
    after = (await estate.stored()).split('["Account", ')
    assert [one == other for one, other in zip(others, after, strict=True)].count(False) == 2


@pytest.mark.drivers(*(driver.name for driver in DRIVERS))
async def test_attack_18_a_key_of_two_parts_is_given_whole(estate: Estate) -> None:
    async with estate.unchanged():
        for key in (
            1,
            "1",
            [1, 1],
            {"note_id": 1},
            {"position": 1},
            {},
            {"note_id": 1, "position": None},
            None,
            {"note_id": 1, "position": 1, "x": 1},
        ):
            for tool, data in (("update", {"data": {"text": "x"}}), ("delete", {}), ("get", {})):
                assert await estate.code(tool, {"model": "Remark", "id": key, **data}) in (
                    "VALIDATION_ERROR",
                    "FIELD_NOT_ALLOWED",
                ), (tool, key)
            code = await estate.code("bulk_update", {"model": "Remark", "ids": [key], "data": {"text": "x"}})
            assert code in ("VALIDATION_ERROR", "FIELD_NOT_ALLOWED"), key
        theirs = {"note_id": 1, "position": 2}
        assert await estate.code("delete", {"model": "Remark", "id": theirs}) == "RECORD_NOT_FOUND"
    outcome = await estate.call(
        "update", {"model": "Remark", "id": {"note_id": 1, "position": 1}, "data": {"text": "x"}}
    )
    assert outcome.unwrap()["text"] == "x"


async def test_attack_18_a_key_never_changes(estate: Estate) -> None:
    async with estate.unchanged():
        for tool, arguments in (
            ("update", {"model": "Account", "id": 1, "data": {"id": 3}}),
            ("update", {"model": "Account", "id": 1, "data": {"id": 1}}),
            ("bulk_update", {"model": "Account", "ids": [1], "data": {"id": 77}}),
            ("update", {"model": "Remark", "id": {"note_id": 1, "position": 1}, "data": {"position": 2}}),
        ):
            assert await estate.code(tool, arguments) in ("WRITE_NOT_ALLOWED", "FIELD_NOT_ALLOWED"), arguments


TRIGGERS = {
    "sqlite": ["CREATE TRIGGER hears BEFORE UPDATE ON notes BEGIN SELECT RAISE(ABORT, 'c4n4ry of the trigger'); END"],
    "postgresql": [
        "CREATE FUNCTION hears() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'c4n4ry of the trigger: %', (SELECT string_agg(secret, ',') FROM vaults); END $$",
        "CREATE TRIGGER hears BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION hears()",
    ],
    "mysql": [
        "CREATE TRIGGER hears BEFORE UPDATE ON notes FOR EACH ROW "
        "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'c4n4ry of the trigger'"
    ],
}


REFUSED = ("VALIDATION_ERROR", "CONFLICT", "WRITE_NOT_ALLOWED", "RECORD_NOT_FOUND")


@pytest.mark.alters
@pytest.mark.drivers(*(driver.name for driver in DRIVERS))
async def test_attack_19_what_the_database_refuses_is_told_without_the_row(
    estate: Estate, attacked_ground: Ground
) -> None:
    for statement in TRIGGERS[attacked_ground.driver.database]:
        await estate.work(lambda session, one=statement: session.execute(text(one)))  # type: ignore[misc]
    too_long, is_strict = "x" * 300, attacked_ground.driver.database != "sqlite"
    async with estate.unchanged():
        for tool, arguments in (
            ("update", {"model": "Account", "id": 1, "data": {"code": None}}),
            ("update", {"model": "Account", "id": 1, "data": {"balance": -1}}),
            ("bulk_update", {"model": "Account", "ids": [1, 2], "data": {"balance": "-0.01"}}),
            # SQLite stores numbers of any size, and does not look after references unless it is told to.
            ("update", {"model": "Account", "id": 1, "data": {"balance": 10**15 if is_strict else -1}}),
            ("update", {"model": "Account", "id": 1, "data": {"name": too_long}}),
            ("create", {"model": "Account", "data": {"owner_id": "user-1"}}),
            ("create", {"model": "Account", "data": {**NEW, "balance": -1}}),
            ("create", {"model": "Note", "data": {"body": None}}),
            ("delete", {"model": "Account", "id": 1 if is_strict else -1}),
            ("update", {"model": "Note", "id": 1, "data": {"body": "x"}}),
            ("bulk_update", {"model": "Note", "ids": [1, 2], "data": {"body": "x"}}),
        ):
            outcome = await estate.call(tool, arguments)
            assert outcome.error is not None, arguments
            assert outcome.error["code"] in REFUSED, (arguments, outcome)
            told = outcome.to_json()
            for word in (
                "never_below_zero",
                "mine-1",
                "Failing row",
                "DETAIL",
                "CHECK",
                "trigger",
                "INSERT",
                "UPDATE ",
                "sqlalchemy",
            ):
                assert word not in told, (word, told)


def approving(**changes: Any) -> Policy:
    writes = ACCOUNT_WRITES.replace(
        update="require_approval", approver_roles=["manager"], approval_ttl_s=3600, **changes
    )
    return with_account(write_policy=writes)


ASKED = dt.datetime(2026, 5, 1, 12, tzinfo=dt.timezone.utc)


class Desk:
    """Writes that wait on a session, and who may say yes."""

    def __init__(self, estate: Estate) -> None:
        from ormai.store import MemoryApprovalStore

        self.estate = estate
        self.store = MemoryApprovalStore()
        self.mount(approving())

    def mount(self, policy: Policy) -> None:
        self.estate.mount(policy, approvals=self.store)

    def by(
        self, user: str = "boss", tenant: str = "acme", *, after_s: int = 60, roles: Any = ("manager",)
    ) -> RunContext:
        ctx = self.estate.ctx(tenant, user, roles=list(roles))
        return ctx.replace(now=ASKED + dt.timedelta(seconds=after_s))

    async def park(self, name: str = "approved") -> str:
        """The id of an update of the first account that waits."""
        asks = self.estate.ctx(user_id="user-1", roles=["support"]).replace(now=ASKED)
        outcome = await self.estate.call("update", {"model": "Account", "id": 1, "data": {"name": name}}, asks)
        assert outcome.unwrap()["status"] == "pending_approval"
        assert await self.name() == "mine 1"
        return str(outcome.data["approval_id"])

    async def approve(self, ctx: RunContext, id: Any) -> str:
        """What a yes comes to: a status, or the code that it is refused with."""
        try:
            return str((await self.estate.toolset.approvals.approve(ctx, id)).status)
        except OrmAiError as error:
            assert CANARY not in str(error)
            return error.code

    async def name(self) -> str:
        rows = (await self.estate.call("query", {"model": "Account", "filters": where("id", "eq", 1)})).unwrap()["rows"]
        return str(rows[0]["name"])


async def desk_of(estate: Estate) -> Desk:
    desk = Desk(estate)
    await estate.toolset.install()
    return desk


@pytest.mark.alters
async def test_attack_20_an_approval_is_good_for_one_write(estate: Estate) -> None:
    desk = await desk_of(estate)
    id = await desk.park()
    # On a session it is executed when that commits; until then its record is that it was approved.
    assert await desk.approve(desk.by(), id) == "approved"
    assert await desk.name() == "approved"
    await estate.work(lambda session: session.execute(text("UPDATE accounts SET name = 'mine 1' WHERE id = 1")))
    for again in (desk.by(), desk.by("other boss")):
        assert await desk.approve(again, id) in ("approved", "executed", "CONFLICT")
        assert await desk.name() == "mine 1"


@pytest.mark.alters
async def test_attack_20_the_requester_approves(estate: Estate) -> None:
    desk = await desk_of(estate)
    id = await desk.park()
    assert await desk.approve(desk.by("user-1"), id) == "WRITE_NOT_ALLOWED"
    assert await desk.name() == "mine 1"


@pytest.mark.alters
async def test_attack_20_a_stranger_approves(estate: Estate) -> None:
    desk = await desk_of(estate)
    id = await desk.park()
    for ctx in (
        desk.by(tenant="globex"),
        desk.by(tenant="ACME"),
        desk.by(roles=[]),
        desk.by(roles=["Manager"]),
        desk.by(roles=["manager "]),
        desk.by("user-1", tenant="globex"),
    ):
        assert await desk.approve(ctx, id) == await desk.approve(ctx, "apr-nothing") == "RECORD_NOT_FOUND"
    assert await desk.name() == "mine 1"


@pytest.mark.alters
async def test_attack_20_an_approval_after_its_time(estate: Estate) -> None:
    desk = await desk_of(estate)
    id = await desk.park()
    assert await desk.approve(desk.by(after_s=3601), id) == "CONFLICT"
    assert await desk.name() == "mine 1"


@pytest.mark.alters
async def test_attack_20_an_approval_under_another_policy(estate: Estate) -> None:
    desk = await desk_of(estate)
    id = await desk.park()
    desk.mount(approving(max_affected_rows=2))
    assert await desk.approve(desk.by(), id) == "CONFLICT"
    assert await desk.name() == "mine 1"


@pytest.mark.alters
async def test_attack_20_what_was_rejected_is_not_approved(estate: Estate) -> None:
    desk = await desk_of(estate)
    id = await desk.park()
    assert (await estate.toolset.approvals.reject(desk.by(), id)).status == "rejected"
    assert await desk.approve(desk.by(), id) == "CONFLICT"
    assert await desk.name() == "mine 1"


async def test_attack_20_without_a_store_nothing_waits_and_nothing_is_written(estate: Estate) -> None:
    estate.mount(approving())
    async with estate.unchanged():
        ctx = estate.ctx(roles=["support"])
        code = await estate.code("update", {"model": "Account", "id": 1, "data": {"name": "x"}}, ctx)
        assert code == "APPROVAL_REQUIRED"


async def test_attack_21_missing_fields_are_all_named_at_once(estate: Estate) -> None:
    estate.mount(with_account(write_policy=ACCOUNT_WRITES.replace(required_fields=["code", "name", "owner_id"])))
    async with estate.unchanged():
        error = await estate.error("create", {"model": "Account", "data": {"code": "new"}})
        assert error["code"] == "VALIDATION_ERROR"
        assert "name" in error["message"] and "owner_id" in error["message"]
        assert await estate.code("create", {"model": "Account", "data": {**NEW, "name": None}}) == "VALIDATION_ERROR"
        assert await estate.code("update", {"model": "Account", "id": 1, "data": {"name": None}}) == "VALIDATION_ERROR"


async def test_attack_21_a_reason_is_a_reason(estate: Estate) -> None:
    estate.mount(with_account(write_policy=ACCOUNT_WRITES.replace(require_reason=True)))
    async with estate.unchanged():
        for reason in (..., None, "", "   ", "\n", 7, ["because"], True):
            given = {} if reason is ... else {"reason": reason}
            for tool, arguments in (
                ("create", {"data": NEW}),
                ("update", {"id": 1, "data": {"name": "x"}}),
                ("delete", {"id": 2}),
                ("bulk_update", {"ids": [1], "data": {"name": "x"}}),
            ):
                assert await estate.code(tool, {"model": "Account", **arguments, **given}) == "VALIDATION_ERROR", reason
    row = (
        await estate.call("update", {"model": "Account", "id": 1, "data": {"name": "x"}, "reason": "asked for"})
    ).unwrap()
    assert row["name"] == "x"


async def test_attack_21_what_is_immutable_stands_in_no_data(estate: Estate) -> None:
    estate.mount(with_account(write_policy=ACCOUNT_WRITES.replace(immutable_fields=["tenant_id", "code"])))
    async with estate.unchanged():
        for code in ("mine-1", "other", None):
            for tool, arguments in (("update", {"id": 1}), ("bulk_update", {"ids": [1]})):
                asked = {"model": "Account", **arguments, "data": {"name": "x", "code": code}}
                assert await estate.code(tool, asked) == "WRITE_NOT_ALLOWED", code


async def test_attack_21_the_cap_holds_at_the_limit_and_over_it(estate: Estate) -> None:
    for n in range(3):
        await created(estate, {**NEW, "code": f"mine-more-{n}"})
    cap = ACCOUNT_WRITES.max_affected_rows
    assert cap == 3
    before = await estate.stored()
    over = {"model": "Account", "filters": where("id", "gt", 0), "data": {"name": "x"}}
    for arguments in (over, {**over, "filters": where("code", "starts_with", "mine")}):
        assert await estate.code("bulk_update", arguments) == "MAX_AFFECTED_ROWS_EXCEEDED"
        assert await estate.stored() == before
    at = {**over, "filters": where("code", "starts_with", "mine-more")}
    assert (await estate.call("bulk_update", at)).unwrap() == {"updated_count": 3}


async def test_attack_21_a_write_that_is_not_opened_is_refused(estate: Estate) -> None:
    estate.mount(Policy(models={"Account": ACCOUNT.replace(write_policy=None), "Note": NOTE}))
    async with estate.unchanged():
        for tool, arguments in (
            ("create", {"data": NEW}),
            ("update", {"id": 1, "data": {"name": "x"}}),
            ("delete", {"id": 1}),
            ("bulk_update", {"ids": [1], "data": {"name": "x"}}),
        ):
            assert await estate.code(tool, {"model": "Account", **arguments}) == "WRITE_NOT_ALLOWED", tool
        for field in ("ssn", "vault_id", "no_such", "id; --"):
            code = await estate.code("update", {"model": "Note", "id": 1, "data": {field: "x"}})
            assert code == "FIELD_NOT_ALLOWED", field


async def test_attack_21_half_a_transaction_is_no_transaction(estate: Estate) -> None:
    async with estate.unchanged():
        with pytest.raises(OrmAiError):
            async with estate.toolset.transaction(estate.ctx()) as tx:
                await estate.toolset.update(tx, model="Account", id=1, data={"name": "half"})
                await estate.toolset.create(tx, model="Note", data={"body": "half", "account_id": 1})
                await estate.toolset.update(tx, model="Account", id=3, data={"name": "theirs"})
