//! What MariaDB says, sorted by the number of the error and not by its words.

use ormai_core::value::ColumnType;
use ormai_db::{ConflictKind, ConnectOptions, Database, DbError};
use ormai_testkit::TestDatabase;
use serde_json::json;
use sqlx::Executor as _;

use crate::support::{answer, connect, statement};

#[tokio::test]
async fn what_stands_against_a_statement_of_mariadb_is_told_by_its_kind() {
    let test = TestDatabase::mysql().await;
    test.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, parent_id bigint REFERENCES t (id), word varchar(3) NOT NULL,
             number tinyint CHECK (number < 100));
         INSERT INTO t VALUES (1, NULL, 'a', 1)",
    )
    .await;
    let database = connect(&test, 1).await;
    let check = async |sql: &str, expected: ConflictKind| {
        let error = answer(&database, &statement(sql, &[], &[ColumnType::Int])).await.unwrap_err();
        assert!(matches!(error, DbError::Conflict { kind, .. } if kind == expected), "{sql}: {error:?}");
    };
    check("INSERT INTO t VALUES (1, NULL, 'b', 1)", ConflictKind::Unique).await;
    check("INSERT INTO t VALUES (2, 7, 'b', 1)", ConflictKind::Reference).await;
    check("INSERT INTO t VALUES (2, NULL, NULL, 1)", ConflictKind::NotNull).await;
    check("INSERT INTO t VALUES (2, NULL, 'b', 100)", ConflictKind::Check).await;
    let mut transaction = test.mysql_pool().unwrap().begin().await.unwrap();
    transaction.execute("UPDATE t SET word = 'c' WHERE id = 1").await.unwrap();
    check("SELECT id FROM t WHERE id = 1 FOR UPDATE NOWAIT", ConflictKind::Concurrent).await;
    transaction.rollback().await.unwrap();

    // Nothing is cut or clamped in silence.
    for sql in ["INSERT INTO t VALUES (2, NULL, 'long', 1)", "INSERT INTO t VALUES (2, NULL, 'b', 1000)"] {
        let error = answer(&database, &statement(sql, &[], &[])).await.unwrap_err();
        assert!(matches!(error, DbError::Failed(_) | DbError::OutOfRange(_)), "{sql}: {error:?}");
    }
    assert_eq!(test.count("t").await, 1);
}

#[tokio::test]
async fn a_mariadb_that_lets_nobody_in_is_not_available() {
    let test = TestDatabase::mysql().await;
    let options = ConnectOptions::default();
    let nowhere = test.url().replacen(test.name(), "ormai_test_nowhere", 1);
    for url in [nowhere, "mysql://root@127.0.0.1:1/none".to_owned()] {
        let error = Database::connect(&url, &options).await.unwrap_err();
        assert!(matches!(error, DbError::Unavailable(_)), "{error:?}");
        assert!(error.is_retryable());
    }
    // By its other name it is the same.
    let url = test.url().replacen("mysql:", "mariadb:", 1);
    let database = Database::connect(&url, &options).await.unwrap();
    let one = statement("SELECT 1", &[], &[ColumnType::Int]);
    assert_eq!(answer(&database, &one).await.unwrap(), json!([1]));
    // A connection that the server closed is replaced by the next call.
    let id = statement("SELECT connection_id()", &[], &[ColumnType::Int]);
    let id = answer(&database, &id).await.unwrap()[0].clone();
    test.execute(&format!("KILL {id}")).await;
    let _ = answer(&database, &one).await;
    assert_eq!(answer(&database, &one).await.unwrap(), json!([1]));
}
