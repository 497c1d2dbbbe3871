//! Statements: texts that are constants, with values between them.
#![expect(
    clippy::disallowed_methods,
    reason = "the trail is a second writer outside the query path; its texts are constants"
)]

#[cfg(feature = "mysql")]
use sqlx::mysql::{MySql, MySqlConnection, MySqlRow};
#[cfg(feature = "postgres")]
use sqlx::postgres::{PgConnection, PgRow, Postgres};
#[cfg(feature = "sqlite")]
use sqlx::sqlite::{Sqlite, SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row as _};

use super::fault::Fault;

/// A value that is bound, or that a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(Option<String>),
    Integer(Option<i64>),
    Boolean(Option<bool>),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Boolean(Some(truth))
    }
}

/// What kind of value a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Text,
    Integer,
    Boolean,
}

impl Sort {
    /// Nothing, of this kind.
    pub(super) const fn null(self) -> Value {
        match self {
            Self::Text => Value::Text(None),
            Self::Integer => Value::Integer(None),
            Self::Boolean => Value::Boolean(None),
        }
    }
}

#[derive(Clone, Debug)]
enum Piece {
    Text(&'static str),
    Value(Value),
}

/// The most pieces of a statement that is kept: a line has about forty.
const MOST_KEPT: usize = 100;

/// A statement. What is not a constant in it is bound.
#[derive(Clone, Debug)]
pub(super) struct Statement(Vec<Piece>);

impl Statement {
    pub(super) fn new(text: &'static str) -> Self {
        Self(vec![Piece::Text(text)])
    }

    pub(super) fn text(mut self, text: &'static str) -> Self {
        self.push(text);
        self
    }

    pub(super) fn value(mut self, value: impl Into<Value>) -> Self {
        self.bind(value);
        self
    }

    /// Whether a connection keeps it prepared: not one for many rows, as there are many of those.
    fn is_kept(&self) -> bool {
        self.0.len() <= MOST_KEPT
    }

    pub(super) fn push(&mut self, text: &'static str) {
        self.0.push(Piece::Text(text));
    }

    pub(super) fn bind(&mut self, value: impl Into<Value>) {
        self.0.push(Piece::Value(value.into()));
    }
}

/// A row of an answer.
pub(super) enum Row {
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteRow),
    #[cfg(feature = "postgres")]
    Postgres(PgRow),
    #[cfg(feature = "mysql")]
    MySql(MySqlRow),
}

macro_rules! of_row {
    ($row:expr, $inner:ident => $do:expr) => {
        match $row {
            #[cfg(feature = "sqlite")]
            Row::Sqlite($inner) => $do.map_err(|error| Fault::unreadable(&error)),
            #[cfg(feature = "postgres")]
            Row::Postgres($inner) => $do.map_err(|error| Fault::unreadable(&error)),
            #[cfg(feature = "mysql")]
            Row::MySql($inner) => $do.map_err(|error| Fault::unreadable(&error)),
        }
    };
}

impl Row {
    /// The bytes of a text, whatever they are.
    pub(super) fn bytes(&self, at: usize) -> Result<Vec<u8>, Fault> {
        of_row!(self, row => row.try_get_unchecked(at))
    }

    pub(super) fn text(&self, at: usize) -> Result<String, Fault> {
        of_row!(self, row => row.try_get(at))
    }

    pub(super) fn integer(&self, at: usize) -> Result<i64, Fault> {
        of_row!(self, row => row.try_get(at))
    }

    #[cfg(feature = "postgres")]
    pub(super) fn boolean(&self, at: usize) -> Result<bool, Fault> {
        of_row!(self, row => row.try_get(at))
    }

    pub(super) fn value(&self, at: usize, sort: Sort) -> Result<Value, Fault> {
        Ok(match sort {
            Sort::Text => Value::Text(of_row!(self, row => row.try_get(at))?),
            Sort::Integer => Value::Integer(of_row!(self, row => row.try_get(at))?),
            Sort::Boolean => Value::Boolean(of_row!(self, row => row.try_get(at))?),
        })
    }
}

/// A connection on which statements run.
pub(super) trait Run {
    /// Runs a statement to its end.
    fn run(&mut self, statement: &Statement) -> impl Future<Output = Result<Vec<Row>, Fault>> + Send;

    /// Runs a statement that changes rows, and tells how many it found.
    fn change(&mut self, statement: &Statement) -> impl Future<Output = Result<u64, Fault>> + Send;

    /// Runs a text that takes no values, and may not be prepared.
    fn run_text(&mut self, text: &'static str) -> impl Future<Output = Result<(), Fault>> + Send;
}

macro_rules! built {
    ($database:ident, $statement:expr) => {{
        let mut builder = QueryBuilder::<$database>::new("");
        for piece in &$statement.0 {
            match piece {
                Piece::Text(text) => builder.push(text),
                Piece::Value(Value::Text(text)) => builder.push_bind(text.as_deref()),
                Piece::Value(Value::Integer(number)) => builder.push_bind(*number),
                Piece::Value(Value::Boolean(truth)) => builder.push_bind(*truth),
            };
        }
        builder
    }};
}

macro_rules! runs {
    ($connection:ty, $database:ident, $sorted:path) => {
        impl Run for $connection {
            async fn run(&mut self, statement: &Statement) -> Result<Vec<Row>, Fault> {
                let mut built = built!($database, statement);
                let rows = built
                    .build()
                    .persistent(statement.is_kept())
                    .fetch_all(self)
                    .await
                    .map_err(|error| $sorted(&error))?;
                Ok(rows.into_iter().map(Row::$database).collect())
            }

            async fn change(&mut self, statement: &Statement) -> Result<u64, Fault> {
                let mut built = built!($database, statement);
                let done = built
                    .build()
                    .persistent(statement.is_kept())
                    .execute(self)
                    .await
                    .map_err(|error| $sorted(&error))?;
                Ok(done.rows_affected())
            }

            async fn run_text(&mut self, text: &'static str) -> Result<(), Fault> {
                sqlx::raw_sql(text).execute(self).await.map(drop).map_err(|error| $sorted(&error))
            }
        }
    };
}

#[cfg(feature = "sqlite")]
runs!(SqliteConnection, Sqlite, super::sqlite::sorted);
#[cfg(feature = "postgres")]
runs!(PgConnection, Postgres, super::postgres::sorted);
#[cfg(feature = "mysql")]
runs!(MySqlConnection, MySql, super::mysql::sorted);
