//! What stands open on a host's connection.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::execute::{self, Mark};

/// What a session has open on its host's connection; clones see the same.
///
/// A call that is given up half way leaves a savepoint or settings behind, which the next use of its
/// session undoes. Whoever does not go on with the session runs the texts of [`Opened::undo`] instead.
#[derive(Clone, Debug, Default)]
pub struct Opened(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(super) struct State {
    /// Whether an order is under way: stays so when its call is dropped.
    pub(super) is_running: bool,
    /// The outermost savepoint that is set, or may be.
    pub(super) savepoint: Option<Savepoint>,
    /// The texts that put the settings back that are changed, or may be.
    pub(super) settings: Vec<Cow<'static, str>>,
}

/// A savepoint of ours in the host's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Savepoint {
    /// Around what is only read.
    Reading,
    /// Around what is written: a transaction of ours.
    Writing,
}

/// What stands around reads on PostgreSQL, where a failed statement would take the transaction along.
pub(super) const SET_READING: &str = "SAVEPOINT ormai";
pub(super) const UNDO_READING: &str = "ROLLBACK TO SAVEPOINT ormai";
const FORGET_READING: &str = "RELEASE SAVEPOINT ormai";

impl Opened {
    /// The texts that undo what is open, to be run one by one, each also when one before it failed.
    /// Whoever takes them runs them: the session takes them for run.
    ///
    /// When an order was under way, nobody knows whether what it set is there. On PostgreSQL a savepoint
    /// that is not there to be undone makes the transaction one that takes nothing but its end.
    pub fn undo(&self) -> Vec<Cow<'static, str>> {
        let mut state = self.state();
        let texts = state.undo_texts();
        if !texts.is_empty() {
            // What was done in there is gone, whoever goes on.
            state.is_running = true;
            state.clear();
        }
        texts
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is done under the lock that could leave the state half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn undo_texts(&self) -> Vec<Cow<'static, str>> {
        let mut texts = self.savepoint.map(Savepoint::undo).unwrap_or_default();
        texts.extend(self.settings.iter().cloned());
        texts
    }

    /// Nothing is open any more.
    pub(super) fn clear(&mut self) {
        self.savepoint = None;
        self.settings.clear();
    }
}

impl Savepoint {
    pub(super) fn undo(self) -> Vec<Cow<'static, str>> {
        match self {
            Self::Reading => vec![UNDO_READING.into(), FORGET_READING.into()],
            Self::Writing => execute::savepoint_texts(Mark::Undo, 1),
        }
    }
}
