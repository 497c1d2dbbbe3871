//! The circumstances of a call, with the database that it runs on.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use ormai_core::error::{Error, ErrorCode, Result};
use ormai_core::principal::{CallContext, Principal};
use ormai_db::{Database, Session};
use ormai_sql::Dialect;
use sqlx::Transaction;
#[cfg(feature = "mysql")]
use sqlx::{MySql, MySqlConnection};
#[cfg(feature = "postgres")]
use sqlx::{PgConnection, Postgres};
#[cfg(feature = "sqlite")]
use sqlx::{Sqlite, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

use crate::retry::Retry;
use crate::telemetry;

/// Who is asking, and on which connection the statements run.
///
/// Without more it uses the toolset's own pool. [`RunContext::on`] takes another pool, and
/// [`RunContext::within`] a connection or an open transaction that the caller holds: then
/// the statements see what that transaction has written and not yet committed, and nothing
/// of the call stays behind in it but what it was asked to write, which the caller commits.
pub struct RunContext<'c> {
    principal: Principal,
    request_id: Option<String>,
    trace_id: Option<String>,
    now: Option<Timestamp>,
    retry: Retry,
    /// The record of the call that this one is made for.
    parent: Option<String>,
    pub(crate) db: Db<'c>,
}

/// Where the statements of a call run.
pub(crate) enum Db<'c> {
    /// On the toolset's pool.
    Own,
    /// On another pool of the same database.
    Pool(Database),
    /// On one connection; one call at a time.
    Held(HeldSession<'c>),
}

impl Db<'_> {
    /// The same, for another context.
    pub(crate) fn shared(&self) -> Self {
        match self {
            Self::Own => Self::Own,
            Self::Pool(database) => Self::Pool(database.clone()),
            Self::Held(held) => Self::Held(held.shared()),
        }
    }
}

/// A connection that several calls share, and the transaction of it that they belong to.
pub(crate) struct HeldSession<'c> {
    session: Arc<Mutex<Session<'c>>>,
    /// How many transactions of ours are open around the calls of this context.
    depth: usize,
    /// Whether a transaction is under way that began in this context and has one of its own.
    grouping: Arc<AtomicBool>,
    /// Whose commit keeps what is written here, as records call it.
    transaction: Arc<str>,
}

/// How records call a connection or a transaction of the caller's.
const CALLERS: &str = "caller";

impl<'c> HeldSession<'c> {
    /// `transaction` is how records call what decides about the writes.
    pub(crate) fn new(session: Session<'c>, transaction: &str) -> Self {
        let depth = session.depth();
        Self {
            session: Arc::new(Mutex::new(session)),
            depth,
            grouping: Arc::default(),
            transaction: transaction.into(),
        }
    }

    /// Whose commit keeps what is written here, as records call it.
    pub(crate) fn transaction(&self) -> &str {
        &self.transaction
    }

    /// The same, for the calls that another one makes.
    fn shared(&self) -> Self {
        Self {
            session: Arc::clone(&self.session),
            depth: self.depth,
            grouping: Arc::clone(&self.grouping),
            transaction: Arc::clone(&self.transaction),
        }
    }

    /// The same inside of the transactions of another one, where that is on the same connection.
    fn shared_in(&self, other: &HeldSession<'_>) -> Self {
        if Arc::as_ptr(&self.session).cast::<()>() != Arc::as_ptr(&other.session).cast::<()>() {
            return self.shared();
        }
        Self {
            session: Arc::clone(&self.session),
            depth: other.depth,
            grouping: Arc::clone(&other.grouping),
            transaction: Arc::clone(&other.transaction),
        }
    }

    /// The connection, for one call. What a call before it left half done is undone first.
    /// It has to speak the dialect that statements are made in.
    pub(crate) async fn lock(&self, dialect: Dialect) -> Result<MutexGuard<'_, Session<'c>>> {
        let mut session = self.session.lock().await;
        if session.dialect() != dialect {
            return Err(another_dialect());
        }
        if self.grouping.load(Ordering::Acquire) {
            return Err(under_way());
        }
        tidy(&mut session, self.depth).await?;
        Ok(session)
    }

    /// The connection for a transaction inside; until the guard is dropped, only its own context
    /// may use it.
    pub(crate) fn group(&self) -> Result<Group<'_>> {
        match self.grouping.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(Group(&self.grouping)),
            Err(_) => Err(under_way()),
        }
    }

    /// The connection while a transaction of it is under way.
    pub(crate) async fn lock_grouped(&self, depth: usize) -> Result<MutexGuard<'_, Session<'c>>> {
        let mut session = self.session.lock().await;
        tidy(&mut session, depth).await?;
        Ok(session)
    }

    /// How many transactions are open around the calls of this context.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// The same connection inside of one transaction more, with how records call that.
    pub(crate) fn inside(&self, transaction: &str) -> Self {
        let depth = self.depth + 1;
        Self { session: Arc::clone(&self.session), depth, grouping: Arc::default(), transaction: transaction.into() }
    }
}

/// Stands for a transaction that is under way.
pub(crate) struct Group<'a>(&'a AtomicBool);

impl Drop for Group<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Undoes what a call left half done, until so many transactions are open.
async fn tidy(session: &mut Session<'_>, depth: usize) -> Result<()> {
    session.rollback_to(depth).await.map_err(|error| {
        tracing::warn!(class = error.class(), code = error.code(), "what a call left half done cannot be undone");
        telemetry::detail("", &error);
        Error::new(ErrorCode::DatabaseUnavailable, "the transaction cannot be gone on with")
    })
}

/// What is said of a database that the toolset's statements are not made for.
pub(crate) fn another_dialect() -> Error {
    Error::new(ErrorCode::Internal, "the context's database speaks another dialect")
}

fn under_way() -> Error {
    Error::new(ErrorCode::Internal, "a transaction of this context is under way")
        .hint(Some("inside of it, make calls in the context that it gives".to_owned()))
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
        Self {
            principal,
            request_id: None,
            trace_id: None,
            now: None,
            retry: Retry::default(),
            parent: None,
            db: Db::Own,
        }
    }
}

impl<'c> RunContext<'c> {
    /// Runs on another pool of the same database.
    #[must_use]
    pub fn on(self, database: impl Into<Database>) -> RunContext<'static> {
        self.with(Db::Pool(database.into()))
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
        self.with(Db::Held(HeldSession::new(connection.into().0, CALLERS)))
    }

    /// Runs on a session over a connection that somebody else drives, in a transaction of theirs:
    /// [`Session::from_host`]. All calls of this context, and of those that [`RunContext::shared`] makes
    /// of it, run on it.
    #[must_use]
    pub fn on_host<'s>(self, session: Session<'s>) -> RunContext<'s> {
        self.with(Db::Held(HeldSession::new(session, CALLERS)))
    }

    pub(crate) fn with<'s>(self, db: Db<'s>) -> RunContext<'s> {
        let Self { principal, request_id, trace_id, now, retry, parent, db: _ } = self;
        RunContext { principal, request_id, trace_id, now, retry, parent, db }
    }

    /// The same circumstances on one connection, for the calls of a transaction. Each call gets
    /// an id of its own.
    pub(crate) fn inside<'s>(&self, session: HeldSession<'s>) -> RunContext<'s> {
        RunContext {
            principal: self.principal.clone(),
            request_id: None,
            trace_id: self.trace_id.clone(),
            now: self.now,
            // What fails in a transaction is tried again as a whole.
            retry: Retry::default(),
            parent: self.parent.clone(),
            db: Db::Held(session),
        }
    }

    /// The same circumstances for the calls that are made for another one, which has the record
    /// `parent`. Each gets an id of its own.
    pub(crate) fn within_call(&self, parent: Option<String>) -> RunContext<'c> {
        RunContext {
            principal: self.principal.clone(),
            request_id: None,
            trace_id: self.trace_id.clone(),
            now: self.now,
            retry: self.retry,
            parent,
            db: self.db.shared(),
        }
    }

    /// The same principal, connection or pool, transaction and time, for another call, which gets an id
    /// of its own.
    #[must_use]
    pub fn shared(&self) -> RunContext<'c> {
        self.within_call(self.parent.clone())
    }

    /// As [`RunContext::shared`], for the calls that `call` is made of: they are made by the same principal, in
    /// the same transaction of this connection, and their records name the same one as those in its own
    /// context. So what has to outlive `call` can be made of the context that it was made in.
    #[must_use]
    pub fn shared_for(&self, call: &RunContext<'_>) -> RunContext<'c> {
        let db = match (&self.db, &call.db) {
            (Db::Held(held), Db::Held(inside)) => Db::Held(held.shared_in(inside)),
            _ => self.within_call(None).db,
        };
        let (principal, parent) = (call.principal.clone(), call.parent.clone());
        RunContext { principal, now: call.now, db, ..self.within_call(parent) }
    }

    /// The same connection or pool, transaction and time, for another principal. Each call gets an id
    /// of its own.
    #[must_use]
    pub fn for_principal(&self, principal: Principal) -> RunContext<'c> {
        RunContext { principal, ..self.within_call(self.parent.clone()) }
    }

    /// Whether its calls run on one connection, that of a caller or of a host, or in a transaction.
    pub fn is_held(&self) -> bool {
        matches!(self.db, Db::Held(_))
    }

    /// The record of the call that this one is made for.
    pub(crate) fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// Makes a write, or a transaction, again when another change was in its way (a deadlock or
    /// a serialisation failure). Never on a connection of the caller's, whose transaction is not
    /// ours to begin again.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    pub(crate) fn retries(&self) -> Retry {
        match self.db {
            Db::Own | Db::Pool(_) => self.retry,
            Db::Held(_) => Retry::default(),
        }
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

    /// What `now()` means, where that was set.
    pub fn time(&self) -> Option<Timestamp> {
        self.now
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
