//! One store with the chain that this process writes to it.

use std::collections::VecDeque;
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::chain::Chain;
use crate::checkpoint::Checkpoint;
use crate::filter::Filter;
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

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    is_flushing: bool,
}

impl Queue {
    /// Whether nothing is on its way.
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && !self.is_flushing
    }
}

struct Waiting {
    said: Said,
    told: oneshot::Sender<Result<Option<Line>, StoreError>>,
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

/// A line on its way into a store. It goes on also when nobody waits for it.
pub(crate) enum Appending {
    Done(Result<Option<Line>, StoreError>),
    Queued(oneshot::Receiver<Result<Option<Line>, StoreError>>),
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
    pub(crate) fn begin(&self, said: Said) -> Appending {
        // What was begun before is still closed.
        if self.0.has_left.load(Ordering::Acquire) && matches!(said, Said::Body(_)) {
            return Appending::Done(Err(StoreError::Unavailable("the trail has been ended".to_owned())));
        }
        if self.0.store.is_immediate() {
            let appended = self.0.append_now(&said);
            match (&appended, said) {
                (Ok(_), Said::Body(_) | Said::Closing(_)) => self.count(),
                (Err(error), Said::Closing(closing)) => self.owe(closing, error),
                _ => {}
            }
            return Appending::Done(appended);
        }
        let (told, tells) = oneshot::channel();
        self.push(Waiting { said, told });
        Appending::Queued(tells)
    }

    /// Waits for a line to be where it has to be.
    pub(crate) async fn end(&self, appending: Appending, durability: Durability) -> Result<(), StoreError> {
        appending.ended().await?;
        if durability == Durability::Power { self.0.store.sync().await } else { Ok(()) }
    }

    /// Appends what is said; the line, if it is a checkpoint.
    async fn say(&self, said: Said) -> Result<Option<Line>, StoreError> {
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
                    Err(error) => Err(error.clone()),
                };
                match (&told, waiting.said) {
                    (Ok(_), Said::Body(_) | Said::Closing(_)) => self.count(),
                    (Err(error), Said::Closing(closing)) => self.owe(closing, error),
                    _ => {}
                }
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
        self.0.store.leave(chain).await
    }
}

impl Said {
    /// The line that was made of it, where somebody asks for it.
    fn line(&self, line: Option<&Line>) -> Option<Line> {
        match self {
            Self::Body(_) | Self::Closing(_) => None,
            Self::Seal(_) => line.cloned(),
        }
    }
}

impl Appending {
    async fn ended(self) -> Result<Option<Line>, StoreError> {
        match self {
            Self::Done(appended) => appended,
            Self::Queued(tells) => tells.await.map_err(|_| StoreError::Doubtful("the runtime ended".to_owned()))?,
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
    /// The line of what is said, at the end of the chain.
    fn link(&self, chain: &mut Chain, said: &Said) -> Result<Line, StoreError> {
        Ok(match said {
            Said::Body(body) => chain.link(body, &self.keys),
            Said::Closing(closing) => chain.link(&closing.body, &self.keys),
            Said::Seal(heads) => {
                let body = Checkpoint::body(chain, heads, Timestamp::now(), &self.keys);
                chain.link(&body.ok_or_else(unwritten)?, &self.keys)
            }
        })
    }

    /// Appends line by line: of one line there is never a part.
    fn append_now(&self, said: &Said) -> Result<Option<Line>, StoreError> {
        let mut end = lock(&self.end);
        if end.chain.seq() == 0 {
            let begin = Said::Body(Arc::new(self.begin(&end.heads)?));
            self.append_one(&mut end, &begin)?;
        }
        loop {
            let Some(Owed { closing, .. }) = lock(&self.owed).front().cloned() else { break };
            self.append_one(&mut end, &Said::Closing(closing))?;
            lock(&self.owed).pop_front();
        }
        let line = self.append_one(&mut end, said)?;
        drop(end);
        Ok(said.line(Some(&line)))
    }

    fn append_one(&self, end: &mut End, said: &Said) -> Result<Line, StoreError> {
        let mut chain = end.chain.clone();
        let line = self.link(&mut chain, said)?;
        self.store.append_now(std::slice::from_ref(&line))?;
        end.chain = chain;
        Ok(line)
    }

    /// Only one flush is under way at a time, so that nobody else moves the chain. The lines of
    /// what was said, without what comes before.
    async fn append_all(&self, batch: &[Waiting]) -> Result<Vec<Line>, StoreError> {
        let owed = self.still_owed().await?;
        let mut next = lock(&self.end).clone();
        if !next.is_entered {
            // Of orphans the next process hears.
            self.store.enter(next.chain.id()).await?;
            next.is_entered = true;
        }
        let mut lines = Vec::with_capacity(owed.len() + batch.len() + 1);
        if next.chain.seq() == 0 {
            let begin = self.begin(&next.heads)?;
            lines.push(next.chain.link(&begin, &self.keys));
        }
        for said in owed.iter().chain(batch.iter().map(|waiting| &waiting.said)) {
            lines.push(self.link(&mut next.chain, said)?);
        }
        let appended = self.store.append(&lines).await;
        match appended {
            Ok(()) => {
                *lock(&self.end) = next;
                lock(&self.owed).drain(..owed.len());
                Ok(lines.split_off(lines.len().saturating_sub(batch.len())))
            }
            Err(error) => {
                if matches!(error, StoreError::Doubtful(_)) {
                    // What was appended in doubt ends its chain, wherever that is.
                    let mut end = lock(&self.end);
                    let heads = vec![Head { chain: end.chain.id(), seq: end.chain.seq(), hash: end.chain.last() }];
                    *end = End { chain: Chain::new(Uuid::now_v7()), heads, is_entered: false };
                    drop(end);
                    lock(&self.owed).iter_mut().take(owed.len()).for_each(|owed| owed.is_doubtful = true);
                }
                Err(error)
            }
        }
    }

    /// The first of what is owed, without what is there all the same. Only a flush takes anything
    /// away.
    async fn still_owed(&self) -> Result<Vec<Said>, StoreError> {
        let mut still = Vec::new();
        while still.len() < BATCH {
            let Some(owed) = lock(&self.owed).get(still.len()).cloned() else { break };
            let is_there = owed.is_doubtful && {
                let named = Filter { id: Some(owed.closing.id.clone()), ..Filter::new() };
                !self.store.query(&named, 1, None).await?.entries.is_empty()
            };
            if is_there {
                lock(&self.owed).remove(still.len());
            } else {
                still.push(Said::Closing(owed.closing));
            }
        }
        Ok(still)
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
