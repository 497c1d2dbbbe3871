//! Makes stubs of the lines that go.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use uuid::Uuid;

use super::retention::{Census, Retention, Told};
use super::stub::{Pruned, Stub};
use super::tombstone::Tombstone;
use crate::hash::{Hash, TrailKeys};
use crate::line::{Body, Kind, Place};
use crate::store::Scanned;
use crate::tree::{Run, leaf};
use crate::verify::lines;

/// Why nothing is pruned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PruneError {
    /// Every record would go.
    #[error("neither an age nor a number of records to keep is given: every record would go")]
    Unlimited,
    /// What is not as its writer left it must not be replaced: that would hide it.
    #[error("line {seq} of chain {chain} does not fit the keys or the line before it: verify the store first")]
    Unfit {
        /// The chain.
        chain: Uuid,
        /// The place in the chain.
        seq: u64,
    },
}

/// Takes the lines of a store and makes stubs of those that go: one for each run of them in a
/// chain. Several chains may have runs under way at once.
///
/// It keeps what goes in a piece: the runs since the last [`Pruner::piece`].
#[derive(Debug)]
pub struct Pruner {
    retention: Retention,
    /// From this record on all are kept.
    kept_from: Option<Uuid>,
    open: HashSet<Uuid>,
    /// Intents that stay, whose records have not come: these stay too.
    kept_intents: HashSet<Uuid>,
    keys: TrailKeys,
    /// Where each chain was left.
    chains: HashMap<Uuid, Left>,
    runs: HashMap<Uuid, Going>,
    done: Vec<Going>,
    ordinal: u64,
}

/// Where a chain was left.
#[derive(Clone, Copy, Debug)]
struct Left {
    seq: u64,
    last: Hash,
}

/// Lines of a chain that go, one after the other.
#[derive(Clone, Debug)]
struct Going {
    chain: Uuid,
    /// Where the first of them stands, among all lines.
    ordinal: u64,
    from: u64,
    to: u64,
    prev_hash: Hash,
    last_hash: Hash,
    /// Whether their hashes have no key.
    is_plain: bool,
    tree: Run,
    records: u64,
}

/// What goes at once, under one tombstone.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// It has to be on stable storage before a line goes. Not signed yet.
    pub tombstone: Tombstone,
    /// In the order of their places.
    pub stubs: Vec<Stub>,
}

impl Pruner {
    /// After a census of the store.
    ///
    /// # Errors
    ///
    /// [`PruneError::Unlimited`] when the retention says nothing.
    pub fn new(census: Census, keys: TrailKeys) -> Result<Self, PruneError> {
        if !census.retention.is_limited() {
            return Err(PruneError::Unlimited);
        }
        let (retention, kept_from, open) = census.into_parts();
        Ok(Self {
            retention,
            kept_from,
            open,
            kept_intents: HashSet::new(),
            keys,
            chains: HashMap::new(),
            runs: HashMap::new(),
            done: Vec::new(),
            ordinal: 0,
        })
    }

    /// How many stubs it has to make as yet.
    pub fn stubs(&self) -> usize {
        self.runs.len() + self.done.len()
    }

    /// Forgets where it is, so that reading may begin at another place.
    pub fn rewind(&mut self) {
        self.chains.clear();
    }

    /// Takes the next chunk. What stands in a source that is still written to stays.
    ///
    /// # Errors
    ///
    /// [`PruneError::Unfit`] for a line that would go and is not as its writer left it.
    pub fn read(&mut self, scanned: &Scanned) -> Result<(), PruneError> {
        for (line, is_whole) in lines(&scanned.text) {
            self.ordinal += 1;
            if let Some((place, hashed)) = Place::read(line) {
                self.line(line, &place, hashed, is_whole && !scanned.is_open)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], place: &Place, hashed: &[u8], may_go: bool) -> Result<(), PruneError> {
        let goes = self.goes(place.kind, line, may_go);
        let ends = match place.kind {
            Kind::Pruned => Pruned::read(line, place.seq).map(|pruned| Left { seq: pruned.to, last: pruned.last_hash }),
            _ => Some(Left { seq: place.seq, last: place.hash }),
        };
        let Some(ends) = ends else { return Err(PruneError::Unfit { chain: place.chain, seq: place.seq }) };
        let left = self.chains.insert(place.chain, ends);
        if !goes {
            self.done.extend(self.runs.remove(&place.chain));
            return Ok(());
        }
        let digest = Place::digest(hashed);
        let is_plain = place.hash == digest;
        let follows =
            left.is_none_or(|left| left.seq.checked_add(1) == Some(place.seq) && left.last == place.prev_hash);
        let is_as_before = self.runs.get(&place.chain).is_none_or(|going| going.is_plain == is_plain);
        let is_genuine = is_plain || self.keys.hash(&digest) == place.hash;
        if !(follows && is_as_before && is_genuine) {
            return Err(PruneError::Unfit { chain: place.chain, seq: place.seq });
        }
        let going = self.runs.entry(place.chain).or_insert_with(|| Going {
            chain: place.chain,
            ordinal: self.ordinal,
            from: place.seq,
            to: place.seq,
            prev_hash: place.prev_hash,
            last_hash: place.hash,
            is_plain,
            tree: Run::new(place.seq.saturating_sub(1)),
            records: 0,
        });
        going.to = place.seq;
        going.last_hash = place.hash;
        going.tree.push(leaf(&digest));
        going.records += u64::from(place.kind == Kind::Record);
        Ok(())
    }

    /// Whether a line goes. What cannot be read stays; so do an intent without a record, and a record
    /// whose intent stays.
    fn goes(&mut self, kind: Kind, line: &[u8], may_go: bool) -> bool {
        if !matches!(kind, Kind::Record | Kind::Intent) {
            return false;
        }
        let Ok(told) = serde_json::from_slice::<Told>(line) else { return false };
        let Some(number) = told.number() else { return false };
        let goes = may_go
            && self.retention.is_of(&told)
            && self.retention.older_than.is_none_or(|from| told.timestamp < from)
            && self.kept_from.is_none_or(|from| number < from)
            && !self.open.contains(&number);
        match kind {
            Kind::Intent => {
                if !goes {
                    self.kept_intents.insert(number);
                }
                goes
            }
            _ => !self.kept_intents.remove(&number) && goes,
        }
    }

    /// What goes of the lines that came since the last time; `None` when nothing does.
    pub fn piece(&mut self, at: Timestamp, by: &str) -> Option<Piece> {
        let mut going = std::mem::take(&mut self.done);
        going.extend(std::mem::take(&mut self.runs).into_values());
        going.sort_by_key(|going| going.ordinal);
        let lines = going.iter().map(|going| going.to - going.from + 1).sum();
        let records = going.iter().map(|going| going.records).sum();
        let id = Uuid::now_v7();
        // Each has the digest of the one after it: they are made from the end.
        let mut next = None;
        let mut stubs = Vec::with_capacity(going.len());
        for going in going.into_iter().rev() {
            let (stub, digest) = going.stub(id, next, &self.keys)?;
            next = Some(digest);
            stubs.push(stub);
        }
        stubs.reverse();
        let retention = &self.retention;
        let tombstone = Tombstone {
            id,
            at,
            by: by.to_owned(),
            tenant: retention.tenant.clone(),
            older_than: retention.older_than,
            keep: retention.keep,
            lines,
            records,
            stubs: stubs.len() as u64,
            first: next?,
            public_key: None,
            signature: None,
        };
        Some(Piece { tombstone, stubs })
    }
}

impl Going {
    /// The line in its place, with its digest.
    fn stub(self, tombstone: Uuid, next: Option<Hash>, keys: &TrailKeys) -> Option<(Stub, Hash)> {
        let Self { chain, from, to, prev_hash, last_hash, is_plain, tree, .. } = self;
        let pruned = Pruned { tombstone, from, to, last_hash, nodes: tree.into_nodes(), next };
        let body = Body::new(Kind::Pruned, &pruned)?;
        let hash = |digest: &Hash| if is_plain { *digest } else { keys.hash(digest) };
        let (line, digest) = body.at(chain, from, prev_hash, hash);
        Some((Stub::new(line, to)?, digest))
    }
}
