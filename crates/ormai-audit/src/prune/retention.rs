//! Which records are kept.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;
use uuid::Uuid;

use crate::line::Kind;
use crate::record::Record;
use crate::store::Scanned;
use crate::verify::lines;

/// Which records go: those that satisfy all that is said. At least one of `older_than` and `keep`
/// must be said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Retention {
    /// Only those of this tenant, as it was given: the text `"7"` is not the number 7.
    pub tenant: Option<Json>,
    /// Only those whose call began earlier.
    pub older_than: Option<Timestamp>,
    /// Not the newest of them, so many; of that tenant, or of all.
    pub keep: Option<u64>,
}

/// What is read of a record to decide about it.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    id: String,
    pub(super) timestamp: Timestamp,
    tenant_id: Json,
}

impl Told {
    /// The number in its name, which grows with time; `None` for a name of another form.
    pub(super) fn number(&self) -> Option<Uuid> {
        self.id.strip_prefix(Record::PREFIX).and_then(|id| Uuid::try_parse(id).ok())
    }
}

impl Retention {
    /// Whether it says anything: otherwise every record would go.
    pub fn is_limited(&self) -> bool {
        self.older_than.is_some() || self.keep.is_some()
    }

    pub(super) fn is_of(&self, told: &Told) -> bool {
        self.tenant.as_ref().is_none_or(|tenant| *tenant == told.tenant_id)
    }
}

/// Reads a store once to learn what is decided by others: which records are the newest, and which
/// intents are open. It holds the names of these.
#[derive(Debug)]
pub struct Census {
    pub(super) retention: Retention,
    newest: BinaryHeap<Reverse<Uuid>>,
    open: HashSet<Uuid>,
}

impl Census {
    /// Of no line.
    pub fn new(retention: Retention) -> Self {
        Self { retention, newest: BinaryHeap::new(), open: HashSet::new() }
    }

    /// Takes the next chunk.
    pub fn read(&mut self, scanned: &Scanned) {
        for (line, _) in lines(&scanned.text) {
            let Some(kind @ (Kind::Intent | Kind::Record)) = Kind::of(line) else { continue };
            let is_counted = kind == Kind::Record && self.retention.keep.is_some();
            if !is_counted && kind == Kind::Record && self.open.is_empty() {
                continue;
            }
            let Ok(told) = serde_json::from_slice::<Told>(line) else { continue };
            let Some(number) = told.number() else { continue };
            match kind {
                Kind::Intent => drop(self.open.insert(number)),
                _ => drop(self.open.remove(&number)),
            }
            if is_counted && self.retention.is_of(&told) {
                self.newest.push(Reverse(number));
                if self.newest.len() as u64 > self.retention.keep.unwrap_or_default() {
                    self.newest.pop();
                }
            }
        }
    }

    /// What is said, from which record on all are kept, and which intents are open.
    pub(super) fn into_parts(self) -> (Retention, Option<Uuid>, HashSet<Uuid>) {
        // Where fewer than are kept were found, all stay.
        let is_full = self.retention.keep.is_none_or(|keep| self.newest.len() as u64 >= keep);
        let oldest = self.newest.peek().map(|Reverse(oldest)| *oldest);
        let kept_from = if is_full { oldest } else { Some(Uuid::nil()) };
        (self.retention, kept_from, self.open)
    }
}
