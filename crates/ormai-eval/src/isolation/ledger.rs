//! An audit store of the suite's own: it hands out what was recorded since it was last asked, and
//! refuses or takes its time when it is told to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ormai::audit::{
    AuditStore, Filter, Head, Line, MemoryStore, Orphan, Position, Records, Scanned, StoreError, Storing,
};

#[derive(Debug)]
pub(super) struct Ledger {
    lines: MemoryStore,
    fresh: Mutex<Vec<Line>>,
    is_slow: bool,
    is_full: AtomicBool,
}

impl Ledger {
    /// A slow one is waited for.
    pub(super) fn new(is_slow: bool) -> Self {
        Self { lines: MemoryStore::new(), fresh: Mutex::default(), is_slow, is_full: AtomicBool::new(false) }
    }

    /// The lines since the last time.
    pub(super) fn take(&self) -> Vec<Line> {
        std::mem::take(&mut *self.fresh())
    }

    /// From now on it takes nothing, or does again.
    pub(super) fn fill(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::Release);
    }

    fn fresh(&self) -> MutexGuard<'_, Vec<Line>> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AuditStore for Ledger {
    fn name(&self) -> String {
        "the ledger of the isolation suite".to_owned()
    }

    fn install(&self) -> Storing<'_, Vec<&'static str>> {
        self.lines.install()
    }

    fn enter(&self, chain: uuid::Uuid) -> Storing<'_, Vec<Orphan>> {
        self.lines.enter(chain)
    }

    fn settle(&self, chain: uuid::Uuid) -> Storing<'_, ()> {
        self.lines.settle(chain)
    }

    fn leave(&self, chain: uuid::Uuid) -> Storing<'_, ()> {
        self.lines.leave(chain)
    }

    fn append<'a>(&'a self, lines: &'a [Line]) -> Storing<'a, ()> {
        Box::pin(async move {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            self.append_now(lines)
        })
    }

    fn is_immediate(&self) -> bool {
        !self.is_slow
    }

    fn append_now(&self, lines: &[Line]) -> Result<(), StoreError> {
        if self.is_full.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable("it takes nothing at the moment".to_owned()));
        }
        self.fresh().extend_from_slice(lines);
        // What a trail asks a store about is in its first and last lines.
        self.lines.append_now(lines)
    }

    fn sync(&self) -> Storing<'_, ()> {
        Box::pin(async {
            match self.is_full.load(Ordering::Acquire) {
                true => Err(StoreError::Unavailable("it takes nothing at the moment".to_owned())),
                false => Ok(()),
            }
        })
    }

    fn heads<'a>(&'a self, since: Option<&'a Position>) -> Storing<'a, (Vec<Head>, Position)> {
        self.lines.heads(since)
    }

    fn scan<'a>(&'a self, after: Option<&'a Position>, most: usize) -> Storing<'a, Scanned> {
        self.lines.scan(after, most)
    }

    fn query<'a>(&'a self, filter: &'a Filter, limit: usize, cursor: Option<&'a str>) -> Storing<'a, Records> {
        self.lines.query(filter, limit, cursor)
    }
}
