//! What stands in the place of lines that were pruned.

use std::collections::HashMap;

use uuid::Uuid;

use crate::line::{Kind, Line};

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
