//! Connections and transactions that the caller already holds.

use std::time::Duration;

use ormai_core::value::ColumnType;
use ormai_db::{DbError, Session};
use ormai_testkit::TestDatabase;
use serde_json::json;
use sqlx::mysql::MySqlConnection;
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

/// Every setting of a session, but for what counts or tells of statements.
async fn settings(connection: &mut MySqlConnection) -> String {
    let sql = "SELECT GROUP_CONCAT(variable_name, '=', variable_value ORDER BY variable_name SEPARATOR ' ') \
               FROM information_schema.session_variables WHERE variable_name NOT IN ('TIMESTAMP', 'WARNING_COUNT', \
               'ERROR_COUNT', 'LAST_INSERT_ID', 'IDENTITY', 'INSERT_ID', 'RAND_SEED1', 'RAND_SEED2', \
               'PSEUDO_THREAD_ID', 'IN_TRANSACTION', 'LAST_GTID')";
    connection.fetch_one(sql).await.unwrap().get_unchecked(0)
}

/// A session whose every setting changes what a statement means.
const ODD: &str = "SET sql_mode = 'ANSI,PAD_CHAR_TO_FULL_LENGTH,HIGH_NOT_PRECEDENCE,NO_BACKSLASH_ESCAPES', \
                   time_zone = '+02:00', character_set_client = latin1, character_set_results = latin1, \
                   collation_connection = latin1_swedish_ci, sql_select_limit = 1, sql_auto_is_null = 1, \
                   max_statement_time = 11.000123, max_sort_length = 64, sort_buffer_size = 131072, \
                   optimizer_switch = 'subquery_cache=on,mrr=on', \
                   system_versioning_asof = '2024-05-01 12:00:00.000123'";

#[tokio::test]
async fn a_mysql_transaction_of_the_callers_shows_its_own_rows_and_survives_failures() {
    let test = TestDatabase::mysql().await;
    test.execute("CREATE TABLE t (id bigint PRIMARY KEY)").await;
    let count = statement("SELECT count(*) FROM t", &[], &[ColumnType::Int]);

    let mut transaction = test.mysql_pool().unwrap().begin().await.unwrap();
    transaction.execute("INSERT INTO t VALUES (1)").await.unwrap();
    let before = settings(&mut transaction).await;

    let mut session = Session::from_mysql_transaction(&mut transaction);
    assert_eq!(run(&mut session, &count).await.unwrap(), json!([1]));
    let unknown = run(&mut session, &statement("SELECT nothing FROM t", &[], &[ColumnType::Int])).await;
    assert!(matches!(unknown, Err(DbError::Failed(_))));
    let large = statement("SELECT 9223372036854775807 + id FROM t", &[], &[ColumnType::Int]);
    assert!(matches!(run(&mut session, &large).await, Err(DbError::OutOfRange(_))));
    assert_eq!(run(&mut session, &count).await.unwrap(), json!([1]));
    let slow = statement("SELECT sleep(60) FROM t", &[], &[ColumnType::Int]);
    assert!(matches!(session.run(&slow, SHORT).await, Err(DbError::Timeout)));
    assert!(matches!(session.run(&slow, SHORT * 2).await, Err(DbError::Timeout)));
    session.finish().await.unwrap();

    assert_eq!(settings(&mut transaction).await, before);
    transaction.execute("INSERT INTO t VALUES (2)").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(test.count("t").await, 2);
}

#[tokio::test]
async fn a_statement_means_the_same_in_every_session_of_mysql_and_gives_its_settings_back() {
    let test = TestDatabase::mysql().await;
    test.execute(
        "CREATE TABLE t (id bigint AUTO_INCREMENT PRIMARY KEY, word varchar(9), code char(4), seen timestamp NULL);
         INSERT INTO t (word, code, seen) VALUES ('\u{17e}', 'a', '2024-05-01 12:00:00'), ('b', 'b', NULL)",
    )
    .await;
    let mut connection = MySqlConnection::connect(test.url()).await.unwrap();
    connection.execute("INSERT INTO t (word) VALUES ('c')").await.unwrap();
    connection.execute(ODD).await.unwrap();
    let before = settings(&mut connection).await;

    let mut session = Session::from_mysql_connection(&mut connection);
    let read = "SELECT `word`, code, seen, NOT word <=> 'b' FROM t WHERE word <> ? ORDER BY id";
    let types = [ColumnType::Text, ColumnType::Text, ColumnType::Timestamp, ColumnType::Bool];
    let expected = json!(["\u{17e}", "a", "2024-05-01T12:00:00Z", true, "b", "b", null, false]);
    assert_eq!(run(&mut session, &statement(read, &["c".into()], &types)).await.unwrap(), expected);
    let found = statement("SELECT id FROM t WHERE word = ?", &["\u{17e}".into()], &[ColumnType::Int]);
    assert_eq!(run(&mut session, &found).await.unwrap(), json!([1]));
    // Not the row that was inserted last.
    let nothing = statement("SELECT id FROM t WHERE id IS NULL", &[], &[ColumnType::Int]);
    assert_eq!(run(&mut session, &nothing).await.unwrap(), json!([]));
    // Texts that come from no column are compared by their code points.
    let texts = statement("SELECT CAST(0xC384 AS CHAR) = CAST(0xC3A4 AS CHAR)", &[], &[ColumnType::Bool]);
    assert_eq!(run(&mut session, &texts).await.unwrap(), json!([false]));
    session.finish().await.unwrap();
    assert_eq!(settings(&mut connection).await, before);

    let pool = sqlx::mysql::MySqlPoolOptions::new()
        .max_connections(1)
        .after_connect(|connection, _| Box::pin(async move { connection.execute(ODD).await.map(|_| ()) }))
        .connect(test.url())
        .await
        .unwrap();
    let database = ormai_db::Database::from(pool.clone());
    let mut session = Session::from_pool(&database).await.unwrap();
    assert_eq!(run(&mut session, &statement(read, &["c".into()], &types)).await.unwrap(), expected);
    session.finish().await.unwrap();
    assert_eq!(settings(&mut pool.acquire().await.unwrap()).await, before);
    // Left in the middle of a statement, it does not come back.
    let mut session = Session::from_pool(&database).await.unwrap();
    let slow = statement("SELECT sleep(1)", &[], &[ColumnType::Int]);
    tokio::time::timeout(SHORT, session.run(&slow, Duration::from_secs(5))).await.unwrap_err();
    drop(session);
    assert_eq!(settings(&mut pool.acquire().await.unwrap()).await, before);
}

#[tokio::test]
async fn a_mysql_transaction_whose_call_was_cancelled_goes_on_with_its_next_call() {
    let test = TestDatabase::mysql().await;
    test.execute("CREATE TABLE t (id bigint PRIMARY KEY)").await;
    let count = statement("SELECT count(*) FROM t", &[], &[ColumnType::Int]);
    let slow = statement("SELECT count(*) FROM (SELECT sleep(1)) AS s", &[], &[ColumnType::Int]);

    let mut transaction = test.mysql_pool().unwrap().begin().await.unwrap();
    let before = settings(&mut transaction).await;
    transaction.execute("INSERT INTO t VALUES (1)").await.unwrap();
    let mut session = Session::from_mysql_transaction(&mut transaction);
    for limit in [Duration::from_secs(5), SHORT * 2] {
        tokio::time::timeout(SHORT, session.run(&slow, limit)).await.unwrap_err();
        assert_eq!(run(&mut session, &count).await.unwrap(), json!([1]));
    }
    tokio::time::timeout(SHORT, session.run(&slow, SHORT * 2)).await.unwrap_err();
    session.finish().await.unwrap();
    assert_eq!(settings(&mut transaction).await, before);
    transaction.execute("INSERT INTO t VALUES (2)").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(test.count("t").await, 2);
}
