//! PostgreSQL.

mod bind;
mod calendar;
mod decode;
pub(crate) mod introspect;
mod numeric;
pub(crate) mod privileges;
pub(crate) mod rls;
mod timeout;

use std::str::FromStr;
use std::time::Duration;

use ormai_core::answer::Fetched;
use ormai_sql::Statement;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool, Postgres};

use crate::error::{ConflictKind, DbError};
use crate::execute;
use crate::keep::{HandBack, Keep};
use crate::limits::{ConnectOptions, milliseconds};
use crate::pool::{Lease, Open, Pool};
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

impl<'c> Session<'c> {
    pub(crate) fn on(connection: &'c mut PgConnection) -> Self {
        Self::new(Held::Caller(connection, Scope::Outside))
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
        bound: bind::Bound,
        limit: Duration,
    ) -> Result<Vec<sqlx::postgres::PgRow>, DbError> {
        let wanted = milliseconds(limit);
        let (connection, scope) = match &mut self.held {
            Held::Own(lease) => {
                let slot = lease.slot()?;
                if slot.timeout_ms != Some(wanted) {
                    slot.timeout_ms = None;
                    timeout::set(&mut slot.connection, wanted).await?;
                    slot.timeout_ms = Some(wanted);
                }
                (&mut slot.connection, None)
            }
            Held::Shared { borrowed, .. } => {
                let Borrowed { connection, scope } = borrowed.as_mut().ok_or_else(closed)?;
                scope.enter(connection, wanted).await?;
                (&mut **connection, Some(scope))
            }
            Held::Caller(connection, scope) => {
                scope.enter(connection, wanted).await?;
                (&mut **connection, Some(scope))
            }
        };
        // What NULL is bound as depends on its place, so such a statement is not kept.
        let query = execute::compiled::<Postgres>(statement.sql(), bound.arguments, !bound.has_null);
        let rows = query.fetch_all(&mut *connection).await.map_err(|error| sorted(&error));
        if let (Err(error), Some(scope)) = (&rows, scope)
            && !matches!(error, DbError::Unavailable(_))
        {
            scope.recover(connection).await?;
        }
        rows
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
                self.running = true;
                scope.leave(connection).await?;
                self.running = false;
            }
        }
        Ok(())
    }

    /// After a call that was dropped half way: its answer must not be taken for the next one's.
    async fn resume(&mut self) -> Result<(), DbError> {
        let (connection, scope) = match &mut self.held {
            Held::Own(lease) => return lease.renew().await,
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
        scope.recover(connection).await
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

/// PostgreSQL's error codes.
pub(crate) fn sorted(error: &sqlx::Error) -> DbError {
    let detail = error.to_string();
    DbError::from_driver(error, |code| match code {
        "57014" => Some(DbError::Timeout),
        "40001" | "40P01" | "55P03" => Some(DbError::conflict(ConflictKind::Concurrent, detail.clone())),
        "22003" => Some(DbError::out_of_range(detail.clone())),
        "25006" => None,
        _ if ["08", "53", "57", "28", "3D"].iter().any(|class| code.starts_with(class)) => {
            Some(DbError::unavailable(detail.clone()))
        }
        _ => None,
    })
}
