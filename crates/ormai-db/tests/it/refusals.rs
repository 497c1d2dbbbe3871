//! What stands against a write, and what it costs: other writers, rules, and lost connections.

use std::time::Duration;

use ormai_core::value::ColumnType;
use ormai_db::{ConflictKind, ConnectOptions, Database, DbError, Session};
use ormai_testkit::{Engine, TestDatabase, every_engine};
use serde_json::json;
use sqlx::{Connection as _, Executor as _};

use crate::support::{LONG, answer, connect, insert, nothing_is_open, run, shared, statement};

const SHORT: Duration = Duration::from_millis(100);
const TABLE: &str = "CREATE TABLE t (id bigint PRIMARY KEY)";

/// A word for each kind of error.
fn word(error: &DbError) -> &'static str {
    match error {
        DbError::Conflict { kind, .. } => match kind {
            ConflictKind::Unique => "unique",
            ConflictKind::Reference => "reference",
            ConflictKind::NotNull => "not null",
            ConflictKind::Check => "check",
            ConflictKind::Concurrent => "concurrent",
            _ => "another conflict",
        },
        DbError::Refused(_) => "refused",
        DbError::ReadOnly(_) => "read only",
        DbError::OutcomeUnknown(_) => "outcome unknown",
        DbError::Timeout => "timeout",
        DbError::Unavailable(_) => "unavailable",
        _ => "failed",
    }
}

async fn refusal(database: &Database, sql: &str) -> &'static str {
    let mut session = Session::from_pool(database).await.unwrap();
    session.begin(LONG).await.unwrap();
    let error = session.change(&statement(sql, &[], &[]), LONG).await.unwrap_err();
    session.finish().await.unwrap();
    word(&error)
}

every_engine! {
    async fn a_refusal_is_told_by_its_kind(test: &TestDatabase) {
        test.execute(
            "CREATE TABLE parent (id bigint PRIMARY KEY);
             CREATE TABLE t (id bigint PRIMARY KEY, parent_id bigint REFERENCES parent (id) ON DELETE RESTRICT,
                 word varchar(3) NOT NULL UNIQUE, number smallint CHECK (number < 100), day date);
             INSERT INTO parent VALUES (1);
             INSERT INTO t VALUES (1, 1, 'a', 1, NULL)",
        )
        .await;
        trigger(test).await;
        let database = connect(test, 1).await;
        for (expected, sql) in [
            ("unique", "INSERT INTO t VALUES (1, NULL, 'b', 1, NULL)"),
            ("unique", "INSERT INTO t VALUES (2, NULL, 'a', 1, NULL)"),
            ("reference", "INSERT INTO t VALUES (2, 7, 'b', 1, NULL)"),
            ("reference", "DELETE FROM parent WHERE id = 1"),
            ("not null", "INSERT INTO t VALUES (2, NULL, NULL, 1, NULL)"),
            ("not null", "INSERT INTO t (id) VALUES (2)"),
            ("check", "INSERT INTO t VALUES (2, NULL, 'b', 100, NULL)"),
            ("refused", "INSERT INTO t VALUES (666, NULL, 'b', 1, NULL)"),
            ("failed", "INSERT INTO nowhere VALUES (1)"),
        ] {
            assert_eq!(refusal(&database, sql).await, expected, "{sql}");
        }
        // SQLite stores whatever it is given.
        if test.engine() != Engine::Sqlite {
            for sql in [
                "INSERT INTO t VALUES (2, NULL, 'long', 1, NULL)",
                "INSERT INTO t VALUES (2, NULL, 'b', 100000, NULL)",
                "INSERT INTO t VALUES (2, NULL, 'b', 1, '2024-13-01')",
                "UPDATE t SET number = 1 / (id - id)",
            ] {
                assert_eq!(refusal(&database, sql).await, "refused", "{sql}");
            }
        }
        assert_eq!(test.count("t").await, 1);
        nothing_is_open(test).await;
    }

    async fn another_writer_is_waited_for_no_longer_than_the_limit(test: &TestDatabase) {
        test.execute(&format!("{TABLE}; INSERT INTO t VALUES (1)")).await;
        let writer = connect(test, 1).await;
        let mut other = Session::from_pool(&writer).await.unwrap();
        other.begin(LONG).await.unwrap();
        let delete = statement("DELETE FROM t WHERE id = 1", &[], &[]);
        other.change(&delete, LONG).await.unwrap();
        for database in [connect(test, 1).await, shared(test)] {
            let mut session = Session::from_pool(&database).await.unwrap();
            let error = match session.begin(SHORT).await {
                Ok(()) => session.change(&delete, SHORT).await.unwrap_err(),
                Err(error) => error,
            };
            assert!(matches!(word(&error), "timeout" | "concurrent"), "{error:?}");
            assert!(error.is_retryable());
            session.finish().await.unwrap();
        }
        other.commit().await.unwrap();
        other.finish().await.unwrap();
        let mut session = Session::from_pool(&shared(test)).await.unwrap();
        session.begin(LONG).await.unwrap();
        session.change(&insert(test, 1), LONG).await.unwrap();
        session.commit().await.unwrap();
        session.finish().await.unwrap();
        nothing_is_open(test).await;
    }

    async fn sixty_four_writers_each_write(test: &TestDatabase) {
        test.execute(&format!("{TABLE}; CREATE TABLE counted (id bigint PRIMARY KEY, n bigint); INSERT INTO counted VALUES (1, 0)")).await;
        let options = ConnectOptions { max_connections: 8, acquire_timeout: LONG, ..ConnectOptions::default() };
        let database = Database::connect(test.url(), &options).await.unwrap();
        let writers = (0..64_i64).map(|id| {
            let (database, insert) = (database.clone(), insert(test, id));
            tokio::spawn(async move {
                let mut session = Session::from_pool(&database).await?;
                session.begin(LONG).await?;
                session.change(&statement("UPDATE counted SET n = n + 1 WHERE id = 1", &[], &[]), LONG).await?;
                session.change(&insert, LONG).await?;
                session.commit().await?;
                session.finish().await
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap().unwrap();
        }
        assert_eq!(test.count("t").await, 64);
        let n = statement("SELECT n FROM counted", &[], &[ColumnType::Int]);
        assert_eq!(answer(&database, &n).await.unwrap(), json!([64]));
    }
}

/// Says no to a row.
async fn trigger(test: &TestDatabase) {
    let sql = match test.engine() {
        Engine::Sqlite => "CREATE TRIGGER no BEFORE INSERT ON t WHEN NEW.id = 666 BEGIN SELECT RAISE(ABORT, 'no'); END",
        Engine::Postgres => {
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
             CREATE TRIGGER no BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.id = 666) EXECUTE FUNCTION no()"
        }
        Engine::MySql => {
            "CREATE TRIGGER no BEFORE INSERT ON t FOR EACH ROW
             BEGIN IF NEW.id = 666 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF; END"
        }
    };
    test.execute(sql).await;
}

/// Has PostgreSQL look at rules when all is committed, which a transaction of ours does not.
async fn deferred(session: &mut Session<'_>) {
    if session.dialect() == ormai_sql::Dialect::Postgres {
        session.run(&statement("SET CONSTRAINTS ALL DEFERRED", &[], &[]), LONG).await.unwrap();
    }
}

#[tokio::test]
async fn a_rule_that_could_wait_for_the_end_is_looked_at_at_once() {
    let test = TestDatabase::postgres().await;
    test.execute("CREATE TABLE t (id bigint PRIMARY KEY, t_id bigint REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)")
        .await;
    for database in [connect(&test, 1).await, shared(&test)] {
        let mut session = Session::from_pool(&database).await.unwrap();
        session.begin(LONG).await.unwrap();
        let dangling = statement("INSERT INTO t VALUES (1, 7)", &[], &[]);
        assert_eq!(word(&session.change(&dangling, LONG).await.unwrap_err()), "reference");
        session.finish().await.unwrap();
        assert_eq!(test.count("t").await, 0);
    }
}

#[tokio::test]
async fn a_rule_that_is_looked_at_when_all_is_committed_leaves_nothing() {
    for test in [TestDatabase::postgres().await, TestDatabase::sqlite().await] {
        test.execute(
            "CREATE TABLE t (id bigint PRIMARY KEY, t_id bigint REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)",
        )
        .await;
        for database in [connect(&test, 1).await, shared(&test)] {
            let mut session = Session::from_pool(&database).await.unwrap();
            let dangling = statement("INSERT INTO t VALUES (1, 7)", &[], &[]);
            session.begin(LONG).await.unwrap();
            deferred(&mut session).await;
            session.change(&dangling, LONG).await.unwrap();
            assert_eq!(word(&session.commit().await.unwrap_err()), "reference");
            assert_eq!(session.depth(), 0);
            nothing_is_open(&test).await;
            // The session goes on, and its limits hold.
            session.begin(LONG).await.unwrap();
            let slow = statement(crate::limits::slow(test.engine()), &[], &[ColumnType::Int]);
            assert!(matches!(session.run(&slow, SHORT).await, Err(DbError::Timeout)));
            session.rollback().await.unwrap();
            session.finish().await.unwrap();
            assert_eq!(test.count("t").await, 0);
        }
    }
}

#[tokio::test]
async fn a_server_that_goes_before_the_end_leaves_nothing_and_one_that_goes_at_the_end_nobody_knows_what() {
    for test in [TestDatabase::postgres().await, TestDatabase::mysql().await] {
        test.execute(TABLE).await;
        let (id, kill) = match test.engine() {
            Engine::MySql => ("SELECT connection_id()", "KILL "),
            _ => ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend("),
        };
        let id = statement(id, &[], &[ColumnType::Int]);
        for database in [connect(&test, 1).await, shared(&test)] {
            for at_commit in [false, true] {
                let mut session = Session::from_pool(&database).await.unwrap();
                session.begin(LONG).await.unwrap();
                session.change(&insert(&test, 1), LONG).await.unwrap();
                let id = run(&mut session, &id).await.unwrap()[0].clone();
                let close = if kill.ends_with('(') { ")" } else { "" };
                test.execute(&format!("{kill}{id}{close}")).await;
                nothing_is_open(&test).await;
                if at_commit {
                    let error = session.commit().await.unwrap_err();
                    assert_eq!(word(&error), "outcome unknown", "{error:?}");
                    assert!(!error.is_retryable());
                } else {
                    let error = session.change(&insert(&test, 2), LONG).await.unwrap_err();
                    assert_eq!(word(&error), "unavailable", "{error:?}");
                    assert_eq!(word(&session.change(&insert(&test, 2), LONG).await.unwrap_err()), "unavailable");
                    assert!(session.commit().await.is_err());
                }
                assert_eq!(session.depth(), 0);
                drop(session);
                assert_eq!(test.count("t").await, 0);
                // The pool has another one.
                let mut session = Session::from_pool(&database).await.unwrap();
                session.begin(LONG).await.unwrap();
                session.rollback().await.unwrap();
                session.finish().await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_is_stopped_while_it_commits_has_nobody_know_the_outcome() {
    let test = TestDatabase::postgres().await;
    test.execute(&format!(
        "{TABLE};
         CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
             EXECUTE FUNCTION slow()"
    ))
    .await;
    let database = connect(&test, 1).await;
    // Within its limit the server ends it itself, and says so.
    let mut session = Session::from_pool(&database).await.unwrap();
    session.begin(SHORT).await.unwrap();
    deferred(&mut session).await;
    session.change(&insert(&test, 1), SHORT).await.unwrap();
    assert_eq!(word(&session.commit().await.unwrap_err()), "timeout");
    nothing_is_open(&test).await;

    session.begin(LONG).await.unwrap();
    deferred(&mut session).await;
    session.change(&insert(&test, 1), LONG).await.unwrap();
    let kill = async {
        let mut killer = sqlx::PgConnection::connect(test.url()).await.unwrap();
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                    WHERE datname = current_database() AND query LIKE '%; COMMIT' AND state = 'active'";
        while killer.execute(kill).await.unwrap().rows_affected() == 0 {
            tokio::task::yield_now().await;
        }
    };
    let (committed, ()) = tokio::join!(session.commit(), kill);
    assert_eq!(word(&committed.unwrap_err()), "outcome unknown");
    drop(session);
    nothing_is_open(&test).await;
    assert_eq!(test.count("t").await, 0);
}

#[tokio::test]
async fn a_figure_that_is_too_large_is_no_refusal_of_a_value() {
    let test = TestDatabase::postgres().await;
    test.execute(&format!("{TABLE}; INSERT INTO t VALUES (9223372036854775807)")).await;
    let database = connect(&test, 1).await;
    let mut session = Session::from_pool(&database).await.unwrap();
    session.begin(LONG).await.unwrap();
    let sum = statement("SELECT id + 1 FROM t", &[], &[ColumnType::Int]);
    assert!(matches!(session.run(&sum, LONG).await, Err(DbError::OutOfRange(_))));
    session.finish().await.unwrap();
}
