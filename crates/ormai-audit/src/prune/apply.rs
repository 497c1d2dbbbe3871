//! Prunes a store that is written to.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::pruner::{PruneError, Pruner};
use super::retention::{Census, Retention};
use super::stub::Stub;
use crate::store::StoreError;
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

impl Writer {
    /// Prunes its store, piece by piece.
    pub(crate) async fn prune(&self, retention: &Retention, by: &str) -> Result<PruneReport, StoreError> {
        let store = self.store();
        // Said before anything is read.
        Pruner::new(Census::new(retention.clone()), self.keys().clone())?;
        // What goes is covered by a checkpoint, as far as it is this writer's.
        self.seal().await?;
        store.rotate().await?;
        let (mut census, mut after) = (Census::new(retention.clone()), None);
        loop {
            let scanned = store.scan(after.as_ref(), CHUNK).await?;
            census.read(&scanned);
            after = scanned.next;
            if after.is_none() {
                break;
            }
        }
        let mut pruner = Pruner::new(census, self.keys().clone())?;
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
        report.lines += tombstone.lines;
        report.records += tombstone.records;
        report.stubs += tombstone.stubs;
        report.tombstones.push(tombstone.id);
        Ok(true)
    }
}
