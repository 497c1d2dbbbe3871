//! PostgreSQL.

mod bind;
mod calendar;
pub(crate) mod cells;
pub(crate) mod codes;
mod decode;
pub(crate) mod introspect;
mod literal;
mod numeric;
pub(crate) mod privileges;
pub(crate) mod rls;
pub(crate) mod text;
pub(crate) mod timeout;
mod transaction;

use std::str::FromStr;
use std::time::Duration;

use ormai_core::answer::Fetched;
use ormai_sql::Statement;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnectOptions;
use sqlx::postgres::{PgQueryResult, PgRow};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection, PgPool, Postgres};
use tokio::time::error::Elapsed;

use crate::error::DbError;
use crate::execute;
use crate::keep::{HandBack, Keep};
use crate::limits::{ConnectOptions, milliseconds};
use crate::pool::{Lease, Open, Pool, PoolStatus};
use crate::session::Changed;
use crate::settle;
use crate::transaction::Top;
use timeout::Scope;

/// The types that sqlx knows without asking, by their fixed numbers.
mod oid {
    pub(super) const BOOL: u32 = 16;
    pub(super) const BYTEA: u32 = 17;
    pub(super) const INT8: u32 = 20;
    pub(super) const INT2: u32 = 21;
    pub(super) const INT4: u32 = 23;
    pub(super) const TEXT: u32 = 25;
    pub(super) const OID: u32 = 26;
    pub(super) const JSON: u32 = 114;
    pub(super) const FLOAT4: u32 = 700;
    pub(super) const FLOAT8: u32 = 701;
    pub(super) const BPCHAR: u32 = 1042;
    pub(super) const DATE: u32 = 1082;
    pub(super) const TIME: u32 = 1083;
    pub(super) const TIMESTAMP: u32 = 1114;
    pub(super) const TIMESTAMPTZ: u32 = 1184;
    pub(super) const INTERVAL: u32 = 1186;
    pub(super) const TIMETZ: u32 = 1266;
    pub(super) const NUMERIC: u32 = 1700;
    pub(super) const UUID: u32 = 2950;
    pub(super) const JSONB: u32 = 3802;
}

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
    Shared(PgPool, Keep<Borrowed>),
}

/// A connection of somebody's pool, and what was changed on it.
pub(crate) struct Borrowed {
    connection: PoolConnection<Postgres>,
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
        // Not handed back in order, so its time limit is still ours.
        if !self.scope.is_left() {
            self.connection.close_on_drop();
        }
    }
}

impl Source {
    pub(crate) async fn connect(url: &str, options: &ConnectOptions) -> Result<Self, DbError> {
        // The parser's own words could repeat a part of the URL.
        let unreadable = |_| DbError::failed("the PostgreSQL URL cannot be read");
        let timeout_ms = milliseconds(Duration::from_millis(options.statement_timeout_ms));
        let postgres = PgConnectOptions::from_str(url)
            .map_err(unreadable)?
            // Scoped statements are short, and compiling a deep condition takes longer than running it.
            .options([("statement_timeout", timeout_ms.to_string()), ("jit", "off".to_owned())])
            .statement_cache_capacity(256)
            .disable_statement_logging();
        let postgres =
            if options.read_only { postgres.options([("default_transaction_read_only", "on")]) } else { postgres };
        let pool = Pool::new(Opener { postgres, timeout_ms }, options.max_connections, options.acquire_timeout);
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
                        scope: Scope::of_options(pool.connect_options().get_options()),
                    },
                };
                Held::Shared { borrowed: Some(borrowed), pool: pool.clone(), keep: keep.clone() }
            }
        }))
    }

    /// A connection for questions about the database itself.
    async fn lend(&self) -> Result<Lent, DbError> {
        match self {
            Self::Own(pool) => Ok(Lent::Own(pool.lease().await?)),
            Self::Shared(pool, _) => Ok(Lent::Shared(pool.acquire().await.map_err(|error| sorted(&error))?)),
        }
    }
}

/// A connection as it is, which goes back to where it came from.
enum Lent {
    Own(Lease<Opener>),
    Shared(PoolConnection<Postgres>),
}

impl Lent {
    fn connection(&mut self) -> Result<&mut PgConnection, DbError> {
        match self {
            Self::Own(lease) => Ok(&mut lease.slot()?.connection),
            Self::Shared(connection) => Ok(connection),
        }
    }
}

/// A connection and the time limit it has.
pub(crate) struct Slot {
    connection: PgConnection,
    /// `None` while it is being changed.
    timeout_ms: Option<u64>,
}

pub(crate) struct Opener {
    postgres: PgConnectOptions,
    timeout_ms: u64,
}

impl Open for Opener {
    type Slot = Slot;

    async fn open(&self) -> Result<Slot, DbError> {
        let connection = self.postgres.connect().await.map_err(|error| sorted(&error))?;
        Ok(Slot { connection, timeout_ms: Some(self.timeout_ms) })
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
    /// The time limit that stood when each transaction began, which comes back when it is undone.
    limits: Vec<Option<u64>>,
}

enum Held<'c> {
    Own(Lease<Opener>),
    Shared {
        /// `None` once it broke.
        borrowed: Option<Borrowed>,
        pool: PgPool,
        keep: Keep<Borrowed>,
    },
    Caller(&'c mut PgConnection, Scope),
}

impl Held<'_> {
    /// The connection, with a time limit for the next statement.
    async fn enter(&mut self, wanted: u64) -> Result<&mut PgConnection, DbError> {
        match self {
            Self::Own(lease) => {
                let slot = lease.slot()?;
                if slot.timeout_ms != Some(wanted) {
                    slot.timeout_ms = None;
                    timeout::set(&mut slot.connection, wanted).await?;
                    slot.timeout_ms = Some(wanted);
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
    fn connection(&mut self) -> Result<&mut PgConnection, DbError> {
        match self {
            Self::Own(lease) => Ok(&mut lease.slot()?.connection),
            Self::Shared { borrowed, .. } => Ok(&mut borrowed.as_mut().ok_or_else(closed)?.connection),
            Self::Caller(connection, _) => Ok(connection),
        }
    }
}

impl<'c> Session<'c> {
    pub(crate) fn on(connection: &'c mut PgConnection) -> Self {
        Self::new(Held::Caller(connection, Scope::Outside))
    }

    fn new(held: Held<'c>) -> Self {
        Self { held, running: false, top: None, limits: Vec::new() }
    }

    pub(crate) async fn run(&mut self, statement: &Statement, limit: Duration) -> Result<Fetched, DbError> {
        let (rows, _) = self.answered(statement, limit, sorted).await?;
        decode::fetched(&rows, statement.columns())
    }

    pub(crate) async fn change(&mut self, statement: &Statement, limit: Duration) -> Result<Changed, DbError> {
        let (rows, result) = self.answered(statement, limit, refused).await?;
        Ok(Changed { affected: result.rows_affected(), rows: decode::fetched(&rows, statement.columns())? })
    }

    async fn answered(&mut self, statement: &Statement, limit: Duration, sort: Sort) -> Result<Answered, DbError> {
        let arguments = bind::arguments(statement)?;
        if self.running {
            self.resume().await?;
        }
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
        bound: bind::Bound,
        limit: Duration,
        sort: Sort,
    ) -> Result<Answered, DbError> {
        let connection = self.held.enter(milliseconds(limit)).await?;
        // What NULL is bound as depends on its place, so such a statement is not kept.
        let query = execute::compiled::<Postgres>(statement.sql(), bound.arguments, !bound.has_null);
        let answer = execute::collected::<Postgres>(connection.fetch_many(query)).await;
        let answer = answer.map_err(|error| sort(&error));
        if let (Err(error), Held::Caller(connection, scope)) = (&answer, &mut self.held)
            && !matches!(error, DbError::Unavailable(_))
        {
            scope.recover(connection).await?;
        }
        answer
    }

    pub(crate) async fn release(&mut self) -> Result<(), DbError> {
        match &mut self.held {
            Held::Own(_) => {}
            Held::Shared { borrowed, pool, keep } => {
                let Some(whole) = borrowed.take_if(|_| !self.running) else { return Ok(()) };
                if let Err(crowded) = keep.put(whole, pool) {
                    crowded.hand_back().await;
                }
            }
            Held::Caller(..) => {
                if self.running {
                    self.resume().await?;
                }
                self.running = true;
                if let Held::Caller(connection, scope) = &mut self.held {
                    scope.leave(connection).await?;
                }
                self.running = false;
            }
        }
        Ok(())
    }

    /// After a call that was dropped half way: its answer must not be taken for the next one's,
    /// and nothing of the transaction that it was in stays open.
    async fn resume(&mut self) -> Result<(), DbError> {
        let (connection, scope) = match &mut self.held {
            Held::Own(lease) => {
                lease.renew().await?;
                self.is_undone();
                return Ok(());
            }
            Held::Shared { borrowed, .. } => {
                let Borrowed { connection, scope } = borrowed.as_mut().ok_or_else(closed)?;
                connection.close_on_drop();
                (&mut **connection, scope)
            }
            Held::Caller(connection, scope) => (&mut **connection, scope),
        };
        // The first ping may be given the dropped statement's error.
        if connection.ping().await.is_err() {
            connection.ping().await.map_err(|error| sorted(&error))?;
        }
        match self.top {
            // Outside of a transaction it does nothing.
            Some(Top::Transaction) => {
                connection.execute("ROLLBACK").await.map_err(|error| sorted(&error))?;
                scope.reset_limit(None);
            }
            Some(Top::Savepoint) => scope.undo_if_joined(connection).await?,
            None => scope.recover(connection).await?,
        }
        self.is_undone();
        Ok(())
    }

    /// Nothing is open on the connection any more.
    fn is_undone(&mut self) {
        self.top = None;
        self.limits.clear();
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.running
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
        self.is_undone();
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        match (&mut self.held, self.top) {
            (Held::Caller(connection, _), Some(Top::Transaction)) => transaction::roll_back_soon(connection),
            (Held::Caller(..), Some(Top::Savepoint)) if self.running => settle::answered(self.resume(), SETTLE),
            (Held::Caller(..), Some(Top::Savepoint)) => settle::answered(self.roll_back(1), SETTLE),
            (Held::Caller(..), None) => {}
            (_, None) if !self.running => {}
            _ => self.abandon(),
        }
    }
}

/// What a statement came to.
type Answered = (Vec<PgRow>, PgQueryResult);

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
    DbError::from_driver(error, |database| codes::sorted(database.code().as_deref(), database.message()))
}

/// What it says of a statement that writes.
fn refused(error: &sqlx::Error) -> DbError {
    DbError::from_driver(error, |database| codes::refused(database.code().as_deref(), database.message()))
}
