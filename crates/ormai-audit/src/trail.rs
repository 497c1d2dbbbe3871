//! The trail of a process: every record goes to each of its stores.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::aside;
use crate::filter::Filter;
use crate::hash::TrailKeys;
use crate::line::{Body, Kind, Line};
use crate::process::{PerProcess, Process};
use crate::prune::{PruneReport, Retention};
use crate::record::Record;
use crate::store::{AuditStore, Records, StoreError};
use crate::writer::{Closing, Durability, Said, Writer};

/// How a trail is kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TrailOptions {
    /// After how many lines a checkpoint is made.
    pub checkpoint_every: u64,
    /// How long a line waits at most for a checkpoint.
    pub checkpoint_after: Duration,
    /// A file to which every checkpoint is copied, best on another machine's disk: who can change
    /// the store cannot change it there.
    pub checkpoint_copies: Option<PathBuf>,
}

impl Default for TrailOptions {
    fn default() -> Self {
        Self { checkpoint_every: 1_000, checkpoint_after: Duration::from_secs(60), checkpoint_copies: None }
    }
}

/// Why a record was not taken, by the store that did not take it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{store}: {error}")]
pub struct TrailError {
    /// The store.
    pub store: String,
    /// Why.
    pub error: StoreError,
}

/// Takes the records of a process, and gives each to all of its stores. A record counts as
/// taken when all of them have it.
///
/// On a tokio runtime, what goes on beside the calls is done there; without one, in a thread of its own.
/// A process that was forked from the one that opened it writes a chain of its own; see
/// [`forked`](crate::forked).
#[derive(Clone)]
pub struct Trail(Arc<Shared>);

struct Shared {
    stores: Vec<Arc<dyn AuditStore>>,
    keys: TrailKeys,
    options: TrailOptions,
    opened_by: Process,
    here: PerProcess<Here>,
}

/// What a process has of it.
struct Here {
    process: Process,
    /// None yet in the child of a fork that has not said anything.
    writers: OnceCell<Vec<Writer>>,
    calls: Arc<AtomicUsize>,
}

/// Stands for a call that will come to its record; see [`Trail::attend`].
#[derive(Debug)]
pub struct Attending {
    process: Process,
    calls: Arc<AtomicUsize>,
}

impl Attending {
    /// Whether the call was begun in this process, and not in the one that it was forked from: there it
    /// comes to its record.
    pub fn is_here(&self) -> bool {
        self.process.is_this()
    }
}

impl Drop for Attending {
    fn drop(&mut self) {
        self.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Trail {
    /// Begins a chain in each store, and closes there what writers that are gone left open.
    ///
    /// # Errors
    ///
    /// [`TrailError`] with the first store that does not let it begin; [`StoreError::NotInstalled`]
    /// before [`AuditStore::install`].
    pub async fn open(
        stores: Vec<Arc<dyn AuditStore>>,
        keys: TrailKeys,
        options: TrailOptions,
    ) -> Result<Self, TrailError> {
        let shared = Shared { stores, keys, options, opened_by: Process::this(), here: PerProcess::new() };
        let trail = Self(Arc::new(shared));
        trail.writers().await?;
        Ok(trail)
    }

    /// Its stores.
    pub fn stores(&self) -> impl Iterator<Item = &Arc<dyn AuditStore>> {
        self.0.stores.iter()
    }

    fn here(&self) -> &Here {
        let make = || Here { process: Process::this(), writers: OnceCell::new(), calls: Arc::default() };
        self.0.here.here(make)
    }

    /// The writers of this process.
    async fn writers(&self) -> Result<&[Writer], TrailError> {
        let here = self.here();
        match here.writers.get() {
            Some(writers) => Ok(writers),
            // Those who come meanwhile wait for it.
            None => here.writers.get_or_try_init(async || self.enter().await).await.map(Vec::as_slice),
        }
    }

    /// Begins a chain in each store.
    async fn enter(&self) -> Result<Vec<Writer>, TrailError> {
        let Shared { stores, keys, options, opened_by, .. } = &*self.0;
        let mut writers = Vec::with_capacity(stores.len());
        for store in stores {
            let refused = |error| TrailError { store: store.name(), error };
            if !opened_by.is_this() && !store.survives_fork() {
                return Err(refused(StoreError::Forked));
            }
            let writer = Writer::enter(Arc::clone(store), keys.clone(), options.clone()).await;
            writers.push(writer.map_err(refused)?);
        }
        Ok(writers)
    }

    /// Says that a call is on its way, as long as what is answered lives. While there are several,
    /// each lets those that are ready say their records too, so that one write takes all of them;
    /// a call that is alone waits for nobody.
    pub fn attend(&self) -> Attending {
        let here = self.here();
        here.calls.fetch_add(1, Ordering::Relaxed);
        Attending { process: here.process, calls: Arc::clone(&here.calls) }
    }

    /// Takes a record that is not closed, of something that is about to be done. It is on stable
    /// storage when this returns.
    ///
    /// # Errors
    ///
    /// [`TrailError`]: then nothing may be done.
    pub async fn intend(&self, record: &Record) -> Result<(), TrailError> {
        self.take(Said::Body(Arc::new(body(Kind::Intent, record)?)), Durability::Power).await
    }

    /// Takes a closed record that follows an intent, or tells of a bypass. It is on stable storage
    /// when this returns.
    ///
    /// A store that does not take it is given it again, before the next line that it takes: up to
    /// 1,000 records, as long as the process lives. So its intent does not stay open.
    ///
    /// # Errors
    ///
    /// [`TrailError`].
    pub async fn close(&self, record: &Record) -> Result<(), TrailError> {
        self.take(Said::Closing(Arc::new(closing(record)?)), Durability::Power).await
    }

    /// Takes the closed record of a call that changed nothing. It has reached the operating
    /// system when this returns.
    ///
    /// # Errors
    ///
    /// [`TrailError`]: then nothing may be answered.
    pub async fn note(&self, record: &Record) -> Result<(), TrailError> {
        self.take(Said::Note(Arc::new(closing(record)?)), Durability::Process).await
    }

    /// Takes the closed record of a call that nobody waits for any more. A store that does not take
    /// it is given it again, as in [`Trail::close`].
    pub fn leave_behind(&self, record: &Record) {
        let said = match closing(record) {
            Ok(closing) => Said::Closing(Arc::new(closing)),
            Err(error) => {
                tracing::error!(%error, id = record.id, "a record could not be left behind");
                return;
            }
        };
        // It goes on without anybody who waits.
        if let Some(writers) = self.here().writers.get() {
            return writers.iter().for_each(|writer| drop(writer.begin(said.clone())));
        }
        let trail = self.clone();
        let left = aside::spawn(async move {
            match trail.writers().await {
                Ok(writers) => writers.iter().for_each(|writer| drop(writer.begin(said.clone()))),
                Err(error) => tracing::error!(%error, "a record could not be left behind"),
            }
        });
        if let Err(error) = left {
            tracing::error!(%error, id = record.id, "a record could not be left behind");
        }
    }

    /// Every store has begun to take it when this is first polled, and goes on also when it is
    /// dropped: a caller that goes away leaves no record in a part of the stores. None of them waits
    /// for another.
    async fn take(&self, said: Said, durability: Durability) -> Result<(), TrailError> {
        // At once, but for the first record of a forked process.
        let writers = self.writers().await?;
        let begun: Vec<_> = writers.iter().map(|writer| (writer, writer.begin(said.clone()))).collect();
        if self.here().calls.load(Ordering::Relaxed) > 1 {
            // Whoever is ready to say something does so now.
            tokio::task::yield_now().await;
        }
        begun.iter().for_each(|(_, appending)| appending.serve());
        let mut outcome = Ok(());
        for (writer, appending) in begun {
            // Those that can still take it do, also when another cannot.
            let taken = writer.end(appending, durability).await;
            outcome = outcome.and(taken.map_err(|error| of(writer, error)));
        }
        outcome
    }

    /// Makes a checkpoint in each store that has anything new, and tells their lines.
    ///
    /// # Errors
    ///
    /// [`TrailError`].
    pub async fn checkpoint(&self) -> Result<Vec<Line>, TrailError> {
        let mut lines = Vec::new();
        for writer in self.writers().await? {
            lines.extend(writer.seal().await.map_err(|error| of(writer, error))?);
        }
        Ok(lines)
    }

    /// Lets records go in each store that are not to be kept, and leaves a tombstone in their place;
    /// `by` names who prunes. Of a store that is written to file by file, those that are closed are
    /// pruned.
    ///
    /// # Errors
    ///
    /// [`TrailError`] with the first store that cannot be pruned: [`StoreError::Failed`] when the
    /// retention says nothing, and when a line that would go is not as its writer left it. What
    /// went before that is gone, and the store verifies all the same.
    pub async fn prune(&self, retention: &Retention, by: &str) -> Result<Vec<PruneReport>, TrailError> {
        let writers = self.writers().await?;
        let mut reports = Vec::with_capacity(writers.len());
        for writer in writers {
            reports.push(writer.prune(retention, by).await.map_err(|error| of(writer, error))?);
        }
        Ok(reports)
    }

    /// Seals the chains and ends them: nothing of them is open. Without it the next process does
    /// so.
    ///
    /// # Errors
    ///
    /// [`TrailError`].
    pub async fn end(&self) -> Result<(), TrailError> {
        // A process that has said nothing has nothing to end.
        let Some(writers) = self.here().writers.get() else { return Ok(()) };
        let mut outcome = Ok(());
        for writer in writers {
            // Those that can still end do, also when another cannot.
            let ended = writer.leave().await;
            outcome = outcome.and(ended.map_err(|error| of(writer, error)));
        }
        outcome
    }

    /// Closed records of the first store, the newest first, at most `limit` of them, before a cursor.
    ///
    /// # Errors
    ///
    /// [`TrailError`].
    pub async fn query(&self, filter: &Filter, limit: usize, cursor: Option<&str>) -> Result<Records, TrailError> {
        match self.0.stores.first() {
            Some(store) => {
                let found = store.query(filter, limit, cursor).await;
                found.map_err(|error| TrailError { store: store.name(), error })
            }
            None => Ok(Records::default()),
        }
    }
}

fn body(kind: Kind, record: &Record) -> Result<Body, TrailError> {
    Body::new(kind, record).ok_or_else(|| TrailError {
        store: "the trail".to_owned(),
        error: StoreError::Failed("a record cannot be written down".to_owned()),
    })
}

fn closing(record: &Record) -> Result<Closing, TrailError> {
    Ok(Closing { id: record.id.clone(), body: body(Kind::Record, record)? })
}

fn of(writer: &Writer, error: StoreError) -> TrailError {
    TrailError { store: writer.store().name(), error }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.stores().map(|store| store.name())).finish()
    }
}
