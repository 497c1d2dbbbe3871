//! One store with the chain that this process writes to it.

mod append;
mod queue;

use std::collections::VecDeque;
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::chain::Chain;
use crate::hash::TrailKeys;
use crate::line::{Body, Kind, Line};
use crate::store::{AuditStore, Head, Position, StoreError};
use crate::trail::TrailOptions;

use self::queue::{Appending, Flushing, Gathered, Queue, Told, Waiting};

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
    store: Arc<dyn AuditStore>,
    keys: TrailKeys,
    options: TrailOptions,
    /// Held while lines are appended at once; never across an await, and never waited for.
    end: Mutex<End>,
    /// What waits to be appended.
    queue: Mutex<Queue>,
    /// Records that must come and were not taken, in order: they go before the next line.
    owed: Mutex<VecDeque<Owed>>,
    /// Where the heads of others were last looked at.
    seen: tokio::sync::Mutex<Position>,
    /// Lines since the last checkpoint.
    unsealed: AtomicU64,
    /// Whether the chain has been ended: the store does not count its writer among those that live.
    has_left: AtomicBool,
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
    /// An intent, or a record of which somebody hears when it is not taken.
    Body(Arc<Body>),
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

/// The most records that are owed to a store. What is more stays an open intent, and is closed by the
/// next start.
const MOST_OWED: usize = 1_000;
/// How long a store is left alone that owes records, unless something else is appended to it.
const AGAIN: Duration = Duration::from_secs(5);

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
            store,
            keys,
            options,
            end: Mutex::new(End { chain, heads, is_entered: true }),
            queue: Mutex::default(),
            owed: Mutex::default(),
            seen: tokio::sync::Mutex::new(seen),
            unsealed: AtomicU64::new(0),
            has_left: AtomicBool::new(false),
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
        // What was begun before is still closed.
        if self.0.has_left.load(Ordering::Acquire) && matches!(said, Said::Body(_)) {
            return Appending::Done(Err(StoreError::Unavailable("the trail has been ended".to_owned())));
        }
        let (told, tells) = oneshot::channel();
        let waiting = Waiting { said, told };
        lock(&self.0.queue).waiting.push(waiting);
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

    /// Keeps a record that was not taken, for the next time.
    fn owe(&self, closing: Arc<Closing>, error: &StoreError) {
        let (store, id) = (self.0.store.name(), closing.id.as_str());
        let mut owed = lock(&self.0.owed);
        if owed.len() >= MOST_OWED {
            tracing::error!(%error, store, id, "a record was not taken, and too many are owed: the next start closes it");
            return;
        }
        tracing::error!(%error, store, id, "a record was not taken; it will be tried again");
        let is_first = owed.is_empty();
        owed.push_back(Owed { closing, is_doubtful: matches!(error, StoreError::Doubtful(_)) });
        drop(owed);
        if is_first {
            self.try_again();
        }
    }

    /// Appends what is owed, should nothing else be appended before.
    fn try_again(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        let weak = Arc::downgrade(&self.0);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(AGAIN).await;
                let Some(inner) = weak.upgrade() else { return };
                if lock(&inner.owed).is_empty() {
                    return;
                }
                // What fails is tried again as long as the process lives.
                let _ = Self(inner).pay().await;
            }
        });
    }

    /// Appends what is owed, with a checkpoint behind it.
    async fn pay(&self) -> Result<(), StoreError> {
        self.0.unsealed.fetch_add(1, Ordering::Relaxed);
        self.seal().await.map(|_| ())
    }

    /// Begins to append what waits in a task of its own, unless one does.
    fn start_flush(&self) {
        let mut queue = lock(&self.0.queue);
        if queue.is_flushing {
            return;
        }
        // Without a runtime it goes with the next line that has one.
        if let Ok(runtime) = Handle::try_current() {
            queue.is_flushing = true;
            drop(queue);
            let writer = self.clone();
            runtime.spawn(async move { writer.flush().await });
        }
    }

    /// Appends what waits, all that came meanwhile at once, until nothing does.
    async fn flush(&self) {
        let mut flushing = Flushing::of(&self.0.queue);
        while let Some(batch) = flushing.next() {
            let appended = self.0.append_all(&batch).await;
            self.tell(batch, appended);
        }
    }

    /// Appends at once what waits, unless somebody else is about to. Whoever has the chain looks
    /// again after giving it back, so that no thread waits for another one.
    fn serve(&self) {
        while lock(&self.0.queue).is_due() {
            let mut end = match self.0.end.try_lock() {
                Ok(end) => end,
                Err(TryLockError::Poisoned(end)) => end.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            loop {
                if !end.is_entered || self.0.is_in_doubt() {
                    // The store is asked first, and that takes a while.
                    return self.start_flush();
                }
                let Some(batch) = lock(&self.0.queue).take() else { break };
                let appended = self.0.append_now(&mut end, &batch);
                self.tell(batch, appended);
            }
        }
    }

    /// Tells what became of lines, to those who still wait for them.
    fn tell(&self, batch: Vec<Waiting>, appended: Result<Vec<Line>, StoreError>) {
        let mut appended = appended.map(Vec::into_iter);
        for Waiting { said, told } in batch {
            let line = appended.as_mut().map(Iterator::next).map_err(|error| error.clone());
            match (&line, &said) {
                (Ok(_), Said::Body(_) | Said::Closing(_)) => self.count(),
                (Err(error), Said::Closing(closing)) => self.owe(Arc::clone(closing), error),
                (Ok(_) | Err(_), _) => {}
            }
            // Nobody may be waiting any more.
            let _ = told.send(line.map(|line| line.filter(|_| matches!(said, Said::Seal(_)))));
        }
    }

    /// Counts a line, and sees to it that it is sealed in time.
    fn count(&self) {
        let inner = &self.0;
        let unsealed = inner.unsealed.fetch_add(1, Ordering::Relaxed) + 1;
        let is_due = unsealed.is_multiple_of(inner.options.checkpoint_every.max(1));
        if !is_due && unsealed != 1 {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let (weak, pause) = (Arc::downgrade(inner), inner.options.checkpoint_after);
        runtime.spawn(async move {
            if !is_due {
                tokio::time::sleep(pause).await;
            }
            while let Some(inner) = weak.upgrade() {
                let Err(error) = Self(inner).seal().await else { return };
                tracing::warn!(%error, "a checkpoint could not be made; it will be tried again");
                // The lines that it was for are counted still, so no other is begun for the next one.
                tokio::time::sleep(pause.max(AGAIN)).await;
            }
        });
    }

    /// Makes a checkpoint, if there is anything new; tells its line.
    pub(crate) async fn seal(&self) -> Result<Option<Line>, StoreError> {
        let inner = &self.0;
        // Whoever comes second finds nothing new.
        let mut seen = inner.seen.lock().await;
        let unsealed = inner.unsealed.swap(0, Ordering::Relaxed);
        if unsealed == 0 {
            return Ok(None);
        }
        let sealed = async {
            let (heads, now) = inner.store.heads(Some(&seen)).await?;
            self.say(Said::Seal(heads)).await.map(|line| (line, now))
        };
        let (line, now) = sealed.await.inspect_err(|_| {
            // They wait for the next checkpoint.
            inner.unsealed.fetch_add(unsealed, Ordering::Relaxed);
        })?;
        *seen = now;
        inner.store.sync().await?;
        if let (Some(line), Some(path)) = (&line, &inner.options.checkpoint_copies) {
            keep_copy(line, path.clone()).await?;
        }
        Ok(line)
    }

    /// Ends the chain in order. One that still owes a record stays: the next start closes what is open.
    pub(crate) async fn leave(&self) -> Result<(), StoreError> {
        if lock(&self.0.owed).is_empty() && lock(&self.0.queue).is_empty() {
            self.seal().await?;
        } else {
            // The checkpoint stands behind what nobody waits for.
            self.pay().await?;
        }
        self.0.store.sync().await?;
        if !lock(&self.0.owed).is_empty() {
            return Ok(());
        }
        if self.0.has_left.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let chain = lock(&self.0.end).chain.id();
        if self.0.store.is_immediate() {
            // Who came meanwhile found the chain taken.
            self.serve();
        }
        self.0.store.leave(chain).await
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
    let kept = tokio::task::spawn_blocking(keep).await.map_err(|error| StoreError::Failed(error.to_string()))?;
    kept.map_err(|error| StoreError::Unavailable(format!("the copy of a checkpoint: {error}")))
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
