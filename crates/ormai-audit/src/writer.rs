//! One store with the chain that this process writes to it.

mod append;
mod queue;
mod serve;

use std::collections::VecDeque;
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::aside;
use crate::chain::Chain;
use crate::hash::TrailKeys;
use crate::line::{Body, Kind, Line};
use crate::process::Process;
use crate::store::{AuditStore, Head, Position, StoreError};
use crate::trail::TrailOptions;

use self::queue::{Appending, Gathered, Queue, Told, Waiting};

/// How far a line must have come before its writer goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// To the operating system: it outlives the process.
    Process,
    /// To stable storage: it outlives the machine's power.
    Power,
}

/// A store with the chain that this process writes to it.
#[derive(Clone)]
pub(crate) struct Writer(Arc<Inner>);

struct Inner {
    /// Whose chain it is.
    process: Process,
    store: Arc<dyn AuditStore>,
    keys: TrailKeys,
    options: TrailOptions,
    /// Held while lines are appended at once; never across an await.
    end: Mutex<End>,
    /// What waits to be appended.
    queue: Mutex<Queue>,
    /// Records that must come and were not taken, in order: they go before the next line.
    owed: Mutex<VecDeque<Owed>>,
    /// Where the heads of others were last looked at.
    seen: tokio::sync::Mutex<Position>,
    /// Lines since the last checkpoint.
    unsealed: AtomicU64,
    /// Whether a checkpoint will be made in time.
    is_timed: AtomicBool,
}

/// Where the chain ends. One without a line begins with the next one.
#[derive(Clone)]
struct End {
    chain: Chain,
    /// Where others ended when this chain began.
    heads: Vec<Head>,
    /// Whether the store knows of the chain.
    is_entered: bool,
}

/// What a line is made of.
#[derive(Clone)]
pub(crate) enum Said {
    /// An intent, or something else of which somebody hears when it is not taken.
    Body(Arc<Body>),
    /// A record of which somebody hears when it is not taken; must come when nobody does.
    Note(Arc<Closing>),
    /// A record that must come: its intent may be there, or nobody waits for it.
    Closing(Arc<Closing>),
    /// A checkpoint, which says where its own chain ends.
    Seal(Vec<Head>),
}

/// A record that must come.
pub(crate) struct Closing {
    /// The name of the record.
    pub(crate) id: String,
    pub(crate) body: Body,
}

/// A record that must come and was not taken.
#[derive(Clone)]
struct Owed {
    closing: Arc<Closing>,
    /// Whether it may be there all the same.
    is_doubtful: bool,
}

impl Writer {
    /// Begins a chain in a store, and closes what writers that are gone left open.
    pub(crate) async fn enter(
        store: Arc<dyn AuditStore>,
        keys: TrailKeys,
        options: TrailOptions,
    ) -> Result<Self, StoreError> {
        let chain = Chain::new(Uuid::now_v7());
        let orphans = store.enter(chain.id()).await?;
        let (heads, seen) = store.heads(None).await?;
        let writer = Self(Arc::new(Inner {
            process: Process::this(),
            store,
            keys,
            options,
            end: Mutex::new(End { chain, heads, is_entered: true }),
            queue: Mutex::default(),
            owed: Mutex::default(),
            seen: tokio::sync::Mutex::new(seen),
            unsealed: AtomicU64::new(0),
            is_timed: AtomicBool::new(false),
        }));
        for orphan in orphans {
            for intent in orphan.open {
                let body = Body::new(Kind::Record, &intent.into_unknown()).ok_or_else(unwritten)?;
                writer.append(Said::Body(Arc::new(body)), Durability::Power).await?;
            }
            writer.0.store.settle(orphan.chain).await?;
        }
        Ok(writer)
    }

    pub(crate) fn store(&self) -> &Arc<dyn AuditStore> {
        &self.0.store
    }

    pub(crate) fn keys(&self) -> &TrailKeys {
        &self.0.keys
    }

    /// Appends a line to the chain.
    pub(crate) async fn append(&self, said: Said, durability: Durability) -> Result<(), StoreError> {
        self.end(self.begin(said), durability).await
    }

    /// Begins to append a line; nothing can stop it any more.
    pub(crate) fn begin(&self, said: Said) -> Appending<'_> {
        let (told, tells) = oneshot::channel();
        {
            let mut queue = lock(&self.0.queue);
            // What was begun before is still closed.
            if queue.has_left && matches!(said, Said::Body(_) | Said::Note(_)) {
                return Appending::Done(Err(StoreError::Unavailable("the trail has been ended".to_owned())));
            }
            queue.waiting.push(Waiting { said, told });
        }
        if self.0.store.is_immediate() {
            return Appending::Gathered(Gathered::new(self, tells));
        }
        self.start_flush();
        Appending::Queued(tells)
    }

    /// Waits for a line to be where it has to be.
    pub(crate) async fn end(&self, appending: Appending<'_>, durability: Durability) -> Result<(), StoreError> {
        appending.ended().await?;
        if durability == Durability::Power { self.0.store.sync().await } else { Ok(()) }
    }

    /// Appends what is said; the line, if it is a checkpoint.
    async fn say(&self, said: Said) -> Told {
        self.begin(said).ended().await
    }

    /// Makes a checkpoint, if there is anything new; tells its line.
    pub(crate) async fn seal(&self) -> Result<Option<Line>, StoreError> {
        let inner = &self.0;
        // Whoever comes second finds nothing new.
        let mut seen = inner.seen.lock().await;
        let mut unsealed = Unsealed::take(&inner.unsealed);
        if unsealed.lines == 0 {
            return Ok(None);
        }
        let (heads, now) = inner.store.heads(Some(&seen)).await?;
        let line = self.say(Said::Seal(heads)).await?;
        unsealed.lines = 0;
        *seen = now;
        inner.store.sync().await?;
        if let (Some(line), Some(path)) = (&line, &inner.options.checkpoint_copies) {
            keep_copy(line, path.clone()).await?;
        }
        Ok(line)
    }

    /// Ends the chain in order. One that still owes a record stays: the next start closes what is open.
    pub(crate) async fn leave(&self) -> Result<(), StoreError> {
        let inner = &self.0;
        if std::mem::replace(&mut lock(&inner.queue).has_left, true) {
            return Ok(());
        }
        let left = async {
            // What is closed meanwhile, because nobody waits for it, comes behind the seal, which is
            // made again. Nothing else is taken any more.
            loop {
                if lock(&inner.owed).is_empty() && lock(&inner.queue).is_empty() {
                    self.seal().await?;
                } else {
                    self.pay().await?;
                }
                inner.store.sync().await?;
                if !lock(&inner.owed).is_empty() {
                    return Ok(false);
                }
                if lock(&inner.queue).is_empty() && inner.unsealed.load(Ordering::Relaxed) == 0 {
                    let chain = lock(&inner.end).chain.id();
                    return inner.store.leave(chain).await.map(|()| true);
                }
            }
        };
        let left = left.await;
        if !matches!(left, Ok(true)) {
            lock(&inner.queue).has_left = false;
        }
        left.map(|_| ())
    }
}

/// Lines for which a checkpoint is being made. They wait for the next one, should it come to nothing.
struct Unsealed<'a> {
    all: &'a AtomicU64,
    lines: u64,
}

impl<'a> Unsealed<'a> {
    fn take(all: &'a AtomicU64) -> Self {
        Self { all, lines: all.swap(0, Ordering::Relaxed) }
    }
}

impl Drop for Unsealed<'_> {
    fn drop(&mut self) {
        self.all.fetch_add(self.lines, Ordering::Relaxed);
    }
}

/// Appends a checkpoint to a file of copies.
async fn keep_copy(line: &Line, path: PathBuf) -> Result<(), StoreError> {
    let text = format!("{}\n", line.text());
    let keep = move || {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()
    };
    let unkept = |error: std::io::Error| StoreError::Unavailable(format!("the copy of a checkpoint: {error}"));
    aside::blocking(move || keep().map_err(unkept)).await
}

fn unwritten() -> StoreError {
    StoreError::Failed("a line cannot be written down".to_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is done under these locks that could leave them half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("store", &self.0.store).finish_non_exhaustive()
    }
}
