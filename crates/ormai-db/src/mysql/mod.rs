//! MariaDB and MySQL.

mod bind;
mod calendar;
mod column_type;
mod decode;
mod exact;
pub(crate) mod introspect;
pub(crate) mod privileges;
mod settings;

use std::str::FromStr;
use std::time::Duration;

use ormai_core::answer::Fetched;
use ormai_sql::Statement;
use sqlx::mysql::{MySqlArguments, MySqlConnectOptions, MySqlDatabaseError, MySqlRow};
use sqlx::pool::PoolConnection;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, MySql, MySqlConnection, MySqlPool};

use crate::error::{ConflictKind, DbError};
use crate::execute;
use crate::keep::{HandBack, Keep};
use crate::limits::{ConnectOptions, milliseconds};
use crate::pool::{Lease, Open, Pool};
use settings::Scope;

/// A connection that lay idle longer is asked whether it still lives.
const TRUSTED: Duration = Duration::from_secs(30);

/// The database stops a statement at its limit; this much later the network is to blame.
const GRACE: Duration = Duration::from_secs(5);

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

impl<'c> Session<'c> {
    pub(crate) fn on(connection: &'c mut MySqlConnection) -> Self {
        Self::new(Held::Caller(connection, Scope::default()))
    }

    fn new(held: Held<'c>) -> Self {
        Self { held, running: false }
    }

    pub(crate) async fn run(&mut self, statement: &Statement, limit: Duration) -> Result<Fetched, DbError> {
        let arguments = bind::arguments(statement)?;
        if self.running {
            self.resume().await?;
        }
        self.running = true;
        let patience = limit.saturating_add(GRACE);
        let rows = match tokio::time::timeout(patience, self.rows(statement, arguments, limit)).await {
            Ok(rows) => rows,
            // Still marked as running, so the connection is not used again.
            Err(_) => {
                self.abandon();
                return Err(DbError::unavailable("no answer long after the time limit"));
            }
        };
        self.running = false;
        match rows {
            Ok(rows) => decode::fetched(&rows, statement.columns()),
            Err(error) => {
                if matches!(error, DbError::Unavailable(_)) {
                    if let Held::Own(lease) = &self.held {
                        lease.pool().forget_idle();
                    }
                    self.abandon();
                }
                Err(error)
            }
        }
    }

    async fn rows(
        &mut self,
        statement: &Statement,
        arguments: MySqlArguments,
        limit: Duration,
    ) -> Result<Vec<MySqlRow>, DbError> {
        let wanted = microseconds(limit);
        let connection = match &mut self.held {
            Held::Own(lease) => {
                let slot = lease.slot()?;
                if slot.limit_us != Some(wanted) {
                    slot.limit_us = None;
                    settings::set(&mut slot.connection, wanted).await?;
                    slot.limit_us = Some(wanted);
                }
                &mut slot.connection
            }
            Held::Shared { borrowed, .. } => {
                let Borrowed { connection, scope } = borrowed.as_mut().ok_or_else(closed)?;
                scope.enter(connection, wanted).await?;
                &mut **connection
            }
            Held::Caller(connection, scope) => {
                scope.enter(connection, wanted).await?;
                &mut **connection
            }
        };
        // A failed statement is undone alone; nothing has to be done for the transaction around it.
        // MariaDB turns EXISTS into IN when a statement runs for the first time. Beside a derived
        // table that is not merged it does not find its columns the second time.
        let is_kept = !statement.is_fenced();
        let query = execute::compiled::<MySql>(statement.sql(), arguments, is_kept);
        query.fetch_all(connection).await.map_err(|error| sorted(&error))
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
            Held::Caller(connection, scope) => {
                if self.running {
                    settings::synchronize(connection, GRACE).await?;
                }
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
            Held::Own(lease) => lease.renew().await,
            Held::Shared { borrowed, pool, .. } => {
                if let Some(mut broken) = borrowed.take() {
                    broken.connection.close_on_drop();
                }
                let connection = pool.acquire().await.map_err(|error| sorted(&error))?;
                *borrowed = Some(Borrowed { connection, scope: Scope::default() });
                Ok(())
            }
            Held::Caller(connection, scope) => {
                settings::synchronize(connection, GRACE).await?;
                scope.forget_limit();
                Ok(())
            }
        }
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
            Held::Caller(..) => {}
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if self.running {
            self.abandon();
        }
    }
}

fn closed() -> DbError {
    DbError::unavailable("the connection of this session was closed")
}

/// The numbers of MariaDB's and MySQL's errors; their SQLSTATEs say less.
pub(crate) fn sorted(error: &sqlx::Error) -> DbError {
    let detail = error.to_string();
    let database = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    let number = database.map(MySqlDatabaseError::number);
    match number {
        // MariaDB's time limit, MySQL's, and a statement that was killed.
        Some(1969 | 3024 | 1317) => DbError::Timeout,
        // A row that changed, a lock that was not to be had in time, a deadlock, no waiting.
        Some(1020 | 1205 | 1213 | 3572) => DbError::conflict(ConflictKind::Concurrent, detail),
        // In a column, in an expression, in a cast.
        Some(1264 | 1690 | 1916) => DbError::out_of_range(detail),
        // Memory, connections, rights to the database, a server that goes or went.
        Some(
            1021
            | 1037
            | 1038
            | 1040..=1045
            | 1049
            | 1053
            | 1080
            | 1129
            | 1130
            | 1135
            | 1152
            | 1158..=1161
            | 1184
            | 1203
            | 1226
            | 1461
            | 1698
            | 1927
            | 2006
            | 2013
            | 3159,
        ) => DbError::unavailable(detail),
        _ => DbError::from_driver(error, |_| None),
    }
}
