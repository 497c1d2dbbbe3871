//! What is kept of a chain while its lines are verified.

use uuid::Uuid;

use super::report::Checked;
use super::spot::{Known, Spot};
use super::survey::Tie;
use crate::hash::Hash;
use crate::tree::Tree;

/// What is kept of a chain.
#[derive(Clone, Debug)]
pub(super) struct ChainState {
    pub(super) id: Uuid,
    /// Counts the chains, in the order of their beginning.
    pub(super) index: usize,
    /// Where its first line stands.
    pub(super) begun: Spot,
    pub(super) checked: Option<Checked>,
    /// The public key that its first line names.
    pub(super) public_key: Option<String>,
    /// Lines that were taken.
    pub(super) lines: u64,
    /// The last line.
    pub(super) seq: u64,
    pub(super) last: Hash,
    pub(super) last_spot: Option<Spot>,
    /// Whether the last line is what somebody else says it is.
    pub(super) is_last_tied: bool,
    /// What the last line says of the one before.
    pub(super) prev_hash: Hash,
    /// `None` once a line is missing from it.
    pub(super) tree: Option<Tree>,
    /// Lines after the last checkpoint.
    pub(super) unsealed: u64,
    /// The last line that a checkpoint of its own covers, and where the next stands.
    pub(super) sealed: u64,
    pub(super) after_sealed: Option<Spot>,
    /// What others say of it, from `next_tie` on not yet compared.
    pub(super) ties: Vec<Tie>,
    pub(super) next_tie: usize,
    /// A line that does not fit: the next one shows what it is.
    pub(super) pending: Option<Pending>,
    /// The last line says that the one before was another: the next shows which of the two is bad.
    pub(super) broken: Option<Broken>,
    /// Another line in the place of the last one: the next shows which of them belongs there.
    pub(super) rival: Option<Rival>,
    pub(super) gaps: Vec<Gap>,
}

/// A line whose hash does not fit, and which stands where the next one should.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) spot: Spot,
    pub(super) known: Known,
    /// What it says its hash is.
    pub(super) hash: Option<Hash>,
    /// The last of the places that it takes.
    pub(super) to: u64,
    pub(super) why: String,
}

/// Two lines of which the second says that the first was another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broken {
    pub(super) first: Spot,
    pub(super) first_seq: u64,
    pub(super) is_first_tied: bool,
    pub(super) second: Spot,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Rival {
    pub(super) spot: Spot,
    pub(super) hash: Hash,
}

/// Lines that are missing where they should stand; they may turn up later.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    /// Where they should stand: there is the line after them.
    pub(super) spot: Spot,
    /// The line after them.
    pub(super) after: u64,
    pub(super) after_hash: Hash,
    pub(super) after_known: Known,
    /// What is missing still, in order.
    pub(super) ranges: Vec<(u64, u64)>,
    /// How many of them turned up.
    pub(super) late: u64,
    /// The line after them turned up once more, in its place.
    pub(super) is_after_copied: bool,
}

/// Gaps that are remembered of a chain, in case their lines turn up.
const MOST_GAPS: usize = 1_000;
/// Parts of a gap that are remembered, when its lines turn up in any order.
const MOST_RANGES: usize = 1_000;

impl ChainState {
    pub(super) fn new(id: Uuid, index: usize, begun: Spot, ties: Vec<Tie>) -> Self {
        Self {
            id,
            index,
            begun,
            checked: None,
            public_key: None,
            lines: 0,
            seq: 0,
            last: Hash::ZERO,
            last_spot: None,
            is_last_tied: false,
            prev_hash: Hash::ZERO,
            tree: Some(Tree::new()),
            unsealed: 0,
            sealed: 0,
            after_sealed: None,
            ties,
            next_tie: 0,
            pending: None,
            broken: None,
            rival: None,
            gaps: Vec::new(),
        }
    }

    /// The place of the next line.
    pub(super) fn next(&self) -> u64 {
        self.seq.saturating_add(1)
    }

    /// Whether there is still something that others say of it.
    pub(super) fn is_tied_further(&self) -> bool {
        self.next_tie < self.ties.len()
    }

    /// Remembers a gap.
    pub(super) fn miss(&mut self, gap: Gap) -> Option<Gap> {
        if self.gaps.len() < MOST_GAPS {
            self.gaps.push(gap);
            return None;
        }
        Some(gap)
    }

    /// A line that comes after later ones: whether it was missed.
    pub(super) fn turns_up(&mut self, seq: u64, hash: &Hash) -> bool {
        for gap in &mut self.gaps {
            if gap.take(seq) {
                return true;
            }
            if gap.ranges.is_empty() && !gap.is_after_copied && gap.after == seq && gap.after_hash == *hash {
                gap.is_after_copied = true;
                return true;
            }
        }
        false
    }
}

impl Gap {
    fn take(&mut self, seq: u64) -> bool {
        let Some(at) = self.ranges.iter().position(|(from, to)| (*from..=*to).contains(&seq)) else { return false };
        if self.ranges.len() >= MOST_RANGES {
            return false;
        }
        let (from, to) = self.ranges.remove(at);
        if seq < to {
            self.ranges.insert(at, (seq + 1, to));
        }
        if from < seq {
            self.ranges.insert(at, (from, seq - 1));
        }
        self.late += 1;
        true
    }
}
