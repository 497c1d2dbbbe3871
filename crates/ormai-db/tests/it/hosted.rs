//! Statements on a connection that somebody else drives, for each way in which drivers take parameters.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use ormai_core::value::ColumnType;
use ormai_db::host::{Answered, Asking, Host, HostError, Order, Wire};
use ormai_db::{ConflictKind, Database, DbError, IntrospectOptions, Session};
use ormai_sql::Dialect;
use ormai_testkit::{Engine, TestDatabase, every_engine};
use serde_json::json;

use crate::hosts::HostConnection;
use crate::limits::slow;
use crate::support::{LONG, insert, nothing_is_open, run, statement};

const SHORT: Duration = Duration::from_millis(100);
const TABLE: &str = "CREATE TABLE t (id bigint PRIMARY KEY)";

fn count() -> ormai_sql::Statement {
    statement("SELECT count(*) FROM t", &[], &[ColumnType::Int])
}

every_engine! {
    async fn what_is_written_is_the_hosts_to_commit(test: &TestDatabase) {
        test.execute(TABLE).await;
        for wire in HostConnection::wires(test.engine()) {
            for (end, rows) in [("ROLLBACK", 0), ("COMMIT", 3)] {
                let host = HostConnection::open(test, *wire).await;
                host.execute("INSERT INTO t VALUES (1)").await;
                let mut session = host.session();
                // Read first, behind a savepoint that goes.
                assert_eq!(run(&mut session, &count()).await.unwrap(), json!([1]));
                session.begin(LONG).await.unwrap();
                session.change(&insert(test, 2), LONG).await.unwrap();
                session.release().await.unwrap();
                session.commit().await.unwrap();
                session.release().await.unwrap();
                session.begin(LONG).await.unwrap();
                session.change(&insert(test, 3), LONG).await.unwrap();
                let error = session.change(&insert(test, 1), LONG).await.unwrap_err();
                assert!(matches!(error, DbError::Conflict { kind: ConflictKind::Unique, .. }), "{error:?}");
                session.rollback().await.unwrap();
                assert_eq!(run(&mut session, &count()).await.unwrap(), json!([2]));
                session.begin(LONG).await.unwrap();
                session.change(&insert(test, 4), LONG).await.unwrap();
                // The end of the session undoes it.
                session.finish().await.unwrap();
                host.execute("INSERT INTO t VALUES (5)").await;
                assert_eq!(test.count("t").await, 0);
                host.execute(end).await;
                assert_eq!(test.count("t").await, rows);
            }
            test.execute("DELETE FROM t").await;
        }
        nothing_is_open(test).await;
    }

    async fn a_transaction_in_one_is_undone_alone(test: &TestDatabase) {
        test.execute(TABLE).await;
        for wire in HostConnection::wires(test.engine()) {
            let host = HostConnection::open(test, *wire).await;
            let mut session = host.session();
            session.begin(LONG).await.unwrap();
            session.change(&insert(test, 1), LONG).await.unwrap();
            session.begin(SHORT * 50).await.unwrap();
            session.change(&insert(test, 2), LONG).await.unwrap();
            session.change(&insert(test, 1), LONG).await.unwrap_err();
            assert!(session.change(&insert(test, 3), LONG).await.is_err());
            session.rollback().await.unwrap();
            session.begin(LONG).await.unwrap();
            session.change(&insert(test, 4), LONG).await.unwrap();
            session.commit().await.unwrap();
            assert_eq!(run(&mut session, &count()).await.unwrap(), json!([2]));
            session.commit().await.unwrap();
            session.finish().await.unwrap();
            host.execute("ROLLBACK").await;
        }
    }

    async fn a_statement_that_fails_leaves_the_hosts_transaction_usable(test: &TestDatabase) {
        test.execute(TABLE).await;
        let wrong = statement("SELECT nothing FROM t", &[], &[ColumnType::Int]);
        let missing = statement("SELECT id FROM nowhere", &[], &[ColumnType::Int]);
        for wire in HostConnection::wires(test.engine()) {
            let host = HostConnection::open(test, *wire).await;
            host.execute("INSERT INTO t VALUES (1)").await;
            let mut session = host.session();
            assert!(matches!(session.run(&wrong, LONG).await, Err(DbError::Failed(_))));
            assert!(matches!(session.run(&missing, LONG).await, Err(DbError::NotThere(_))));
            assert_eq!(run(&mut session, &count()).await.unwrap(), json!([1]));
            assert!(matches!(session.run(&wrong, LONG).await, Err(DbError::Failed(_))));
            session.finish().await.unwrap();
            host.execute("INSERT INTO t VALUES (2)").await;
            host.execute("ROLLBACK").await;
        }
    }

    async fn a_slow_statement_is_stopped_and_the_hosts_own_limit_comes_back(test: &TestDatabase) {
        let slow = statement(slow(test.engine()), &[], &[ColumnType::Int]);
        let one = statement("SELECT 1", &[], &[ColumnType::Int]);
        let limit = match test.engine() {
            Engine::Postgres => "SELECT current_setting('statement_timeout')",
            Engine::MySql => "SELECT concat(@@max_statement_time, @@sql_mode, @@time_zone, @@optimizer_switch)",
            Engine::Sqlite => "SELECT 1",
        };
        for wire in HostConnection::wires(test.engine()) {
            let host = HostConnection::open(test, *wire).await;
            if test.engine() == Engine::Postgres {
                host.execute("SET LOCAL statement_timeout = '7s'").await;
            }
            let before = host.rows(limit).await.unwrap().rows;
            let mut session = host.session();
            for writes in [false, true] {
                if writes {
                    session.begin(LONG).await.unwrap();
                }
                let begun = Instant::now();
                let error = session.run(&slow, SHORT).await.unwrap_err();
                assert!(matches!(error, DbError::Timeout), "{error:?}");
                assert!(begun.elapsed() >= SHORT && begun.elapsed() < LONG);
                if writes {
                    session.rollback().await.unwrap();
                }
                assert_eq!(run(&mut session, &one).await.unwrap(), json!([1]));
                session.release().await.unwrap();
                assert_eq!(host.rows(limit).await.unwrap().rows, before);
            }
            session.begin(LONG).await.unwrap();
            session.begin(SHORT * 50).await.unwrap();
            session.commit().await.unwrap();
            session.commit().await.unwrap();
            session.finish().await.unwrap();
            assert_eq!(host.rows(limit).await.unwrap().rows, before);
            host.execute("COMMIT").await;
        }
    }

    async fn a_call_that_is_dropped_half_way_is_undone(test: &TestDatabase) {
        test.execute(TABLE).await;
        for wire in HostConnection::wires(test.engine()) {
            for told in [false, true] {
                let host = HostConnection::open(test, *wire).await;
                host.execute("INSERT INTO t VALUES (1)").await;
                let mut session = host.session();
                let opened = session.opened().unwrap();
                assert!(opened.undo().is_empty());
                session.begin(LONG).await.unwrap();
                session.change(&insert(test, 2), LONG).await.unwrap();
                let third = insert(test, 3);
                // The order is handed out, and its answer is not waited for.
                let dropped = pin!(session.change(&third, LONG)).poll(&mut Context::from_waker(Waker::noop()));
                assert!(dropped.is_pending());
                if told {
                    // Whoever gives up undoes it.
                    for text in opened.undo() {
                        host.try_execute(&text).await.unwrap();
                    }
                    assert!(opened.undo().is_empty());
                }
                let error = session.change(&insert(test, 4), LONG).await.unwrap_err();
                assert!(error.operator_detail().contains("dropped"), "{error:?}");
                session.rollback().await.unwrap();
                assert_eq!(run(&mut session, &count()).await.unwrap(), json!([1]));
                session.begin(LONG).await.unwrap();
                session.change(&insert(test, 5), LONG).await.unwrap();
                session.commit().await.unwrap();
                session.finish().await.unwrap();
                host.execute("COMMIT").await;
                assert_eq!(test.count("t").await, 2);
                test.execute("DELETE FROM t").await;
            }
        }
    }

    async fn what_a_session_left_open_is_told_to_whoever_undoes_it(test: &TestDatabase) {
        test.execute(TABLE).await;
        for wire in HostConnection::wires(test.engine()) {
            let host = HostConnection::open(test, *wire).await;
            for writes in [false, true] {
                let mut session = host.session();
                let opened = session.opened().unwrap();
                if writes {
                    session.begin(LONG).await.unwrap();
                    session.begin(LONG).await.unwrap();
                    session.change(&insert(test, 1), LONG).await.unwrap();
                } else {
                    run(&mut session, &count()).await.unwrap();
                }
                drop(session);
                for text in opened.undo() {
                    host.execute(&text).await;
                }
                assert!(host.try_execute("RELEASE SAVEPOINT ormai_1").await.is_err());
                if test.engine() == Engine::Postgres {
                    host.execute("ROLLBACK; BEGIN").await;
                }
            }
            assert!(host.rows("SELECT id FROM t").await.unwrap().rows.is_empty());
            host.execute("COMMIT").await;
        }
    }

    async fn nothing_runs_where_a_call_brings_no_connection(test: &TestDatabase) {
        let wire = HostConnection::wires(test.engine())[0];
        let database = Database::of_hosts(HostConnection::outside(test, wire).await.dialect());
        assert!(matches!(Session::from_pool(&database).await, Err(DbError::Unavailable(_))));
        let read = ormai_db::introspect(&database, &IntrospectOptions::default()).await;
        assert!(matches!(read, Err(DbError::Unavailable(_))));
        assert!(matches!(ormai_db::privileges(&database).await, Err(DbError::Unavailable(_))));
        assert_eq!(database.pool_status().open(), 0);
    }
}

/// An order is a round trip, or a call into another language.
#[tokio::test]
async fn a_read_takes_no_more_orders_than_it_has_to() {
    for (wire, expected) in [
        (Wire::Sqlite, &["statement"][..]),
        (Wire::PostgresBinary, &["statement"]),
        (Wire::PostgresDollar, &["control", "statement", "control"]),
        (Wire::MySqlFormat, &["fixed", "control", "statement", "control"]),
    ] {
        let engine = match wire {
            Wire::Sqlite => Engine::Sqlite,
            Wire::MySqlFormat => Engine::MySql,
            _ => Engine::Postgres,
        };
        let test = TestDatabase::on(engine).await;
        let host = HostConnection::open(&test, wire).await;
        let mut session = host.session();
        run(&mut session, &statement("SELECT 1", &[], &[ColumnType::Int])).await.unwrap();
        session.release().await.unwrap();
        let orders = host.orders();
        let kinds: Vec<_> = orders.iter().map(|order| order.split(' ').next().unwrap()).collect();
        assert_eq!(kinds, expected, "{orders:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_in_no_transaction_is_refused() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let test = TestDatabase::on(engine).await;
        test.execute(TABLE).await;
        for wire in HostConnection::wires(engine) {
            let host = HostConnection::outside(&test, *wire).await;
            let mut session = host.session();
            let error = session.begin(LONG).await.unwrap_err();
            assert!(error.operator_detail().contains("no transaction"), "{error:?}");
            if engine == Engine::Postgres {
                let error = session.run(&count(), LONG).await.unwrap_err();
                assert!(error.operator_detail().contains("no transaction"), "{error:?}");
            }
            session.finish().await.unwrap();
            // Nothing of ours is left there.
            host.execute("BEGIN").await;
            assert!(host.try_execute("RELEASE SAVEPOINT ormai_1").await.is_err());
        }
    }
}

#[tokio::test]
async fn a_transaction_of_the_host_that_failed_before_is_told_and_left_alone() {
    let test = TestDatabase::postgres().await;
    for wire in HostConnection::wires(Engine::Postgres) {
        let host = HostConnection::open(&test, *wire).await;
        host.try_execute("SELECT nothing").await.unwrap_err();
        let mut session = host.session();
        for _ in 0..2 {
            assert!(matches!(session.begin(LONG).await, Err(DbError::Failed(_))));
            let one = statement("SELECT 1", &[], &[ColumnType::Int]);
            assert!(matches!(session.run(&one, LONG).await, Err(DbError::Failed(_))));
        }
        session.finish().await.unwrap();
        host.execute("ROLLBACK").await;
    }
}

/// SQLite rolls back the whole transaction with a write that is interrupted.
#[tokio::test]
async fn after_an_interrupted_write_of_sqlite_nothing_runs_as_if_the_transaction_were_there() {
    let test = TestDatabase::sqlite().await;
    test.execute(TABLE).await;
    let endless = "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let host = HostConnection::open(&test, Wire::Sqlite).await;
    host.execute("INSERT INTO t VALUES (1)").await;
    let mut session = host.session();
    session.begin(LONG).await.unwrap();
    session.begin(LONG).await.unwrap();
    assert!(matches!(session.change(&statement(endless, &[], &[]), SHORT).await, Err(DbError::Timeout)));
    session.rollback().await.unwrap();
    assert!(session.change(&insert(&test, 3), LONG).await.is_err());
    session.commit().await.unwrap_err();
    for _ in 0..2 {
        let error = session.begin(LONG).await.unwrap_err();
        assert!(matches!(error, DbError::Conflict { kind: ConflictKind::Concurrent, .. }), "{error:?}");
    }
    session.finish().await.unwrap();
    assert_eq!(test.count("t").await, 0);
}

/// Two transactions, each of which waits for the other.
#[tokio::test]
async fn after_a_deadlock_of_mariadb_nothing_runs_as_if_the_transaction_were_there() {
    use sqlx::Executor as _;

    let test = TestDatabase::mysql().await;
    test.execute(&format!("{TABLE}; INSERT INTO t VALUES (1), (2)")).await;
    let lock = |id: i64| statement(&format!("DELETE FROM t WHERE id = {id}"), &[], &[]);
    let host = HostConnection::open(&test, Wire::MySqlFormat).await;
    let mut session = host.session();
    session.begin(LONG).await.unwrap();
    session.change(&lock(1), LONG).await.unwrap();
    session.begin(LONG).await.unwrap();

    let mut other = test.mysql_pool().unwrap().begin().await.unwrap();
    // It wrote more, so it is the one to go on.
    other.execute("INSERT INTO t VALUES (11), (12), (13), (14), (15)").await.unwrap();
    other.execute("DELETE FROM t WHERE id = 2").await.unwrap();
    let (waits, last) = (other.execute("DELETE FROM t WHERE id = 1"), lock(2));
    let (ended, error) = tokio::join!(waits, session.change(&last, LONG));
    let error = error.unwrap_err();
    assert!(matches!(error, DbError::Conflict { kind: ConflictKind::Concurrent, .. }), "{error:?}");
    ended.unwrap();
    other.rollback().await.unwrap();

    session.rollback().await.unwrap();
    session.commit().await.unwrap_err();
    for _ in 0..2 {
        let error = session.begin(LONG).await.unwrap_err();
        assert!(matches!(error, DbError::Conflict { kind: ConflictKind::Concurrent, .. }), "{error:?}");
    }
    session.finish().await.unwrap();
    host.execute("ROLLBACK").await;
    assert_eq!(test.count("t").await, 2);
}

/// Answers with nothing, until it loses its connection.
struct Script(usize);

impl Host for Script {
    fn ask<'a>(&'a mut self, _order: Order<'a>) -> Asking<'a> {
        Box::pin(async move {
            self.0 = self.0.checked_sub(1).ok_or_else(|| HostError::Lost("gone".to_owned()))?;
            Ok(Answered { affected: 1, ..Answered::default() })
        })
    }
}

#[test]
fn with_the_connection_everything_is_gone_and_nothing_is_asked_for_any_more() {
    let insert = statement("INSERT INTO t VALUES (1)", &[], &[]);
    for orders in 0..3 {
        let mut session = Session::from_host(Dialect::Postgres, Box::new(Script(orders)));
        let opened = session.opened().unwrap();
        let lost = ready(async {
            session.begin(LONG).await?;
            session.change(&insert, LONG).await?;
            session.commit().await
        });
        assert!(matches!(lost, Err(DbError::Unavailable(_))), "{lost:?}");
        assert!(opened.undo().is_empty());
        assert!(matches!(ready(session.run(&insert, LONG)), Err(DbError::Unavailable(_))));
        ready(session.finish()).unwrap();
    }
}

/// The host answers at once, and no runtime is there.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("something else than the host is waited for"),
    }
}
