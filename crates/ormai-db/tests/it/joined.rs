//! Writes in transactions of the caller's, and in a connection of the caller's.

use std::time::Duration;

use ormai_core::value::ColumnType;
use ormai_db::{ConflictKind, DbError, Session};
use ormai_testkit::TestDatabase;
use serde_json::json;
use sqlx::{Connection as _, Executor as _, MySqlConnection, PgConnection, Row as _, SqliteConnection};

use crate::support::{LONG, insert, nothing_is_open, run, statement};

const SHORT: Duration = Duration::from_millis(100);
const TABLE: &str = "CREATE TABLE t (id bigint PRIMARY KEY)";

macro_rules! each_engine {
    ($check:ident) => {
        $check!(postgres, PgConnection, from_pg_transaction, from_pg_connection);
        $check!(mysql, MySqlConnection, from_mysql_transaction, from_mysql_connection);
        $check!(sqlite, SqliteConnection, from_sqlite_transaction, from_sqlite_connection);
    };
}

#[tokio::test]
async fn what_is_committed_in_a_transaction_of_the_callers_is_the_callers_to_commit() {
    macro_rules! check {
        ($database:ident, $connection:ty, $transaction:ident, $_connection:ident) => {
            let test = TestDatabase::$database().await;
            test.execute(TABLE).await;
            let mut caller = <$connection>::connect(test.url()).await.unwrap();
            let count = statement("SELECT count(*) FROM t", &[], &[ColumnType::Int]);
            for (commits, rows) in [(false, 0), (true, 3)] {
                let mut transaction = caller.begin().await.unwrap();
                transaction.execute("INSERT INTO t VALUES (1)").await.unwrap();
                let mut session = Session::$transaction(&mut transaction);
                // Read first, behind a savepoint that goes.
                assert_eq!(run(&mut session, &count).await.unwrap(), json!([1]));
                session.begin(LONG).await.unwrap();
                session.change(&insert(&test, 2), LONG).await.unwrap();
                session.release().await.unwrap();
                session.commit().await.unwrap();
                session.release().await.unwrap();
                session.begin(LONG).await.unwrap();
                session.change(&insert(&test, 3), LONG).await.unwrap();
                session.change(&insert(&test, 1), LONG).await.unwrap_err();
                session.rollback().await.unwrap();
                assert_eq!(run(&mut session, &count).await.unwrap(), json!([2]));
                session.begin(LONG).await.unwrap();
                session.change(&insert(&test, 4), LONG).await.unwrap();
                // The end of the session undoes it.
                session.finish().await.unwrap();
                transaction.execute("INSERT INTO t VALUES (5)").await.unwrap();
                if commits {
                    transaction.commit().await.unwrap()
                } else {
                    transaction.rollback().await.unwrap()
                }
                assert_eq!(test.count("t").await, rows);
            }
            nothing_is_open(&test).await;
        };
    }
    each_engine!(check);
}

#[tokio::test]
async fn a_connection_of_the_callers_that_is_in_no_transaction_gets_a_real_one() {
    macro_rules! check {
        ($database:ident, $connection:ty, $_transaction:ident, $from:ident) => {
            let test = TestDatabase::$database().await;
            test.execute(TABLE).await;
            let mut caller = <$connection>::connect(test.url()).await.unwrap();
            let mut session = Session::$from(&mut caller);
            session.begin(LONG).await.unwrap();
            session.change(&insert(&test, 1), LONG).await.unwrap();
            assert_eq!(test.count("t").await, 0);
            session.commit().await.unwrap();
            assert_eq!(test.count("t").await, 1);
            session.begin(LONG).await.unwrap();
            session.change(&insert(&test, 2), LONG).await.unwrap();
            session.rollback().await.unwrap();
            session.begin(LONG).await.unwrap();
            session.change(&insert(&test, 3), LONG).await.unwrap();
            drop(session);
            caller.execute("INSERT INTO t VALUES (4)").await.unwrap();
            assert_eq!(test.count("t").await, 2);
            nothing_is_open(&test).await;
        };
    }
    each_engine!(check);
}

#[tokio::test]
async fn a_write_gives_a_transaction_of_the_callers_its_time_limit_back() {
    async fn limit(connection: &mut PgConnection) -> String {
        connection.fetch_one("SELECT current_setting('statement_timeout')").await.unwrap().get(0)
    }
    let test = TestDatabase::postgres().await;
    test.execute(TABLE).await;
    let mut caller = PgConnection::connect(test.url()).await.unwrap();
    caller.execute("SET statement_timeout = '11s'").await.unwrap();
    let mut transaction = caller.begin().await.unwrap();
    for set in ["SELECT 1", "SET LOCAL statement_timeout = '7s'"] {
        transaction.execute(set).await.unwrap();
        let before = limit(&mut transaction).await;
        let mut session = Session::from_pg_transaction(&mut transaction);
        session.begin(LONG).await.unwrap();
        let slow = statement(crate::limits::slow(test.engine()), &[], &[ColumnType::Int]);
        assert!(matches!(session.run(&slow, SHORT).await, Err(DbError::Timeout)));
        session.rollback().await.unwrap();
        session.begin(LONG).await.unwrap();
        session.change(&statement("INSERT INTO t SELECT count(*) FROM t", &[], &[]), SHORT * 50).await.unwrap();
        session.commit().await.unwrap();
        session.finish().await.unwrap();
        assert_eq!(limit(&mut transaction).await, before);
        // No savepoint of ours is left.
        let mut inner = transaction.begin().await.unwrap();
        inner.execute("RELEASE SAVEPOINT ormai_1").await.unwrap_err();
        inner.rollback().await.unwrap();
    }
    transaction.commit().await.unwrap();
    assert_eq!(limit(&mut caller).await, "11s");
    assert_eq!(test.count("t").await, 2);
}

#[tokio::test]
async fn a_transaction_of_the_callers_that_began_as_text_is_joined() {
    macro_rules! check {
        ($database:ident, $connection:ty, $_transaction:ident, $from:ident) => {
            let test = TestDatabase::$database().await;
            test.execute(TABLE).await;
            let mut caller = <$connection>::connect(test.url()).await.unwrap();
            caller.execute("BEGIN").await.unwrap();
            let mut session = Session::$from(&mut caller);
            session.begin(LONG).await.unwrap();
            session.change(&insert(&test, 1), LONG).await.unwrap();
            session.commit().await.unwrap();
            session.finish().await.unwrap();
            assert_eq!(test.count("t").await, 0);
            caller.execute("COMMIT").await.unwrap();
            assert_eq!(test.count("t").await, 1);
        };
    }
    each_engine!(check);
}

/// Two transactions, each of which waits for the other.
#[tokio::test]
async fn after_a_deadlock_of_mariadb_nothing_runs_as_if_the_transaction_were_there() {
    let test = TestDatabase::mysql().await;
    test.execute(&format!("{TABLE}; INSERT INTO t VALUES (1), (2)")).await;
    let lock = |id: i64| statement(&format!("DELETE FROM t WHERE id = {id}"), &[], &[]);
    let count = statement("SELECT count(*) FROM t", &[], &[ColumnType::Int]);
    let database = crate::support::connect(&test, 2).await;
    for held in [false, true] {
        let mut caller = MySqlConnection::connect(test.url()).await.unwrap();
        let mut transaction = caller.begin().await.unwrap();
        let mut session = if held {
            Session::from_mysql_transaction(&mut transaction)
        } else {
            Session::from_pool(&database).await.unwrap()
        };
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
        // The transaction around it is gone as well.
        for _ in 0..2 {
            let error = session.change(&insert(&test, 3), LONG).await.unwrap_err();
            assert!(matches!(error, DbError::Conflict { kind: ConflictKind::Concurrent, .. }), "{error:?}");
        }
        session.commit().await.unwrap_err();
        if held {
            assert!(session.begin(LONG).await.is_err());
            assert!(run(&mut session, &count).await.is_err());
        } else {
            assert_eq!(run(&mut session, &count).await.unwrap(), json!([2]));
        }
        session.finish().await.unwrap();
        if held {
            // Another session is not deceived either.
            let mut session = Session::from_mysql_transaction(&mut transaction);
            let error = session.begin(LONG).await.unwrap_err();
            assert!(matches!(error, DbError::Conflict { kind: ConflictKind::Concurrent, .. }), "{error:?}");
            session.finish().await.unwrap();
        }
        transaction.rollback().await.unwrap();
        assert_eq!(test.count("t").await, 2);
    }
}

/// SQLite rolls back the whole transaction with a write that is interrupted.
#[tokio::test]
async fn after_an_interrupted_write_of_sqlite_nothing_runs_as_if_the_transaction_were_there() {
    let test = TestDatabase::sqlite().await;
    test.execute(TABLE).await;
    let endless = "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let endless = statement(endless, &[], &[]);
    let database = crate::support::connect(&test, 1).await;
    for held in [false, true] {
        let mut caller = SqliteConnection::connect(test.url()).await.unwrap();
        let mut transaction = caller.begin().await.unwrap();
        let mut session = if held {
            transaction.execute("INSERT INTO t VALUES (1)").await.unwrap();
            Session::from_sqlite_transaction(&mut transaction)
        } else {
            Session::from_pool(&database).await.unwrap()
        };
        session.begin(LONG).await.unwrap();
        session.change(&insert(&test, 2), LONG).await.unwrap();
        session.begin(LONG).await.unwrap();
        assert!(matches!(session.change(&endless, SHORT).await, Err(DbError::Timeout)));
        session.rollback().await.unwrap();
        assert!(session.change(&insert(&test, 3), LONG).await.is_err());
        session.commit().await.unwrap_err();
        assert_eq!(session.begin(LONG).await.is_err(), held);
        session.finish().await.unwrap();
        if held {
            let mut session = Session::from_sqlite_transaction(&mut transaction);
            let error = session.begin(LONG).await.unwrap_err();
            assert!(matches!(error, DbError::Conflict { kind: ConflictKind::Concurrent, .. }), "{error:?}");
            session.finish().await.unwrap();
        }
        drop(transaction);
        assert_eq!(test.count("t").await, 0);
        nothing_is_open(&test).await;
    }
}
