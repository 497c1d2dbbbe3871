//! Which process this is: what was made before a fork is of no use behind it.
//!
//! Behind a fork only the thread lives that forked. The others are gone with what they were about to do,
//! what they had locked stays locked, and an open file is shared with the parent, its locks included. So
//! nothing of before is touched; what is needed is made anew.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static FORKS: AtomicU64 = AtomicU64::new(0);

/// Says that this process is the child of a fork, and has been since just now.
///
/// A host that forks says so in each child, before anything else is recorded there; the Python package
/// does. A [`Trail`](crate::Trail) then goes on in a chain of the child's own, in every store that
/// [survives a fork](crate::AuditStore::survives_fork), and the parent goes on in its own. Where a store
/// does not, nothing is recorded in the child, and so nothing is answered, before a trail is opened there.
///
/// ```standalone_crate
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # use std::sync::Arc;
/// use ormai_audit::verify::{VerifyOptions, verify};
/// use ormai_audit::{AuditStore, JsonlOptions, JsonlStore, MemoryStore, Record, Trail, TrailKeys, TrailOptions};
///
/// # let place = tempfile::tempdir()?;
/// let store = Arc::new(JsonlStore::open(place.path().join("audit.jsonl"), JsonlOptions::default())?);
/// store.install().await?;
/// let trail = Trail::open(vec![store.clone()], TrailKeys::default(), TrailOptions::default()).await?;
/// let record = || Record::begin("2026-01-02T03:04:05Z".parse().unwrap(), "req-1", "query");
/// trail.note(&record()).await?;
///
/// ormai_audit::forked();
/// trail.note(&record()).await?;
/// trail.close(&record()).await?;
/// let report = verify(&*store, &VerifyOptions::default(), &|_| ()).await?;
/// assert!(report.is_good());
/// assert_eq!((report.chains.len(), report.records), (2, 3));
///
/// // What is kept in memory would be lost with the child.
/// let stores: Vec<Arc<dyn AuditStore>> = vec![Arc::new(MemoryStore::new())];
/// let trail = Trail::open(stores, TrailKeys::default(), TrailOptions::default()).await?;
/// ormai_audit::forked();
/// let refused = trail.note(&record()).await.unwrap_err();
/// assert!(refused.to_string().contains("open the trail in each process"), "{refused}");
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// A process, told from those that it was forked from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(u64);

impl Process {
    pub(crate) fn this() -> Self {
        Self(FORKS.load(Ordering::Relaxed))
    }

    pub(crate) fn is_this(self) -> bool {
        self == Self::this()
    }
}

/// Something that each process makes for itself, when it first needs it.
#[derive(Debug)]
pub(crate) struct PerProcess<T>(OnceLock<Box<Made<T>>>);

#[derive(Debug)]
struct Made<T> {
    by: Process,
    made: T,
    /// In a process that was forked from that one.
    later: PerProcess<T>,
}

impl<T> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// That of this process. Nothing is locked for it, which a fork could leave locked.
    pub(crate) fn here(&self, make: impl Fn() -> T) -> &T {
        self.of(Process::this(), make)
    }

    fn of(&self, process: Process, make: impl Fn() -> T) -> &T {
        let mut at = self;
        loop {
            let there = at.0.get_or_init(|| Box::new(Made { by: process, made: make(), later: Self::new() }));
            if there.by == process {
                return &there.made;
            }
            at = &there.later;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{PerProcess, Process};

    #[test]
    fn each_process_makes_its_own_once() {
        let (made, things) = (Cell::new(0), PerProcess::new());
        let make = || {
            made.set(made.get() + 1);
            made.get()
        };
        let seen: Vec<i32> = [0, 0, 1, 2, 2, 1].into_iter().map(|process| *things.of(Process(process), make)).collect();
        assert_eq!(seen, [1, 1, 2, 3, 3, 2]);
    }
}
