//! Writers of one process take turns.
//!
//! SQLite has one writer at a time, and has the others try again and again, of whom the luckiest
//! comes next. Here they wait without trying, and the one that came first is next.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{ConflictKind, DbError};

/// Where the writers of a database wait; clones are the same queue.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    turns: Arc<Semaphore>,
    patience: Duration,
}

impl Queue {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { turns: Arc::new(Semaphore::new(1)), patience }
    }

    /// Waits for a turn, which is over when it is dropped.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, DbError> {
        let wait = Arc::clone(&self.turns).acquire_owned();
        let too_late = || DbError::conflict(ConflictKind::Concurrent, "other writers were not done in time");
        tokio::time::timeout(self.patience, wait)
            .await
            .map_err(|_| too_late())?
            .map_err(|_| DbError::unavailable("the queue of writers is closed"))
    }
}
