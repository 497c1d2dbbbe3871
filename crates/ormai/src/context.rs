//! The circumstances of a call, with the database that it runs on.

use std::fmt;

use jiff::Timestamp;
use ormai_core::principal::{CallContext, Principal};
use ormai_db::{Database, Session};
use sqlx::Transaction;
#[cfg(feature = "mysql")]
use sqlx::{MySql, MySqlConnection};
#[cfg(feature = "postgres")]
use sqlx::{PgConnection, Postgres};
#[cfg(feature = "sqlite")]
use sqlx::{Sqlite, SqliteConnection};
use tokio::sync::Mutex;

/// Who is asking, and on which connection the statements run.
///
/// Without more it uses the toolset's own pool. [`RunContext::on`] takes another pool, and
/// [`RunContext::within`] a connection or an open transaction that the caller holds: then
/// the statements see what that transaction has written and not yet committed, and nothing
/// of the call stays behind in it.
pub struct RunContext<'c> {
    principal: Principal,
    request_id: Option<String>,
    trace_id: Option<String>,
    now: Option<Timestamp>,
    pub(crate) db: Db<'c>,
}

/// Where the statements of a call run.
pub(crate) enum Db<'c> {
    /// On the toolset's pool.
    Own,
    /// On another pool of the same database.
    Pool(Database),
    /// On a connection that the caller holds; one call at a time.
    Held(Mutex<Session<'c>>),
}

/// A connection or an open transaction that the caller holds.
#[derive(Debug)]
pub struct Held<'c>(Session<'c>);

#[cfg(feature = "postgres")]
impl<'c> From<&'c mut PgConnection> for Held<'c> {
    fn from(connection: &'c mut PgConnection) -> Self {
        Self(Session::from_pg_connection(connection))
    }
}

#[cfg(feature = "postgres")]
impl<'c> From<&'c mut Transaction<'_, Postgres>> for Held<'c> {
    fn from(transaction: &'c mut Transaction<'_, Postgres>) -> Self {
        Self(Session::from_pg_transaction(transaction))
    }
}

#[cfg(feature = "sqlite")]
impl<'c> From<&'c mut SqliteConnection> for Held<'c> {
    fn from(connection: &'c mut SqliteConnection) -> Self {
        Self(Session::from_sqlite_connection(connection))
    }
}

#[cfg(feature = "sqlite")]
impl<'c> From<&'c mut Transaction<'_, Sqlite>> for Held<'c> {
    fn from(transaction: &'c mut Transaction<'_, Sqlite>) -> Self {
        Self(Session::from_sqlite_transaction(transaction))
    }
}

#[cfg(feature = "mysql")]
impl<'c> From<&'c mut MySqlConnection> for Held<'c> {
    fn from(connection: &'c mut MySqlConnection) -> Self {
        Self(Session::from_mysql_connection(connection))
    }
}

#[cfg(feature = "mysql")]
impl<'c> From<&'c mut Transaction<'_, MySql>> for Held<'c> {
    fn from(transaction: &'c mut Transaction<'_, MySql>) -> Self {
        Self(Session::from_mysql_transaction(transaction))
    }
}

impl RunContext<'static> {
    /// A call by a principal on the toolset's pool.
    pub fn new(principal: Principal) -> Self {
        Self { principal, request_id: None, trace_id: None, now: None, db: Db::Own }
    }
}

impl<'c> RunContext<'c> {
    /// Runs on another pool of the same database.
    #[must_use]
    pub fn on(self, database: impl Into<Database>) -> RunContext<'static> {
        let Self { principal, request_id, trace_id, now, db: _ } = self;
        RunContext { principal, request_id, trace_id, now, db: Db::Pool(database.into()) }
    }

    /// Runs on a connection or an open transaction of the caller's:
    /// `&mut PgConnection`, `&mut MySqlConnection`, `&mut SqliteConnection`,
    /// `&mut Transaction<'_, _>`.
    ///
    /// A call that is dropped half way is undone by the next call in the same context. On
    /// PostgreSQL, a transaction that goes on without one may find itself aborted, as after
    /// any statement that failed in it: roll it back. On MariaDB and MySQL, make that next
    /// call or close the connection: the driver may have lost its place in what the server
    /// sends, and only a call in the same context proves that it did not.
    #[must_use]
    pub fn within<'s>(self, connection: impl Into<Held<'s>>) -> RunContext<'s> {
        let Self { principal, request_id, trace_id, now, db: _ } = self;
        RunContext { principal, request_id, trace_id, now, db: Db::Held(Mutex::new(connection.into().0)) }
    }

    /// Names the call; otherwise it gets a UUID.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// Carries the caller's trace through.
    #[must_use]
    pub fn trace_id(mut self, id: impl Into<String>) -> Self {
        self.trace_id = Some(id.into());
        self
    }

    /// Sets what `now()` means; otherwise it is the time of each call.
    #[must_use]
    pub fn now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// Who is asking.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The circumstances as deciding sees them.
    pub(crate) fn call(&self) -> CallContext {
        CallContext {
            principal: self.principal.clone(),
            request_id: self.request_id.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string()),
            trace_id: self.trace_id.clone(),
            now: self.now.unwrap_or_else(Timestamp::now),
        }
    }
}

impl fmt::Debug for RunContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunContext")
            .field("principal", &self.principal)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}
