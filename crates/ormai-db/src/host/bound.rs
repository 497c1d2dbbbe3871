//! A statement as a driver of another language takes it.

use std::sync::Arc;

use ormai_sql::Statement;

use crate::error::DbError;

/// How a driver takes the text of a statement and its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wire {
    /// `?`, and SQLite's storage classes.
    Sqlite,
    /// `%s`, and PostgreSQL's binary form with the number of a type.
    Psycopg,
    /// `$1`, and texts that the statement casts (asyncpg).
    PostgresDollar,
    /// `%s`, and texts that the statement casts (psycopg2).
    PostgresFormat,
    /// `%s`, and texts, numbers and bytes that the driver writes into the text; the statement casts
    /// what is none of these (MariaDB and MySQL).
    MySqlFormat,
}

/// A statement as a driver takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// The text. For a wire with `%s`, every other `%` is doubled.
    pub text: Arc<str>,
    /// The parameters, in the order of the placeholders.
    pub values: Vec<BoundValue>,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum BoundValue {
    /// NULL, on every wire but [`Wire::Psycopg`].
    Null,
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// PostgreSQL's binary form; without bytes it is NULL.
    Wire {
        /// The number of its type; 0 leaves it to the server to infer it from the place.
        oid: u32,
        /// Its bytes.
        bytes: Option<Vec<u8>>,
    },
}

/// The text and the parameters of a statement, as a driver takes them.
///
/// # Errors
///
/// [`DbError::Refused`] for a value that the database would store as another, [`DbError::Failed`] for one
/// that cannot be bound, or a wire that is not one of the statement's dialect.
pub fn bound(statement: &Statement, wire: Wire) -> Result<Bound, DbError> {
    let _ = (statement, wire);
    Err(DbError::failed("hosts are not served yet"))
}
