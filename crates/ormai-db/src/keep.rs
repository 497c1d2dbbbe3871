//! Connections of somebody's pool, kept for a moment between two calls.
//!
//! What a session sets up on a connection (a time limit, a watched deadline) would have to
//! be set up and undone for each call, at the price of its round trips. So a connection
//! stays out of its pool for a moment after a call: the next call goes on with it, and
//! without one it goes back as it was. Never the last that the pool has to give.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Pool;
use tokio::runtime::Handle;

/// How long a connection stays out of its pool without a call.
const MOMENT: Duration = Duration::from_millis(100);

/// A connection that knows how to go back as it was.
pub(crate) trait HandBack: Send + 'static {
    /// Undoes what was set up, and returns to the pool.
    fn hand_back(self) -> impl Future<Output = ()> + Send;
}

/// The connections that are kept; clones share them.
pub(crate) struct Keep<C>(Arc<Mutex<Kept<C>>>);

struct Kept<C> {
    idle: Vec<(C, Instant)>,
    /// Whether a task is under way that hands them back.
    watched: bool,
}

impl<C: HandBack> Keep<C> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Kept { idle: Vec::new(), watched: false })))
    }

    /// A connection that is set up already.
    pub(crate) fn take(&self) -> Option<C> {
        self.lock().idle.pop().map(|(connection, _)| connection)
    }

    /// Keeps a connection for a moment, when its pool can do without it; else gives it back
    /// to the caller, who hands it back.
    pub(crate) fn put<DB: sqlx::Database>(&self, connection: C, pool: &Pool<DB>) -> Result<(), C> {
        let max = pool.options().get_max_connections();
        let spare = pool.num_idle() > 0 || pool.size() < max;
        let Ok(runtime) = Handle::try_current() else { return Err(connection) };
        let mut kept = self.lock();
        if !spare || pool.is_closed() || kept.idle.len() >= (max as usize).div_ceil(4) {
            return Err(connection);
        }
        kept.idle.push((connection, Instant::now()));
        if !kept.watched {
            kept.watched = true;
            runtime.spawn(watch(Watch(self.clone())));
        }
        Ok(())
    }

    /// Those that were kept long enough, and whether others are left.
    fn due(&self) -> (Vec<C>, bool) {
        let mut kept = self.lock();
        let (due, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut kept.idle).into_iter().partition(|(_, since)| since.elapsed() >= MOMENT);
        kept.idle = left;
        let others = !kept.idle.is_empty();
        kept.watched = others;
        (due.into_iter().map(|(connection, _)| connection).collect(), others)
    }
}

impl<C> Keep<C> {
    fn lock(&self) -> std::sync::MutexGuard<'_, Kept<C>> {
        // Nothing is done under the lock that could leave the list half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Clone for Keep<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C> fmt::Debug for Keep<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keep").field("idle", &self.lock().idle.len()).finish()
    }
}

/// The task that hands connections back. Dropped with its runtime, it lets the next
/// runtime have another.
struct Watch<C: HandBack>(Keep<C>);

impl<C: HandBack> Drop for Watch<C> {
    fn drop(&mut self) {
        self.0.lock().watched = false;
    }
}

async fn watch<C: HandBack>(watch: Watch<C>) {
    loop {
        tokio::time::sleep(MOMENT).await;
        let (due, others) = watch.0.due();
        for connection in due {
            connection.hand_back().await;
        }
        if !others {
            return;
        }
    }
}
