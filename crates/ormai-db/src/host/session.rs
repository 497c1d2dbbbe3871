//! A session over a host.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ormai_core::answer::Fetched;
use ormai_sql::{Dialect, Statement};

use super::Host;
use crate::error::DbError;
use crate::session::Changed;
use crate::transaction::Undone;

/// What a session has open on its host's connection; clones see the same.
///
/// A call that is given up half way leaves a savepoint or settings behind, which the next use of its
/// session undoes. Whoever does not go on with the session runs these texts instead.
#[derive(Clone, Debug, Default)]
pub struct Opened(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    texts: Vec<Cow<'static, str>>,
}

impl Opened {
    /// The texts that undo what is open, to be run one by one, each also when one before it failed.
    /// Whoever takes them runs them: the session takes them for run.
    pub fn undo(&self) -> Vec<Cow<'static, str>> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).texts)
    }
}

pub(crate) struct Session {
    dialect: Dialect,
    host: Box<dyn Host>,
    opened: Opened,
}

impl Session {
    pub(crate) fn new(dialect: Dialect, host: Box<dyn Host>) -> Self {
        Self { dialect, host, opened: Opened::default() }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn opened(&self) -> &Opened {
        &self.opened
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        false
    }

    pub(crate) async fn run(&mut self, _statement: &Statement, _limit: Duration) -> Result<Fetched, DbError> {
        let _ = &mut self.host;
        Err(DbError::failed("hosts are not served yet"))
    }

    pub(crate) async fn change(&mut self, _statement: &Statement, _limit: Duration) -> Result<Changed, DbError> {
        Err(DbError::failed("hosts are not served yet"))
    }

    pub(crate) async fn open(&mut self, _depth: usize, _limit: Duration) -> Result<(), DbError> {
        Err(DbError::failed("hosts are not served yet"))
    }

    pub(crate) async fn keep(&mut self, _depth: usize, _limit: Duration) -> Result<(), DbError> {
        Err(DbError::failed("hosts are not served yet"))
    }

    pub(crate) async fn undo(&mut self, _depth: usize) -> Result<Undone, DbError> {
        Err(DbError::failed("hosts are not served yet"))
    }

    pub(crate) async fn release(&mut self) -> Result<(), DbError> {
        Err(DbError::failed("hosts are not served yet"))
    }
}
