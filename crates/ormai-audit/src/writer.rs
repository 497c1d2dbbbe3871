//! One store with the chain that this process writes to it.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::chain::Chain;
use crate::checkpoint::Checkpoint;
use crate::hash::TrailKeys;
use crate::line::{Body, Kind, Line};
use crate::store::{AuditStore, Head, Position, StoreError};
use crate::trail::TrailOptions;

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
    /// Held while a line is appended at once; never across an await.
    end: Mutex<End>,
    /// What waits for a store that is not immediate.
    queue: Mutex<Queue>,
    /// Where the heads of others were last looked at.
    seen: tokio::sync::Mutex<Position>,
    /// Lines since the last checkpoint.
    unsealed: AtomicU64,
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

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    is_flushing: bool,
}

struct Waiting {
    said: Said,
    told: oneshot::Sender<Result<Option<Line>, StoreError>>,
}

/// Something that was said, which goes to the store whatever becomes of this.
pub(crate) enum HandedOver {
    /// It was appended at once, or was not.
    Over(Result<Option<Line>, StoreError>),
    /// It is in the queue.
    Queued(oneshot::Receiver<Result<Option<Line>, StoreError>>),
}

/// What a line is made of.
#[derive(Clone)]
enum Said {
    Body(Arc<Body>),
    /// A checkpoint, which says where its own chain ends.
    Seal(Vec<Head>),
}

/// The first line of a chain.
#[derive(Serialize)]
struct Begin<'a> {
    at: Timestamp,
    version: u32,
    keyed: bool,
    public_key: Option<String>,
    heads: &'a [Head],
}

/// The most lines that go to a store at once.
const BATCH: usize = 512;

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
            seen: tokio::sync::Mutex::new(seen),
            unsealed: AtomicU64::new(0),
        }));
        for orphan in orphans {
            for intent in orphan.open {
                let body = Body::new(Kind::Record, &intent.into_unknown()).ok_or_else(unwritten)?;
                writer.append(Arc::new(body), Durability::Power).await?;
            }
            writer.0.store.settle(orphan.chain).await?;
        }
        Ok(writer)
    }

    pub(crate) fn store(&self) -> &Arc<dyn AuditStore> {
        &self.0.store
    }

    /// Appends a line to the chain.
    async fn append(&self, body: Arc<Body>, durability: Durability) -> Result<(), StoreError> {
        self.taken(self.hand_over(body), durability).await
    }

    /// Hands a line over, which then goes to the store whether anybody waits for that or not.
    pub(crate) fn hand_over(&self, body: Arc<Body>) -> HandedOver {
        let said = self.say(Said::Body(body));
        if !matches!(said, HandedOver::Over(Err(_))) {
            // Counted at once, so that whoever ends the chain seals it, and so waits for this line.
            self.count();
        }
        said
    }

    /// Waits until a line that was handed over has come far enough.
    pub(crate) async fn taken(&self, said: HandedOver, durability: Durability) -> Result<(), StoreError> {
        said.line().await?;
        if durability == Durability::Power { self.0.store.sync().await } else { Ok(()) }
    }

    /// Appends a line for somebody who does not wait; what fails is logged.
    pub(crate) fn leave_behind(&self, body: Arc<Body>) {
        if let HandedOver::Over(Err(error)) = self.hand_over(body) {
            self.0.not_left_behind(&error);
        }
    }

    /// Appends what is said.
    fn say(&self, said: Said) -> HandedOver {
        if self.0.store.is_immediate() {
            return HandedOver::Over(self.0.append_now(&said));
        }
        let (told, tells) = oneshot::channel();
        self.push(Waiting { said, told });
        HandedOver::Queued(tells)
    }

    fn push(&self, waiting: Waiting) {
        let mut queue = lock(&self.0.queue);
        queue.waiting.push(waiting);
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
        let mut flushing = Flushing { queue: &self.0.queue, is_over: false };
        while let Some(batch) = flushing.next() {
            let appended = self.0.append_all(&batch).await;
            for (at, waiting) in batch.into_iter().enumerate() {
                let told = match &appended {
                    Ok(lines) => Ok(waiting.said.line(lines.get(at))),
                    Err(error) => {
                        if waiting.told.is_closed() {
                            self.0.not_left_behind(error);
                        }
                        Err(error.clone())
                    }
                };
                // Nobody may be waiting any more.
                let _ = waiting.told.send(told);
            }
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
            let Some(inner) = weak.upgrade() else { return };
            if let Err(error) = Self(inner).seal().await {
                tracing::warn!(%error, "a checkpoint could not be made");
            }
        });
    }

    /// Makes a checkpoint, if there is anything new; tells its line.
    pub(crate) async fn seal(&self) -> Result<Option<Line>, StoreError> {
        let inner = &self.0;
        // Whoever comes second finds nothing new.
        let mut seen = inner.seen.lock().await;
        if inner.unsealed.swap(0, Ordering::Relaxed) == 0 {
            return Ok(None);
        }
        let (heads, now) = inner.store.heads(Some(&seen)).await?;
        let line = self.say(Said::Seal(heads)).line().await?;
        *seen = now;
        inner.store.sync().await?;
        if let (Some(line), Some(path)) = (&line, &inner.options.checkpoint_copies) {
            keep_copy(line, path.clone()).await?;
        }
        Ok(line)
    }

    /// Ends the chain in order.
    pub(crate) async fn leave(&self) -> Result<(), StoreError> {
        self.seal().await?;
        self.0.store.sync().await?;
        let chain = lock(&self.0.end).chain.id();
        self.0.store.leave(chain).await
    }
}

impl HandedOver {
    /// Waits until the store has it; the line, if it is a checkpoint.
    async fn line(self) -> Result<Option<Line>, StoreError> {
        match self {
            Self::Over(appended) => appended,
            Self::Queued(tells) => tells.await.map_err(|_| StoreError::Doubtful("the runtime ended".to_owned()))?,
        }
    }
}

impl Said {
    /// The line that was made of it, where somebody asks for it.
    fn line(&self, line: Option<&Line>) -> Option<Line> {
        match self {
            Self::Body(_) => None,
            Self::Seal(_) => line.cloned(),
        }
    }
}

/// Stands for a flush that is under way. A runtime that ends drops it half way; then the next one
/// begins anew.
struct Flushing<'a> {
    queue: &'a Mutex<Queue>,
    is_over: bool,
}

impl Flushing<'_> {
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let mut queue = lock(self.queue);
        let many = queue.waiting.len().min(BATCH);
        if many == 0 {
            // Said under the same lock as seen, so that nobody is overlooked.
            queue.is_flushing = false;
            self.is_over = true;
            return None;
        }
        Some(queue.waiting.drain(..many).collect())
    }
}

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            lock(self.queue).is_flushing = false;
        }
    }
}

impl Inner {
    /// The lines of what is said, at the end of the chain.
    fn link<'a>(&self, end: &mut End, said: impl Iterator<Item = &'a Said>) -> Result<Vec<Line>, StoreError> {
        let mut lines = Vec::with_capacity(said.size_hint().0 + 1);
        if end.chain.seq() == 0 {
            lines.push(end.chain.link(&self.begin(&end.heads)?, &self.keys));
        }
        for said in said {
            let line = match said {
                Said::Body(body) => end.chain.link(body, &self.keys),
                Said::Seal(heads) => {
                    let body = Checkpoint::body(&end.chain, heads, Timestamp::now(), &self.keys);
                    end.chain.link(&body.ok_or_else(unwritten)?, &self.keys)
                }
            };
            lines.push(line);
        }
        Ok(lines)
    }

    fn not_left_behind(&self, error: &StoreError) {
        tracing::error!(%error, store = self.store.name(), "a record could not be left behind");
    }

    fn append_now(&self, said: &Said) -> Result<Option<Line>, StoreError> {
        let mut end = lock(&self.end);
        let mut next = end.clone();
        let lines = self.link(&mut next, std::iter::once(said))?;
        self.store.append_now(&lines)?;
        *end = next;
        drop(end);
        Ok(said.line(lines.last()))
    }

    /// Only one flush is under way at a time, so that nobody else moves the chain. The lines of
    /// what was said, without that which begins the chain.
    async fn append_all(&self, batch: &[Waiting]) -> Result<Vec<Line>, StoreError> {
        let mut next = lock(&self.end).clone();
        if !next.is_entered {
            // Of orphans the next process hears.
            self.store.enter(next.chain.id()).await?;
            next.is_entered = true;
        }
        let mut lines = self.link(&mut next, batch.iter().map(|waiting| &waiting.said))?;
        let appended = self.store.append(&lines).await;
        let mut end = lock(&self.end);
        match appended {
            Ok(()) => {
                *end = next;
                Ok(lines.split_off(lines.len().saturating_sub(batch.len())))
            }
            Err(error) => {
                if matches!(error, StoreError::Doubtful(_)) {
                    // What was appended in doubt ends its chain, wherever that is.
                    let heads = vec![Head { chain: end.chain.id(), seq: end.chain.seq(), hash: end.chain.last() }];
                    *end = End { chain: Chain::new(Uuid::now_v7()), heads, is_entered: false };
                }
                Err(error)
            }
        }
    }

    fn begin(&self, heads: &[Head]) -> Result<Body, StoreError> {
        let begin = Begin {
            at: Timestamp::now(),
            version: 1,
            keyed: self.keys.mac.is_some(),
            public_key: self.keys.signing.as_ref().map(|key| key.public().to_string()),
            heads,
        };
        Body::new(Kind::Begin, &begin).ok_or_else(unwritten)
    }
}

/// Appends a checkpoint to a file of copies.
async fn keep_copy(line: &Line, path: PathBuf) -> Result<(), StoreError> {
    let text = format!("{}\n", line.text());
    let keep = move || {
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
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
