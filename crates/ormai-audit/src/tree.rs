//! A Merkle tree that grows at its end (RFC 6962, section 2.1), of which only the roots of its
//! full parts are kept.

use crate::hash::{Hash, sha256};

/// The leaf of a line with a digest.
pub fn leaf(digest: &Hash) -> Hash {
    sha256(&[&[0], digest.bytes()])
}

/// The node above two others.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left.bytes(), right.bytes()])
}

/// A tree without its inside: as many hashes as its size has ones in binary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// The roots of the full parts, the largest first.
    parts: Vec<Hash>,
}

impl Tree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf at the end.
    pub fn push(&mut self, leaf: Hash) {
        self.push_full(leaf, 0);
    }

    /// Adds a full part of 2^`level` leaves. Only where a part of that size belongs: its place
    /// is a multiple of its size.
    pub fn push_full(&mut self, root: Hash, level: u32) {
        let mut root = root;
        let mut carry = self.size >> level;
        while carry & 1 == 1 {
            let Some(left) = self.parts.pop() else { break };
            root = node(&left, &root);
            carry >>= 1;
        }
        self.parts.push(root);
        self.size += 1 << level;
    }

    /// The root; that of no leaves is the digest of nothing.
    pub fn root(&self) -> Hash {
        let mut parts = self.parts.iter().rev();
        match parts.next() {
            Some(last) => parts.fold(*last, |right, left| node(left, &right)),
            None => sha256(&[]),
        }
    }
}

/// The largest full parts that a run of leaves is made of, counted from zero, from left to right:
/// the level of each, which stands for 2^level leaves.
pub(crate) fn parts(from: u64, to: u64) -> impl Iterator<Item = u32> {
    let mut at = from;
    std::iter::from_fn(move || {
        let left = to.checked_sub(at).filter(|left| *left > 0)?;
        // A part stands where its size divides its place, and ends within the run.
        let level = at.trailing_zeros().min(left.ilog2());
        at += 1 << level;
        Some(level)
    })
}

/// The roots of the largest full parts of a run of leaves, made leaf by leaf.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    to: u64,
    parts: Vec<(u32, Hash)>,
}

impl Run {
    /// A run without a leaf, after so many leaves.
    pub(crate) fn new(from: u64) -> Self {
        Self { to: from, parts: Vec::new() }
    }

    /// Adds a leaf at the end.
    pub(crate) fn push(&mut self, leaf: Hash) {
        let (mut level, mut root) = (0, leaf);
        self.to += 1;
        // Two parts of a size make one where its place is a multiple of its size.
        while let Some((_, left)) = self.parts.pop_if(|(left, _)| *left == level && self.to.trailing_zeros() > level) {
            root = node(&left, &root);
            level += 1;
        }
        self.parts.push((level, root));
    }

    /// The roots, from left to right.
    pub(crate) fn into_nodes(self) -> Vec<Hash> {
        self.parts.into_iter().map(|(_, root)| root).collect()
    }
}
