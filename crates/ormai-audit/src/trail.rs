//! The trail of a process: every record goes to each of its stores.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::filter::Filter;
use crate::hash::TrailKeys;
use crate::line::{Body, Kind, Line};
use crate::record::Record;
use crate::store::{AuditStore, Records, StoreError};
use crate::writer::{Durability, Writer};

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
pub struct Trail(Arc<[Writer]>);

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
        Ok(Self(writers.into()))
    }

    /// Its stores.
    pub fn stores(&self) -> impl Iterator<Item = &Arc<dyn AuditStore>> {
        self.0.iter().map(Writer::store)
    }

    /// Takes a record that is not closed, of something that is about to be done. It is on stable
    /// storage when this returns.
    ///
    /// # Errors
    ///
    /// [`TrailError`]: then nothing may be done.
    pub async fn intend(&self, record: &Record) -> Result<(), TrailError> {
        self.take(Kind::Intent, record, Durability::Power).await
    }

    /// Takes a closed record that follows an intent, or tells of a bypass. It is on stable storage
    /// when this returns. Once it was polled, every store gets the record, also when it is dropped.
    ///
    /// # Errors
    ///
    /// [`TrailError`].
    pub async fn close(&self, record: &Record) -> Result<(), TrailError> {
        self.take(Kind::Record, record, Durability::Power).await
    }

    /// Takes the closed record of a call that changed nothing. It has reached the operating
    /// system when this returns. It may be dropped as that of [`Trail::close`].
    ///
    /// # Errors
    ///
    /// [`TrailError`]: then nothing may be answered.
    pub async fn note(&self, record: &Record) -> Result<(), TrailError> {
        self.take(Kind::Record, record, Durability::Process).await
    }

    /// Takes the closed record of a call that nobody waits for any more.
    pub fn leave_behind(&self, record: &Record) {
        match Body::new(Kind::Record, record) {
            Some(body) => {
                let body = Arc::new(body);
                self.0.iter().for_each(|writer| writer.leave_behind(Arc::clone(&body)));
            }
            None => tracing::error!(id = record.id, "a record cannot be written down"),
        }
    }

    async fn take(&self, kind: Kind, record: &Record, durability: Durability) -> Result<(), TrailError> {
        let body = Body::new(kind, record).ok_or_else(|| TrailError {
            store: "the trail".to_owned(),
            error: StoreError::Failed("a record cannot be written down".to_owned()),
        })?;
        let body = Arc::new(body);
        // Before anything is waited for, so that no store is without it when nobody waits any more.
        let handed_over: Vec<_> = self.0.iter().map(|writer| writer.hand_over(Arc::clone(&body))).collect();
        let mut outcome = Ok(());
        for (writer, said) in self.0.iter().zip(handed_over) {
            // Those that can still take it do, also when another cannot.
            let taken = writer.taken(said, durability).await;
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
        for writer in self.0.iter() {
            lines.extend(writer.seal().await.map_err(|error| of(writer, error))?);
        }
        Ok(lines)
    }

    /// Seals the chains and ends them: nothing of them is open. Without it the next process does
    /// so.
    ///
    /// # Errors
    ///
    /// [`TrailError`].
    pub async fn end(&self) -> Result<(), TrailError> {
        for writer in self.0.iter() {
            writer.leave().await.map_err(|error| of(writer, error))?;
        }
        Ok(())
    }

    /// Closed records of the first store, the newest first, at most `limit` of them, before a cursor.
    ///
    /// # Errors
    ///
    /// [`TrailError`].
    pub async fn query(&self, filter: &Filter, limit: usize, cursor: Option<&str>) -> Result<Records, TrailError> {
        match self.0.first() {
            Some(writer) => writer.store().query(filter, limit, cursor).await.map_err(|error| of(writer, error)),
            None => Ok(Records::default()),
        }
    }
}

fn of(writer: &Writer, error: StoreError) -> TrailError {
    TrailError { store: writer.store().name(), error }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.stores().map(|store| store.name())).finish()
    }
}
