//! Prunes a store that is written to.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::pruner::{PruneError, Pruner};
use super::retention::{Census, Retention};
use super::stub::Stub;
use super::tombstone::Tombstone;
use crate::hash::TrailKeys;
use crate::store::{AuditStore, StoreError};
use crate::writer::{Durability, Said, Writer};

/// What was pruned in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PruneReport {
    /// The store, as [`crate::AuditStore::name`] calls it.
    pub store: String,
    /// How many lines went.
    pub lines: u64,
    /// How many of them were records.
    pub records: u64,
    /// How many stubs stand in their place.
    pub stubs: u64,
    /// The tombstones that tell of it.
    pub tombstones: Vec<Uuid>,
}

/// Lines that are read at once.
const CHUNK: usize = 4_096;

impl From<PruneError> for StoreError {
    fn from(error: PruneError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What there is in a store, for what may go of it.
async fn census(store: &dyn AuditStore, retention: &Retention) -> Result<Census, StoreError> {
    let (mut census, mut after) = (Census::new(retention.clone()), None);
    loop {
        let scanned = store.scan(after.as_ref(), CHUNK).await?;
        census.read(&scanned);
        after = scanned.next;
        if after.is_none() {
            return Ok(census);
        }
    }
}

/// What [`Trail::prune`](crate::Trail::prune) would let go of a store; nothing of it goes, and no
/// tombstone is made. `read` hears now and then how many lines were read.
///
/// # Errors
///
/// [`StoreError`], and [`PruneError`] as in pruning.
pub async fn would_prune<E: From<StoreError> + From<PruneError>>(
    store: &dyn AuditStore,
    retention: &Retention,
    keys: &TrailKeys,
    read: &mut (dyn FnMut(u64) + Send),
) -> Result<PruneReport, E> {
    let mut pruner = Pruner::new(census(store, retention).await?, keys.clone())?;
    let mut report = PruneReport { store: store.name(), ..PruneReport::default() };
    let (mut source, mut after, mut lines) = (None, None, 0);
    loop {
        let mut scanned = store.scan(after.as_ref(), CHUNK).await?;
        // Pruning closes it first.
        scanned.is_open = false;
        // A stub stands in one source.
        let is_another = source.replace(scanned.source.clone()).is_some_and(|before| before != scanned.source);
        if is_another || pruner.stubs() + CHUNK > Stub::MOST_AT_ONCE {
            report.count(&mut pruner);
        }
        pruner.read(&scanned)?;
        lines += memchr::memchr_iter(b'\n', &scanned.text).count() as u64;
        read(lines);
        after = scanned.next;
        if after.is_none() {
            report.count(&mut pruner);
            return Ok(report);
        }
    }
}

impl PruneReport {
    /// Counts what would go next.
    fn count(&mut self, pruner: &mut Pruner) {
        if let Some(piece) = pruner.piece(Timestamp::now(), "") {
            self.add(&piece.tombstone);
        }
    }

    fn add(&mut self, tombstone: &Tombstone) {
        self.lines += tombstone.lines;
        self.records += tombstone.records;
        self.stubs += tombstone.stubs;
    }
}

impl Writer {
    /// Prunes its store, piece by piece.
    pub(crate) async fn prune(&self, retention: &Retention, by: &str) -> Result<PruneReport, StoreError> {
        let store = self.store();
        // Said before anything is read.
        Pruner::new(Census::new(retention.clone()), self.keys().clone())?;
        // What goes is covered by a checkpoint, as far as it is this writer's.
        self.seal().await?;
        store.rotate().await?;
        let mut pruner = Pruner::new(census(&**store, retention).await?, self.keys().clone())?;
        let mut report = PruneReport { store: store.name(), ..PruneReport::default() };
        // The source that is read, and where it begins.
        let (mut source, mut begins, mut after) = (None::<String>, None, None);
        loop {
            let scanned = store.scan(after.as_ref(), CHUNK).await?;
            if let Some(before) = source.replace(scanned.source.clone()).filter(|before| *before != scanned.source) {
                begins = after.clone();
                self.prune_piece(&mut pruner, &before, by, &mut report).await?;
            }
            pruner.read(&scanned)?;
            let Some(next) = scanned.next else {
                self.prune_piece(&mut pruner, &scanned.source, by, &mut report).await?;
                break;
            };
            after = Some(next);
            // A chunk adds as many as it has lines at most.
            if pruner.stubs() + CHUNK > Stub::MOST_AT_ONCE {
                let is_pruned = self.prune_piece(&mut pruner, &scanned.source, by, &mut report).await?;
                if is_pruned && !store.keeps_positions() {
                    pruner.rewind();
                    after = begins.clone();
                }
            }
        }
        self.seal().await?;
        Ok(report)
    }

    /// Tells of a piece, and then lets it go; whether there was anything.
    async fn prune_piece(
        &self,
        pruner: &mut Pruner,
        source: &str,
        by: &str,
        report: &mut PruneReport,
    ) -> Result<bool, StoreError> {
        let Some(piece) = pruner.piece(Timestamp::now(), by) else { return Ok(false) };
        let tombstone = piece.tombstone;
        let body = tombstone.body(self.keys());
        let body = body.ok_or_else(|| StoreError::Failed("a tombstone cannot be written down".to_owned()))?;
        self.append(Said::Body(Arc::new(body)), Durability::Power).await?;
        self.store().prune(source, &piece.stubs).await?;
        report.add(&tombstone);
        report.tombstones.push(tombstone.id);
        Ok(true)
    }
}
