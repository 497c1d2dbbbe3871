//! What stands in the place of lines that were pruned.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::hash::Hash;
use crate::line::{Kind, Line};
use crate::tree::parts;

/// What a line of kind `pruned` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pruned {
    /// The tombstone that tells why.
    pub(crate) tombstone: Uuid,
    /// The number of the first line that went, which is also that of this one.
    pub(crate) from: u64,
    /// The number of the last line that went.
    pub(crate) to: u64,
    /// The hash of the last line that went.
    pub(crate) last_hash: Hash,
    /// The roots of the largest full parts of the chain's tree whose leaves all went, from left to
    /// right: with them the tree can be made as it was.
    pub(crate) nodes: Vec<Hash>,
    /// The digest of the next stub under the same tombstone; `None` for the last. The tombstone has
    /// that of the first, and so vouches for all.
    pub(crate) next: Option<Hash>,
}

/// No chain has more lines, and places up to here can be counted with.
const LARGEST: u64 = u64::MAX >> 1;

impl Pruned {
    /// How many lines went.
    pub(crate) fn lines(&self) -> u64 {
        self.to.saturating_sub(self.from).saturating_add(1)
    }

    /// Reads a line of kind `pruned`; `None` for another, and for one whose members do not fit
    /// one another.
    pub(crate) fn read(line: &[u8], seq: u64) -> Option<Self> {
        let pruned: Self = serde_json::from_slice(line).ok()?;
        let fits = pruned.from == seq
            && (pruned.from..=LARGEST).contains(&pruned.to)
            && parts(pruned.from.saturating_sub(1), pruned.to).count() == pruned.nodes.len();
        fits.then_some(pruned)
    }

    /// The roots with their levels.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (u32, Hash)> {
        parts(self.from.saturating_sub(1), self.to).zip(self.nodes.iter().copied())
    }
}

/// A line of kind `pruned` with the lines of its chain in whose place it is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stub {
    line: Line,
    to: u64,
}

impl Stub {
    /// The most that are given to a store at once.
    pub const MOST_AT_ONCE: usize = 10_000;

    /// A line of kind `pruned` that ends with the line number `to`; `None` for another line, and
    /// where `to` stands before it.
    pub fn new(line: Line, to: u64) -> Option<Self> {
        (line.place().kind == Kind::Pruned && to >= line.place().seq).then_some(Self { line, to })
    }

    /// The line. It is put where the line with the number `from` stood.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// The chain.
    pub fn chain(&self) -> Uuid {
        self.line.place().chain
    }

    /// The number of the first line that goes, and of the stub itself.
    pub fn from(&self) -> u64 {
        self.line.place().seq
    }

    /// The number of the last line that goes.
    pub fn to(&self) -> u64 {
        self.to
    }

    /// How many lines go.
    pub fn lines(&self) -> u64 {
        (self.to - self.from()).saturating_add(1)
    }
}

/// Finds the stub in whose place a line stood.
#[derive(Debug)]
pub struct Stubs<'a> {
    /// Of each chain, in its order.
    of: HashMap<Uuid, Vec<&'a Stub>>,
}

impl<'a> Stubs<'a> {
    /// Of stubs that are in the order of their places.
    pub fn new(stubs: &'a [Stub]) -> Self {
        let mut of: HashMap<Uuid, Vec<&'a Stub>> = HashMap::new();
        for stub in stubs {
            of.entry(stub.chain()).or_default().push(stub);
        }
        Self { of }
    }

    /// The stub that takes the place of a line; `None` for a line that stays. The stub's own line
    /// is put where the line with its `from` stood.
    pub fn of(&self, chain: Uuid, seq: u64) -> Option<&'a Stub> {
        let stubs = self.of.get(&chain)?;
        let after = stubs.partition_point(|stub| stub.from() <= seq);
        stubs.get(after.checked_sub(1)?).copied().filter(|stub| seq <= stub.to())
    }
}
