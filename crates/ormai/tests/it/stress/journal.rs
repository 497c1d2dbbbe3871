//! What a writer was told, and so what must be there afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ormai::prelude::*;

/// A row of `notes` but for its tenant and its writer, which follow from its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) shared_id: i64,
    pub(super) word: String,
    pub(super) amount: i64,
}

/// What a call or a transaction does to rows: each with what stands there afterwards.
pub(super) type Changes = BTreeMap<i64, Option<Note>>;

/// What one writer was told.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) writer: usize,
    /// Rows that are there.
    pub(super) notes: BTreeMap<i64, Note>,
    /// What nobody was told of: as before, or done as a whole. Nobody touches these rows any more.
    pub(super) open: Vec<Open>,
    /// Marks of the shared rows that were acknowledged, and those that nobody was told of.
    pub(super) marks: BTreeSet<i64>,
    pub(super) open_marks: BTreeSet<i64>,
    /// What was sent under keys, perhaps several times: what was acknowledged is there once, and what
    /// nobody was told of at most once.
    pub(super) entries: BTreeSet<i64>,
    pub(super) open_entries: BTreeSet<i64>,
    /// What was seen that must not be.
    pub(super) wrong: Vec<String>,
    /// What was met, by name.
    pub(super) met: BTreeMap<String, usize>,
}

/// A call or transaction that was given up.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) before: Changes,
    pub(super) after: Changes,
    /// The mark of the shared rows that it writes too.
    pub(super) mark: Option<i64>,
}

/// How a call or a transaction ended.
#[derive(Debug)]
pub(super) enum Ending {
    Done,
    Refused(Error),
    GivenUp,
}

impl Journal {
    /// Takes down how something ended that would change rows, and perhaps the shared ones.
    pub(super) fn ended(&mut self, what: &str, changes: Changes, mark: Option<i64>, ending: &Ending) {
        match ending {
            Ending::Done => {
                self.marks.extend(mark);
                for (key, note) in changes {
                    match note {
                        Some(note) => self.notes.insert(key, note),
                        None => self.notes.remove(&key),
                    };
                }
                self.count(&format!("{what}: done"));
            }
            Ending::Refused(error) => {
                self.count(&format!("{what}: {}", error.code));
                if !is_in_the_way(error) {
                    self.wrong.push(format!("{what} was refused: {error:?}"));
                }
            }
            Ending::GivenUp => {
                self.count(&format!("{what}: given up"));
                let before: Changes = changes.keys().map(|key| (*key, self.notes.remove(key))).collect();
                self.open_marks.extend(mark);
                self.open.push(Open { before, after: changes, mark });
            }
        }
    }

    /// Takes down how something ended that must be refused.
    pub(super) fn refused(&mut self, what: &str, expected: ErrorCode, outcome: Result<(), Error>) {
        match outcome {
            Ok(()) => self.wrong.push(format!("{what} was done")),
            Err(error) => {
                self.count(&format!("{what}: {}", error.code));
                if error.code != expected && !is_in_the_way(&error) {
                    self.wrong.push(format!("{what} was refused for another reason: {error:?}"));
                }
            }
        }
    }

    pub(super) fn count(&mut self, what: &str) {
        *self.met.entry(what.to_owned()).or_default() += 1;
    }
}

/// What may happen to any call: others were in its way, or took all of its time.
pub(super) fn is_in_the_way(error: &Error) -> bool {
    error.code == ErrorCode::Timeout || (error.code == ErrorCode::Conflict && error.retryable)
}

/// Prints what all writers met.
#[expect(clippy::print_stdout, reason = "what a run met is for whoever runs it long")]
pub(super) fn print(journals: &[Journal], took: Duration, run: &str) {
    let mut met: BTreeMap<&str, usize> = BTreeMap::new();
    for (what, count) in journals.iter().flat_map(|journal| &journal.met) {
        *met.entry(what).or_default() += count;
    }
    let all: usize = met.values().sum();
    let done: usize = met.iter().filter(|(what, _)| what.ends_with("done")).map(|(_, count)| count).sum();
    let rows: usize = journals.iter().map(|journal| journal.notes.len()).sum();
    let (seconds, all_met) = (took.as_secs_f64(), met);
    println!(
        "{run}: {seconds:.1} s, {:.0} calls and transactions a second, {:.0} of them done; {rows} rows: {all_met:?}",
        all as f64 / seconds,
        done as f64 / seconds,
    );
}
