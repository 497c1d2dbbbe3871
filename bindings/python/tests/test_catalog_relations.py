"""Relationships are relations of a catalog when their condition is columns being equal, and nothing wider."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Integer, String, Table, and_
from sqlalchemy.ext.declarative import AbstractConcreteBase, ConcreteBase
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    aliased,
    foreign,
    mapped_column,
    relationship,
)

from catalogs import POSTGRES, SQLITE, brief, dialect, missing
from ormai.sqlalchemy import catalog_of


def new_base() -> Any:
    class Base(DeclarativeBase):
        pass

    return Base


def described(base: Any, url: str = SQLITE) -> tuple[dict[str, Any], dict[str, str]]:
    catalog = catalog_of(base, dialect(url))
    return brief(catalog), missing(catalog)


def test_a_tree_leads_up_to_one_and_down_to_many() -> None:
    Base = new_base()

    class Node(Base):
        __tablename__ = "nodes"
        id = Column(Integer, primary_key=True)
        parent_id = Column(ForeignKey("nodes.id"))
        children = relationship("Node", back_populates="parent")
        parent = relationship("Node", back_populates="children", remote_side=[id])

    found, _ = described(Base)
    assert found["Node"]["relations"] == {"children": "many Node id=parent_id", "parent": "one Node parent_id=id"}


def test_one_to_one_needs_a_key_there() -> None:
    Base = new_base()

    class User(Base):
        __tablename__ = "users"
        id = Column(Integer, primary_key=True)
        profile = relationship("Profile", uselist=False, back_populates="user")
        badge = relationship("Badge", uselist=False)

    class Profile(Base):
        __tablename__ = "profiles"
        id = Column(Integer, primary_key=True)
        user_id = Column(ForeignKey("users.id"), unique=True)
        user = relationship(User, back_populates="profile")

    class Badge(Base):
        __tablename__ = "badges"
        id = Column(Integer, primary_key=True)
        user_id = Column(ForeignKey("users.id"))

    found, why = described(Base)
    assert found["User"]["relations"] == {"profile": "one Profile id=user_id"}
    assert found["Profile"]["relations"] == {"user": "one User user_id=id"}
    assert "`user_id` is no key there" in why["User.badge"]


def test_a_composite_key_is_linked_by_all_of_its_columns() -> None:
    Base = new_base()

    class Order(Base):
        __tablename__ = "orders"
        tenant_id = Column(String(9), primary_key=True)
        number = Column(Integer, primary_key=True)
        items = relationship("Item", back_populates="order")

    class Item(Base):
        __tablename__ = "items"
        id = Column(Integer, primary_key=True)
        tenant_id = Column(String(9))
        order_number = Column(Integer)
        order = relationship(Order, back_populates="items")
        __table_args__ = (
            ForeignKeyConstraint(
                ["tenant_id", "order_number"], ["orders.tenant_id", "orders.number"], ondelete="CASCADE",
                onupdate="SET NULL",
            ),
        )  # fmt: skip

    found, _ = described(Base)
    assert found["Order"]["relations"] == {"items": "many Item tenant_id=tenant_id, number=order_number"}
    assert found["Item"]["relations"] == {"order": "one Order tenant_id=tenant_id, order_number=number"}
    assert found["Item"]["foreign keys"] == [
        "Order tenant_id=tenant_id, order_number=number delete cascade update set_null"
    ]


def test_two_foreign_keys_to_one_table_are_two_relations() -> None:
    Base = new_base()

    class User(Base):
        __tablename__ = "users"
        id = Column(Integer, primary_key=True)

    class Message(Base):
        __tablename__ = "messages"
        id = Column(Integer, primary_key=True)
        sender_id = Column("from_user", ForeignKey("users.id", ondelete="SET DEFAULT"))
        receiver_id = Column("to_user", ForeignKey("users.id", ondelete="NO ACTION"))
        sender = relationship(User, foreign_keys=[sender_id])
        receiver = relationship(User, foreign_keys=[receiver_id], backref="inbox")

    found, why = described(Base)
    assert found["Message"]["relations"] == {"sender": "one User sender_id=id", "receiver": "one User receiver_id=id"}
    assert found["User"]["relations"] == {"inbox": "many Message id=receiver_id"}
    assert found["Message"]["foreign keys"] == ["User sender_id=id delete set_default", "User receiver_id=id"]
    assert why == {}


def test_a_condition_that_is_more_than_equality_is_left_out() -> None:
    Base = new_base()

    class User(Base):
        __tablename__ = "users"
        id = Column(Integer, primary_key=True)
        name = Column(String(9))
        orders = relationship("Order", back_populates="user")
        open_orders = relationship(
            "Order", primaryjoin="and_(User.id == Order.user_id, Order.status == 'open')", viewonly=True
        )
        later = relationship("Order", primaryjoin="User.id < foreign(Order.user_id)", viewonly=True)
        either = relationship(
            "Order", primaryjoin="or_(User.id == foreign(Order.user_id), User.id == foreign(Order.payer_id))",
            viewonly=True,
        )  # fmt: skip
        named = relationship("Order", primaryjoin="func.lower(User.name) == foreign(Order.status)", viewonly=True)
        cast = relationship("Order", primaryjoin="User.name == cast(foreign(Order.user_id), String)", viewonly=True)
        same = relationship("Order", primaryjoin="User.id == foreign(Order.user_id)", viewonly=True)

    class Order(Base):
        __tablename__ = "orders"
        id = Column(Integer, primary_key=True)
        status = Column(String(9))
        user_id = Column(ForeignKey("users.id"))
        payer_id = Column(Integer)
        user = relationship(User, back_populates="orders")

    found, why = described(Base)
    assert found["User"]["relations"] == {"orders": "many Order id=user_id", "same": "many Order id=user_id"}
    assert sorted(why) == ["User.cast", "User.either", "User.later", "User.named", "User.open_orders"]
    assert all("more than columns being equal" in reason for reason in why.values())


def test_a_relation_to_rows_of_an_alias_or_a_query_is_left_out() -> None:
    Base = new_base()

    class Order(Base):
        __tablename__ = "orders"
        id = Column(Integer, primary_key=True)
        user_id = Column(ForeignKey("users.id"))

    class User(Base):
        __tablename__ = "users"
        id = Column(Integer, primary_key=True)

    ranked = sa.select(Order, sa.func.row_number().over(partition_by=Order.user_id).label("rank")).subquery()
    latest = aliased(Order, ranked)
    User.latest = relationship(
        latest, primaryjoin=and_(User.id == latest.user_id, ranked.c.rank == 1), viewonly=True, uselist=False
    )
    found, why = described(Base)
    assert "relations" not in found["User"]
    assert why == {"User.latest": "it leads to a query and not to a model"}


def test_a_condition_over_a_third_table_is_left_out() -> None:
    Base = new_base()

    class A(Base):
        __tablename__ = "a"
        id = Column(Integer, primary_key=True)

    class B(Base):
        __tablename__ = "b"
        id = Column(Integer, primary_key=True)

    class C(Base):
        __tablename__ = "c"
        id = Column(Integer, primary_key=True)
        a_id = Column(Integer)

    A.cs = relationship(C, primaryjoin=and_(A.id == foreign(C.a_id), A.id == B.id), viewonly=True)
    found, why = described(Base)
    assert "relations" not in found["A"]
    assert why == {"A.cs": "its condition names columns of other tables than the two"}


def test_a_relation_over_a_table_that_is_no_model_is_left_out() -> None:
    Base = new_base()
    tagged = Table(
        "tagged", Base.metadata, Column("post_id", ForeignKey("posts.id")), Column("tag_id", ForeignKey("tags.id"))
    )

    class Post(Base):
        __tablename__ = "posts"
        id = Column(Integer, primary_key=True)
        tags = relationship("Tag", secondary=tagged, backref="posts")

    class Tag(Base):
        __tablename__ = "tags"
        id = Column(Integer, primary_key=True)

    found, why = described(Base)
    assert "relations" not in found["Post"] and "relations" not in found["Tag"]
    assert why == {
        "Post.tags": "it goes over the table `tagged`, which is no model; map a class to it",
        "Tag.posts": "it goes over the table `tagged`, which is no model; map a class to it",
    }


def test_a_relation_over_a_table_that_is_a_model_leads_to_that() -> None:
    Base = new_base()

    class Tagged(Base):
        __tablename__ = "tagged"
        post_id = Column(ForeignKey("posts.id"), primary_key=True)
        tag_id = Column(ForeignKey("tags.id"), primary_key=True)
        tag = relationship("Tag")

    class Post(Base):
        __tablename__ = "posts"
        id = Column(Integer, primary_key=True)
        tags = relationship("Tag", secondary="tagged", viewonly=True)

    class Tag(Base):
        __tablename__ = "tags"
        id = Column(Integer, primary_key=True)
        taggings = relationship(Tagged, viewonly=True)
        posts = relationship("Post", secondary="tagged", viewonly=True)

    found, why = described(Base)
    assert found["Post"]["relations"] == {"tags": "many Tagged id=post_id"}
    assert found["Tagged"]["relations"] == {"tag": "one Tag tag_id=id"}
    assert found["Tag"]["relations"] == {"taggings": "many Tagged id=tag_id"}
    assert why == {"Tag.posts": "it goes over `Tagged`, to which `taggings` leads"}


def test_a_subclass_in_the_table_of_its_parent_is_left_out_and_what_leads_to_it() -> None:
    Base = new_base()

    class Employee(Base):
        __tablename__ = "employees"
        id = Column(Integer, primary_key=True)
        kind = Column(String(9))
        company_id = Column(ForeignKey("companies.id"))
        __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "employee"}

    class Manager(Employee):
        level = Column(Integer)
        __mapper_args__ = {"polymorphic_identity": "manager"}

    class Company(Base):
        __tablename__ = "companies"
        id = Column(Integer, primary_key=True)
        employees = relationship(Employee)
        managers = relationship(Manager, viewonly=True)

    found, why = described(Base)
    assert sorted(found) == ["Company", "Employee"]
    assert found["Company"]["relations"] == {"employees": "many Employee id=company_id"}
    assert list(found["Employee"]["fields"]) == ["id", "kind", "company_id"]
    assert "would show all of them" in why["Manager"] and "`Employee`" in why["Manager"]
    assert why["Company.managers"] == "`Manager` is not in the catalog"


def test_a_subclass_with_a_table_of_its_own_leads_to_its_parents_row() -> None:
    Base = new_base()

    class Person(Base):
        __tablename__ = "people"
        id = Column(Integer, primary_key=True)
        tenant_id = Column(String(9))
        kind = Column(String(9))
        __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "person"}

    class StaffMember(Person):
        __tablename__ = "staff"
        id = Column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
        badge = Column(String(9))
        __mapper_args__ = {"polymorphic_identity": "staff"}

    class Boss(StaffMember):
        __tablename__ = "bosses"
        boss_id = Column(ForeignKey("staff.id"), primary_key=True)
        staff_member = Column(String(9))
        __mapper_args__ = {"polymorphic_identity": "boss"}

    found, why = described(Base)
    assert found["StaffMember"] == {
        "table": "staff",
        "fields": {"id": "int", "badge": "text(9) null ~ordered"},
        "key": "id",
        "indexes": ["id"],
        "relations": {"person": "one Person id=id"},
        "foreign keys": ["Person id=id delete cascade"],
    }
    assert found["Boss"]["relations"] == {"parent_staff_member": "one StaffMember boss_id=id"}
    assert found["Boss"]["fields"] == {"boss_id": "int", "staff_member": "text(9) null ~ordered"}
    assert why["StaffMember.tenant_id"] == "its column is in the table `people` of a parent class"
    assert {"StaffMember.kind", "Boss.badge", "Boss.tenant_id", "Boss.kind"} <= set(why)


def test_a_concrete_subclass_is_a_table_like_any_other() -> None:
    Base = new_base()

    class Person(ConcreteBase, Base):
        __tablename__ = "people"
        id = Column(Integer, primary_key=True)
        name = Column(String(9))
        __mapper_args__ = {"polymorphic_identity": "person", "concrete": True}

    class Worker(Person):
        __tablename__ = "workers"
        id = Column(Integer, primary_key=True)
        name = Column(String(9))
        tool = Column(String(9))
        __mapper_args__ = {"polymorphic_identity": "worker", "concrete": True}

    found, _ = described(Base)
    assert {name: list(model["fields"]) for name, model in found.items()} == {
        "Person": ["id", "name"],
        "Worker": ["id", "name", "tool"],
    }


def test_an_abstract_concrete_base_is_a_query_and_left_out() -> None:
    Base = new_base()

    class Animal(AbstractConcreteBase, Base):
        strict_attrs = True

    class Cat(Animal):
        __tablename__ = "cats"
        id = Column(Integer, primary_key=True)
        __mapper_args__ = {"polymorphic_identity": "cat", "concrete": True}

    class Dog(Animal):
        __tablename__ = "dogs"
        id = Column(Integer, primary_key=True)
        __mapper_args__ = {"polymorphic_identity": "dog", "concrete": True}

    found, why = described(Base)
    assert sorted(found) == ["Cat", "Dog"]
    assert list(why) == ["Animal"]


def test_columns_of_one_name_in_two_schemas_are_not_mixed_up() -> None:
    Base = new_base()

    class Here(Base):
        __tablename__ = "things"
        __table_args__ = {"schema": "here"}
        id: Mapped[int] = mapped_column(primary_key=True)
        there_id: Mapped[int] = mapped_column(ForeignKey("there.things.id"))
        there = relationship("There")

    class There(Base):
        __tablename__ = "things"
        __table_args__ = {"schema": "there"}
        id: Mapped[int] = mapped_column(primary_key=True)
        there_id: Mapped[int]

    found, _ = described(Base, POSTGRES)
    assert found["Here"]["relations"] == {"there": "one There there_id=id"}
    assert found["Here"]["foreign keys"] == ["There there_id=id"]
    assert "relations" not in found["There"]
