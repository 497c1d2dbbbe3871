"""Catalogs of models in every style in which SQLAlchemy maps them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint
from sqlalchemy.ext.automap import automap_base
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    column_property,
    composite,
    declarative_base,
    deferred,
    mapped_column,
    registry,
    relationship,
    synonym,
)

import shop
from catalogs import MARIADB, MYSQL, POSTGRES, SQLITE, brief, dialect, missing
from ormai.sqlalchemy import CatalogError, catalog_of

SHOP = {
    "Item": {
        "table": "items",
        "fields": {"order_id": "int", "position": "int", "tenant_id": "text(40) ~ordered", "sku": "text(40) ~ordered"},
        "key": "order_id, position",
        "indexes": ["order_id, position", "tenant_id"],
        "relations": {"order": "one Order order_id=id"},
        "foreign keys": ["Order order_id=id", "Tenant tenant_id=id"],
    },
    "Order": {
        "table": "orders",
        "fields": {
            "id": "int default",
            "tenant_id": "text(40) ~ordered",
            "user_id": "text(40) ~ordered",
            "status": "text(20) null ~ordered",
            "total": "decimal null",
            "created_at": "datetime null",
        },
        "key": "id",
        "indexes": ["id", "tenant_id"],
        "relations": {"user": "one User user_id=id", "items": "many Item id=order_id"},
        "foreign keys": ["Tenant tenant_id=id", "User user_id=id"],
    },
    "Tenant": {
        "table": "tenants",
        "fields": {"id": "text(40) ~ordered", "name": "text(80) ~ordered"},
        "key": "id",
        "indexes": ["id"],
    },
    "User": {
        "table": "users",
        "fields": {"id": "text(40) ~ordered", "tenant_id": "text(40) ~ordered", "email": "text(120) ~ordered"},
        "key": "id",
        "indexes": ["id", "tenant_id"],
        "relations": {"orders": "many Order id=user_id"},
        "foreign keys": ["Tenant tenant_id=id"],
    },
}


def test_declarative_models() -> None:
    catalog = catalog_of(shop.Base, dialect(SQLITE))
    assert brief(catalog) == SHOP
    assert catalog.left_out == []
    assert sorted(catalog.mappers) == ["Item", "Order", "Tenant", "User"]


def test_a_catalog_is_json_with_everything_said() -> None:
    catalog = catalog_of([shop.Tenant], dialect(POSTGRES))
    assert json.loads(json.dumps(catalog)) == {
        "models": [
            {
                "name": "Tenant",
                "table": "tenants",
                "schema": None,
                "kind": "table",
                "fields": [
                    {
                        "name": name,
                        "column": name,
                        "type": "text",
                        "nullable": False,
                        "has_default": False,
                        "generated": False,
                        "length": length,
                        "collation": "ordered",
                    }
                    for name, length in (("id", 40), ("name", 80))
                ],
                "primary_key": ["id"],
                "unique_keys": [],
                "indexes": [["id"]],
                "relations": [],
                "foreign_keys": [],
            }
        ]
    }


def test_models_of_the_guide_with_columns_instead_of_annotations() -> None:
    Base: Any = declarative_base()

    class Tenant(Base):
        __tablename__ = "tenants"
        id = Column(String, primary_key=True)
        name = Column(String, nullable=False)

    class User(Base):
        __tablename__ = "users"
        id = Column(String, primary_key=True)
        tenant_id = Column(String, ForeignKey("tenants.id"), nullable=False)
        email = Column(String, nullable=False)

    assert brief(catalog_of(Base, dialect(SQLITE)))["User"] == {
        "table": "users",
        "fields": {"id": "text ~ordered", "tenant_id": "text ~ordered", "email": "text ~ordered"},
        "key": "id",
        "indexes": ["id"],
        "foreign keys": ["Tenant tenant_id=id"],
    }
    assert Tenant.__name__ == "Tenant"


def test_mapped_dataclasses() -> None:
    class Base(MappedAsDataclass, DeclarativeBase):
        pass

    class Note(Base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True, init=False)
        title: Mapped[str] = mapped_column(sa.String(20), default="untitled")
        text: Mapped[str | None] = mapped_column(sa.Text, default=None, deferred=True)

    assert brief(catalog_of(Base, dialect(SQLITE))) == {
        "Note": {
            "table": "notes",
            "fields": {"id": "int default", "title": "text(20) ~ordered", "text": "text null ~ordered"},
            "key": "id",
            "indexes": ["id"],
        }
    }
    assert Note.__name__ == "Note"


def test_classes_mapped_to_tables() -> None:
    reg = registry()
    users = Table("users", reg.metadata, Column("user_id", Integer, primary_key=True), Column("e_mail", String(9)))
    orders = Table(
        "orders", reg.metadata, Column("id", Integer, primary_key=True), Column("owner", ForeignKey("users.user_id"))
    )

    class User: ...

    class Order: ...

    reg.map_imperatively(User, users, properties={"id": users.c.user_id, "email": users.c.e_mail})
    reg.map_imperatively(Order, orders, properties={"user": relationship(User, backref="orders")})
    expected = {
        "Order": {
            "table": "orders",
            "fields": {"id": "int default", "owner": "int null"},
            "key": "id",
            "indexes": ["id"],
            "relations": {"user": "one User owner=id"},
            "foreign keys": ["User owner=id"],
        },
        "User": {
            "table": "users",
            "fields": {"id": "int default <user_id", "email": "text(9) null ~ordered <e_mail"},
            "key": "id",
            "indexes": ["id"],
            "relations": {"orders": "many Order id=owner"},
        },
    }
    assert brief(catalog_of(reg, dialect(SQLITE))) == expected
    assert brief(catalog_of([User, Order], dialect(SQLITE))) == expected
    renamed = catalog_of({"Account": User}, dialect(SQLITE))
    assert list(brief(renamed)) == ["Account"]
    assert missing(renamed) == {"Account.orders": "`Order` is not in the catalog"}


def test_sqlmodel() -> None:
    from heroes import Hero, SQLModel, Team

    found = brief(catalog_of(SQLModel, dialect(POSTGRES)))
    assert found == brief(catalog_of([Hero, Team], dialect(POSTGRES)))
    assert found["Team"] == {
        "table": "team",
        "fields": {"id": "int32 default", "name": "text(30) ~ordered"},
        "key": "id",
        "unique": ["name"],
        "indexes": ["id", "name"],
        "relations": {"heroes": "many Hero id=team_id"},
    }
    hero = found["Hero"]
    seen = hero["fields"].pop("seen")
    # Since 0.0.38 it stores times in UTC.
    assert seen in ("timestamp", "datetime")
    assert hero["fields"] == {"id": "int32 default", "name": "text ~ordered", "team_id": "int32 null"}
    assert hero["relations"] == {"team": "one Team team_id=id"}


def test_automap(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/shop.db")
    shop.Base.metadata.create_all(engine)
    Base: Any = automap_base()
    Base.prepare(autoload_with=engine)
    found = brief(catalog_of(Base, engine.dialect))
    assert found["orders"] == {
        "table": "orders",
        "fields": {
            "id": "int default",
            "tenant_id": "text(40) ~ordered",
            "user_id": "text(40) ~ordered",
            "status": "text(20) null ~ordered",
            "total": "decimal null",
            "created_at": "datetime null",
        },
        "key": "id",
        "indexes": ["id", "tenant_id"],
        "relations": {
            "tenants": "one tenants tenant_id=id",
            "users": "one users user_id=id",
            "items_collection": "many items id=order_id",
        },
        "foreign keys": ["tenants tenant_id=id", "users user_id=id"],
    }
    engine.dispose()


def test_automap_that_is_not_prepared_says_so() -> None:
    with pytest.raises(CatalogError, match=r"Base\.prepare"):
        catalog_of(automap_base(), dialect(SQLITE))


def test_keys_indexes_and_what_is_none() -> None:
    class Base(DeclarativeBase):
        pass

    class Row(Base):
        __tablename__ = "rows"
        a: Mapped[int] = mapped_column(primary_key=True)
        b: Mapped[int] = mapped_column(primary_key=True)
        c: Mapped[int] = mapped_column(unique=True)
        d: Mapped[int] = mapped_column(index=True)
        e: Mapped[str] = mapped_column(String(9))
        __table_args__ = (
            UniqueConstraint("d", "e"),
            Index("partial", "e", unique=True, postgresql_where=sa.text("d > 1"), sqlite_where=sa.text("d > 1")),
            Index("expression", "d", sa.func.lower(sa.text("e")), unique=True),
            Index("down", "c", sa.desc("e")),
            Index("inverted", "e", postgresql_using="gin"),
        )

    for url in (SQLITE, POSTGRES):
        found = brief(catalog_of(Base, dialect(url)))["Row"]
        assert found["key"] == "a, b"
        assert found["unique"] == ["c", "d, e"]
        expected = ["a, b", "c", "d, e", "d"]
        assert found["indexes"] == (expected if url == POSTGRES else [*expected, "e"])
    assert Row.__name__ == "Row"


def test_an_index_of_mysql_on_the_beginning_of_a_text_is_no_key() -> None:
    class Base(DeclarativeBase):
        pass

    class Row(Base):
        __tablename__ = "rows"
        id: Mapped[int] = mapped_column(primary_key=True)
        e: Mapped[str] = mapped_column(String(99))
        __table_args__ = (Index("part", "e", unique=True, mysql_length=9, mariadb_length=9),)

    for url in (MYSQL, MARIADB):
        assert "unique" not in brief(catalog_of(Base, dialect(url)))["Row"]
    assert Row.__name__ == "Row"


def test_what_the_database_fills_and_computes() -> None:
    class Base(DeclarativeBase):
        pass

    class Row(Base):
        __tablename__ = "rows"
        id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
        server: Mapped[int] = mapped_column(server_default=sa.text("7"))
        trigger: Mapped[int] = mapped_column(server_default=sa.FetchedValue())
        python: Mapped[int] = mapped_column(default=7)
        double: Mapped[int] = mapped_column(sa.Computed("server * 2"))

    assert brief(catalog_of(Base, dialect(POSTGRES)))["Row"]["fields"] == {
        "id": "int32 default generated",
        "server": "int32 default",
        "trigger": "int32 default",
        "python": "int32",
        "double": "int32 default generated",
    }
    assert Row.__name__ == "Row"


@pytest.mark.parametrize(
    ("url", "column", "has_default"),
    [
        (SQLITE, lambda: Column(Integer, primary_key=True), True),
        (SQLITE, lambda: Column(sa.BigInteger, primary_key=True), False),
        (SQLITE, lambda: Column(String, primary_key=True), False),
        (POSTGRES, lambda: Column(Integer, primary_key=True), True),
        (POSTGRES, lambda: Column(sa.BigInteger, primary_key=True), True),
        (POSTGRES, lambda: Column(Integer, primary_key=True, autoincrement=False), False),
        (POSTGRES, lambda: Column(Integer, sa.Sequence("numbers"), primary_key=True), False),
        (POSTGRES, lambda: Column(Integer, ForeignKey("other.id"), primary_key=True), False),
        (POSTGRES, lambda: Column(Integer, default=lambda: 7, primary_key=True), False),
        (MYSQL, lambda: Column(Integer, primary_key=True), True),
    ],
)
def test_a_key_that_the_database_counts_has_a_default(url: str, column: Any, has_default: bool) -> None:
    class Base(DeclarativeBase):
        pass

    class Other(Base):
        __tablename__ = "other"
        id = Column(Integer, primary_key=True)

    class Row(Base):
        __tablename__ = "rows"
        id = column()

    found = brief(catalog_of([Row, Other], dialect(url)))["Row"]["fields"]["id"]
    assert ("default" in found.split()) is has_default


def test_attributes_that_are_no_columns_are_left_out_with_their_reasons() -> None:
    class Base(DeclarativeBase):
        pass

    class Row(Base):
        __tablename__ = "rows"
        id: Mapped[int] = mapped_column(primary_key=True)
        first = Column("first_name", String(9), key="first_key")
        last = deferred(Column(String(9)))
        full = column_property(first + last)
        family = synonym("last")
        x = Column(Integer, nullable=False)
        y = Column(Integer, nullable=False)
        point = composite(complex, x, y)
        __mapper_args__ = {"exclude_properties": ["hidden"]}

    catalog = catalog_of(Base, dialect(SQLITE))
    assert brief(catalog)["Row"]["fields"] == {
        "id": "int default",
        "first": "text(9) null ~ordered <first_name",
        "last": "text(9) null ~ordered",
        "x": "int",
        "y": "int",
    }
    assert list(missing(catalog)) == ["Row.full"]
    assert "an expression and not a column" in missing(catalog)["Row.full"]


def test_a_column_that_is_not_mapped_is_in_no_key_and_no_field() -> None:
    reg = registry()
    table = Table(
        "rows",
        reg.metadata,
        Column("id", Integer, primary_key=True),
        Column("secret", String(9), unique=True),
        Column("name", String(9), index=True),
    )

    class Row: ...

    reg.map_imperatively(Row, table, exclude_properties=["secret"])
    assert brief(catalog_of(reg, dialect(SQLITE))) == {
        "Row": {
            "table": "rows",
            "fields": {"id": "int default", "name": "text(9) null ~ordered"},
            "key": "id",
            "indexes": ["id", "name"],
        }
    }


def test_schemas_are_those_of_the_tables_as_the_engine_translates_them() -> None:
    class Base(DeclarativeBase):
        pass

    class Here(Base):
        __tablename__ = "here"
        id: Mapped[int] = mapped_column(primary_key=True)

    class There(Base):
        __tablename__ = "there"
        __table_args__ = {"schema": "per_tenant"}
        id: Mapped[int] = mapped_column(primary_key=True)

    plain = brief(catalog_of(Base, dialect(POSTGRES)))
    assert (plain["Here"]["table"], plain["There"]["table"]) == ("here", "per_tenant.there")
    translated = brief(catalog_of(Base, dialect(POSTGRES), schema_translate_map={None: "main", "per_tenant": "acme"}))
    assert (translated["Here"]["table"], translated["There"]["table"]) == ("main.here", "acme.there")
    assert (Here.__name__, There.__name__) == ("Here", "There")


def test_a_table_that_is_marked_as_a_view_is_one() -> None:
    reg = registry()
    view = Table(
        "totals", reg.metadata, Column("tenant_id", String(9)), Column("total", Integer), info={"is_view": True}
    )

    class Total: ...

    reg.map_imperatively(Total, view, primary_key=[view.c.tenant_id])
    assert brief(catalog_of(reg, dialect(SQLITE))) == {
        "Total": {
            "table": "totals view",
            "fields": {"tenant_id": "text(9) null ~ordered", "total": "int null"},
            "key": "tenant_id",
        }
    }


def test_a_class_that_is_mapped_to_a_query_is_left_out() -> None:
    reg = registry()
    table = Table("rows", reg.metadata, Column("id", Integer, primary_key=True), Column("kind", String(9)))
    query = sa.select(table).where(table.c.kind == "open").subquery()

    class Open: ...

    class Row: ...

    reg.map_imperatively(Open, query, primary_key=[query.c.id])
    reg.map_imperatively(Row, table)
    catalog = catalog_of(reg, dialect(SQLITE))
    assert list(brief(catalog)) == ["Row"]
    assert missing(catalog) == {
        "Open": "it is mapped to a query and not to a table; a view in the database can be mapped as one"
    }
    with pytest.raises(CatalogError, match="no model is left"):
        catalog_of([Open], dialect(SQLITE))


def test_models_are_chosen_by_name_and_an_unknown_one_is_refused() -> None:
    assert list(brief(catalog_of(shop.Base, dialect(SQLITE), include=["Order"]))) == ["Order"]
    assert list(brief(catalog_of(shop.Base, dialect(SQLITE), exclude=["Order", "Item"]))) == ["Tenant", "User"]
    for option in ({"include": ["Oder"]}, {"exclude": ["Oder"]}):
        with pytest.raises(CatalogError, match="did you mean `Order`"):
            catalog_of(shop.Base, dialect(SQLITE), **option)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [int, object(), "Order", sa.MetaData(), [int], DeclarativeBase])
def test_what_is_no_models_is_refused(given: Any) -> None:
    with pytest.raises(CatalogError):
        catalog_of(given, dialect(SQLITE))


def test_two_classes_of_one_name_are_refused_unless_they_are_named() -> None:
    def made(table: str) -> type:
        class Base(DeclarativeBase):
            pass

        class Row(Base):
            __tablename__ = table
            id: Mapped[int] = mapped_column(primary_key=True)

        return Row

    first, second = made("first"), made("second")
    with pytest.raises(CatalogError, match="two classes are named `Row`"):
        catalog_of([first, second], dialect(SQLITE))
    found = brief(catalog_of({"First": first, "Second": second}, dialect(SQLITE)))
    assert {name: model["table"] for name, model in found.items()} == {"First": "first", "Second": "second"}
