//! The trail of a process: every record goes to each of its stores.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::filter::Filter;
use crate::hash::TrailKeys;
use crate::line::{Body, Kind, Line};
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
#[derive(Clone)]
pub struct Trail {
    writers: Arc<[Writer]>,
    calls: Arc<AtomicUsize>,
}

/// Stands for a call that will come to its record; see [`Trail::attend`].
#[derive(Debug)]
pub struct Attending(Arc<AtomicUsize>);

impl Drop for Attending {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
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
        let mut writers = Vec::with_capacity(stores.len());
        for store in stores {
            let name = store.name();
            let writer = Writer::enter(store, keys.clone(), options.clone()).await;
            writers.push(writer.map_err(|error| TrailError { store: name, error })?);
        }
        Ok(Self { writers: writers.into(), calls: Arc::default() })
    }

    /// Its stores.
    pub fn stores(&self) -> impl Iterator<Item = &Arc<dyn AuditStore>> {
        self.writers.iter().map(Writer::store)
    }

    /// Says that a call is on its way, as long as what is answered lives. While there are several,
    /// each lets those that are ready say their records too, so that one write takes all of them;
    /// a call that is alone waits for nobody.
    pub fn attend(&self) -> Attending {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Attending(Arc::clone(&self.calls))
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
        match closing(record) {
            Ok(closing) => {
                let said = Said::Closing(Arc::new(closing));
                // It goes on without anybody who waits.
                self.writers.iter().for_each(|writer| drop(writer.begin(said.clone())));
            }
            Err(error) => tracing::error!(%error, id = record.id, "a record could not be left behind"),
        }
    }

    /// Every store has begun to take it when this is first polled, and goes on also when it is
    /// dropped: a caller that goes away leaves no record in a part of the stores. None of them waits
    /// for another.
    async fn take(&self, said: Said, durability: Durability) -> Result<(), TrailError> {
        let begun: Vec<_> = self.writers.iter().map(|writer| (writer, writer.begin(said.clone()))).collect();
        if self.calls.load(Ordering::Relaxed) > 1 {
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
        for writer in self.writers.iter() {
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
        let mut reports = Vec::with_capacity(self.writers.len());
        for writer in self.writers.iter() {
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
        let mut outcome = Ok(());
        for writer in self.writers.iter() {
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
        match self.writers.first() {
            Some(writer) => writer.store().query(filter, limit, cursor).await.map_err(|error| of(writer, error)),
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
