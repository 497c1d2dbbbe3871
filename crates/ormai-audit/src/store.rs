//! Where lines are kept.

use std::fmt;
use std::pin::Pin;

use uuid::Uuid;

use crate::filter::Filter;
use crate::hash::Hash;
use crate::line::Line;
use crate::prune::Stub;
use crate::record::{Entry, Record};
use serde::{Deserialize, Serialize};

/// What a store comes to.
pub type Storing<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Why a store did not do what it was asked. The words are for the operator's log.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Its table was never made.
    #[error("the audit store is not installed")]
    NotInstalled,
    /// Nothing was written: it is full, read-only, gone or out of reach.
    #[error("the audit store is not available: {0}")]
    Unavailable(String),
    /// It is not known whether something was written.
    #[error("it is not known what the audit store has written: {0}")]
    Doubtful(String),
    /// It holds or answered what cannot be read.
    #[error("the audit store failed: {0}")]
    Failed(String),
    /// It was opened before this process was forked, and is of no use here.
    #[error(
        "the audit store was opened before this process was forked: open the trail in each process, after the fork"
    )]
    Forked,
}

/// A place in a store, from which reading goes on. Its text means something to that store only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position(pub String);

/// Where a chain ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The chain.
    pub chain: Uuid,
    /// The place of its last line.
    pub seq: u64,
    /// The hash of its last line.
    pub hash: Hash,
}

/// A chain whose writer is gone without having closed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Orphan {
    /// The chain.
    pub chain: Uuid,
    /// The intents in it that have no record in the store.
    pub open: Vec<Record>,
}

/// Lines in the order in which they were appended: those of one chain stand in the order of the
/// chain.
#[derive(Clone, Debug, Default)]
pub struct Scanned {
    /// The lines as they are stored, each ended by `\n`. The very last may lack it: then it is torn.
    pub text: Vec<u8>,
    /// What to call the place where they stand, such as `audit.jsonl` or `ormai_audit`.
    pub source: String,
    /// The number of the first of them there, from 1.
    pub first: u64,
    /// Where to go on; `None` at the end.
    pub next: Option<Position>,
    /// Whether lines may still be added to this source as a file: nothing is pruned there, and
    /// [`AuditStore::prune`] is not called for it.
    pub is_open: bool,
    /// What the store itself found wrong, such as a column that does not say what its line says.
    pub wrong: Vec<Wrong>,
}

/// Something that a store found wrong about one of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The number of the line, as [`Scanned::first`] counts.
    pub line: u64,
    /// What is wrong: one sentence, lower case.
    pub what: String,
}

/// A page of records, the newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    /// The records.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None` when this was the last.
    pub cursor: Option<String>,
}

/// Where lines are kept: append-only.
///
/// Several processes may write to one store at once, each to a chain of its own. A store keeps
/// lines as they are, to the byte.
pub trait AuditStore: fmt::Debug + Send + Sync {
    /// What to call it in messages to an operator, without secrets.
    fn name(&self) -> String;

    /// Makes what the store needs, where it is missing; the names of what was made.
    fn install(&self) -> Storing<'_, Vec<&'static str>>;

    /// Lets a writer begin: what an earlier one left torn is repaired, and the new one counts as
    /// alive until its process ends or it calls [`AuditStore::leave`]. Tells of the writers that
    /// are gone.
    fn enter(&self, chain: Uuid) -> Storing<'_, Vec<Orphan>>;

    /// The open intents of a chain have been closed; it is no orphan any more.
    fn settle(&self, chain: Uuid) -> Storing<'_, ()>;

    /// A writer ends in order: nothing of its chain is open.
    fn leave(&self, chain: Uuid) -> Storing<'_, ()>;

    /// Appends lines: all of them or none. They have reached the operating system, or the
    /// server, when this returns.
    fn append<'a>(&'a self, lines: &'a [Line]) -> Storing<'a, ()>;

    /// Whether [`AuditStore::append_now`] is to be used: appending takes microseconds, and nobody
    /// waits for anything.
    fn is_immediate(&self) -> bool {
        false
    }

    /// Appends lines at once, as [`AuditStore::append`].
    ///
    /// # Errors
    ///
    /// [`StoreError`]; always, for a store that is not immediate.
    fn append_now(&self, _lines: &[Line]) -> Result<(), StoreError> {
        Err(StoreError::Failed("the store does not append at once".to_owned()))
    }

    /// Returns when all that was appended before is on stable storage.
    fn sync(&self) -> Storing<'_, ()>;

    /// Where the chains end that moved since a place, and the place now. Since `None`: from the
    /// last checkpoint in the store on, itself included, or from the beginning.
    fn heads<'a>(&'a self, since: Option<&'a Position>) -> Storing<'a, (Vec<Head>, Position)>;

    /// At most `most` lines after a place, in the order of their appending.
    fn scan<'a>(&'a self, after: Option<&'a Position>, most: usize) -> Storing<'a, Scanned>;

    /// Puts stubs in the place of lines: of each, the lines `from..=to` of its chain go, and its
    /// line is put where the first of them stood. All of them stand in this source, as
    /// [`AuditStore::scan`] named it; the stubs are in the order of their places.
    ///
    /// All are put or none, also when the process ends in between. Where a line that goes is not
    /// there any more, or is neither a record nor an intent, nothing is done.
    ///
    /// At most [`Stub::MOST_AT_ONCE`] of them come at once.
    fn prune<'a>(&'a self, _source: &'a str, _stubs: &'a [Stub]) -> Storing<'a, ()> {
        Box::pin(async { Err(StoreError::Failed("this store keeps all lines: it cannot be pruned".to_owned())) })
    }

    /// Closes the source that lines are added to, where only a closed one can be pruned.
    fn rotate(&self) -> Storing<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    /// Whether positions stay good when lines are pruned. Where they do not, those in the source
    /// that was pruned are void; the position at its end, and those in other sources, stay good.
    fn keeps_positions(&self) -> bool {
        false
    }

    /// Whether it is of use in the child of a fork too, of which it hears by
    /// [`forked`](crate::forked): what of it was made before is not touched there.
    fn survives_fork(&self) -> bool {
        false
    }

    /// Closed records, the newest first, at most `limit` of them, before a cursor.
    fn query<'a>(&'a self, filter: &'a Filter, limit: usize, cursor: Option<&'a str>) -> Storing<'a, Records>;
}
