//! Time limits: a progress handler that watches a deadline.
//!
//! Installing the handler takes a turn of the connection's worker thread, so it is done
//! once; setting the deadline of a statement is one atomic store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::{Connection as _, SqliteConnection};

use crate::error::DbError;
use crate::settle;
use crate::sqlite::sorted;

/// How many steps of SQLite's virtual machine pass between two looks at the clock: some
/// tens of microseconds.
const STEPS: i32 = 1_000;

/// How long an abandoned statement may take to notice: only one that waits for a lock of
/// another process takes longer than a look at the clock.
const SETTLE: Duration = Duration::from_millis(200);

const NEVER: u64 = u64::MAX;

/// The time at which the statement that runs on a connection is to be interrupted.
#[derive(Debug)]
pub(crate) struct Deadline {
    base: Instant,
    /// Nanoseconds after `base`.
    at: AtomicU64,
}

/// A deadline that is set; left behind by a dropped call it becomes due at once.
pub(crate) struct Armed<'d> {
    deadline: &'d Deadline,
    over: bool,
}

impl Deadline {
    pub(crate) fn new() -> Self {
        Self { base: Instant::now(), at: AtomicU64::new(NEVER) }
    }

    pub(crate) fn arm(&self, limit: Duration) -> Armed<'_> {
        let at = self.base.elapsed().saturating_add(limit);
        // NEVER itself would be no limit; it is 584 years away.
        self.at.store(u64::try_from(at.as_nanos()).unwrap_or(NEVER - 1), Ordering::Relaxed);
        Armed { deadline: self, over: false }
    }

    pub(crate) fn disarm(&self) {
        self.at.store(NEVER, Ordering::Relaxed);
    }

    fn is_due(&self) -> bool {
        let at = self.at.load(Ordering::Relaxed);
        at != NEVER && self.base.elapsed().as_nanos() >= u128::from(at)
    }
}

impl Armed<'_> {
    pub(crate) fn disarm(mut self) {
        self.over = true;
        self.deadline.disarm();
    }
}

impl Drop for Armed<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.deadline.at.store(0, Ordering::Relaxed);
        }
    }
}

/// Has a connection watch a deadline, for as long as it lives or until it watches another.
pub(crate) async fn watch(connection: &mut SqliteConnection, deadline: &Arc<Deadline>) -> Result<(), DbError> {
    let deadline = Arc::clone(deadline);
    let mut handle = connection.lock_handle().await.map_err(|error| sorted(&error))?;
    handle.set_progress_handler(STEPS, move || !deadline.is_due());
    Ok(())
}

/// Waits, without an executor, until an abandoned statement has ended, so that the deadline
/// cannot hit whatever its owner runs next. The worker thread answers on its own.
pub(crate) fn settle(connection: &mut SqliteConnection, deadline: &Deadline) {
    let _ = settle::settled(connection.ping(), SETTLE);
    deadline.disarm();
}
