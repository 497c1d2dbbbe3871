//! A store in memory.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::filter::Filter;
use crate::line::{Kind, Line};
use crate::prune::{Stub, Stubs};
use crate::record::Entry;
use crate::store::{AuditStore, Head, Orphan, Position, Records, Scanned, StoreError, Storing};

/// In memory: gone with the process. For tests, and for programs that may forget.
#[derive(Debug, Default)]
pub struct MemoryStore {
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    /// Each with its number, which grows; a stub has that of the first line that it stands for.
    kept: Vec<(usize, Line)>,
    /// How many there ever were.
    many: usize,
}

impl Lines {
    fn after(&self, number: usize) -> usize {
        self.kept.partition_point(|(other, _)| *other <= number)
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// All lines, in order.
    pub fn lines(&self) -> Vec<Line> {
        self.lock().kept.iter().map(|(_, line)| line.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        // Nothing is done under the lock that could leave a line half written.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AuditStore for MemoryStore {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn install(&self) -> Storing<'_, Vec<&'static str>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn enter(&self, _chain: Uuid) -> Storing<'_, Vec<Orphan>> {
        // Whoever wrote here has the same process.
        Box::pin(async { Ok(Vec::new()) })
    }

    fn settle(&self, _chain: Uuid) -> Storing<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn leave(&self, _chain: Uuid) -> Storing<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn append<'a>(&'a self, lines: &'a [Line]) -> Storing<'a, ()> {
        Box::pin(async { self.append_now(lines) })
    }

    fn is_immediate(&self) -> bool {
        true
    }

    fn append_now(&self, lines: &[Line]) -> Result<(), StoreError> {
        let mut kept = self.lock();
        for line in lines {
            kept.many += 1;
            let number = kept.many;
            kept.kept.push((number, line.clone()));
        }
        Ok(())
    }

    fn sync(&self) -> Storing<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn heads<'a>(&'a self, since: Option<&'a Position>) -> Storing<'a, (Vec<Head>, Position)> {
        Box::pin(async move {
            let lines = self.lock();
            let is_checkpoint = |(_, line): &(usize, Line)| line.place().kind == Kind::Checkpoint;
            let from = match since {
                Some(position) => lines.after(at(position)?),
                None => lines.kept.iter().rposition(is_checkpoint).unwrap_or(0),
            };
            let (mut seen, mut heads) = (HashSet::new(), Vec::new());
            for place in lines.kept.iter().skip(from).rev().map(|(_, line)| line.place()) {
                if seen.insert(place.chain) {
                    heads.push(Head { chain: place.chain, seq: place.seq, hash: place.hash });
                }
            }
            Ok((heads, Position(lines.many.to_string())))
        })
    }

    fn scan<'a>(&'a self, after: Option<&'a Position>, most: usize) -> Storing<'a, Scanned> {
        Box::pin(async move {
            let lines = self.lock();
            let from = after.map_or(Ok(0), at).map(|number| lines.after(number))?;
            let mut scanned = Scanned { source: self.name(), first: from as u64 + 1, ..Scanned::default() };
            let mut last = None;
            for (number, line) in lines.kept.iter().skip(from).take(most) {
                scanned.text.extend_from_slice(line.text().as_bytes());
                scanned.text.push(b'\n');
                last = Some(*number);
            }
            let is_end = from.saturating_add(most) >= lines.kept.len();
            scanned.next = last.filter(|_| !is_end).map(|number| Position(number.to_string()));
            Ok(scanned)
        })
    }

    fn prune<'a>(&'a self, _source: &'a str, stubs: &'a [Stub]) -> Storing<'a, ()> {
        Box::pin(async move {
            let mut lines = self.lock();
            let pruned = Stubs::new(stubs);
            let mut missing: u64 = stubs.iter().map(Stub::lines).sum();
            let mut left = Vec::with_capacity(lines.kept.len());
            for (number, line) in &lines.kept {
                let place = line.place();
                let Some(stub) = pruned.of(place.chain, place.seq) else {
                    left.push((*number, line.clone()));
                    continue;
                };
                if !matches!(place.kind, Kind::Record | Kind::Intent) {
                    return Err(StoreError::Failed("a line that was to be pruned is no record".to_owned()));
                }
                missing = missing.saturating_sub(1);
                left.extend((place.seq == stub.from()).then(|| (*number, stub.line().clone())));
            }
            if missing > 0 {
                return Err(StoreError::Failed("a line that was to be pruned is not there any more".to_owned()));
            }
            lines.kept = left;
            Ok(())
        })
    }

    fn keeps_positions(&self) -> bool {
        true
    }

    fn query<'a>(&'a self, filter: &'a Filter, limit: usize, cursor: Option<&'a str>) -> Storing<'a, Records> {
        Box::pin(async move {
            let lines = self.lock();
            let lines = lines.kept.iter().map(|(_, line)| line);
            let closed = lines.filter(|line| line.place().kind == Kind::Record).filter_map(Entry::read);
            let mut entries: Vec<Entry> = closed
                .filter(|entry| cursor.is_none_or(|cursor| entry.id.as_str() < cursor) && filter.matches(entry))
                .collect();
            entries.sort_by(|one, other| other.id.cmp(&one.id));
            let is_more = entries.len() > limit;
            entries.truncate(limit);
            let cursor = entries.last().filter(|_| is_more).map(|entry| entry.id.clone());
            Ok(Records { entries, cursor })
        })
    }
}

fn at(position: &Position) -> Result<usize, StoreError> {
    position.0.parse().map_err(|_| StoreError::Failed("the position is not one of this store".to_owned()))
}
