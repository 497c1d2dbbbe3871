//! One flush for all who wait for one.
//!
//! A thread flushes; whoever comes while it does is served by the next flush, together with all
//! who came meanwhile.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use super::disk::Disk;
use super::files::sync_directory;
use crate::process::Process;
use crate::store::StoreError;

type Told = oneshot::Sender<Result<(), StoreError>>;

/// Flushes what was appended, in a thread of its own that ends with it.
#[derive(Debug)]
pub(super) struct Flushing(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Whose thread flushes.
    process: Process,
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    /// How often something was appended.
    appended: AtomicU64,
    /// Whether a flush of the active file failed: what is appended to it may get lost, even where
    /// a later flush succeeds.
    is_doubtful: AtomicBool,
    due: Mutex<Due>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct Due {
    waiting: Vec<Told>,
    /// Flush, though nobody waits.
    is_wanted: bool,
    active: Option<Arc<File>>,
    /// Files that were active before, and are not flushed yet.
    earlier: Vec<Arc<File>>,
    /// Whether names have changed.
    is_directory_changed: bool,
    /// Up to which append all is flushed.
    flushed: u64,
    /// Why the active file could not be flushed. Another attempt would succeed and mean nothing.
    failed: Option<StoreError>,
    has_thread: bool,
    is_over: bool,
}

impl Flushing {
    pub(super) fn new(disk: Arc<dyn Disk>, directory: PathBuf) -> Self {
        Self(Arc::new(Shared {
            process: Process::this(),
            disk,
            directory,
            appended: AtomicU64::new(0),
            is_doubtful: AtomicBool::new(false),
            due: Mutex::default(),
            woken: Condvar::new(),
        }))
    }

    /// Another file is the active one.
    pub(super) fn opened(&self, file: Arc<File>) {
        let mut due = self.0.lock();
        due.is_directory_changed = true;
        due.failed = None;
        if let Some(earlier) = due.active.replace(file) {
            // Closed for good once it is flushed, also where nobody ever waits for that.
            due.earlier.push(earlier);
            due.is_wanted = true;
            // Whoever waits next tells of the error.
            let _ = self.wake(due);
        }
    }

    /// Something was appended to the active file.
    pub(super) fn appended(&self) {
        self.0.appended.fetch_add(1, Ordering::Release);
    }

    /// Whether the active file is to be left; says so once.
    pub(super) fn take_doubt(&self) -> bool {
        self.0.is_doubtful.load(Ordering::Acquire) && self.0.is_doubtful.swap(false, Ordering::AcqRel)
    }

    /// The active file is still to be left.
    pub(super) fn doubt(&self) {
        self.0.is_doubtful.store(true, Ordering::Release);
    }

    /// Tells when all that was appended before is on stable storage; `None` when it is.
    pub(super) fn flushed(&self) -> Result<Option<oneshot::Receiver<Result<(), StoreError>>>, StoreError> {
        let mut due = self.0.lock();
        if due.flushed >= self.0.appended.load(Ordering::Acquire) {
            return Ok(None);
        }
        if let Some(error) = &due.failed {
            return Err(error.clone());
        }
        let (told, tells) = oneshot::channel();
        due.waiting.push(told);
        self.wake(due)?;
        Ok(Some(tells))
    }

    fn wake(&self, mut due: MutexGuard<'_, Due>) -> Result<(), StoreError> {
        if !due.has_thread {
            let shared = Arc::clone(&self.0);
            let thread = thread::Builder::new().name("audit flush".to_owned()).spawn(move || shared.run());
            if let Err(error) = thread {
                due.waiting.clear();
                return Err(StoreError::Unavailable(format!("no thread to flush: {error}")));
            }
            due.has_thread = true;
        }
        drop(due);
        self.0.woken.notify_one();
        Ok(())
    }
}

impl Drop for Flushing {
    fn drop(&mut self) {
        // What its thread had locked when this process was forked stays locked.
        if self.0.process.is_this() {
            self.0.lock().is_over = true;
            self.0.woken.notify_one();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Due> {
        // Nothing is done under the lock that could leave it half changed.
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut due = self.lock();
        loop {
            if due.waiting.is_empty() && !due.is_wanted {
                if due.is_over {
                    return;
                }
                due = self.woken.wait(due).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            due.is_wanted = false;
            let mut waiting = std::mem::take(&mut due.waiting);
            let earlier = std::mem::take(&mut due.earlier);
            let is_directory_changed = std::mem::take(&mut due.is_directory_changed);
            let active = due.active.clone();
            let appended = self.appended.load(Ordering::Acquire);
            drop(due);

            let flushed = self.flush(&earlier, is_directory_changed, active.as_deref());
            drop(earlier);

            due = self.lock();
            let told = match flushed {
                Ok(()) => {
                    due.flushed = due.flushed.max(appended);
                    Ok(())
                }
                Err(error) => {
                    tracing::error!(%error, directory = %self.directory.display(), "audit records could not be flushed");
                    self.is_doubtful.store(true, Ordering::Release);
                    due.is_directory_changed |= is_directory_changed;
                    // What was appended meanwhile may have been lost with the rest.
                    waiting.append(&mut due.waiting);
                    let error = StoreError::Doubtful(format!("what was appended could not be flushed: {error}"));
                    due.failed = Some(error.clone());
                    Err(error)
                }
            };
            drop(due);
            for waiting in waiting {
                // Nobody may be waiting any more.
                let _ = waiting.send(told.clone());
            }
            due = self.lock();
        }
    }

    fn flush(&self, earlier: &[Arc<File>], is_directory_changed: bool, active: Option<&File>) -> std::io::Result<()> {
        let mut outcome = Ok(());
        for file in earlier {
            outcome = outcome.and(self.disk.sync(file));
        }
        if let Some(active) = active {
            outcome = outcome.and(self.disk.sync(active));
        }
        if is_directory_changed {
            outcome = outcome.and(sync_directory(&self.directory));
        }
        outcome
    }
}
