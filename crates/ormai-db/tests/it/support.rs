//! What the tests share.

use std::time::Duration;

use ormai_core::value::{ColumnType, Value};
use ormai_db::{ConnectOptions, Database, DbError, Session};
use ormai_sql::Statement;
use ormai_testkit::{Engine, TestDatabase};

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
