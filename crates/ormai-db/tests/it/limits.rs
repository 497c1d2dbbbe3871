//! Time limits, cancelled calls, and many calls at once.

use std::time::{Duration, Instant};

use ormai_core::value::{ColumnType, Value};
use ormai_db::{ConnectOptions, Database, DbError, Session};
use ormai_sql::Statement;
use ormai_testkit::{Engine, TestDatabase, every_engine};
use serde_json::json;

use crate::support::{LONG, answer, connect, run, shared, statement};

const SHORT: Duration = Duration::from_millis(100);

/// Runs for about as long as a test may take, and is one step to whoever reads rows.
fn endless(engine: Engine) -> Statement {
    statement(slow(engine), &[], &[ColumnType::Int])
}

pub(crate) fn slow(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => {
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000000) SELECT count(*) FROM n"
        }
        Engine::Postgres => "SELECT count(*) FROM (SELECT pg_sleep(60)) AS sleep",
        Engine::MySql => "SELECT count(*) FROM (SELECT sleep(60)) AS slept",
    }
}

fn one() -> Statement {
    statement("SELECT 1", &[], &[ColumnType::Int])
}

/// How many statements run on the server right now, beside the one that asks.
async fn busy(test: &TestDatabase) -> serde_json::Value {
    let sql = match test.engine() {
        Engine::MySql => {
            "SELECT count(*) FROM information_schema.processlist \
             WHERE command <> 'Sleep' AND db = database() AND id <> connection_id()"
        }
        _ => {
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND datname = current_database() \
             AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        }
    };
    answer(&connect(test, 1).await, &statement(sql, &[], &[ColumnType::Int])).await.unwrap()
}

async fn is_stopped_in_the_database(database: &Database, engine: Engine) {
    let mut session = Session::from_pool(database).await.unwrap();
    for _ in 0..2 {
        let begun = Instant::now();
        let error = session.run(&endless(engine), SHORT).await.unwrap_err();
        assert!(matches!(error, DbError::Timeout), "{error}: {}", error.operator_detail());
        assert!(begun.elapsed() >= SHORT && begun.elapsed() < Duration::from_secs(10));
        assert_eq!(run(&mut session, &one()).await.unwrap(), json!([1]));
    }
    session.finish().await.unwrap();
    assert_eq!(answer(database, &one()).await.unwrap(), json!([1]));
}

every_engine! {
    async fn a_statement_past_its_limit_is_stopped_in_the_database(test: &TestDatabase) {
        is_stopped_in_the_database(&connect(test, 1).await, test.engine()).await;
        if test.engine() != Engine::Sqlite {
            assert_eq!(busy(test).await, json!([0]));
        }
    }

    async fn a_pool_of_the_users_is_kept_within_limits_too(test: &TestDatabase) {
        let database = shared(test);
        is_stopped_in_the_database(&database, test.engine()).await;
    }

    async fn a_limit_asked_for_holds_whatever_the_connection_had_before(test: &TestDatabase) {
        let database = connect(test, 1).await;
        for limit in [LONG, SHORT, LONG, SHORT] {
            let mut session = Session::from_pool(&database).await.unwrap();
            assert_eq!(session.run(&one(), limit).await.unwrap().len(), 1);
            session.finish().await.unwrap();
        }
        is_stopped_in_the_database(&database, test.engine()).await;
    }

    async fn a_cancelled_call_leaves_no_dirty_connection(test: &TestDatabase) {
        for database in [connect(test, 1).await, shared(test)] {
            for _ in 0..3 {
                let mut session = Session::from_pool(&database).await.unwrap();
                let endless = endless(test.engine());
                tokio::time::timeout(SHORT, session.run(&endless, Duration::from_secs(3))).await.unwrap_err();
                drop(session);
                let begun = Instant::now();
                assert_eq!(answer(&database, &one()).await.unwrap(), json!([1]));
                assert!(begun.elapsed() < Duration::from_secs(2), "the next call waited for the cancelled one");
            }
        }
    }

    async fn a_session_goes_on_after_a_cancelled_call(test: &TestDatabase) {
        let database = connect(test, 1).await;
        let mut session = Session::from_pool(&database).await.unwrap();
        let endless = endless(test.engine());
        tokio::time::timeout(SHORT, session.run(&endless, Duration::from_secs(2))).await.unwrap_err();
        assert_eq!(run(&mut session, &one()).await.unwrap(), json!([1]));
        session.finish().await.unwrap();
    }

    async fn two_hundred_interleaved_calls_each_get_their_own_answer(test: &TestDatabase) {
        let (database, engine) = (connect(test, 4).await, test.engine());
        let calls = (0..200_i64).map(|call| {
            let database = database.clone();
            tokio::spawn(async move {
                let mut session = Session::from_pool(&database).await.unwrap();
                let limit = if call % 3 == 0 { LONG } else { Duration::from_secs(20) };
                let sql = match engine {
                    Engine::MySql => "SELECT CAST(? AS SIGNED), CAST(? AS CHAR)",
                    Engine::Sqlite | Engine::Postgres => "SELECT CAST($1 AS bigint), CAST($2 AS text)",
                };
                let echo = statement(sql, &[call.into(), call.to_string().into()], &[ColumnType::Int, ColumnType::Text]);
                let fetched = session.run(&echo, limit).await.unwrap();
                let row = fetched.rows().next().unwrap().to_vec();
                session.finish().await.unwrap();
                assert_eq!(row, [Value::Int(call), Value::Text(call.to_string())]);
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
    }

    async fn a_failing_statement_says_nothing_to_the_caller_and_all_to_the_log(test: &TestDatabase) {
        let database = connect(test, 1).await;
        let error = answer(&database, &statement("SELECT * FROM secret_table", &[], &[])).await.unwrap_err();
        assert_eq!(error.to_string(), "the database could not answer");
        assert!(error.operator_detail().contains("secret_table"));
        assert_eq!(answer(&database, &one()).await.unwrap(), json!([1]));
    }

    async fn no_connection_in_time_is_unavailable(test: &TestDatabase) {
        let options = ConnectOptions { max_connections: 1, acquire_timeout: SHORT, ..ConnectOptions::default() };
        let database = Database::connect(test.url(), &options).await.unwrap();
        let held = Session::from_pool(&database).await.unwrap();
        assert!(matches!(Session::from_pool(&database).await, Err(DbError::Unavailable(_))));
        held.finish().await.unwrap();
        assert_eq!(answer(&database, &one()).await.unwrap(), json!([1]));
    }

    async fn a_read_only_database_takes_no_writes(test: &TestDatabase) {
        test.execute("CREATE TABLE t (id integer)").await;
        let options = ConnectOptions { read_only: true, ..ConnectOptions::default() };
        let database = Database::connect(test.url(), &options).await.unwrap();
        let error = answer(&database, &statement("INSERT INTO t VALUES (1)", &[], &[])).await.unwrap_err();
        assert!(matches!(error, DbError::ReadOnly(_)), "{error:?}");
        let mut session = Session::from_pool(&database).await.unwrap();
        session.begin(LONG).await.unwrap();
        let error = session.change(&statement("INSERT INTO t VALUES (1)", &[], &[]), LONG).await.unwrap_err();
        assert!(matches!(error, DbError::ReadOnly(_)), "{error:?}");
        session.finish().await.unwrap();
        assert_eq!(test.count("t").await, 0);
    }
}

#[tokio::test]
async fn a_cancelled_call_keeps_a_database_in_memory() {
    let test = TestDatabase::sqlite_in_memory().await;
    test.execute("CREATE TABLE t (id integer); INSERT INTO t VALUES (7)").await;
    let database = shared(&test);
    let mut session = Session::from_pool(&database).await.unwrap();
    let endless = endless(Engine::Sqlite);
    tokio::time::timeout(SHORT, session.run(&endless, LONG)).await.unwrap_err();
    drop(session);
    assert_eq!(answer(&database, &statement("SELECT id FROM t", &[], &[ColumnType::Int])).await.unwrap(), json!([7]));
    // The pool's own statements are not bound by a limit that is past.
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT count(*) FROM n";
    let mut connection = test.sqlite_pool().unwrap().acquire().await.unwrap();
    sqlx::Executor::execute(&mut *connection, sql).await.unwrap();
}

#[tokio::test]
async fn a_pool_of_the_users_gets_its_settings_back() {
    let test = TestDatabase::postgres().await;
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1).connect(test.url()).await.unwrap();
    let database = Database::from(pool.clone());
    assert_eq!(answer(&database, &one()).await.unwrap(), json!([1]));
    // Left without an end, and in the middle of a statement.
    drop(Session::from_pool(&database).await.unwrap());
    let mut session = Session::from_pool(&database).await.unwrap();
    session.run(&one(), SHORT).await.unwrap();
    drop(session);
    let mut connection = pool.acquire().await.unwrap();
    let row = sqlx::Executor::fetch_one(&mut *connection, "SELECT current_setting('statement_timeout')").await.unwrap();
    assert_eq!(sqlx::Row::get::<String, _>(&row, 0), "0");
}

#[tokio::test]
async fn a_url_is_never_repeated() {
    let check = async |url: &str| {
        let options = ConnectOptions { acquire_timeout: Duration::from_secs(2), ..ConnectOptions::default() };
        let error = Database::connect(url, &options).await.unwrap_err();
        let said = format!("{error} {error:?} {}", error.operator_detail());
        assert!(!said.contains("s3cret"), "{said}");
    };
    check("postgres://user:s3cret@127.0.0.1:1/none").await;
    check("postgres://user:s3cret@[::bad/none").await;
    check("postgres://user:s3cret@127.0.0.1:99999/none").await;
    check("mysql://user:s3cret@127.0.0.1:1/none").await;
    check("mariadb://user:s3cret@[::bad/none").await;
    check("mysql://user:s3cret@127.0.0.1:99999/none").await;
    check("oracle://user:s3cret@127.0.0.1/none").await;
    check("sqlite:/nowhere/at/all.db?mode=s3cret").await;
    check("s3cret").await;
}

#[test]
fn a_database_may_be_dropped_outside_of_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(async {
        let database = Database::connect("sqlite::memory:", &ConnectOptions::default()).await.unwrap();
        assert_eq!(answer(&database, &one()).await.unwrap(), json!([1]));
        database
    });
    drop(runtime);
    assert_eq!(format!("{database:?}"), "Database(Sqlite)");
    drop(database);
}
