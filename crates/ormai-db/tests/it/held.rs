//! Connections and transactions that the caller already holds.

use std::time::Duration;

use ormai_core::value::ColumnType;
use ormai_db::{DbError, Session};
use ormai_testkit::TestDatabase;
use serde_json::json;
use sqlx::{Acquire as _, Connection as _, Executor as _, PgConnection, Row as _};

use crate::support::{run, statement};

const SHORT: Duration = Duration::from_millis(100);

async fn setting(connection: &mut PgConnection) -> String {
    connection.fetch_one("SELECT current_setting('statement_timeout')").await.unwrap().get(0)
}

#[tokio::test]
async fn a_transaction_of_the_callers_shows_its_own_rows_and_survives_failures() {
    let test = TestDatabase::postgres().await;
    test.execute("CREATE TABLE t (id bigint PRIMARY KEY)").await;
    let count = statement("SELECT count(*) FROM t", &[], &[ColumnType::Int]);

    let mut transaction = test.postgres_pool().unwrap().begin().await.unwrap();
    transaction.execute("SET LOCAL statement_timeout = '7s'; INSERT INTO t VALUES (1)").await.unwrap();

    let mut session = Session::from_pg_transaction(&mut transaction);
    assert_eq!(run(&mut session, &count).await.unwrap(), json!([1]));
    let broken = run(&mut session, &statement("SELECT 1 / (id - id) FROM t", &[], &[ColumnType::Int])).await;
    assert!(matches!(broken, Err(DbError::Failed(_))));
    assert_eq!(run(&mut session, &count).await.unwrap(), json!([1]));
    let slow = statement("SELECT count(*) FROM (SELECT pg_sleep(60)) AS s", &[], &[ColumnType::Int]);
    assert!(matches!(session.run(&slow, SHORT).await, Err(DbError::Timeout)));
    session.finish().await.unwrap();

    assert_eq!(setting(&mut transaction).await, "7s");
    transaction.execute("INSERT INTO t VALUES (2)").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(test.count("t").await, 2);
}

#[tokio::test]
async fn a_savepoint_of_the_callers_is_left_alone() {
    let test = TestDatabase::postgres().await;
    test.execute("CREATE TABLE t (id bigint PRIMARY KEY)").await;
    let mut transaction = test.postgres_pool().unwrap().begin().await.unwrap();
    transaction.execute("INSERT INTO t VALUES (1)").await.unwrap();
    let mut inner = transaction.begin().await.unwrap();
    inner.execute("INSERT INTO t VALUES (2)").await.unwrap();
    let mut session = Session::from_pg_transaction(&mut inner);
    let broken = run(&mut session, &statement("SELECT 1 / 0", &[], &[ColumnType::Int])).await;
    assert!(broken.is_err());
    session.finish().await.unwrap();
    inner.rollback().await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(test.count("t").await, 1);
}

#[tokio::test]
async fn a_connection_of_the_callers_gets_its_settings_back() {
    let test = TestDatabase::postgres().await;
    let mut connection = PgConnection::connect(test.url()).await.unwrap();
    connection.execute("SET statement_timeout = '11s'").await.unwrap();
    let mut session = Session::from_pg_connection(&mut connection);
    let slow = statement("SELECT count(*) FROM (SELECT pg_sleep(60)) AS s", &[], &[ColumnType::Int]);
    assert!(matches!(session.run(&slow, SHORT).await, Err(DbError::Timeout)));
    assert!(matches!(session.run(&slow, SHORT * 2).await, Err(DbError::Timeout)));
    session.finish().await.unwrap();
    assert_eq!(setting(&mut connection).await, "11s");
}

#[tokio::test]
async fn a_transaction_begun_as_text_is_not_mistaken_for_none() {
    let test = TestDatabase::postgres().await;
    test.execute("CREATE TABLE t (id bigint PRIMARY KEY)").await;
    let mut connection = PgConnection::connect(test.url()).await.unwrap();
    connection.execute("BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
    let mut session = Session::from_pg_connection(&mut connection);
    assert!(run(&mut session, &statement("SELECT 1 / 0", &[], &[ColumnType::Int])).await.is_err());
    session.finish().await.unwrap();
    connection.execute("INSERT INTO t VALUES (2); COMMIT").await.unwrap();
    assert_eq!(test.count("t").await, 2);
}

#[tokio::test]
async fn a_transaction_whose_call_was_cancelled_never_commits_in_silence() {
    let test = TestDatabase::postgres().await;
    test.execute("CREATE TABLE t (id bigint PRIMARY KEY)").await;
    let mut transaction = test.postgres_pool().unwrap().begin().await.unwrap();
    transaction.execute("INSERT INTO t VALUES (1)").await.unwrap();
    let mut session = Session::from_pg_transaction(&mut transaction);
    let slow = statement("SELECT count(*) FROM (SELECT pg_sleep(1)) AS s", &[], &[ColumnType::Int]);
    tokio::time::timeout(SHORT, session.run(&slow, Duration::from_secs(5))).await.unwrap_err();
    drop(session);
    transaction.execute("INSERT INTO t VALUES (2)").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(test.count("t").await, 2);
}

#[tokio::test]
async fn a_sqlite_transaction_of_the_callers_shows_its_own_rows_and_survives_failures() {
    let test = TestDatabase::sqlite().await;
    test.execute("CREATE TABLE t (id integer PRIMARY KEY)").await;
    let endless = statement(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000000) SELECT count(*) FROM n",
        &[],
        &[ColumnType::Int],
    );
    let count = statement("SELECT count(*) FROM t", &[], &[ColumnType::Int]);

    let mut transaction = test.sqlite_pool().unwrap().begin().await.unwrap();
    transaction.execute("INSERT INTO t VALUES (1)").await.unwrap();
    let mut session = Session::from_sqlite_transaction(&mut transaction);
    assert_eq!(run(&mut session, &count).await.unwrap(), json!([1]));
    assert!(run(&mut session, &statement("SELECT nothing FROM t", &[], &[ColumnType::Int])).await.is_err());
    assert!(matches!(session.run(&endless, SHORT).await, Err(DbError::Timeout)));
    session.finish().await.unwrap();

    // A call that is cancelled is over when its session is.
    let mut session = Session::from_sqlite_transaction(&mut transaction);
    tokio::time::timeout(SHORT, session.run(&endless, Duration::from_secs(60))).await.unwrap_err();
    drop(session);
    let long =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT count(*) FROM n";
    transaction.execute(long).await.unwrap();
    transaction.execute("INSERT INTO t VALUES (2)").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(test.count("t").await, 2);
}
