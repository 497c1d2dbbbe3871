//! MariaDB and MySQL.

pub(crate) mod bind;
mod calendar;
pub(crate) mod cells;
pub(crate) mod codes;
mod column_type;
mod decode;
mod exact;
pub(crate) mod introspect;
pub(crate) mod privileges;
pub(crate) mod settings;
mod transaction;

use std::str::FromStr;
use std::time::Duration;

use ormai_core::answer::Fetched;
use ormai_core::value::ColumnType;
use ormai_sql::Statement;
use sqlx::mysql::{MySqlArguments, MySqlConnectOptions, MySqlDatabaseError, MySqlQueryResult, MySqlRow};
use sqlx::pool::PoolConnection;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, MySql, MySqlConnection, MySqlPool};
use tokio::time::error::Elapsed;

use crate::error::{ConflictKind, DbError};
use crate::execute;
use crate::keep::{HandBack, Keep};
use crate::limits::{ConnectOptions, milliseconds};
use crate::pool::{Lease, Open, Pool, PoolStatus};
use crate::session::Changed;
use crate::settle;
use crate::transaction::{Top, Undone};
use settings::Scope;

/// A connection that lay idle longer is asked whether it still lives.
const TRUSTED: Duration = Duration::from_secs(30);

/// The database stops a statement at its limit; this much later the network is to blame.
const GRACE: Duration = Duration::from_secs(5);

/// How long a session that is dropped in a transaction of the caller's waits until what it did
/// there is undone.
const SETTLE: Duration = Duration::from_secs(1);

/// Where connections come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Opened here; each remembers its time limit.
    Own(Pool<Opener>),
    /// Somebody else's pool, with the connections of it that are kept for a moment.
    Shared(MySqlPool, Keep<Borrowed>),
}

/// A connection of somebody's pool, and what was changed on it.
pub(crate) struct Borrowed {
    connection: PoolConnection<MySql>,
    scope: Scope,
}

impl HandBack for Borrowed {
    async fn hand_back(mut self) {
        if self.scope.leave(&mut self.connection).await.is_err() {
            self.connection.close_on_drop();
        }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        // Not handed back in order, so its settings are still ours.
        if !self.scope.is_left() {
            self.connection.close_on_drop();
        }
    }
}

impl Source {
    pub(crate) async fn connect(url: &str, options: &ConnectOptions) -> Result<Self, DbError> {
        // The parser's own words could repeat a part of the URL.
        let unreadable = |_| DbError::failed("the MySQL URL cannot be read");
        // What sqlx would set by itself is among the settings that are made here.
        let mysql = MySqlConnectOptions::from_str(url)
            .map_err(unreadable)?
            .set_names(false)
            .timezone(None)
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .statement_cache_capacity(256)
            .disable_statement_logging();
        let limit_us = microseconds(Duration::from_millis(options.statement_timeout_ms));
        let opener = Opener { mysql, limit_us, read_only: options.read_only };
        let pool = Pool::new(opener, options.max_connections, options.acquire_timeout);
        drop(pool.lease().await?);
        Ok(Self::Own(pool))
    }

    pub(crate) fn status(&self) -> PoolStatus {
        match self {
            Self::Own(pool) => pool.status(),
            Self::Shared(pool, _) => PoolStatus::of(pool),
        }
    }

    pub(crate) async fn session(&self) -> Result<Session<'static>, DbError> {
        Ok(Session::new(match self {
            Self::Own(pool) => Held::Own(pool.lease().await?),
            Self::Shared(pool, keep) => {
                let borrowed = match keep.take() {
                    Some(borrowed) => borrowed,
                    None => Borrowed {
                        connection: pool.acquire().await.map_err(|error| sorted(&error))?,
                        scope: Scope::default(),
                    },
                };
                Held::Shared { borrowed: Some(borrowed), pool: pool.clone(), keep: keep.clone() }
            }
        }))
    }
}

/// A limit as it is set: whole milliseconds, which MySQL counts in, in microseconds.
fn microseconds(limit: Duration) -> u64 {
    milliseconds(limit) * 1_000
}

/// A connection and the time limit it has.
pub(crate) struct Slot {
    connection: MySqlConnection,
    /// `None` while it is being changed.
    limit_us: Option<u64>,
}

pub(crate) struct Opener {
    mysql: MySqlConnectOptions,
    limit_us: u64,
    read_only: bool,
}

impl Open for Opener {
    type Slot = Slot;

    async fn open(&self) -> Result<Slot, DbError> {
        let mut connection = self.mysql.connect().await.map_err(|error| sorted(&error))?;
        settings::set(&mut connection, self.limit_us).await?;
        if self.read_only {
            let read_only = "SET SESSION TRANSACTION READ ONLY";
            connection.execute(read_only).await.map_err(|error| sorted(&error))?;
        }
        Ok(Slot { connection, limit_us: Some(self.limit_us) })
    }

    async fn revive(&self, slot: &mut Slot, idle: Duration) -> bool {
        idle < TRUSTED || matches!(tokio::time::timeout(GRACE, slot.connection.ping()).await, Ok(Ok(())))
    }
}

pub(crate) struct Session<'c> {
    held: Held<'c>,
    /// Whether something began and did not end: stays so when the call is dropped.
    running: bool,
    /// What is open on the connection, or may be.
    top: Option<Top>,
    /// Whether the server undid a transaction of the caller's, who may not know yet.
    is_gone: bool,
}

enum Held<'c> {
    Own(Lease<Opener>),
    Shared {
        /// `None` once it broke.
        borrowed: Option<Borrowed>,
        pool: MySqlPool,
        keep: Keep<Borrowed>,
    },
    Caller(&'c mut MySqlConnection, Scope),
}

impl Held<'_> {
    /// The connection, with the settings and a time limit for the next statement.
    async fn enter(&mut self, wanted: u64) -> Result<&mut MySqlConnection, DbError> {
        match self {
            Self::Own(lease) => {
                let slot = lease.slot()?;
                if slot.limit_us != Some(wanted) {
                    slot.limit_us = None;
                    settings::set(&mut slot.connection, wanted).await?;
                    slot.limit_us = Some(wanted);
                }
                Ok(&mut slot.connection)
            }
            Self::Shared { borrowed, .. } => {
                let Borrowed { connection, scope } = borrowed.as_mut().ok_or_else(closed)?;
                scope.enter(connection, wanted).await?;
                Ok(connection)
            }
            Self::Caller(connection, scope) => {
                scope.enter(connection, wanted).await?;
                Ok(connection)
            }
        }
    }

    /// The connection as it is.
    fn connection(&mut self) -> Result<&mut MySqlConnection, DbError> {
        match self {
            Self::Own(lease) => Ok(&mut lease.slot()?.connection),
            Self::Shared { borrowed, .. } => Ok(&mut borrowed.as_mut().ok_or_else(closed)?.connection),
            Self::Caller(connection, _) => Ok(connection),
        }
    }
}

impl<'c> Session<'c> {
    pub(crate) fn on(connection: &'c mut MySqlConnection) -> Self {
        Self::new(Held::Caller(connection, Scope::default()))
    }

    fn new(held: Held<'c>) -> Self {
        Self { held, running: false, top: None, is_gone: false }
    }

    pub(crate) async fn run(&mut self, statement: &Statement, limit: Duration) -> Result<Fetched, DbError> {
        let (rows, _) = self.answered(statement, limit, sorted).await?;
        decode::fetched(&rows, statement.columns())
    }

    pub(crate) async fn change(&mut self, statement: &Statement, limit: Duration) -> Result<Changed, DbError> {
        let (rows, result) = self.answered(statement, limit, refused).await?;
        changed(rows.is_empty(), Some(result.last_insert_id()), result.rows_affected(), statement.columns(), || {
            decode::fetched(&rows, statement.columns())
        })
    }

    async fn answered(&mut self, statement: &Statement, limit: Duration, sort: Sort) -> Result<Answered, DbError> {
        let arguments = bind::arguments(statement)?;
        if self.running {
            self.resume().await?;
        }
        self.check()?;
        self.running = true;
        let answered = tokio::time::timeout(patience(limit), self.answer(statement, arguments, limit, sort)).await;
        self.ended(answered)
    }

    /// Something that began has ended, one way or the other.
    fn ended<T>(&mut self, result: Result<Result<T, DbError>, Elapsed>) -> Result<T, DbError> {
        let Ok(result) = result else {
            // Still marked as running, so the connection is not used again.
            self.abandon();
            return Err(DbError::unavailable("no answer long after the time limit"));
        };
        self.running = false;
        if let Err(DbError::Unavailable(_)) = &result {
            if let Held::Own(lease) = &self.held {
                lease.pool().forget_idle();
            }
            self.abandon();
        }
        result
    }

    async fn answer(
        &mut self,
        statement: &Statement,
        arguments: MySqlArguments,
        limit: Duration,
        sort: Sort,
    ) -> Result<Answered, DbError> {
        let connection = self.held.enter(microseconds(limit)).await?;
        // A failed statement is undone alone; nothing has to be done for the transaction around it.
        // MariaDB turns EXISTS into IN when a statement runs for the first time. Beside a derived
        // table that is not merged it does not find its columns the second time, and neither in
        // an UPDATE that reads its own table.
        let is_kept = !statement.is_fenced() && !statement.reads_what_it_changes();
        let query = execute::compiled::<MySql>(statement.sql(), arguments, is_kept);
        let answer = execute::collected::<MySql>(connection.fetch_many(query)).await;
        answer.map_err(|error| {
            if number(&error) == Some(codes::DEADLOCK)
                && let Held::Caller(connection, _) = &self.held
            {
                self.is_gone = connection.is_in_transaction();
            }
            sort(&error)
        })
    }

    pub(crate) async fn release(&mut self) -> Result<(), DbError> {
        if self.running && matches!(self.held, Held::Caller(..)) {
            self.resume().await?;
        }
        match &mut self.held {
            Held::Own(_) => {}
            Held::Shared { borrowed, pool, keep } => {
                let Some(whole) = borrowed.take_if(|_| !self.running) else { return Ok(()) };
                if let Err(crowded) = keep.put(whole, pool) {
                    crowded.hand_back().await;
                }
            }
            Held::Caller(connection, scope) => {
                self.running = true;
                scope.leave(connection).await?;
                self.running = false;
            }
        }
        Ok(())
    }

    /// After a call that was dropped half way: its answer must not be taken for the next one's.
    /// Other than on PostgreSQL the driver can lose its place in what the server sends, so
    /// only a connection that cannot be replaced is gone on with, once its place is proven.
    async fn resume(&mut self) -> Result<(), DbError> {
        match &mut self.held {
            Held::Own(lease) => lease.renew().await?,
            Held::Shared { borrowed, pool, .. } => {
                if let Some(mut broken) = borrowed.take() {
                    broken.connection.close_on_drop();
                }
                let connection = pool.acquire().await.map_err(|error| sorted(&error))?;
                *borrowed = Some(Borrowed { connection, scope: Scope::default() });
            }
            Held::Caller(connection, scope) => {
                settings::synchronize(connection, GRACE).await?;
                scope.forget_limit();
                match self.top {
                    // Outside of a transaction it does nothing.
                    Some(Top::Transaction) => {
                        connection.execute("ROLLBACK").await.map_err(|error| sorted(&error))?;
                    }
                    Some(Top::Savepoint) => {
                        let _: Undone = transaction::undo(connection, 1).await?;
                    }
                    None => {}
                }
            }
        }
        self.top = None;
        Ok(())
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.running
    }

    /// What runs outside of the transaction that the caller believes in would be for good.
    fn check(&self) -> Result<(), DbError> {
        if self.is_gone {
            return Err(DbError::conflict(ConflictKind::Concurrent, "the server undid the caller's transaction"));
        }
        Ok(())
    }

    /// Sees to it that nobody gets this connection again.
    fn abandon(&mut self) {
        match &mut self.held {
            Held::Own(lease) => lease.spoil(),
            Held::Shared { borrowed, .. } => {
                if let Some(mut broken) = borrowed.take() {
                    broken.connection.close_on_drop();
                }
            }
            // What is open there is undone once it answers.
            Held::Caller(..) => return,
        }
        self.top = None;
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if !matches!(self.held, Held::Caller(..)) {
            if self.running || self.top.is_some() {
                self.abandon();
            }
        } else if self.top.is_some() {
            if self.running {
                settle::answered(self.resume(), SETTLE);
            } else {
                settle::answered(self.roll_back(1), SETTLE);
            }
        }
    }
}

/// What a statement that writes came to.
pub(crate) fn changed(
    came_back_empty: bool,
    made: Option<u64>,
    affected: u64,
    columns: &[ColumnType],
    fetched: impl FnOnce() -> Result<Fetched, DbError>,
) -> Result<Changed, DbError> {
    let rows = match decode::made(made.filter(|_| came_back_empty), affected, columns) {
        Some(key) => key,
        None => fetched()?,
    };
    // With RETURNING the server counts nothing.
    let affected = affected.max(u64::try_from(rows.len()).unwrap_or(u64::MAX));
    Ok(Changed { affected, rows })
}

/// What a statement came to.
type Answered = (Vec<MySqlRow>, MySqlQueryResult);

/// How errors are sorted.
type Sort = fn(&sqlx::Error) -> DbError;

/// How long an answer may take on its way.
fn patience(limit: Duration) -> Duration {
    limit.saturating_add(GRACE)
}

fn closed() -> DbError {
    DbError::unavailable("the connection of this session was closed")
}

/// What the driver says.
pub(crate) fn sorted(error: &sqlx::Error) -> DbError {
    DbError::from_driver(error, |database| codes::sorted(number(error), database.message()))
}

/// What it says of a statement that writes.
fn refused(error: &sqlx::Error) -> DbError {
    DbError::from_driver(error, |database| codes::refused(number(error), database.message()))
}

fn number(error: &sqlx::Error) -> Option<u16> {
    let database = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    database.map(MySqlDatabaseError::number)
}
