//! The chain of one writer.

use uuid::Uuid;

use crate::hash::{Hash, TrailKeys};
use crate::line::{Body, Line};
use crate::tree::{Tree, leaf};

/// Where a chain ends.
#[derive(Clone, Debug)]
pub struct Chain {
    id: Uuid,
    seq: u64,
    last: Hash,
    tree: Tree,
}

impl Chain {
    /// A chain without a line.
    pub fn new(id: Uuid) -> Self {
        Self { id, seq: 0, last: Hash::ZERO, tree: Tree::new() }
    }

    /// Its name.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// How many lines it has; the place of the last one.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The hash of the last line.
    pub fn last(&self) -> Hash {
        self.last
    }

    /// The tree over its lines.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The next line.
    pub fn link(&mut self, body: &Body, keys: &TrailKeys) -> Line {
        let (line, digest) = body.at(self.id, self.seq + 1, self.last, |digest| keys.hash(digest));
        self.seq += 1;
        self.last = line.place().hash;
        self.tree.push(leaf(&digest));
        line
    }
}
