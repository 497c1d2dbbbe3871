//! What the tests share.

use std::time::{Duration, Instant};

use ormai_core::value::{ColumnType, Value};
use ormai_db::{ConnectOptions, Database, DbError, Session};
use ormai_sql::Statement;
use ormai_testkit::{Engine, Pool, TestDatabase};

/// Long enough for anything that is not meant to be stopped.
pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) fn statement(sql: &str, values: &[Value], columns: &[ColumnType]) -> Statement {
    Statement::for_tests(sql, values.iter().map(|value| (value.clone(), None)), columns.iter().cloned())
}

/// How the engine's statements name their only value.
pub(crate) fn place(engine: Engine) -> &'static str {
    if engine == Engine::MySql { "?" } else { "$1" }
}

pub(crate) async fn connect(test: &TestDatabase, max_connections: u32) -> Database {
    let options = ConnectOptions { max_connections, ..ConnectOptions::default() };
    Database::connect(test.url(), &options).await.unwrap()
}

/// All values of all rows as JSON.
pub(crate) async fn run(session: &mut Session<'_>, statement: &Statement) -> Result<serde_json::Value, DbError> {
    let fetched = session.run(statement, LONG).await?;
    Ok(fetched.rows().flatten().map(Value::to_json).collect())
}

/// Runs one statement in a session of its own.
pub(crate) async fn answer(database: &Database, statement: &Statement) -> Result<serde_json::Value, DbError> {
    let mut session = Session::from_pool(database).await?;
    let answer = run(&mut session, statement).await;
    session.finish().await?;
    answer
}

/// A pool of the user's.
pub(crate) fn shared(test: &TestDatabase) -> Database {
    match test.pool() {
        Pool::Sqlite(pool) => Database::from(pool.clone()),
        Pool::Postgres(pool) => Database::from(pool.clone()),
        Pool::MySql(pool) => Database::from(pool.clone()),
    }
}

/// An INSERT into `t (id, …)`.
pub(crate) fn insert(test: &TestDatabase, id: i64) -> Statement {
    let sql = format!("INSERT INTO t (id) VALUES ({})", place(test.engine()));
    statement(&sql, &[id.into()], &[])
}

/// Whether no transaction is open in the database but the one that asks; a server that is about to
/// end one is waited for.
pub(crate) async fn nothing_is_open(test: &TestDatabase) {
    let open = match test.engine() {
        // Another writer gets in.
        Engine::Sqlite => {
            test.execute("CREATE TABLE another_writer (id integer); DROP TABLE another_writer").await;
            return;
        }
        Engine::Postgres => {
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
             AND backend_type = 'client backend' AND xact_start IS NOT NULL"
        }
        Engine::MySql => {
            "SELECT count(*) FROM information_schema.innodb_trx \
             JOIN information_schema.processlist ON id = trx_mysql_thread_id \
             WHERE db = database() AND id <> connection_id()"
        }
    };
    let database = connect(test, 1).await;
    let open = statement(open, &[], &[ColumnType::Int]);
    let deadline = Instant::now() + LONG;
    loop {
        let open = answer(&database, &open).await.unwrap();
        if open == serde_json::json!([0]) {
            return;
        }
        assert!(Instant::now() < deadline, "{open} transactions are open");
        tokio::task::yield_now().await;
    }
}
