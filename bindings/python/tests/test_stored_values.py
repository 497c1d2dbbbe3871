"""What SQLAlchemy stores is found by what is shown of it, and what is created here SQLAlchemy reads as the same."""

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
import enum
import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from databases import Ground
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from ormai.core import Principal, RunContext
from ormai.quickstart import mount_sqlalchemy

UTC = dt.timezone.utc
WHOLE = dt.datetime(2024, 5, 1, 12, 0, 0)
EXACT = dt.datetime(2024, 5, 1, 12, 0, 0, 250_000)


class Status(enum.Enum):
    OPEN = "o"
    PAID = "p"


class Base(DeclarativeBase):
    pass


class Thing(Base):
    __tablename__ = "things"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[uuid.UUID]
    flag: Mapped[bool]
    number: Mapped[int]
    big: Mapped[int] = mapped_column(sa.BigInteger)
    ratio: Mapped[float] = mapped_column(sa.Double)
    price: Mapped[decimal.Decimal] = mapped_column(sa.Numeric(10, 2))
    name: Mapped[str] = mapped_column(sa.String(40))
    note: Mapped[str | None] = mapped_column(sa.Text)
    status: Mapped[Status]
    word: Mapped[str] = mapped_column(sa.Enum("b", "a", native_enum=False, length=9))
    raw: Mapped[bytes] = mapped_column(sa.LargeBinary(40))
    day: Mapped[dt.date]
    hour: Mapped[dt.time] = mapped_column(sa.Time().with_variant(mysql.TIME(fsp=6), "mysql", "mariadb"))
    local: Mapped[dt.datetime] = mapped_column(
        sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    )
    moment: Mapped[dt.datetime] = mapped_column(
        sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    )
    document: Mapped[Any] = mapped_column(sa.JSON)


POLICY = {
    "version": 1,
    "default_field_action": "allow",
    "models": {
        "Thing": {
            "allowed": True,
            "scoping": {"tenant_id": "principal.tenant_id"},
            "write_policy": {"create": "allow", "auto_set": {"tenant_id": "principal.tenant_id"}},
        }
    },
}
TENANTS = [uuid.UUID(int=1 << 96 | at) for at in (10, 11)]


def things(whole: bool) -> list[dict[str, Any]]:
    """A row of each tenant, alike but for the keys."""
    at = WHOLE if whole else EXACT
    return [
        {
            "id": uuid.UUID(int=(0xA << 120) | index),
            "tenant_id": tenant,
            "flag": True,
            "number": -7,
            "big": 2**62,
            "ratio": 0.1,
            "price": decimal.Decimal("12.50"),
            "name": "O'Hara é €",
            "note": "50% of _ and \\",
            "status": Status.PAID,
            "word": "b",
            "raw": b"\x00\xff'",
            "day": at.date(),
            "hour": at.time(),
            "local": at,
            "moment": at.replace(tzinfo=UTC),
            "document": {"a": [1, None, "ü"]},
        }
        for index, tenant in enumerate(TENANTS)
    ]


def ask(ground: Ground, name: str, **arguments: Any) -> Any:
    # An engine that has never connected does not know whether it is on MariaDB, which has a type for UUIDs.
    ground.run(lambda session: session.connection())
    toolset = mount_sqlalchemy(ground.engine, Base, POLICY)
    ctx = RunContext(principal=Principal(tenant_id=str(TENANTS[0]), user_id="u"))
    if isinstance(ground.engine, AsyncEngine):
        return asyncio.run(getattr(toolset, name)(ctx, **arguments))
    return getattr(toolset.sync, name)(ctx, **arguments)


def stored(ground: Ground, rows: list[dict[str, Any]]) -> None:
    """Stores rows by a driver that can: with the PyMySQL of today, aiomysql can write no bytes."""
    engine = sa.create_engine(ground.url)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(Thing(**row) for row in rows)
        session.commit()
    engine.dispose()


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "exact"])
def test_what_is_shown_of_a_row_finds_it_again(ground: Ground, whole: bool) -> None:
    stored(ground, things(whole))
    (row,) = ask(ground, "query", model="Thing").rows
    assert row["id"] == str(things(whole)[0]["id"])
    assert row["local"] == ("2024-05-01T12:00:00" if whole else "2024-05-01T12:00:00.25")
    assert row["moment"].removesuffix("Z") == row["local"]
    assert row["status"] == "PAID"
    for field, value in row.items():
        if field == "document":
            continue
        found = ask(ground, "query", model="Thing", filters=[{"field": field, "op": "eq", "value": value}])
        assert [each["id"] for each in found.rows] == [row["id"]], field
    for field in ("id", "local", "moment", "hour", "day", "price", "status", "name"):
        later = [{"field": field, "op": "gt", "value": row[field]}]
        assert ask(ground, "query", model="Thing", filters=later).rows == [], field


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "exact"])
def test_what_is_created_is_read_by_sqlalchemy_as_the_same(ground: Ground, whole: bool) -> None:
    rows = things(whole)
    stored(ground, rows)
    (shown,) = ask(ground, "query", model="Thing").rows
    made = uuid.UUID(int=0xF << 120)
    data = {field: value for field, value in shown.items() if field != "tenant_id"} | {"id": str(made)}
    ask(ground, "create", model="Thing", data=data)

    def read(session: Session) -> tuple[dict[str, Any], dict[str, Any]]:
        first, second = session.get(Thing, rows[0]["id"]), session.get(Thing, made)
        assert first is not None and second is not None
        return [{field: getattr(each, field) for field in shown if field != "id"} for each in (first, second)]  # type: ignore[return-value]

    first, second = ground.run(read)
    assert first == second
    same = sa.select(sa.func.count()).select_from(Thing).group_by(Thing.local, Thing.moment, Thing.hour, Thing.tenant_id)
    assert sorted(ground.run(lambda session: session.scalars(same).all())) == [1, 2], "they are stored alike"


@pytest.mark.databases("sqlite")
def test_a_time_that_the_database_filled_is_answered_as_it_is_stored(ground: Ground) -> None:
    stored(ground, things(True))
    ground.run(
        lambda session: session.execute(sa.text("UPDATE things SET local = '2024-05-01 12:00:00'")), commits=True
    )
    (row,) = ask(ground, "query", model="Thing", select=["id", "local"]).rows
    assert row["local"] == "2024-05-01 12:00:00"
