//! What the database lets its role do.

use ormai_core::privileges::Privileges;

use crate::database::{Database, Source};
use crate::error::DbError;
#[cfg(feature = "mysql")]
use crate::mysql;
#[cfg(feature = "postgres")]
use crate::postgres;
use crate::session::no_connection;

/// Reads what the connection's role may do past every policy; `None` where the database has
/// no roles (SQLite).
///
/// # Errors
///
/// [`DbError`] when the database does not answer.
pub async fn privileges(database: &Database) -> Result<Option<Privileges>, DbError> {
    match &database.0 {
        #[cfg(feature = "postgres")]
        Source::Postgres(source) => postgres::privileges::read(source).await.map(Some),
        #[cfg(feature = "mysql")]
        Source::MySql(source) => mysql::privileges::read(source).await.map(Some),
        #[cfg(feature = "sqlite")]
        Source::Sqlite(_) => Ok(None),
        Source::Hosts(_) => Err(no_connection()),
    }
}
