//! A driver of SQLite: `?`, storage classes, and a progress handler for the time limit.

use std::time::Instant;

use futures_util::TryStreamExt as _;
use ormai_core::value::Value;
use ormai_db::host::{Answered, BoundValue, Cell, HostError};
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{
    Arguments as _, AssertSqlSafe, Connection as _, Either, Executor as _, Row as _, TypeInfo as _, ValueRef as _,
};

use super::{Driver, Job};

pub(super) struct Connection(SqliteConnection);

pub(super) async fn connect(url: &str) -> Connection {
    Connection(SqliteConnection::connect(url).await.unwrap())
}

impl Driver for Connection {
    async fn run(&mut self, job: Job) -> Result<Answered, HostError> {
        let (text, values, limit) = match job {
            Job::Text(text) => (text, Vec::new(), None),
            Job::Run { text, values, limit } => (text, values, limit),
        };
        let mut arguments = SqliteArguments::default();
        for value in values {
            let added = match value {
                BoundValue::Null => arguments.add(None::<i64>),
                BoundValue::Int(int) => arguments.add(int),
                BoundValue::Float(float) => arguments.add(float),
                BoundValue::Text(text) => arguments.add(text),
                BoundValue::Bytes(bytes) => arguments.add(bytes),
                other => panic!("{other:?} is of no storage class"),
            };
            added.unwrap();
        }
        let until = limit.map(|limit| Instant::now() + limit);
        let in_time = move || until.is_none_or(|until| Instant::now() < until);
        self.0.lock_handle().await.unwrap().set_progress_handler(1_000, in_time);
        let mut answered = Answered::default();
        let mut parts = self.0.fetch_many(sqlx::query_with(AssertSqlSafe(text), arguments));
        loop {
            match parts.try_next().await {
                Ok(Some(Either::Left(result))) => answered.affected += result.rows_affected(),
                Ok(Some(Either::Right(row))) => answered.rows.push(cells(&row)),
                Ok(None) => return Ok(answered),
                Err(error) => return Err(super::refused(&error, |database| database.code().map(Into::into))),
            }
        }
    }
}

fn cells(row: &SqliteRow) -> Vec<Cell> {
    let value = |index: usize| {
        let raw = row.try_get_raw(index).unwrap();
        if raw.is_null() {
            return Value::Null;
        }
        match raw.type_info().name() {
            "INTEGER" => Value::Int(row.get_unchecked(index)),
            "REAL" => Value::Float(row.get_unchecked(index)),
            "BLOB" => Value::Bytes(row.get_unchecked(index)),
            _ => Value::Text(String::from_utf8_lossy(row.get_unchecked(index)).into_owned()),
        }
    };
    (0..row.len()).map(|index| Cell::Value(value(index))).collect()
}
