//! A proof that a record stands in the trail, for somebody who has neither the store nor its MAC
//! key (RFC 6962, section 2.1.1).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::checkpoint::{Checkpoint, Signed};
use crate::hash::{Hash, PublicKey};
use crate::line::{Kind, Line, Place};
use crate::prune::Pruned;
use crate::record::Entry;
use crate::store::{AuditStore, Scanned, StoreError};
use crate::tree::{Path, leaf, root_by_path};
use crate::verify::{lines, record_id};

/// A record with a checkpoint that covers it, and what leads from the one to the other. Written as
/// JSON it can be given away: whoever has the public key can check it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The line of the record.
    pub record: String,
    /// The line of the checkpoint, in the same chain.
    pub checkpoint: String,
    /// The place of the record in the tree, from 0.
    pub index: u64,
    /// How many leaves the tree has.
    pub size: u64,
    /// The nodes beside the way from the record to the root, from below.
    pub path: Vec<Hash>,
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// One of its lines cannot be read.
    #[error("the proof does not hold a record and a checkpoint")]
    Unreadable,
    /// The signature is not there, or by another key.
    #[error("the checkpoint is not signed by this key")]
    NotSigned,
    /// The record and the checkpoint do not belong together.
    #[error("the checkpoint does not cover the record")]
    NotCovered,
    /// The path does not lead to the root.
    #[error("the record is not the one that the checkpoint covers")]
    OtherRoot,
}

/// Why there is no proof.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The store has no such record.
    #[error("there is no record `{0}`")]
    NotFound(String),
    /// Its writer has not made a checkpoint since.
    #[error("no checkpoint covers record `{0}` yet")]
    NotCovered(String),
    /// The store is not what its writers wrote.
    #[error("the chain of record `{0}` does not lead to its checkpoint: verify the store")]
    Tampered(String),
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Proves that a record stands in a store, by the earliest checkpoint of its chain that covers it.
///
/// # Errors
///
/// [`ProveError`].
pub async fn prove(store: &dyn AuditStore, id: &str) -> Result<Proof, ProveError> {
    let mut place = None;
    let mut after = None;
    while place.is_none() {
        let scanned = store.scan(after.as_ref(), CHUNK).await?;
        place = lines(&scanned.text).find_map(|(line, _)| is_record(line, id));
        after = scanned.next;
        if after.is_none() {
            break;
        }
    }
    let place = place.ok_or_else(|| ProveError::NotFound(id.to_owned()))?;
    let mut search = Search::new(&place);
    let mut after = None;
    loop {
        let scanned = store.scan(after.as_ref(), CHUNK).await?;
        if let Some(proof) = search.read(&scanned) {
            return proof.ok_or_else(|| ProveError::Tampered(id.to_owned()));
        }
        after = scanned.next;
        if after.is_none() {
            return Err(ProveError::NotCovered(id.to_owned()));
        }
    }
}

/// Lines that are read at once.
const CHUNK: usize = 4_096;

fn is_record(line: &[u8], id: &str) -> Option<Place> {
    if record_id(line)? != id.as_bytes() {
        return None;
    }
    Place::read(line).map(|(place, _)| place).filter(|place| place.kind == Kind::Record)
}

/// Goes along the chain of a record.
struct Search {
    chain: Uuid,
    seq: u64,
    record: Option<String>,
    path: Path,
}

impl Search {
    fn new(place: &Place) -> Self {
        Self { chain: place.chain, seq: place.seq, record: None, path: Path::new(place.seq.saturating_sub(1)) }
    }

    /// The proof, once its checkpoint is met; nothing in it where it would not hold.
    fn read(&mut self, scanned: &Scanned) -> Option<Option<Proof>> {
        for (text, _) in lines(&scanned.text) {
            let Some((place, hashed)) = Place::read(text).filter(|(place, _)| place.chain == self.chain) else {
                continue;
            };
            if place.seq == self.seq {
                self.record = std::str::from_utf8(text).ok().map(str::to_owned);
            }
            if place.kind == Kind::Checkpoint && place.seq > self.seq {
                return Some(self.proof(text));
            }
            match place.kind {
                Kind::Pruned => {
                    let Some(pruned) = Pruned::read(text, place.seq) else { return Some(None) };
                    pruned.parts().for_each(|(level, node)| self.path.push_full(node, level));
                }
                _ => self.path.push_full(leaf(&Place::digest(hashed)), 0),
            }
        }
        None
    }

    fn proof(&self, checkpoint: &[u8]) -> Option<Proof> {
        let checkpoint = std::str::from_utf8(checkpoint).ok()?.to_owned();
        let size = self.path.size();
        let proof =
            Proof { record: self.record.clone()?, checkpoint, index: self.path.index(), size, path: self.path.nodes() };
        proof.leads().ok().map(|_| proof)
    }
}

impl Proof {
    /// Checks it by the public key of whom is trusted; the record that it proves.
    ///
    /// # Errors
    ///
    /// [`ProofError`].
    pub fn check(&self, by: &PublicKey) -> Result<Entry, ProofError> {
        let (record, checkpoint, line) = self.leads()?;
        match checkpoint.signed(&line, Some(by)) {
            Signed::Yes => Entry::read(&record).ok_or(ProofError::Unreadable),
            Signed::No | Signed::Wrong => Err(ProofError::NotSigned),
        }
    }

    /// Whether the path leads from the record to the root that the checkpoint tells of.
    fn leads(&self) -> Result<(Line, Checkpoint, Line), ProofError> {
        let read = |text: &str| Line::read(text).ok_or(ProofError::Unreadable);
        let (record, line) = (read(&self.record)?, read(&self.checkpoint)?);
        let checkpoint = Checkpoint::read(&line).ok_or(ProofError::Unreadable)?;
        let covers = &checkpoint.covers;
        let place = record.place();
        let is_covered = place.kind == Kind::Record
            && covers.head.chain == place.chain
            && covers.head.seq == self.size
            && self.index < self.size
            && place.seq == self.index + 1;
        if !is_covered {
            return Err(ProofError::NotCovered);
        }
        let (_, hashed) = Place::read(self.record.as_bytes()).ok_or(ProofError::Unreadable)?;
        let root = root_by_path(leaf(&Place::digest(hashed)), self.index, self.size, &self.path);
        if root != Some(covers.root) {
            return Err(ProofError::OtherRoot);
        }
        Ok((record, checkpoint, line))
    }
}
