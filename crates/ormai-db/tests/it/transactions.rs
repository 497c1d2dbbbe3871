//! Transactions of our own, one in another, and what they leave behind.

use std::time::Duration;

use ormai_core::value::{ColumnType, Value};
use ormai_db::{ConflictKind, DbError, Session};
use ormai_testkit::{Engine, TestDatabase, every_engine};
use serde_json::json;

use crate::support::{LONG, answer, connect, insert, nothing_is_open, run, shared, statement};

const TABLE: &str = "CREATE TABLE t (id bigint PRIMARY KEY, word varchar(3))";

every_engine! {
    async fn what_is_committed_stays_and_what_is_rolled_back_leaves_nothing(test: &TestDatabase) {
        test.execute(TABLE).await;
        for (database, ids) in [(connect(test, 1).await, [1, 2, 3]), (shared(test), [4, 5, 6])] {
            let before = test.count("t").await;
            let mut session = Session::from_pool(&database).await.unwrap();
            session.begin(LONG).await.unwrap();
            assert_eq!(session.change(&insert(test, ids[0]), LONG).await.unwrap().affected, 1);
            session.rollback().await.unwrap();
            assert_eq!(test.count("t").await, before);

            session.begin(LONG).await.unwrap();
            session.change(&insert(test, ids[1]), LONG).await.unwrap();
            session.commit().await.unwrap();
            assert_eq!(test.count("t").await, before + 1);

            // Left open, it is undone with the session.
            session.begin(LONG).await.unwrap();
            session.change(&insert(test, ids[2]), LONG).await.unwrap();
            session.release().await.unwrap();
            let count = statement("SELECT count(*) FROM t", &[], &[ColumnType::Int]);
            assert_eq!(run(&mut session, &count).await.unwrap(), json!([before + 2]));
            session.finish().await.unwrap();
            assert_eq!(test.count("t").await, before + 1);
            nothing_is_open(test).await;
        }
    }

    async fn a_part_of_a_transaction_is_undone_alone(test: &TestDatabase) {
        test.execute(TABLE).await;
        let database = connect(test, 1).await;
        let mut session = Session::from_pool(&database).await.unwrap();
        session.begin(LONG).await.unwrap();
        session.change(&insert(test, 1), LONG).await.unwrap();
        session.begin(LONG).await.unwrap();
        session.change(&insert(test, 2), LONG).await.unwrap();
        session.begin(LONG).await.unwrap();
        assert_eq!(session.depth(), 3);
        session.change(&insert(test, 3), LONG).await.unwrap();
        session.commit().await.unwrap();
        session.rollback().await.unwrap();
        session.begin(LONG).await.unwrap();
        session.change(&insert(test, 4), LONG).await.unwrap();
        session.commit().await.unwrap();
        session.commit().await.unwrap();
        session.finish().await.unwrap();
        let ids = statement("SELECT id FROM t ORDER BY id", &[], &[ColumnType::Int]);
        assert_eq!(answer(&database, &ids).await.unwrap(), json!([1, 4]));
    }

    async fn after_a_failure_a_transaction_takes_nothing_but_its_end(test: &TestDatabase) {
        test.execute(TABLE).await;
        let database = connect(test, 1).await;
        let mut session = Session::from_pool(&database).await.unwrap();
        let count = statement("SELECT count(*) FROM t", &[], &[ColumnType::Int]);
        session.begin(LONG).await.unwrap();
        session.change(&insert(test, 1), LONG).await.unwrap();
        session.begin(LONG).await.unwrap();
        session.change(&insert(test, 2), LONG).await.unwrap();
        let twice = session.change(&insert(test, 1), LONG).await.unwrap_err();
        assert!(matches!(twice, DbError::Conflict { kind: ConflictKind::Unique, .. }), "{twice:?}");
        assert!(run(&mut session, &count).await.is_err());
        assert!(session.change(&insert(test, 3), LONG).await.is_err());
        assert!(session.begin(LONG).await.is_err());
        session.rollback().await.unwrap();
        // What is around it goes on.
        assert_eq!(run(&mut session, &count).await.unwrap(), json!([1]));
        session.commit().await.unwrap();
        assert_eq!(test.count("t").await, 1);

        // A commit after a failure keeps nothing, and says so.
        session.begin(LONG).await.unwrap();
        session.change(&insert(test, 4), LONG).await.unwrap();
        session.change(&insert(test, 1), LONG).await.unwrap_err();
        session.commit().await.unwrap_err();
        assert_eq!(session.depth(), 0);
        assert_eq!(run(&mut session, &count).await.unwrap(), json!([1]));
        session.finish().await.unwrap();
        assert_eq!(test.count("t").await, 1);
        nothing_is_open(test).await;
    }

    async fn a_change_needs_a_transaction(test: &TestDatabase) {
        test.execute(TABLE).await;
        let database = connect(test, 1).await;
        let mut session = Session::from_pool(&database).await.unwrap();
        assert!(matches!(session.change(&insert(test, 1), LONG).await, Err(DbError::Failed(_))));
        assert!(session.commit().await.is_err());
        assert!(session.rollback().await.is_err());
        session.finish().await.unwrap();
        assert_eq!(test.count("t").await, 0);
    }

    async fn rows_are_counted_that_match_and_those_come_back_that_are_asked_for(test: &TestDatabase) {
        test.execute(&format!("{TABLE}; INSERT INTO t VALUES (1, 'a'), (2, 'a'), (3, 'b')")).await;
        let database = connect(test, 1).await;
        let mut session = Session::from_pool(&database).await.unwrap();
        session.begin(LONG).await.unwrap();
        let same = statement("UPDATE t SET word = 'a' WHERE word = 'a'", &[], &[]);
        let changed = session.change(&same, LONG).await.unwrap();
        assert_eq!((changed.affected, changed.rows.len()), (2, 0));
        let none = statement("DELETE FROM t WHERE word = 'z'", &[], &[]);
        assert_eq!(session.change(&none, LONG).await.unwrap().affected, 0);
        let place = crate::support::place(test.engine());
        let sql = format!("INSERT INTO t (id, word) VALUES (7, {place}) RETURNING id, word");
        let null = statement(&sql, &[Value::Null], &[ColumnType::Int, ColumnType::Text]);
        for _ in 0..2 {
            let changed = session.change(&null, LONG).await.unwrap();
            let rows: Vec<_> = changed.rows.rows().flatten().map(Value::to_json).collect();
            assert_eq!((changed.affected, json!(rows)), (1, json!([7, null])));
            session.change(&statement("DELETE FROM t WHERE id = 7", &[], &[]), LONG).await.unwrap();
        }
        session.commit().await.unwrap();
        session.finish().await.unwrap();
        assert_eq!(test.count("t").await, 3);
    }

    async fn a_limit_inside_of_a_transaction_is_gone_with_it(test: &TestDatabase) {
        test.execute(TABLE).await;
        let short = Duration::from_millis(100);
        for database in [connect(test, 1).await, shared(test)] {
            let mut session = Session::from_pool(&database).await.unwrap();
            session.begin(LONG).await.unwrap();
            session.change(&insert(test, 1), LONG).await.unwrap();
            let slow = statement(crate::limits::slow(test.engine()), &[], &[ColumnType::Int]);
            assert!(matches!(session.run(&slow, short).await, Err(DbError::Timeout)));
            session.rollback().await.unwrap();
            // Neither the short one nor none at all.
            session.begin(LONG).await.unwrap();
            assert!(matches!(session.run(&slow, short).await, Err(DbError::Timeout)));
            session.rollback().await.unwrap();
            assert!(matches!(session.run(&slow, short).await, Err(DbError::Timeout)));
            let pause = match test.engine() {
                Engine::Postgres => "SELECT 1 FROM pg_sleep(0.2)",
                Engine::MySql => "SELECT 1 + sleep(0.2)",
                Engine::Sqlite => "SELECT 1",
            };
            session.run(&statement(pause, &[], &[ColumnType::Int]), LONG).await.unwrap();
            session.finish().await.unwrap();
            assert_eq!(test.count("t").await, 0);
            nothing_is_open(test).await;
        }
    }
}

/// MySQL reads none of MariaDB's comments, so the key of a row is asked of it in another way.
#[tokio::test]
async fn the_key_of_a_new_row_comes_back_of_mariadb_and_of_mysql() {
    let test = TestDatabase::mysql().await;
    test.execute("CREATE TABLE t (id bigint AUTO_INCREMENT PRIMARY KEY, word varchar(9))").await;
    let database = connect(&test, 1).await;
    let mut session = Session::from_pool(&database).await.unwrap();
    session.begin(LONG).await.unwrap();
    for (sql, expected) in [
        ("INSERT INTO t (word) VALUES ('a') /*M!100500 RETURNING id */", json!([1])),
        ("INSERT INTO t (word) VALUES ('b') /*M!990000 RETURNING id */", json!([2])),
        ("INSERT INTO t (id) VALUES (7) /*M!100500 RETURNING id */", json!([7])),
        ("UPDATE t SET word = 'c' WHERE id = 7", json!([])),
    ] {
        let changed = session.change(&statement(sql, &[], &[ColumnType::Int]), LONG).await.unwrap();
        let rows: Vec<_> = changed.rows.rows().flatten().map(Value::to_json).collect();
        assert_eq!((changed.affected, json!(rows)), (1, expected), "{sql}");
    }
    session.finish().await.unwrap();
}
