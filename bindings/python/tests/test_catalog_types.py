"""What SQLAlchemy's types are in a catalog, in each dialect."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase

from catalogs import MARIADB, MYSQL, POSTGRES, SQLITE, brief, dialect, missing
from ormai.sqlalchemy import catalog_of


class Status(enum.Enum):
    OPEN = "o"
    PAID = "p"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Upper(sa.TypeDecorator[str]):
    impl = sa.String(8)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else value.upper()


class Cents(sa.TypeDecorator[int]):
    impl = sa.Integer
    cache_ok = True

    def process_result_value(self, value: int | None, dialect: Any) -> decimal.Decimal | None:
        return None if value is None else decimal.Decimal(value) / 100


class Folded(sa.TypeDecorator[str]):
    impl = sa.String
    cache_ok = True

    def column_expression(self, column: Any) -> Any:
        return sa.func.lower(column)


class Named(sa.TypeDecorator[str]):
    """Keeps what it is given, and is an own type for the sake of its name."""

    impl = sa.String(12)
    cache_ok = True


class Shout(sa.String):
    def bind_processor(self, dialect: Any) -> Any:
        return lambda value: None if value is None else value + "!"


class Point(sa.types.UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "POINT"


def types(url: str, *columns: sa.Column[Any], **options: Any) -> tuple[dict[str, str], dict[str, str]]:
    """The columns' types in a dialect, and why some are none."""

    class Base(DeclarativeBase):
        pass

    copies = [sa.Column(column.name, column.type) for column in columns]
    table = sa.Table("t", Base.metadata, sa.Column("id", sa.String(1), primary_key=True), *copies)
    kind = type("T", (Base,), {"__table__": table})
    catalog = catalog_of([kind], dialect(url), **options)
    fields = brief(catalog)["T"]["fields"]
    del fields["id"]
    return {name: field.replace(" null", "") for name, field in fields.items()}, {
        name.removeprefix("T."): reason for name, reason in missing(catalog).items()
    }


def plain() -> list[sa.Column[Any]]:
    return [
        sa.Column("bool", sa.Boolean),
        sa.Column("small", sa.SmallInteger),
        sa.Column("int", sa.Integer),
        sa.Column("big", sa.BigInteger),
        sa.Column("float", sa.Float),
        sa.Column("double", sa.Double),
        sa.Column("exact_float", sa.Float(asdecimal=True)),
        sa.Column("numeric", sa.Numeric(10, 2)),
        sa.Column("numeric_as_float", sa.Numeric(10, 2, asdecimal=False)),
        sa.Column("text", sa.Text),
        sa.Column("bounded", sa.Unicode(20)),
        sa.Column("char", sa.CHAR(3)),
        sa.Column("bytes", sa.LargeBinary),
        sa.Column("uuid", sa.Uuid),
        sa.Column("moment", sa.DateTime(timezone=True)),
        sa.Column("local", sa.DateTime),
        sa.Column("date", sa.Date),
        sa.Column("time", sa.Time),
        sa.Column("interval", sa.Interval),
        sa.Column("json", sa.JSON),
        sa.Column("status", sa.Enum(Status)),
        sa.Column("tags", sa.ARRAY(sa.String)),
    ]


def test_plain_types_on_postgresql() -> None:
    found, why = types(POSTGRES, *plain())
    assert found == {
        "bool": "bool",
        "small": "int16",
        "int": "int32",
        "big": "int",
        "float": "float",
        "double": "float",
        "exact_float": "float",
        "numeric": "decimal",
        "numeric_as_float": "decimal",
        "text": "text ~ordered",
        "bounded": "text(20) ~ordered",
        "char": "char(3) ~ordered",
        "bytes": "bytes",
        "uuid": "uuid",
        "moment": "timestamp",
        "local": "datetime",
        "date": "date",
        "time": "time",
        "interval": "interval",
        "json": "json",
        "status": "status[OPEN|PAID]",
        "tags": "text[]",
    }
    assert why == {}


def test_plain_types_on_sqlite() -> None:
    found, why = types(SQLITE, *plain())
    assert found == {
        "bool": "bool",
        "small": "int",
        "int": "int",
        "big": "int",
        "float": "float",
        "double": "float",
        "exact_float": "float",
        "numeric": "decimal",
        "numeric_as_float": "decimal",
        "text": "text ~ordered",
        "bounded": "text(20) ~ordered",
        "char": "text(3) ~ordered",
        "bytes": "bytes",
        "uuid": "uuid",
        "moment": "datetime",
        "local": "datetime",
        "date": "date",
        "time": "time",
        "interval": "!interval",
        "json": "json",
        "status": "status[OPEN|PAID] ~ordered",
        "tags": "!array",
    }
    assert sorted(why) == ["interval", "tags"]


def test_plain_types_on_mysql() -> None:
    found, why = types(MYSQL, *plain())
    assert found == {
        "bool": "bool",
        "small": "int16",
        "int": "int32",
        "big": "int",
        "float": "float",
        "double": "float",
        "exact_float": "float",
        "numeric": "decimal",
        "numeric_as_float": "decimal",
        "text": "text",
        "bounded": "text(20)",
        "char": "text(3)",
        "bytes": "bytes",
        "uuid": "uuid" if sa.__version__ < "2.1" else "!uuid of an engine that has not connected yet",
        "moment": "datetime",
        "local": "datetime",
        "date": "date",
        "time": "time",
        "interval": "!interval",
        "json": "json",
        "status": "status[OPEN|PAID]",
        "tags": "!array",
    }
    unknown = [] if sa.__version__ < "2.1" else ["uuid"]
    assert sorted(why) == ["interval", "tags", *unknown]
    assert all("connect once before" in why[name] for name in unknown)


def test_integers_of_mysql_are_as_wide_as_what_they_hold() -> None:
    found, _ = types(
        MYSQL,
        sa.Column("flag", mysql.TINYINT(1)),
        sa.Column("tiny", mysql.TINYINT),
        sa.Column("unsigned_tiny", mysql.TINYINT(unsigned=True)),
        sa.Column("unsigned_small", mysql.SMALLINT(unsigned=True)),
        sa.Column("medium", mysql.MEDIUMINT(unsigned=True)),
        sa.Column("unsigned", mysql.INTEGER(unsigned=True)),
        sa.Column("unsigned_big", mysql.BIGINT(unsigned=True)),
    )
    assert found == {
        "flag": "bool",
        "tiny": "int16",
        "unsigned_tiny": "int16",
        "unsigned_small": "int32",
        "medium": "int32",
        "unsigned": "int",
        "unsigned_big": "int",
    }


def test_a_timestamp_of_mysql_is_a_point_in_time_and_sets_years_and_bits_are_unsupported() -> None:
    found, why = types(
        MARIADB,
        sa.Column("stamp", mysql.TIMESTAMP(fsp=6)),
        sa.Column("time", mysql.DATETIME(fsp=6)),
        sa.Column("words", mysql.SET("a", "b")),
        sa.Column("year", mysql.YEAR),
        sa.Column("bits", mysql.BIT(3)),
        sa.Column("long", mysql.LONGTEXT),
        sa.Column("blob", mysql.LONGBLOB),
        sa.Column("kind", mysql.ENUM("b", "a")),
    )
    assert found == {
        "stamp": "timestamp",
        "time": "datetime",
        "words": "!SET('a','b')",
        "year": "!YEAR",
        "bits": "!BIT(3)",
        "long": "text",
        "blob": "bytes",
        "kind": "enum[b|a]",
    }
    assert sorted(why) == ["bits", "words", "year"]


def test_types_of_postgresql_alone() -> None:
    found, why = types(
        POSTGRES,
        sa.Column("jsonb", postgresql.JSONB),
        sa.Column("uuid", postgresql.UUID(as_uuid=False)),
        sa.Column("numbers", postgresql.ARRAY(sa.BigInteger, dimensions=2)),
        sa.Column("words", postgresql.ARRAY(sa.Enum("b", "a", name="letters"))),
        sa.Column("positive", postgresql.DOMAIN("positive", sa.Integer)),
        sa.Column("citext", postgresql.CITEXT),
        sa.Column("real", sa.REAL),
        sa.Column("zoned", postgresql.TIMESTAMP(timezone=True)),
        sa.Column("interval", postgresql.INTERVAL),
        sa.Column("times", sa.Time(timezone=True)),
        sa.Column("address", postgresql.INET),
        sa.Column("money", postgresql.MONEY),
        sa.Column("search", postgresql.TSVECTOR),
        sa.Column("pairs", postgresql.HSTORE),
        sa.Column("span", postgresql.INT4RANGE),
        sa.Column("addresses", postgresql.ARRAY(postgresql.INET)),
    )
    assert found == {
        "jsonb": "json",
        "uuid": "uuid",
        "numbers": "int[]",
        "words": "letters[b|a][]",
        "positive": "int32",
        "citext": "text ~loose",
        "real": "float",
        "zoned": "timestamp",
        "interval": "interval",
        "times": "!time with time zone",
        "address": "!INET",
        "money": "!MONEY",
        "search": "!TSVECTOR",
        "pairs": "!HSTORE",
        "span": "!INT4RANGE",
        "addresses": "!INET[]",
    }
    assert sorted(why) == ["address", "addresses", "money", "pairs", "search", "span", "times"]


def test_an_enum_is_what_is_stored_of_it() -> None:
    columns = [
        sa.Column("by_name", sa.Enum(Status)),
        sa.Column("by_value", sa.Enum(Status, values_callable=lambda kind: [member.value for member in kind])),
        sa.Column("words", sa.Enum("z", "a", name="words")),
        sa.Column("as_text", sa.Enum("z", "a", native_enum=False, length=9)),
        sa.Column("numbers", sa.Enum(Level)),
    ]
    assert types(POSTGRES, *columns)[0] == {
        "by_name": "status[OPEN|PAID]",
        "by_value": "status[o|p]",
        "words": "words[z|a]",
        "as_text": "enum[a|z]",
        "numbers": "level[LOW|HIGH]",
    }
    assert types(SQLITE, *columns)[0] == {
        "by_name": "status[OPEN|PAID] ~ordered",
        "by_value": "status[o|p] ~ordered",
        "words": "words[a|z] ~ordered",
        "as_text": "enum[a|z] ~ordered",
        "numbers": "level[HIGH|LOW] ~ordered",
    }
    assert types(MYSQL, *columns)[0]["as_text"] == "text(9)"
    # Words that a collation takes for one are compared as text is.
    alike = [
        sa.Column("case", sa.Enum("a", "A")),
        sa.Column("accent", sa.Enum("a", "á")),
        sa.Column("no", sa.Enum("a", "b")),
    ]
    assert types(MYSQL, *alike)[0] == {"case": "text", "accent": "text", "no": "enum[a|b]"}


@pytest.mark.parametrize("url", [SQLITE, POSTGRES, MYSQL])
def test_a_type_that_changes_values_is_unsupported_and_says_by_what(url: str) -> None:
    found, why = types(
        url,
        sa.Column("upper", Upper),
        sa.Column("cents", Cents),
        sa.Column("folded", Folded),
        sa.Column("shout", Shout(9)),
        sa.Column("pickled", sa.PickleType),
        sa.Column("point", Point),
        sa.Column("none", sa.types.NullType()),
        sa.Column("named", Named),
    )
    named = "text(12)" if url == MYSQL else "text(12) ~ordered"
    assert found == {
        "upper": "!Upper",
        "cents": "!Cents",
        "folded": "!Folded",
        "shout": "!Shout",
        "pickled": "!PickleType",
        "point": "!POINT",
        "none": "!without a type",
        "named": named,
    }
    assert "`Upper.process_bind_param` changes values" in why["upper"]
    assert "`Cents.process_result_value`" in why["cents"]
    assert "`Folded.column_expression`" in why["folded"]
    assert "`Shout.bind_processor`" in why["shout"]
    assert "named" not in why


def test_what_a_type_stores_can_be_said() -> None:
    found, why = types(SQLITE, sa.Column("cents", Cents), sa.Column("upper", Upper), types={Cents: "int"})
    assert found == {"cents": "int", "upper": "!Upper"}
    assert sorted(why) == ["upper"]


def test_a_variant_is_the_type_of_its_dialect() -> None:
    column = sa.Column("it", sa.JSON().with_variant(sa.Text, "sqlite").with_variant(postgresql.HSTORE, "postgresql"))
    assert types(SQLITE, column)[0] == {"it": "text ~ordered"}
    assert types(POSTGRES, column)[0] == {"it": "!HSTORE"}
    assert types(MYSQL, column)[0] == {"it": "json"}
    changed = sa.Column("it", sa.String(8).with_variant(Upper, "sqlite"))
    assert types(SQLITE, changed)[0] == {"it": "!Upper"}


def test_a_uuid_is_text_where_the_database_has_none() -> None:
    assert types(SQLITE, sa.Column("it", sa.Uuid))[0] == {"it": "uuid"}
    assert types(SQLITE, sa.Column("it", sa.Uuid(as_uuid=False)))[0] == {"it": "uuid"}
    assert types(POSTGRES, sa.Column("it", sa.Uuid(native_uuid=False)))[0] == {"it": "!uuid as text"}
    assert types(MARIADB, sa.Column("it", sa.UUID))[0] == {"it": "uuid"}


def test_uuids_of_two_kinds_in_one_database_are_not_both_read() -> None:
    text = sa.Column("text", sa.Uuid(native_uuid=False))
    found, why = types(MARIADB, sa.Column("own", sa.UUID), text)
    assert found == {"own": "uuid", "text": "!uuid as text"}
    assert "use one for all of them" in why["text"]
    assert types(MARIADB, text)[0] == {"text": "uuid"}


def test_times_in_a_form_of_their_own_are_unsupported_on_sqlite() -> None:
    form = "%(year)04d/%(month)02d/%(day)02d"
    columns = [sa.Column("own", sqlite.DATE(storage_format=form)), sa.Column("usual", sqlite.DATE())]
    assert types(SQLITE, *columns)[0] == {"own": "!text", "usual": "date"}


def test_collations_are_what_is_known_of_them() -> None:
    def collated(url: str, *names: str | None) -> list[str]:
        columns = [sa.Column(f"c{at}", sa.String(9, collation=name)) for at, name in enumerate(names)]
        return [field.partition(" ")[2] for field in types(url, *columns)[0].values()]

    assert collated(POSTGRES, None, "C", "POSIX", "en_US", "de-AT-x-icu", "case_insensitive") == [
        "~ordered",
        "",
        "",
        "~ordered",
        "~ordered",
        "~loose",
    ]
    assert collated(SQLITE, None, "BINARY", "NOCASE", "RTRIM", "mine") == [
        "~ordered",
        "~ordered",
        "~loose",
        "~loose",
        "~loose",
    ]
    assert collated(MYSQL, None, "utf8mb4_nopad_bin") == ["", "~folded:utf8mb4_nopad_bin"]


def test_the_collation_of_a_table_of_mysql_is_that_of_its_texts() -> None:
    class Base(DeclarativeBase):
        pass

    class Note(Base):
        __tablename__ = "notes"
        __table_args__ = {"mysql_collate": "utf8mb4_unicode_ci", "mysql_charset": "utf8mb4"}
        id = sa.Column(sa.Integer, primary_key=True)
        text = sa.Column(sa.String(9))
        own = sa.Column(sa.String(9, collation="latin1_bin"))

    assert brief(catalog_of(Base, dialect(MYSQL)))["Note"]["fields"] == {
        "id": "int32 default",
        "text": "text(9) null ~folded:utf8mb4_unicode_ci",
        "own": "text(9) null ~folded:latin1_bin",
    }


def test_annotations_are_the_types_that_sqlalchemy_makes_of_them() -> None:
    from sqlalchemy.orm import Mapped, mapped_column

    class Base(DeclarativeBase):
        type_annotation_map = {str: sa.String(50), dt.datetime: sa.DateTime(timezone=True)}

    namespace: dict[str, Any] = {
        "__tablename__": "things",
        "__annotations__": {
            "id": Mapped[uuid.UUID],
            "name": Mapped[str],
            "at": Mapped[dt.datetime],
            "price": Mapped[decimal.Decimal | None],
            "status": Mapped[Status],
        },
        "id": mapped_column(primary_key=True),
    }
    thing = type("Thing", (Base,), namespace)
    assert thing.__name__ == "Thing"
    assert brief(catalog_of(Base, dialect(POSTGRES)))["Thing"]["fields"] == {
        "id": "uuid",
        "name": "text(50) ~ordered",
        "at": "timestamp",
        "price": "decimal null",
        "status": "status[OPEN|PAID]",
    }
