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

/// The nodes beside the way from a leaf to the root, gathered while the tree grows (RFC 6962,
/// section 2.1.1).
#[derive(Clone, Debug)]
pub(crate) struct Path {
    index: u64,
    size: u64,
    /// The tree before the leaf.
    before: Tree,
    /// What stands beside the way on its right, by level.
    right: Vec<Tree>,
}

impl Path {
    /// Of a leaf, counted from zero, in a tree that is empty as yet.
    pub(crate) fn new(index: u64) -> Self {
        Self { index, size: 0, before: Tree::new(), right: Vec::new() }
    }

    pub(crate) fn index(&self) -> u64 {
        self.index
    }

    /// How many leaves the tree has.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds a full part at the end, as [`Tree::push_full`]; the leaf itself as one of its own.
    pub(crate) fn push_full(&mut self, root: Hash, level: u32) {
        let at = self.size;
        self.size += 1 << level;
        if at < self.index {
            return self.before.push_full(root, level);
        }
        // The highest bit in which two places differ is the level at which they meet.
        let Some(meets) = (at ^ self.index).checked_ilog2() else { return };
        let meets = usize::try_from(meets).unwrap_or(usize::MAX);
        while self.right.len() <= meets {
            self.right.push(Tree::new());
        }
        if let Some(beside) = self.right.get_mut(meets) {
            beside.push_full(root, level);
        }
    }

    /// The nodes, from below.
    pub(crate) fn nodes(&self) -> Vec<Hash> {
        let mut left = self.before.parts.iter().rev();
        let mut nodes = Vec::new();
        for level in 0..u64::BITS {
            let beside = usize::try_from(level).ok().and_then(|level| self.right.get(level));
            if (self.index >> level) & 1 == 1 {
                nodes.extend(left.next());
            } else {
                nodes.extend(beside.filter(|beside| beside.size() > 0).map(Tree::root));
            }
        }
        nodes
    }
}

/// The root to which a path leads from a leaf (RFC 9162, section 2.1.3.2); `None` when it has too
/// many nodes, or too few.
pub(crate) fn root_by_path(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    let (mut at, mut last) = (index, size.checked_sub(1).filter(|last| index <= *last)?);
    let mut root = leaf;
    for beside in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            root = node(beside, &root);
            // Without a right neighbour it stands for itself on the levels above.
            let up = if at & 1 == 1 { 0 } else { at.trailing_zeros() };
            at = at.checked_shr(up).unwrap_or(0);
            last = last.checked_shr(up).unwrap_or(0);
        } else {
            root = node(&root, beside);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it is defined (RFC 6962, section 2.1).
    fn defined_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => sha256(&[]),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(largest_power_below(leaves.len()));
                node(&defined_root(left), &defined_root(right))
            }
        }
    }

    /// As it is defined (RFC 6962, section 2.1.1).
    fn defined_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() <= 1 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(largest_power_below(leaves.len()));
        let (mut path, beside) = if index < left.len() {
            (defined_path(index, left), defined_root(right))
        } else {
            (defined_path(index - left.len(), right), defined_root(left))
        };
        path.push(beside);
        path
    }

    fn largest_power_below(many: usize) -> usize {
        many.next_power_of_two() / 2
    }

    fn leaves(many: usize) -> Vec<Hash> {
        (0..many).map(|at| leaf(&sha256(&[&at.to_le_bytes()]))).collect()
    }

    #[test]
    fn the_root_is_the_defined_one_at_every_size() {
        let leaves = leaves(130);
        let mut tree = Tree::new();
        for many in 0..=leaves.len() {
            assert_eq!(tree.root(), defined_root(&leaves[..many]), "of {many}");
            if let Some(leaf) = leaves.get(many) {
                tree.push(*leaf);
            }
        }
    }

    #[test]
    fn a_tree_is_the_same_when_a_run_of_leaves_is_known_by_its_parts_alone() {
        let leaves = leaves(40);
        for from in 0..leaves.len() {
            for to in from + 1..=leaves.len() {
                let mut run = Run::new(from as u64);
                leaves[from..to].iter().for_each(|leaf| run.push(*leaf));
                let nodes = run.into_nodes();
                assert_eq!(parts(from as u64, to as u64).count(), nodes.len());
                let mut tree = Tree::new();
                leaves[..from].iter().for_each(|leaf| tree.push(*leaf));
                parts(from as u64, to as u64).zip(nodes).for_each(|(level, node)| tree.push_full(node, level));
                leaves[to..].iter().for_each(|leaf| tree.push(*leaf));
                assert_eq!(tree.size(), leaves.len() as u64);
                assert_eq!(tree.root(), defined_root(&leaves), "{from}..{to}");
            }
        }
    }

    #[test]
    fn the_path_of_every_leaf_is_the_defined_one_and_leads_to_the_root() {
        for many in 1..=40 {
            let leaves = leaves(many);
            for index in 0..many {
                let mut path = Path::new(index as u64);
                leaves.iter().for_each(|leaf| path.push_full(*leaf, 0));
                let nodes = path.nodes();
                assert_eq!(nodes, defined_path(index, &leaves), "{index} of {many}");
                let root = root_by_path(leaves[index], index as u64, many as u64, &nodes);
                assert_eq!(root, Some(defined_root(&leaves)), "{index} of {many}");
            }
        }
    }

    #[test]
    fn a_path_with_a_node_too_many_or_too_few_leads_nowhere() {
        let leaves = leaves(11);
        let mut path = defined_path(4, &leaves);
        path.push(leaves[0]);
        assert_eq!(root_by_path(leaves[4], 4, 11, &path), None);
        path.truncate(path.len() - 2);
        assert_eq!(root_by_path(leaves[4], 4, 11, &path), None);
        assert_eq!(root_by_path(leaves[4], 11, 11, &path), None);
        assert_eq!(root_by_path(leaves[4], 0, 0, &[]), None);
    }
}
