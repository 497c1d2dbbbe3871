//! Calls that are dropped at each point where they wait, in and around transactions.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use ormai_core::value::ColumnType;
use ormai_db::{DbError, Session};
use ormai_testkit::{Engine, TestDatabase, every_engine};
use serde_json::json;
use sqlx::Connection as _;

use crate::support::{LONG, connect, insert, nothing_is_open, run, shared, statement};

/// Waits for a future as long as it takes no more than so many polls.
async fn polled<F: Future>(future: F, mut polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        if polls == 0 {
            return Poll::Ready(None);
        }
        polls -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// One transaction within another, with two rows that belong together.
async fn two_rows(session: &mut Session<'_>, test: &TestDatabase, first: i64) -> Result<(), DbError> {
    session.begin(LONG).await?;
    session.change(&insert(test, first), LONG).await?;
    session.begin(LONG).await?;
    session.change(&insert(test, first + 1), LONG).await?;
    session.commit().await?;
    session.commit().await
}

every_engine! {
    async fn a_session_that_is_dropped_anywhere_leaves_all_or_nothing(test: &TestDatabase) {
        test.execute("CREATE TABLE t (id bigint PRIMARY KEY)").await;
        for (database, mut first) in [(connect(test, 1).await, 0), (shared(test), 100_000)] {
            // How often it was dropped half way. A server that answers before it is asked again leaves
            // nothing of a round to be dropped in, so there are rounds until one was.
            let mut half_way = 0;
            for _ in 0..200 {
                for polls in 0.. {
                    let before = test.count("t").await;
                    let mut session = Session::from_pool(&database).await.unwrap();
                    let written = polled(two_rows(&mut session, test, first), polls).await;
                    first += 2;
                    drop(session);
                    nothing_is_open(test).await;
                    let rows = test.count("t").await - before;
                    assert!(rows == 0 || rows == 2, "{rows} rows after {polls} polls");
                    // The only connection is to be had, and takes a transaction.
                    let mut session = Session::from_pool(&database).await.unwrap();
                    session.begin(LONG).await.unwrap();
                    session.rollback().await.unwrap();
                    session.finish().await.unwrap();
                    if written.transpose().unwrap().is_some() {
                        assert_eq!(rows, 2);
                        break;
                    }
                    half_way += usize::from(polls > 0);
                }
                if half_way > 0 {
                    break;
                }
            }
            assert!(half_way > 0);
        }
    }

    async fn a_session_that_is_dropped_between_two_statements_leaves_nothing(test: &TestDatabase) {
        test.execute("CREATE TABLE t (id bigint PRIMARY KEY)").await;
        for database in [connect(test, 1).await, shared(test)] {
            for depth in 1..3 {
                let mut session = Session::from_pool(&database).await.unwrap();
                for id in 0..depth {
                    session.begin(LONG).await.unwrap();
                    session.change(&insert(test, id), LONG).await.unwrap();
                }
                drop(session);
                nothing_is_open(test).await;
                let mut session = Session::from_pool(&database).await.unwrap();
                session.begin(LONG).await.unwrap();
                session.change(&insert(test, 0), LONG).await.unwrap();
                session.rollback().await.unwrap();
                session.finish().await.unwrap();
                assert_eq!(test.count("t").await, 0);
            }
        }
    }

    async fn a_session_goes_on_wherever_its_call_was_dropped(test: &TestDatabase) {
        test.execute("CREATE TABLE t (id bigint PRIMARY KEY)").await;
        let count = statement("SELECT count(*) FROM t", &[], &[ColumnType::Int]);
        for (database, first) in [(connect(test, 1).await, 0), (shared(test), 1_000)] {
            for polls in 0.. {
                let before = test.count("t").await;
                let mut session = Session::from_pool(&database).await.unwrap();
                let first = first + i64::try_from(polls).unwrap() * 2;
                let written = polled(two_rows(&mut session, test, first), polls).await;
                session.rollback_to(0).await.unwrap();
                let rows = test.count("t").await - before;
                assert!(rows == 0 || rows == 2, "{rows} rows after {polls} polls");
                assert_eq!(run(&mut session, &count).await.unwrap(), json!([before + rows]));
                session.begin(LONG).await.unwrap();
                session.rollback().await.unwrap();
                session.finish().await.unwrap();
                nothing_is_open(test).await;
                if written.transpose().unwrap().is_some() {
                    break;
                }
            }
        }
    }

    async fn a_transaction_that_a_call_was_dropped_in_keeps_nothing(test: &TestDatabase) {
        test.execute("CREATE TABLE t (id bigint PRIMARY KEY)").await;
        let slow = statement(crate::limits::slow(test.engine()), &[], &[ColumnType::Int]);
        for (database, first) in [(connect(test, 1).await, 0), (shared(test), 10)] {
            let mut session = Session::from_pool(&database).await.unwrap();
            session.begin(LONG).await.unwrap();
            session.change(&insert(test, first), LONG).await.unwrap();
            let short = Duration::from_millis(100);
            tokio::time::timeout(short, session.run(&slow, short * 5)).await.unwrap_err();
            assert!(session.change(&insert(test, first + 1), LONG).await.is_err());
            assert!(session.commit().await.is_err());
            assert_eq!(session.depth(), 0);
            session.finish().await.unwrap();
            nothing_is_open(test).await;
            assert_eq!(test.count("t").await, 0);
        }
    }
}

/// A transaction of the caller's, in which a call is dropped after so many polls. The caller
/// goes on with the session, or without.
macro_rules! callers {
    ($name:ident, $database:ident, $connection:ty, $from:ident, $goes_on:expr) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let test = TestDatabase::$database().await;
            test.execute("CREATE TABLE t (id bigint PRIMARY KEY)").await;
            let mut caller = <$connection>::connect(test.url()).await.unwrap();
            for polls in 0.. {
                let before = test.count("t").await;
                let mut transaction = caller.begin().await.unwrap();
                let first = 10_i64 * i64::try_from(polls).unwrap();
                add(&mut *transaction, first).await;
                let mut session = Session::$from(&mut transaction);
                let written = polled(two_rows(&mut session, &test, first + 1), polls).await;
                let is_over = written.transpose().unwrap().is_some();
                if $goes_on {
                    if let Err(error) = session.rollback_to(0).await {
                        // The driver lost its place, and the caller's transaction is lost with it.
                        assert!(
                            test.engine() == Engine::MySql && matches!(error, DbError::Unavailable(_)),
                            "{error:?}"
                        );
                        drop(session);
                        std::mem::forget(transaction);
                        caller = <$connection>::connect(test.url()).await.unwrap();
                        nothing_is_open(&test).await;
                        assert_eq!(test.count("t").await, before);
                        continue;
                    }
                    let count = statement("SELECT count(*) FROM t", &[], &[ColumnType::Int]);
                    let seen = run(&mut session, &count).await.unwrap()[0].as_i64().unwrap() - before;
                    assert!(seen == 1 || seen == 3, "{seen} rows after {polls} polls");
                    assert!(seen == 3 || !is_over);
                    session.finish().await.unwrap();
                } else {
                    drop(session);
                }
                add(&mut *transaction, first + 3).await;
                if polls % 2 == 0 || is_over {
                    transaction.commit().await.unwrap();
                    let rows = test.count("t").await - before;
                    assert!(rows == 2 || rows == 4, "{rows} rows after {polls} polls");
                    assert!(rows == 4 || !is_over);
                } else {
                    transaction.rollback().await.unwrap();
                    assert_eq!(test.count("t").await, before);
                }
                nothing_is_open(&test).await;
                if is_over {
                    break;
                }
            }
        }
    };
}

#[expect(clippy::disallowed_methods, reason = "a test writes its data as text")]
async fn add<'c, E: sqlx::Executor<'c>>(caller: E, id: i64) {
    let sql = format!("INSERT INTO t (id) VALUES ({id})");
    caller.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await.map(|_| ()).unwrap();
}

callers!(a_transaction_of_the_callers_goes_on_in_postgres, postgres, sqlx::PgConnection, from_pg_transaction, true);
callers!(a_transaction_of_the_callers_goes_on_in_mysql, mysql, sqlx::MySqlConnection, from_mysql_transaction, true);
callers!(a_transaction_of_the_callers_goes_on_in_sqlite, sqlite, sqlx::SqliteConnection, from_sqlite_transaction, true);
callers!(a_dropped_session_is_undone_in_the_callers_postgres, postgres, sqlx::PgConnection, from_pg_transaction, false);
callers!(
    a_dropped_session_is_undone_in_the_callers_sqlite,
    sqlite,
    sqlx::SqliteConnection,
    from_sqlite_transaction,
    false
);

#[tokio::test]
async fn a_session_that_is_dropped_between_two_statements_is_undone_in_the_callers_transaction() {
    macro_rules! check {
        ($database:ident, $connection:ty, $from:ident) => {
            let test = TestDatabase::$database().await;
            test.execute("CREATE TABLE t (id bigint PRIMARY KEY)").await;
            let mut caller = <$connection>::connect(test.url()).await.unwrap();
            let mut transaction = caller.begin().await.unwrap();
            add(&mut *transaction, 1).await;
            let mut session = Session::$from(&mut transaction);
            session.begin(LONG).await.unwrap();
            session.change(&insert(&test, 2), LONG).await.unwrap();
            session.begin(LONG).await.unwrap();
            session.change(&insert(&test, 3), LONG).await.unwrap();
            drop(session);
            add(&mut *transaction, 4).await;
            transaction.commit().await.unwrap();
            assert_eq!(test.count("t").await, 2);
        };
    }
    check!(postgres, sqlx::PgConnection, from_pg_transaction);
    check!(mysql, sqlx::MySqlConnection, from_mysql_transaction);
    check!(sqlite, sqlx::SqliteConnection, from_sqlite_transaction);
}
