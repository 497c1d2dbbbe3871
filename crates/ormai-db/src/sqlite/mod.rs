//! SQLite.

pub(crate) mod bind;
pub(crate) mod cells;
pub(crate) mod codes;
mod declared;
pub(crate) mod decode;
pub(crate) mod introspect;
mod timeout;
mod transaction;
mod turn;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ormai_core::answer::Fetched;
use ormai_sql::Statement;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteQueryResult, SqliteRow};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::error::Elapsed;

use crate::error::{ConflictKind, DbError};
use crate::execute;
use crate::keep::{HandBack, Keep};
use crate::limits::ConnectOptions;
use crate::pool::{Lease, Open, Pool, PoolStatus};
use crate::session::Changed;
use crate::transaction::Top;
use timeout::Deadline;
pub(crate) use turn::Queue;

/// A statement is stopped at its limit, unless it waits for a lock: that is given up so much later.
const GRACE: Duration = Duration::from_secs(1);

/// Where connections come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Opened here; each carries its deadline.
    Own(Pool<Opener>, Queue),
    /// Somebody else's pool, with the connections of it that are kept for a moment.
    Shared(SqlitePool, Keep<Borrowed>, Queue),
}

/// A connection of somebody's pool, with the deadline that its interrupt watches.
pub(crate) struct Borrowed {
    connection: PoolConnection<Sqlite>,
    deadline: Arc<Deadline>,
}

impl HandBack for Borrowed {
    /// The handler stays behind, and a deadline that is not armed does nothing.
    async fn hand_back(self) {}
}

impl Source {
    pub(crate) async fn connect(url: &str, options: &ConnectOptions) -> Result<Self, DbError> {
        let sqlite = SqliteConnectOptions::from_str(url)
            .map_err(|_| DbError::failed("the SQLite URL cannot be read"))?
            .busy_timeout(Duration::from_millis(options.statement_timeout_ms))
            .disable_statement_logging();
        let sqlite = if options.read_only { sqlite.read_only(true) } else { sqlite };
        let pool = Pool::new(Opener(sqlite), options.max_connections, options.acquire_timeout);
        drop(pool.lease().await?);
        Ok(Self::Own(pool, Queue::new(options.acquire_timeout)))
    }

    pub(crate) fn shared(pool: SqlitePool) -> Self {
        let queue = Queue::new(pool.options().get_acquire_timeout());
        Self::Shared(pool, Keep::new(), queue)
    }

    pub(crate) fn status(&self) -> PoolStatus {
        match self {
            Self::Own(pool, _) => pool.status(),
            Self::Shared(pool, _, _) => PoolStatus::of(pool),
        }
    }

    pub(crate) async fn session(&self) -> Result<Session<'static>, DbError> {
        Ok(match self {
            Self::Own(pool, queue) => {
                let mut lease = pool.lease().await?;
                let deadline = Arc::clone(&lease.slot()?.deadline);
                Session::pooled(Held::Own(lease), deadline, true, queue)
            }
            Self::Shared(pool, keep, queue) => {
                let (connection, deadline, watched) = match keep.take() {
                    Some(Borrowed { connection, deadline }) => (connection, deadline, true),
                    None => {
                        let connection = pool.acquire().await.map_err(|error| sorted(&error))?;
                        (connection, Arc::new(Deadline::new()), false)
                    }
                };
                let held = Held::Shared { connection: Some(connection), pool: pool.clone(), keep: keep.clone() };
                Session::pooled(held, deadline, watched, queue)
            }
        })
    }
}

/// A connection with the deadline that its interrupt watches.
pub(crate) struct Slot {
    connection: SqliteConnection,
    deadline: Arc<Deadline>,
    /// Whether something was abandoned on it: a statement that may still be running, or a
    /// transaction that is being rolled back.
    abandoned: bool,
}

pub(crate) struct Opener(SqliteConnectOptions);

impl Open for Opener {
    type Slot = Slot;

    async fn open(&self) -> Result<Slot, DbError> {
        let mut connection = self.0.connect().await.map_err(|error| sorted(&error))?;
        let deadline = Arc::new(Deadline::new());
        timeout::watch(&mut connection, &deadline).await?;
        Ok(Slot { connection, deadline, abandoned: false })
    }

    /// The worker answers a ping only after the abandoned statement ended, and that ends
    /// soon: its deadline is still in the past.
    async fn revive(&self, slot: &mut Slot, _idle: Duration) -> bool {
        if slot.abandoned {
            if slot.connection.ping().await.is_err() || transaction::roll_back(&mut slot.connection).await.is_err() {
                return false;
            }
            slot.deadline.disarm();
            slot.abandoned = false;
        }
        true
    }
}

pub(crate) struct Session<'c> {
    held: Held<'c>,
    deadline: Arc<Deadline>,
    /// Whether the connection watches the deadline already.
    watched: bool,
    /// Whether a statement began and did not end: stays so when the call is dropped.
    running: bool,
    /// What is open on the connection, or may be.
    top: Option<Top>,
    /// Whether SQLite undid a transaction of the caller's, who may not know yet.
    is_gone: bool,
    /// Where writers wait for their turn, unless the caller holds the connection.
    queue: Option<Queue>,
    /// The turn of this one, as long as it has a transaction open.
    turn: Option<OwnedSemaphorePermit>,
}

enum Held<'c> {
    Own(Lease<Opener>),
    Shared {
        /// `None` once the session has ended.
        connection: Option<PoolConnection<Sqlite>>,
        pool: SqlitePool,
        keep: Keep<Borrowed>,
    },
    Caller(&'c mut SqliteConnection),
}

impl Held<'_> {
    fn connection(&mut self) -> Result<&mut SqliteConnection, DbError> {
        Ok(match self {
            Self::Own(lease) => &mut lease.slot()?.connection,
            Self::Shared { connection, .. } => {
                connection.as_mut().ok_or_else(|| DbError::unavailable("the connection of this session was closed"))?
            }
            Self::Caller(connection) => connection,
        })
    }
}

impl<'c> Session<'c> {
    pub(crate) fn on(connection: &'c mut SqliteConnection) -> Self {
        Self::new(Held::Caller(connection), Arc::new(Deadline::new()))
    }

    fn new(held: Held<'c>, deadline: Arc<Deadline>) -> Self {
        Self { held, deadline, watched: false, running: false, top: None, is_gone: false, queue: None, turn: None }
    }

    fn pooled(held: Held<'c>, deadline: Arc<Deadline>, watched: bool, queue: &Queue) -> Self {
        let mut session = Self::new(held, deadline);
        session.watched = watched;
        session.queue = Some(queue.clone());
        session
    }

    pub(crate) async fn run(&mut self, statement: &Statement, limit: Duration) -> Result<Fetched, DbError> {
        let (rows, _) = self.answered(statement, limit).await?;
        decode::fetched(&rows, statement.columns())
    }

    pub(crate) async fn change(&mut self, statement: &Statement, limit: Duration) -> Result<Changed, DbError> {
        let (rows, result) = self.answered(statement, limit).await?;
        Ok(Changed { affected: result.rows_affected(), rows: decode::fetched(&rows, statement.columns())? })
    }

    async fn answered(&mut self, statement: &Statement, limit: Duration) -> Result<Answered, DbError> {
        let arguments = bind::arguments(statement)?;
        self.ready().await?;
        self.running = true;
        let answered = tokio::time::timeout(limit.saturating_add(GRACE), self.answer(statement, arguments, limit));
        let answered = answered.await;
        self.ended(answered)
    }

    /// Something that began has ended, one way or the other.
    fn ended<T>(&mut self, result: Result<Result<T, DbError>, Elapsed>) -> Result<T, DbError> {
        let Ok(result) = result else {
            // Still marked as running: the next call waits for it.
            return Err(DbError::conflict(ConflictKind::Concurrent, "a lock was not to be had within the time limit"));
        };
        self.running = false;
        result
    }

    async fn answer(
        &mut self,
        statement: &Statement,
        arguments: SqliteArguments,
        limit: Duration,
    ) -> Result<Answered, DbError> {
        let armed = self.deadline.arm(limit);
        let query = execute::compiled::<Sqlite>(statement.sql(), arguments, true);
        let answer = execute::collected::<Sqlite>(self.held.connection()?.fetch_many(query)).await;
        armed.disarm();
        answer.map_err(|error| sorted(&error))
    }

    /// Sees to it that nothing is under way on the connection, and that it watches the deadline.
    async fn ready(&mut self) -> Result<(), DbError> {
        if self.running {
            self.resume().await?;
        }
        if self.is_gone {
            // What runs outside of the transaction that the caller believes in would be for good.
            return Err(DbError::conflict(ConflictKind::Concurrent, "SQLite undid the caller's transaction"));
        }
        if !self.watched {
            timeout::watch(self.held.connection()?, &self.deadline).await?;
            self.watched = true;
        }
        Ok(())
    }

    /// After a call that was dropped half way: nothing of the transaction that it was in stays open.
    async fn resume(&mut self) -> Result<(), DbError> {
        let connection = self.held.connection()?;
        connection.ping().await.map_err(|error| sorted(&error))?;
        self.deadline.disarm();
        match self.top {
            Some(Top::Transaction) => transaction::roll_back(connection).await?,
            Some(Top::Savepoint) => {
                transaction::undo(connection, 1).await?;
            }
            None => {}
        }
        self.is_undone();
        self.running = false;
        Ok(())
    }

    /// Nothing is open on the connection any more.
    fn is_undone(&mut self) {
        self.top = None;
        self.turn = None;
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.running
    }

    pub(crate) async fn release(&mut self) -> Result<(), DbError> {
        if self.running && matches!(self.held, Held::Caller(_)) {
            self.resume().await?;
        }
        if self.running || !self.watched {
            return Ok(());
        }
        if let Held::Shared { connection, pool, keep } = &mut self.held
            && let Some(connection) = connection.take()
        {
            // Without room to keep it, it goes back to its pool where it is dropped.
            let _ = keep.put(Borrowed { connection, deadline: Arc::clone(&self.deadline) }, pool);
        }
        Ok(())
    }
}

/// What a statement came to.
type Answered = (Vec<SqliteRow>, SqliteQueryResult);

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if !self.running && self.top.is_none() {
            return;
        }
        // The worker thread does it on its own, after what is under way; only then does it answer
        // whoever uses the connection next.
        if let (Some(top), Ok(connection)) = (self.top, self.held.connection()) {
            transaction::undo_soon(connection, top);
        }
        match &mut self.held {
            Held::Own(lease) => {
                if let Ok(slot) = lease.slot() {
                    slot.abandoned = true;
                }
            }
            Held::Shared { connection, .. } => {
                if let Some(connection) = connection {
                    timeout::settle(connection, &self.deadline);
                }
            }
            Held::Caller(connection) => timeout::settle(connection, &self.deadline),
        }
    }
}

/// What the driver says.
pub(crate) fn sorted(error: &sqlx::Error) -> DbError {
    DbError::from_driver(error, |database| codes::sorted(database.code().as_deref(), database.message()))
}
