//! One connection for the statements of one call.

use std::fmt;
use std::time::Duration;

use ormai_core::answer::Fetched;
use ormai_sql::{Dialect, Statement};
use sqlx::Transaction;
#[cfg(feature = "mysql")]
use sqlx::{MySql, MySqlConnection};
#[cfg(feature = "postgres")]
use sqlx::{PgConnection, Postgres};
#[cfg(feature = "sqlite")]
use sqlx::{Sqlite, SqliteConnection};

use crate::database::{Database, Source};
use crate::error::DbError;
#[cfg(feature = "mysql")]
use crate::mysql;
#[cfg(feature = "postgres")]
use crate::postgres;
#[cfg(feature = "sqlite")]
use crate::sqlite;

/// One connection on which the statements of one call run, one after the other.
///
/// End it with [`Session::finish`]. A session that is dropped before leaves a pool clean:
/// its connection is closed (PostgreSQL, MariaDB, MySQL) or its statement interrupted
/// (SQLite). On a connection or transaction of the caller's, call `finish` also after an
/// error; without it the caller's time limit stays changed, and on MariaDB and MySQL the
/// other settings that statements rely on.
///
/// It runs what `ormai-sql` compiled, and nothing else. This compiles:
///
/// ```
/// # use std::time::Duration;
/// # use ormai_db::Session;
/// # use ormai_sql::Statement;
/// async fn run(session: &mut Session<'_>, statement: &Statement) {
///     let _ = session.run(statement, Duration::from_secs(1)).await;
/// }
/// ```
///
/// and a session cannot run a string:
///
/// ```compile_fail
/// # use std::time::Duration;
/// # use ormai_db::Session;
/// async fn run(session: &mut Session<'_>, statement: &str) {
///     let _ = session.run(statement, Duration::from_secs(1)).await;
/// }
/// ```
///
/// text that nobody compiled is no statement:
///
/// ```compile_fail
/// # use std::time::Duration;
/// # use ormai_db::Session;
/// # use ormai_sql::Statement;
/// async fn run(session: &mut Session<'_>, text: &str) {
///     let _ = session.run(&Statement::from(text), Duration::from_secs(1)).await;
/// }
/// ```
///
/// and there is no way around, to the connection or to the place where text reaches a driver:
///
/// ```compile_fail
/// # use ormai_db::Session;
/// fn around(session: &mut Session<'_>) {
///     let _ = &mut session.0;
/// }
/// ```
///
/// ```compile_fail
/// use ormai_db::execute::compiled;
/// ```
pub struct Session<'c>(Inner<'c>);

enum Inner<'c> {
    #[cfg(feature = "postgres")]
    Postgres(postgres::Session<'c>),
    #[cfg(feature = "sqlite")]
    Sqlite(sqlite::Session<'c>),
    #[cfg(feature = "mysql")]
    MySql(mysql::Session<'c>),
}

impl Session<'static> {
    /// Takes a connection of a database.
    ///
    /// # Errors
    ///
    /// [`DbError::Unavailable`] when none becomes free in time or none can be opened.
    pub async fn from_pool(database: &Database) -> Result<Self, DbError> {
        Ok(Self(match &database.0 {
            #[cfg(feature = "postgres")]
            Source::Postgres(source) => Inner::Postgres(source.session().await?),
            #[cfg(feature = "sqlite")]
            Source::Sqlite(source) => Inner::Sqlite(source.session().await?),
            #[cfg(feature = "mysql")]
            Source::MySql(source) => Inner::MySql(source.session().await?),
        }))
    }
}

impl<'c> Session<'c> {
    /// Uses a connection of the caller's. Inside a transaction everything happens behind a
    /// savepoint that `finish` rolls back to, so that a failing statement leaves the
    /// transaction usable.
    #[cfg(feature = "postgres")]
    pub fn from_pg_connection(connection: &'c mut PgConnection) -> Self {
        Self(Inner::Postgres(postgres::Session::on(connection)))
    }

    /// Uses an open transaction of the caller's, and sees its uncommitted rows.
    #[cfg(feature = "postgres")]
    pub fn from_pg_transaction(transaction: &'c mut Transaction<'_, Postgres>) -> Self {
        Self::from_pg_connection(transaction)
    }

    /// Uses a connection of the caller's. Its progress handler is replaced by one that
    /// keeps the time limit, and that does nothing outside of this session.
    #[cfg(feature = "sqlite")]
    pub fn from_sqlite_connection(connection: &'c mut SqliteConnection) -> Self {
        Self(Inner::Sqlite(sqlite::Session::on(connection)))
    }

    /// Uses an open transaction of the caller's, and sees its uncommitted rows.
    #[cfg(feature = "sqlite")]
    pub fn from_sqlite_transaction(transaction: &'c mut Transaction<'_, Sqlite>) -> Self {
        Self::from_sqlite_connection(transaction)
    }

    /// Uses a connection of the caller's. A failing statement leaves a transaction usable
    /// there, except for a deadlock, with which the server undoes the whole of it.
    ///
    /// After a call that was dropped half way, go on with the session or close the
    /// connection: the driver can lose its place in the answer that is still under way, and
    /// only the session proves that it did not.
    #[cfg(feature = "mysql")]
    pub fn from_mysql_connection(connection: &'c mut MySqlConnection) -> Self {
        Self(Inner::MySql(mysql::Session::on(connection)))
    }

    /// Uses an open transaction of the caller's, and sees its uncommitted rows.
    #[cfg(feature = "mysql")]
    pub fn from_mysql_transaction(transaction: &'c mut Transaction<'_, MySql>) -> Self {
        Self::from_mysql_connection(transaction)
    }

    /// The dialect of its statements.
    pub fn dialect(&self) -> Dialect {
        match &self.0 {
            #[cfg(feature = "postgres")]
            Inner::Postgres(_) => Dialect::Postgres,
            #[cfg(feature = "sqlite")]
            Inner::Sqlite(_) => Dialect::Sqlite,
            #[cfg(feature = "mysql")]
            Inner::MySql(_) => Dialect::MySql,
        }
    }

    /// Runs a statement and reads all its rows. The database itself stops it at the limit.
    ///
    /// # Errors
    ///
    /// [`DbError`]; after [`DbError::Timeout`], `Conflict` and `Failed` the session takes
    /// the next statement.
    pub async fn run(&mut self, statement: &Statement, limit: Duration) -> Result<Fetched, DbError> {
        match &mut self.0 {
            #[cfg(feature = "postgres")]
            Inner::Postgres(session) => session.run(statement, limit).await,
            #[cfg(feature = "sqlite")]
            Inner::Sqlite(session) => session.run(statement, limit).await,
            #[cfg(feature = "mysql")]
            Inner::MySql(session) => session.run(statement, limit).await,
        }
    }

    /// Gives the connection back as it was: to its pool, which ends the session, or to the
    /// caller, who may go on with the session later.
    ///
    /// # Errors
    ///
    /// [`DbError::Unavailable`] when the connection is broken.
    #[cfg_attr(
        not(any(feature = "mysql", feature = "postgres")),
        expect(clippy::unused_async, reason = "other engines need a round trip")
    )]
    pub async fn release(&mut self) -> Result<(), DbError> {
        match &mut self.0 {
            #[cfg(feature = "postgres")]
            Inner::Postgres(session) => session.release().await,
            #[cfg(feature = "sqlite")]
            Inner::Sqlite(session) => {
                session.release();
                Ok(())
            }
            #[cfg(feature = "mysql")]
            Inner::MySql(session) => session.release().await,
        }
    }

    /// [`Session::release`], and the end of the session.
    ///
    /// # Errors
    ///
    /// As [`Session::release`].
    pub async fn finish(mut self) -> Result<(), DbError> {
        self.release().await
    }
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.dialect()).finish()
    }
}
