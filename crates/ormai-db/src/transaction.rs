//! How deep in transactions a session is, and how far down they are to be undone.

use std::time::Duration;

use crate::error::{ConflictKind, DbError};

/// More than anybody nests on purpose; a savepoint is kept for each.
const DEEPEST: usize = 32;

/// The transactions that are open, one in another, counted from 1.
#[derive(Debug, Default)]
pub(crate) struct Levels {
    /// The time limit of each.
    limits: Vec<Duration>,
    doom: Option<Doom>,
}

/// From which level on nothing can be kept any more.
#[derive(Clone, Copy, Debug)]
struct Doom {
    from: usize,
    why: Why,
}

/// What a call is told in a transaction that can only be undone.
#[derive(Clone, Copy, Debug)]
enum Why {
    Failed,
    Concurrent,
    Unavailable,
    Interrupted,
}

impl Levels {
    pub(crate) fn depth(&self) -> usize {
        self.limits.len()
    }

    /// The limit of the outermost one.
    pub(crate) fn limit(&self) -> Duration {
        self.limits.first().copied().unwrap_or_default()
    }

    /// The depth of the next one.
    pub(crate) fn next(&self) -> Result<usize, DbError> {
        self.check()?;
        let depth = self.depth().saturating_add(1);
        if depth > DEEPEST { Err(DbError::failed("transactions are nested too deeply")) } else { Ok(depth) }
    }

    pub(crate) fn push(&mut self, limit: Duration) {
        self.limits.push(limit);
    }

    /// The end of the innermost one. What it was doomed for is over, unless that reaches
    /// further down.
    pub(crate) fn pop(&mut self) {
        self.limits.pop();
        let depth = self.depth();
        self.doom = self.doom.filter(|doom| doom.from <= depth);
    }

    /// Whether the innermost one takes statements.
    pub(crate) fn check(&self) -> Result<(), DbError> {
        let Some(doom) = self.doom else { return Ok(()) };
        Err(match doom.why {
            Why::Failed => DbError::failed("this transaction failed before, and takes nothing but its end"),
            Why::Concurrent => {
                DbError::conflict(ConflictKind::Concurrent, "this transaction met another one before, and is undone")
            }
            Why::Unavailable => DbError::unavailable("the connection of this transaction was lost"),
            Why::Interrupted => DbError::failed("a call in this transaction was dropped half way, which undoes it"),
        })
    }

    /// After a statement failed: PostgreSQL takes nothing more until its level is undone, and
    /// the other engines may have undone more than that. So it is the same on each.
    pub(crate) fn failed(&mut self, error: &DbError) {
        let why = match error {
            DbError::Conflict { kind: ConflictKind::Concurrent, .. } => Why::Concurrent,
            // With the connection all of it is gone.
            DbError::Unavailable(_) => return self.doom(1, Why::Unavailable),
            _ => Why::Failed,
        };
        self.doom(self.depth(), why);
    }

    /// After a call was dropped half way.
    pub(crate) fn interrupted(&mut self) {
        self.doom(1, Why::Interrupted);
    }

    /// After the database undid all of it by itself.
    pub(crate) fn undone(&mut self) {
        self.doom(1, Why::Concurrent);
    }

    fn doom(&mut self, from: usize, why: Why) {
        if self.depth() > 0 && self.doom.is_none_or(|doom| doom.from > from) {
            self.doom = Some(Doom { from, why });
        }
    }
}

/// What the outermost transaction of a session is on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Top {
    /// A transaction.
    Transaction,
    /// A savepoint in a transaction of the caller's.
    Savepoint,
}

/// How undoing went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undone {
    /// As it was asked for.
    Level,
    /// There was nothing to undo: the database had undone the whole transaction before.
    Everything,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(depth: usize) -> Levels {
        Levels { limits: vec![Duration::from_secs(1); depth], doom: None }
    }

    #[test]
    fn a_failure_is_over_with_the_level_that_it_happened_in() {
        let mut levels = levels(2);
        levels.failed(&DbError::Timeout);
        assert!(matches!(levels.check(), Err(DbError::Failed(_))));
        assert!(levels.next().is_err());
        levels.pop();
        assert!(levels.check().is_ok());
        assert_eq!(levels.next().unwrap(), 2);
    }

    #[test]
    fn what_the_database_undid_by_itself_is_over_with_the_last_level() {
        let mut levels = levels(3);
        levels.failed(&DbError::Timeout);
        levels.undone();
        for _ in 0..2 {
            levels.pop();
            assert!(matches!(levels.check(), Err(DbError::Conflict { kind: ConflictKind::Concurrent, .. })));
        }
        levels.pop();
        assert!(levels.check().is_ok());
    }

    #[test]
    fn outside_of_a_transaction_a_failure_dooms_nothing() {
        let mut levels = levels(0);
        levels.failed(&DbError::Timeout);
        levels.interrupted();
        assert!(levels.check().is_ok());
    }
}
