//! Where lines stand, and what was found wrong there.

use std::cmp::Ordering;

use uuid::Uuid;

use super::report::{Problem, Report, Tampering};

/// Where a line stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spot {
    /// Counts all lines of the store.
    pub(super) ordinal: u64,
    /// Which source.
    pub(super) source: usize,
    /// The number of the line there.
    pub(super) line: u64,
}

/// Who a line is, as far as it is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) chain: Option<Uuid>,
    pub(super) seq: Option<u64>,
    pub(super) id: Option<String>,
}

impl Known {
    pub(super) fn at(chain: Uuid, seq: u64) -> Self {
        Self { chain: Some(chain), seq: Some(seq), id: None }
    }

    pub(super) fn with_id(mut self, line: &[u8]) -> Self {
        self.id = id(line).map(|id| String::from_utf8_lossy(id).into_owned());
        self
    }
}

/// The longest name of a record that is read.
const LONGEST_ID: usize = 100;

/// The name of the record in a line: its first member.
pub(crate) fn id(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"{\"id\":\"")?;
    let end = rest.iter().take(LONGEST_ID).position(|byte| *byte == b'"')?;
    rest.get(..end)
}

/// What was found wrong: the first of it, and how much more.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    sources: Vec<String>,
    problems: Vec<Problem>,
    more: u64,
}

impl Found {
    /// The number of a source.
    pub(super) fn source(&mut self, name: &str) -> usize {
        match self.sources.last() {
            Some(last) if last == name => {}
            _ => self.sources.push(name.to_owned()),
        }
        self.sources.len().saturating_sub(1)
    }

    pub(super) fn add(&mut self, kind: Tampering, spot: Spot, known: Known, what: impl FnOnce() -> String) {
        let is_full = self.problems.len() >= Report::MOST;
        if is_full && self.problems.last().is_some_and(|last| last.spot.ordinal <= spot.ordinal) {
            self.more += 1;
            return;
        }
        let source = self.sources.get(spot.source).cloned().unwrap_or_default();
        let Known { chain, seq, id } = known;
        let problem = Problem { kind, source, line: spot.line, chain, seq, id, what: what(), spot };
        let after = self.problems.partition_point(|other| order(other, &problem) != Ordering::Greater);
        self.problems.insert(after, problem);
        if is_full {
            self.problems.pop();
            self.more += 1;
        }
    }

    pub(super) fn add_more(&mut self, many: u64) {
        self.more += many;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn first_mut(&mut self) -> Option<&mut Problem> {
        self.problems.first_mut()
    }

    pub(super) fn into_parts(self) -> (Vec<Problem>, u64) {
        (self.problems, self.more)
    }
}

fn order(one: &Problem, other: &Problem) -> Ordering {
    one.spot.ordinal.cmp(&other.spot.ordinal)
}
