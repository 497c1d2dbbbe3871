//! SQLite.

mod bind;
mod declared;
mod decode;
pub(crate) mod introspect;
mod timeout;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ormai_core::answer::Fetched;
use ormai_sql::Statement;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite, SqliteConnection, SqlitePool};

use crate::error::{ConflictKind, DbError};
use crate::execute;
use crate::keep::{HandBack, Keep};
use crate::limits::ConnectOptions;
use crate::pool::{Lease, Open, Pool};
use timeout::Deadline;

/// Where connections come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Opened here; each carries its deadline.
    Own(Pool<Opener>),
    /// Somebody else's pool, with the connections of it that are kept for a moment.
    Shared(SqlitePool, Keep<Borrowed>),
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
        Ok(Self::Own(pool))
    }

    pub(crate) async fn session(&self) -> Result<Session<'static>, DbError> {
        Ok(match self {
            Self::Own(pool) => {
                let mut lease = pool.lease().await?;
                let deadline = Arc::clone(&lease.slot()?.deadline);
                Session { held: Held::Own(lease), deadline, watched: true, running: false }
            }
            Self::Shared(pool, keep) => {
                let (connection, deadline, watched) = match keep.take() {
                    Some(Borrowed { connection, deadline }) => (connection, deadline, true),
                    None => {
                        let connection = pool.acquire().await.map_err(|error| sorted(&error))?;
                        (connection, Arc::new(Deadline::new()), false)
                    }
                };
                let held = Held::Shared { connection: Some(connection), pool: pool.clone(), keep: keep.clone() };
                Session { held, deadline, watched, running: false }
            }
        })
    }
}

/// A connection with the deadline that its interrupt watches.
pub(crate) struct Slot {
    connection: SqliteConnection,
    deadline: Arc<Deadline>,
    /// Whether a statement was abandoned on it that may still be running.
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
            if slot.connection.ping().await.is_err() {
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
        Self { held: Held::Caller(connection), deadline: Arc::new(Deadline::new()), watched: false, running: false }
    }

    pub(crate) async fn run(&mut self, statement: &Statement, limit: Duration) -> Result<Fetched, DbError> {
        let arguments = bind::arguments(statement)?;
        let rows = self.rows(statement, arguments, limit).await?;
        decode::fetched(&rows, statement.columns())
    }

    async fn rows(
        &mut self,
        statement: &Statement,
        arguments: SqliteArguments,
        limit: Duration,
    ) -> Result<Vec<SqliteRow>, DbError> {
        let connection = self.held.connection()?;
        if self.running {
            // A call before this one was dropped half way.
            connection.ping().await.map_err(|error| sorted(&error))?;
            self.deadline.disarm();
            self.running = false;
        }
        if !self.watched {
            timeout::watch(connection, &self.deadline).await?;
            self.watched = true;
        }
        self.running = true;
        let armed = self.deadline.arm(limit);
        let rows = execute::compiled::<Sqlite>(statement.sql(), arguments, true).fetch_all(connection).await;
        armed.disarm();
        self.running = false;
        rows.map_err(|error| sorted(&error))
    }

    pub(crate) fn release(&mut self) {
        if self.running || !self.watched {
            return;
        }
        if let Held::Shared { connection, pool, keep } = &mut self.held
            && let Some(connection) = connection.take()
        {
            // Without room to keep it, it goes back to its pool where it is dropped.
            let _ = keep.put(Borrowed { connection, deadline: Arc::clone(&self.deadline) }, pool);
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if !self.running {
            return;
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

/// SQLite's result codes, the extended ones by their last byte where that says enough.
pub(crate) fn sorted(error: &sqlx::Error) -> DbError {
    let detail = error.to_string();
    DbError::from_driver(error, |code| {
        let primary = code.parse::<u32>().ok()? & 0xff;
        match primary {
            // SQLite has no code for it.
            1 if detail.ends_with("integer overflow") => Some(DbError::out_of_range(detail.clone())),
            9 => Some(DbError::Timeout),
            5 | 6 => Some(DbError::conflict(ConflictKind::Concurrent, detail.clone())),
            10 | 11 | 13 | 14 | 26 => Some(DbError::unavailable(detail.clone())),
            _ => None,
        }
    })
}
