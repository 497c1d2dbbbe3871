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
use crate::host::{self, Host, Opened};
#[cfg(feature = "mysql")]
use crate::mysql;
#[cfg(feature = "postgres")]
use crate::postgres;
#[cfg(feature = "sqlite")]
use crate::sqlite;
use crate::transaction::{Levels, Undone};

/// One connection on which the statements of one call run, one after the other.
///
/// [`Session::run`] reads; [`Session::change`] writes, in a transaction that [`Session::begin`]
/// began. What is still open when the session ends is undone.
///
/// In a transaction of the caller's, what is written is a part of that, and stays with its commit.
/// A session that is dropped there with something open undoes it; while a statement is still under
/// way it can do so only on a runtime of several threads, and within a second. Otherwise roll the
/// transaction back.
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
///     let _ = &mut session.inner;
/// }
/// ```
///
/// ```compile_fail
/// use ormai_db::execute::compiled;
/// ```
pub struct Session<'c> {
    inner: Inner<'c>,
    levels: Levels,
}

/// What a statement that writes came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Changed {
    /// How many rows it wrote, counting those that it left as they were.
    pub affected: u64,
    /// What came back of them; of an INSERT its key.
    pub rows: Fetched,
}

/// What a database of hosts says where a connection of its own is asked for.
pub(crate) fn no_connection() -> DbError {
    DbError::unavailable("no connection was given to a database that has none of its own")
}

enum Inner<'c> {
    #[cfg(feature = "postgres")]
    Postgres(postgres::Session<'c>),
    #[cfg(feature = "sqlite")]
    Sqlite(sqlite::Session<'c>),
    #[cfg(feature = "mysql")]
    MySql(mysql::Session<'c>),
    Host(host::Session),
}

impl Session<'static> {
    /// Takes a connection of a database.
    ///
    /// # Errors
    ///
    /// [`DbError::Unavailable`] when none becomes free in time or none can be opened.
    pub async fn from_pool(database: &Database) -> Result<Self, DbError> {
        Ok(Self::of(match &database.0 {
            #[cfg(feature = "postgres")]
            Source::Postgres(source) => Inner::Postgres(source.session().await?),
            #[cfg(feature = "sqlite")]
            Source::Sqlite(source) => Inner::Sqlite(source.session().await?),
            #[cfg(feature = "mysql")]
            Source::MySql(source) => Inner::MySql(source.session().await?),
            Source::Hosts(_) => return Err(no_connection()),
        }))
    }

    /// Uses a connection that somebody else drives, in a transaction of theirs.
    pub fn from_host(dialect: Dialect, host: Box<dyn Host>) -> Self {
        Self::of(Inner::Host(host::Session::new(dialect, host)))
    }
}

impl<'c> Session<'c> {
    /// Uses a connection of the caller's. Inside a transaction everything happens behind a
    /// savepoint that `finish` rolls back to, so that a failing statement leaves the
    /// transaction usable.
    #[cfg(feature = "postgres")]
    pub fn from_pg_connection(connection: &'c mut PgConnection) -> Self {
        Self::of(Inner::Postgres(postgres::Session::on(connection)))
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
        Self::of(Inner::Sqlite(sqlite::Session::on(connection)))
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
        Self::of(Inner::MySql(mysql::Session::on(connection)))
    }

    /// Uses an open transaction of the caller's, and sees its uncommitted rows.
    #[cfg(feature = "mysql")]
    pub fn from_mysql_transaction(transaction: &'c mut Transaction<'_, MySql>) -> Self {
        Self::from_mysql_connection(transaction)
    }

    /// The dialect of its statements.
    pub fn dialect(&self) -> Dialect {
        match &self.inner {
            #[cfg(feature = "postgres")]
            Inner::Postgres(_) => Dialect::Postgres,
            #[cfg(feature = "sqlite")]
            Inner::Sqlite(_) => Dialect::Sqlite,
            #[cfg(feature = "mysql")]
            Inner::MySql(_) => Dialect::MySql,
            Inner::Host(session) => session.dialect(),
        }
    }

    /// What it has open on a host's connection; `None` on a connection of another kind.
    pub fn opened(&self) -> Option<Opened> {
        match &self.inner {
            Inner::Host(session) => Some(session.opened().clone()),
            #[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
            _ => None,
        }
    }

    /// Runs a statement and reads all its rows. The database itself stops it at the limit.
    ///
    /// # Errors
    ///
    /// [`DbError`]; after [`DbError::Timeout`], `Conflict` and `Failed` the session takes
    /// the next statement. In a transaction that was begun here, nothing but its end.
    pub async fn run(&mut self, statement: &Statement, limit: Duration) -> Result<Fetched, DbError> {
        self.look_back();
        self.levels.check()?;
        let ran = self.inner.run(statement, limit).await;
        ran.inspect_err(|error| self.levels.failed(error))
    }

    /// Runs a statement that writes, in a transaction that was begun here.
    ///
    /// # Errors
    ///
    /// [`DbError`]; the transaction takes nothing but its end then. [`DbError::Failed`] without
    /// a transaction.
    pub async fn change(&mut self, statement: &Statement, limit: Duration) -> Result<Changed, DbError> {
        self.look_back();
        self.levels.check()?;
        if self.levels.depth() == 0 {
            return Err(DbError::failed("a change outside of a transaction"));
        }
        let changed = self.inner.change(statement, limit).await;
        changed.inspect_err(|error| self.levels.failed(error))
    }

    /// Begins a transaction: in one that was begun before, or in the caller's, a part of it that
    /// can be undone alone. The limit is that of waiting for other writers, and of the end.
    ///
    /// On SQLite the writers that use a [`Database`] come one after the other.
    ///
    /// # Errors
    ///
    /// [`DbError`]; no transaction was begun then.
    pub async fn begin(&mut self, limit: Duration) -> Result<(), DbError> {
        self.look_back();
        let depth = self.levels.next()?;
        self.inner.open(depth, limit).await.inspect_err(|error| self.levels.failed(error))?;
        self.levels.push(limit);
        Ok(())
    }

    /// Ends the innermost transaction and keeps what was done in it: for good, when it is the
    /// outermost and not in a transaction of the caller's.
    ///
    /// # Errors
    ///
    /// [`DbError`]; the transaction has ended then too, and nothing of it is kept.
    /// [`DbError::OutcomeUnknown`] when nobody knows.
    pub async fn commit(&mut self) -> Result<(), DbError> {
        self.look_back();
        let depth = self.levels.depth();
        if depth == 0 {
            return Err(DbError::failed("there is no transaction to commit"));
        }
        if let Err(doomed) = self.levels.check() {
            self.rollback().await?;
            return Err(doomed);
        }
        let kept = self.inner.keep(depth, self.levels.limit()).await;
        self.levels.pop();
        // Around it, nobody knows what stands.
        kept.inspect_err(|error| self.levels.failed(error))
    }

    /// Ends the innermost transaction and undoes what was done in it.
    ///
    /// # Errors
    ///
    /// [`DbError`] when the connection is broken, with which all of it is undone.
    pub async fn rollback(&mut self) -> Result<(), DbError> {
        self.look_back();
        let depth = self.levels.depth();
        if depth == 0 {
            return Err(DbError::failed("there is no transaction to roll back"));
        }
        let undone = self.inner.undo(depth).await;
        match &undone {
            Ok(Undone::Level) => {}
            Ok(Undone::Everything) => self.levels.undone(),
            Err(error) => self.levels.failed(error),
        }
        self.levels.pop();
        undone.map(|_| ())
    }

    /// How many transactions are open, one in another; the caller's own does not count.
    pub fn depth(&self) -> usize {
        self.levels.depth()
    }

    /// Undoes transactions until so many are open: those of a call that was dropped between two
    /// statements, and did not end them itself.
    ///
    /// # Errors
    ///
    /// As [`Session::rollback`].
    pub async fn rollback_to(&mut self, depth: usize) -> Result<(), DbError> {
        while self.levels.depth() > depth {
            self.rollback().await?;
        }
        Ok(())
    }

    /// Gives the connection back as it was: to its pool, which ends the session, or to the
    /// caller, who may go on with the session later. Does nothing in a transaction that was
    /// begun here.
    ///
    /// # Errors
    ///
    /// [`DbError::Unavailable`] when the connection is broken.
    pub async fn release(&mut self) -> Result<(), DbError> {
        if self.levels.depth() > 0 { Ok(()) } else { self.inner.release().await }
    }

    /// [`Session::release`], and the end of the session. Undoes what is still open.
    ///
    /// # Errors
    ///
    /// As [`Session::release`].
    pub async fn finish(mut self) -> Result<(), DbError> {
        self.rollback_to(0).await?;
        self.release().await
    }

    fn of(inner: Inner<'c>) -> Self {
        Self { inner, levels: Levels::default() }
    }

    /// A call that was dropped half way leaves nobody knows what of the transactions it was in.
    fn look_back(&mut self) {
        if self.inner.is_interrupted() {
            self.levels.interrupted();
        }
    }
}

impl Inner<'_> {
    fn is_interrupted(&self) -> bool {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(session) => session.is_interrupted(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(session) => session.is_interrupted(),
            #[cfg(feature = "mysql")]
            Self::MySql(session) => session.is_interrupted(),
            Self::Host(session) => session.is_interrupted(),
        }
    }

    async fn run(&mut self, statement: &Statement, limit: Duration) -> Result<Fetched, DbError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(session) => session.run(statement, limit).await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(session) => session.run(statement, limit).await,
            #[cfg(feature = "mysql")]
            Self::MySql(session) => session.run(statement, limit).await,
            Self::Host(session) => session.run(statement, limit).await,
        }
    }

    async fn change(&mut self, statement: &Statement, limit: Duration) -> Result<Changed, DbError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(session) => session.change(statement, limit).await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(session) => session.change(statement, limit).await,
            #[cfg(feature = "mysql")]
            Self::MySql(session) => session.change(statement, limit).await,
            Self::Host(session) => session.change(statement, limit).await,
        }
    }

    async fn open(&mut self, depth: usize, limit: Duration) -> Result<(), DbError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(session) => session.open(depth, limit).await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(session) => session.open(depth, limit).await,
            #[cfg(feature = "mysql")]
            Self::MySql(session) => session.open(depth, limit).await,
            Self::Host(session) => session.open(depth, limit).await,
        }
    }

    async fn keep(&mut self, depth: usize, limit: Duration) -> Result<(), DbError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(session) => session.keep(depth, limit).await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(session) => session.keep(depth, limit).await,
            #[cfg(feature = "mysql")]
            Self::MySql(session) => session.keep(depth, limit).await,
            Self::Host(session) => session.keep(depth, limit).await,
        }
    }

    async fn undo(&mut self, depth: usize) -> Result<Undone, DbError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(session) => session.undo(depth).await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(session) => session.undo(depth).await,
            #[cfg(feature = "mysql")]
            Self::MySql(session) => session.undo(depth).await,
            Self::Host(session) => session.undo(depth).await,
        }
    }

    async fn release(&mut self) -> Result<(), DbError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(session) => session.release().await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(session) => session.release().await,
            #[cfg(feature = "mysql")]
            Self::MySql(session) => session.release().await,
            Self::Host(session) => session.release().await,
        }
    }
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.dialect()).finish()
    }
}
