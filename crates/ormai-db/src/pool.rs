//! Connections kept open between sessions.
//!
//! sqlx's own pool does not tell which connection it gave, so what is known of a connection
//! (its time limit, the deadline its interrupt watches) would have to be asked or set anew
//! each time. Here it travels with the connection, and giving back costs no round trip.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::DbError;

/// How the connections of a pool stand at one moment. The figures are read one after another, so
/// beside calls that come and go they may be off by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStatus {
    /// Connections that a call has, or that are kept at hand for the next.
    pub in_use: u64,
    /// Open connections that nobody has.
    pub idle: u64,
    /// The most there can be.
    pub max: u64,
}

impl PoolStatus {
    /// The connections that are open.
    pub fn open(&self) -> u64 {
        self.in_use.saturating_add(self.idle)
    }

    /// How somebody's pool stands.
    pub(crate) fn of<DB: sqlx::Database>(pool: &sqlx::Pool<DB>) -> Self {
        let idle = count(pool.num_idle());
        let max = u64::from(pool.options().get_max_connections());
        Self { in_use: u64::from(pool.size()).saturating_sub(idle), idle, max }
    }
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Opens connections of a kind.
pub(crate) trait Open: Send + Sync + 'static {
    /// A connection with what is known of it.
    type Slot: Send + 'static;

    /// Opens one more.
    fn open(&self) -> impl Future<Output = Result<Self::Slot, DbError>> + Send;

    /// Whether one that lay idle can be used; `false` has it closed and another one opened.
    fn revive(&self, slot: &mut Self::Slot, idle: Duration) -> impl Future<Output = bool> + Send;
}

/// A bounded set of connections; clones share it.
pub(crate) struct Pool<O: Open>(Arc<Shared<O>>);

struct Shared<O: Open> {
    opener: O,
    idle: Mutex<Vec<(O::Slot, Instant)>>,
    permits: Arc<Semaphore>,
    most: usize,
    acquire_timeout: Duration,
}

/// A connection on loan. Given back when dropped, unless it was [`Lease::spoil`]ed.
pub(crate) struct Lease<O: Open> {
    slot: Option<O::Slot>,
    pool: Pool<O>,
    _permit: OwnedSemaphorePermit,
}

impl<O: Open> Pool<O> {
    pub(crate) fn new(opener: O, max_connections: u32, acquire_timeout: Duration) -> Self {
        let permits = usize::try_from(max_connections).unwrap_or(Semaphore::MAX_PERMITS);
        let most = permits.clamp(1, Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(most));
        Self(Arc::new(Shared { opener, idle: Mutex::new(Vec::new()), permits, most, acquire_timeout }))
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let in_use = self.0.most.saturating_sub(self.0.permits.available_permits());
        PoolStatus { in_use: count(in_use), idle: count(self.idle().len()), max: count(self.0.most) }
    }

    pub(crate) async fn lease(&self) -> Result<Lease<O>, DbError> {
        let permit = match Arc::clone(&self.0.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let wait = Arc::clone(&self.0.permits).acquire_owned();
                tokio::time::timeout(self.0.acquire_timeout, wait)
                    .await
                    .map_err(|_| DbError::unavailable("no connection became free in time"))?
                    .map_err(|_| DbError::unavailable("the pool is closed"))?
            }
        };
        let mut lease = Lease { slot: None, pool: self.clone(), _permit: permit };
        while let Some((mut slot, since)) = self.pop() {
            if self.0.opener.revive(&mut slot, since.elapsed()).await {
                lease.slot = Some(slot);
                return Ok(lease);
            }
        }
        lease.slot = Some(self.open().await?);
        Ok(lease)
    }

    async fn open(&self) -> Result<O::Slot, DbError> {
        tokio::time::timeout(self.0.acquire_timeout, self.0.opener.open())
            .await
            .map_err(|_| DbError::unavailable("a connection could not be opened in time"))?
    }

    /// Closes what lies idle: when one connection broke, the others probably did.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(crate) fn forget_idle(&self) {
        let idle = std::mem::take(&mut *self.idle());
        drop(idle);
    }

    fn pop(&self) -> Option<(O::Slot, Instant)> {
        self.idle().pop()
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(O::Slot, Instant)>> {
        // Nothing is done under the lock that could leave the list half changed.
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O: Open> Lease<O> {
    /// The connection; `None` once spoilt.
    pub(crate) fn slot(&mut self) -> Result<&mut O::Slot, DbError> {
        self.slot.as_mut().ok_or_else(|| DbError::unavailable("the connection of this session was closed"))
    }

    /// Closes the connection and opens another one in its place.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(crate) async fn renew(&mut self) -> Result<(), DbError> {
        self.slot = None;
        self.slot = Some(self.pool.open().await?);
        Ok(())
    }

    /// Closes the connection instead of giving it back.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(crate) fn spoil(&mut self) {
        self.slot = None;
    }

    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(crate) fn pool(&self) -> &Pool<O> {
        &self.pool
    }
}

impl<O: Open> Drop for Lease<O> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.pool.idle().push((slot, Instant::now()));
        }
    }
}

impl<O: Open> Clone for Pool<O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<O: Open> fmt::Debug for Pool<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("idle", &self.idle().len()).finish_non_exhaustive()
    }
}
