"""Calls on a caller's session are a part of its transaction, with every driver."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from databases import Ground
from orders import cells, ids, run, sqlite_code
from ormai._drive import DriverError
from ormai.sqlalchemy import HostConnection, SessionError, open_session
from shop import Order, User

UPDATE = 'UPDATE "orders" SET "status" = ? WHERE "tenant_id" = ?'


def on(shop: Ground, session: Session) -> HostConnection:
    return open_session(session, shop.engine)


def added(session: Session) -> Order:
    order = Order(id=1001, tenant_id="acme", user_id="acme-1", status="new")
    session.add(order)
    return order


def count(shop: Ground) -> int:
    return shop.run(lambda session: session.scalar(select(func.count()).select_from(Order)) or 0)


def test_rows_of_a_tenant_are_read_with_parameters(shop: Ground) -> None:
    def work(session: Session) -> None:
        place = on(shop, session)
        assert ids(place, "acme", ("id", "status")) == [
            (1, "pending"), (3, "paid"), (5, "shipped"), (7, "pending"), (9, "paid"), (11, "shipped"),
        ]  # fmt: skip
        assert ids(place, "o'hara; --%s%%") == []
        assert run(place, 'SELECT "id" FROM "orders" WHERE "id" < ?', 4)[0] != []

    shop.run(work)


def test_a_statement_without_parameters_has_its_percent_signs_once(shop: Ground) -> None:
    def work(session: Session) -> None:
        place = on(shop, session)
        doubled = "LIKE 'A-1%%'" if "format" in place.wire else "LIKE 'A-1%'"
        rows = cells(run(place, f'SELECT "sku" FROM "items" WHERE "sku" {doubled} ORDER BY "order_id"'))
        assert rows == [("A-1",), ("A-10",), ("A-11",)]

    shop.run(work)


def test_what_is_not_committed_is_seen_and_flushed_before(shop: Ground) -> None:
    def work(session: Session) -> None:
        added(session)
        assert (1001,) in ids(on(shop, session), "acme")

    shop.run(work)
    assert count(shop) == 12, "the session was not committed, so nothing of it is kept"


def test_a_session_that_does_not_flush_by_itself_is_not_flushed(shop: Ground) -> None:
    def work(session: Session) -> None:
        order = added(session)
        assert (1001,) not in ids(on(shop, session), "acme")
        assert order in session.new

    shop.run(work, autoflush=False)


def test_an_error_of_the_flush_is_the_sessions_own(shop: Ground) -> None:
    def work(session: Session) -> None:
        session.add(Order(id=1, tenant_id="acme", user_id="acme-1"))
        with pytest.raises(IntegrityError):
            ids(on(shop, session), "acme")
        session.rollback()
        assert len(ids(on(shop, session), "acme")) == 6

    shop.run(work)


def test_nothing_is_committed(shop: Ground) -> None:
    def work(session: Session) -> None:
        place = on(shop, session)
        place.control(["SAVEPOINT ormai_1"])
        _, found, _, _ = run(place, UPDATE, "gone", "acme", is_change=True)
        assert found == 6
        place.control(["RELEASE SAVEPOINT ormai_1"])
        assert session.scalars(select(Order.status).where(Order.tenant_id == "acme").distinct()).all() == ["gone"]

    shop.run(work)
    kept = shop.run(lambda session: session.scalar(select(func.count()).where(Order.status == "gone")))
    assert kept == 0


def test_what_is_committed_by_the_session_is_kept(shop: Ground) -> None:
    def work(session: Session) -> None:
        place = on(shop, session)
        place.control(["SAVEPOINT ormai_1"])
        run(place, UPDATE, "kept", "acme", is_change=True)
        place.control(["RELEASE SAVEPOINT ormai_1"])

    shop.run(work, commits=True)
    assert shop.run(lambda session: session.scalar(select(func.count()).where(Order.status == "kept"))) == 6


def test_an_error_has_the_databases_code_and_leaves_the_session_usable(shop: Ground) -> None:
    codes = {"sqlite": sqlite_code("1555"), "postgresql": "23505", "mysql": "1062"}

    def work(session: Session) -> None:
        added(session)
        place = on(shop, session)
        place.control(["SAVEPOINT ormai_1"])
        with pytest.raises(DriverError) as raised:
            run(place, 'INSERT INTO "users" ("id", "tenant_id", "email") VALUES (?, ?, ?)', "acme-1", "acme", "e")
        assert (raised.value.code, raised.value.lost) == (codes[shop.driver.database], False)
        place.control(["ROLLBACK TO SAVEPOINT ormai_1", "RELEASE SAVEPOINT ormai_1"])
        assert session.get(User, "acme-1") is not None
        assert session.scalar(select(func.count()).select_from(Order)) == 13

    shop.run(work)


def test_a_text_that_does_not_run_is_refused_and_what_follows_it_not_run(shop: Ground) -> None:
    def work(session: Session) -> None:
        place = on(shop, session)
        place.control(["SAVEPOINT ormai_1"])
        run(place, UPDATE, "gone", "acme", is_change=True)
        with pytest.raises(DriverError):
            place.control(["SELECT nothing FROM nowhere", "RELEASE SAVEPOINT ormai_1"])
        place.control(["ROLLBACK TO SAVEPOINT ormai_1"])
        assert session.scalar(select(func.count()).where(Order.status == "gone")) == 0

    shop.run(work)


def test_an_instance_is_read_again_after_its_row_was_changed(shop: Ground) -> None:
    def work(session: Session) -> None:
        order, other, user = session.get(Order, 1), session.get(Order, 2), session.get(User, "acme-1")
        assert order and other and user and order.status == "pending"
        other.status = "of its own"
        place = open_session(session, shop.engine)
        session.autoflush = False
        place.control(["SAVEPOINT ormai_1"])
        run(place, UPDATE, "changed", "acme", is_change=True)
        assert (order.status, other.status) == ("changed", "of its own")
        assert "email" in user.__dict__, "a row of another table is not read again"
        place.control(["ROLLBACK TO SAVEPOINT ormai_1"])
        assert order.status == "pending"

    shop.run(work)


def test_listeners_see_the_statements_and_may_put_a_comment_to_them(shop: Ground) -> None:
    seen: list[tuple[str, object]] = []
    engine = shop.create_engine()
    target = getattr(engine, "sync_engine", engine)

    def before(_c: object, _cursor: object, sql: str, parameters: object, context: object, _many: bool) -> object:
        assert context is not None
        seen.append((sql, parameters))
        return sql + " /* mine */", parameters

    def after(_c: object, _cursor: object, sql: str, _p: object, _context: object, _many: bool) -> None:
        assert sql.endswith("/* mine */")
        seen.append(("after", None))

    def work(session: Session) -> None:
        place = open_session(session, engine)
        place.control(["SAVEPOINT ormai_1"])
        assert len(ids(place, "acme")) == 6
        place.control(["ROLLBACK TO SAVEPOINT ormai_1", "RELEASE SAVEPOINT ormai_1"])

    event.listen(target, "before_cursor_execute", before, retval=True)
    event.listen(target, "after_cursor_execute", after)
    shop.run(work, engine=engine)
    told = [sql for sql, _ in seen if "ormai_1" in sql or '"orders"' in sql.replace("`", '"')]
    assert [sql.split()[0] for sql in told] == ["SAVEPOINT", "SELECT", "ROLLBACK", "RELEASE"]
    (parameters,) = [parameters for sql, parameters in seen if sql.startswith("SELECT") and "orders" in sql]
    assert parameters in (("acme",), (b"acme",))
    assert sum(sql == "after" for sql, _ in seen) >= 4


@pytest.mark.parametrize("options", [{}, {"stream_results": True}], ids=["plain", "streams"])
def test_listeners_are_given_a_context_as_of_any_other_statement(shop: Ground, options: dict[str, Any]) -> None:
    seen: list[tuple[Any, ...]] = []
    engine = shop.create_engine()
    target = getattr(engine, "sync_engine", engine)

    def before(_c: object, cursor: Any, sql: str, _p: object, context: Any, _many: bool) -> None:
        # As instrumentation does, to find its span again afterwards.
        context._span = len(seen)
        seen.append((sql.split()[0], cursor is context.cursor, context.compiled, context.isinsert))

    def after(_c: object, _cursor: object, _sql: str, _p: object, context: Any, _many: bool) -> None:
        assert seen[context._span][0] == context.statement.split()[0]

    def work(session: Session) -> None:
        session.connection(execution_options=options)
        seen.clear()
        assert len(ids(open_session(session, engine), "acme")) == 6
        assert session.scalar(select(func.count()).select_from(Order)) == 12

    event.listen(target, "before_cursor_execute", before)
    event.listen(target, "after_cursor_execute", after)
    shop.run(work, engine=engine)
    assert [kind for kind, *_ in seen] == ["SELECT", "SELECT"]
    assert seen[0][1:] == (True, None, False)


def test_an_engine_that_echoes_logs_the_statements(shop: Ground, caplog: pytest.LogCaptureFixture) -> None:
    engine = shop.create_engine(echo=True)
    with caplog.at_level("INFO", logger="sqlalchemy.engine"):
        shop.run(lambda session: ids(open_session(session, engine), "acme"), engine=engine)
    assert any("tenant_id" in line and "SELECT" in line for line in caplog.messages)
    assert any(line.startswith("[ormai]") and "acme" in line for line in caplog.messages)


def test_parameters_that_are_hidden_are_not_logged(shop: Ground, caplog: pytest.LogCaptureFixture) -> None:
    engine = shop.create_engine(echo=True, hide_parameters=True)
    with caplog.at_level("INFO", logger="sqlalchemy.engine"):
        shop.run(lambda session: ids(open_session(session, engine), "acme"), engine=engine)
    assert any("tenant_id" in line for line in caplog.messages)
    assert not any("acme" in line for line in caplog.messages)


def test_a_session_in_autocommit_is_refused(shop: Ground) -> None:
    engine = shop.create_engine(isolation_level="AUTOCOMMIT")

    def work(session: Session) -> None:
        with pytest.raises(SessionError, match="AUTOCOMMIT"):
            ids(open_session(session, engine), "acme")

    shop.run(work, engine=engine)


def test_a_session_whose_schemas_are_others_is_refused(shop: Ground) -> None:
    def work(session: Session) -> None:
        session.connection(execution_options={"schema_translate_map": {None: "umbrella"}})
        with pytest.raises(SessionError, match="schema_translate_map"):
            ids(on(shop, session), "acme")
        place = open_session(session, shop.engine, schemas={None: "umbrella"})
        assert len(ids(place, "acme")) == 6

    shop.run(work)


def test_a_session_that_was_committed_meanwhile_is_not_gone_on_with(shop: Ground) -> None:
    def work(session: Session) -> None:
        place = on(shop, session)
        assert len(ids(place, "acme")) == 6
        session.commit()
        with pytest.raises(DriverError) as raised:
            ids(place, "acme")
        assert raised.value.lost
        assert len(ids(on(shop, session), "acme")) == 6

    shop.run(work)


@pytest.mark.databases("postgresql", "mysql")
def test_a_connection_that_the_server_ended_is_lost(shop: Ground) -> None:
    def pid(session: Session) -> int:
        asked = "SELECT pg_backend_pid()" if shop.driver.database == "postgresql" else "SELECT connection_id()"
        return int(session.scalar(text(asked)) or 0)

    def work(session: Session) -> None:
        end = "SELECT pg_terminate_backend({})" if shop.driver.database == "postgresql" else "KILL {}"
        with other.connect() as connection:
            connection.execute(text(end.format(pid(session))))
            connection.commit()
        place = on(shop, session)
        with pytest.raises(DriverError) as raised:
            ids(place, "acme")
        assert raised.value.lost
        session.rollback()
        assert len(ids(on(shop, session), "acme")) == 6

    from sqlalchemy import create_engine

    other = create_engine(shop.url)
    shop.run(work)
    other.dispose()
