//! A session over a host: what sessions on a connection of the caller's do, in orders.

use std::borrow::Cow;
use std::time::Duration;

use ormai_core::answer::Fetched;
use ormai_core::value::ColumnType;
use ormai_sql::{Dialect, Statement};

use super::opened::{Opened, Savepoint, UNDO_READING};
use super::{Answered, Around, Host, HostError, Order, engine};
use crate::error::{ConflictKind, DbError};
use crate::execute::{Mark, savepoint_texts};
use crate::session::Changed;
use crate::transaction::Undone;

pub(crate) struct Session {
    pub(super) dialect: Dialect,
    host: Box<dyn Host>,
    opened: Opened,
    /// The time limit that stands, in microseconds; `None` when none of ours does.
    pub(super) limit_us: Option<u64>,
    /// The time limit that stood when each transaction of ours began. On PostgreSQL it comes back when
    /// that is undone.
    limits: Vec<Option<u64>>,
    /// Whether a read failed on PostgreSQL: until its savepoint is undone, nothing else is taken.
    pub(super) is_failed: bool,
    /// Whether the database undid the host's transaction, whose user may not know yet.
    is_gone: bool,
    is_lost: bool,
}

impl Session {
    pub(crate) fn new(dialect: Dialect, host: Box<dyn Host>) -> Self {
        Self {
            dialect,
            host,
            opened: Opened::default(),
            limit_us: None,
            limits: Vec::new(),
            is_failed: false,
            is_gone: false,
            is_lost: false,
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn opened(&self) -> &Opened {
        &self.opened
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.opened.state().is_running
    }

    pub(crate) async fn run(&mut self, statement: &Statement, limit: Duration) -> Result<Fetched, DbError> {
        let answered = self.answered(statement, limit, false).await?;
        engine::fetched(self.dialect, self.host.forms(), answered.rows, statement.columns())
    }

    pub(crate) async fn change(&mut self, statement: &Statement, limit: Duration) -> Result<Changed, DbError> {
        let answered = self.answered(statement, limit, true).await?;
        engine::changed(self.dialect, self.host.forms(), answered, statement.columns())
    }

    async fn answered(&mut self, statement: &Statement, limit: Duration, writes: bool) -> Result<Answered, DbError> {
        self.ready().await?;
        let is_alone = self.dialect == Dialect::Postgres && self.savepoint().is_none();
        if is_alone && !writes && self.host.is_pipelined() {
            return self.enclosed(statement, limit).await;
        }
        self.enter(limit).await?;
        match self.ask(Order::Statement { statement, limit, around: Around::default() }).await {
            Ok(answered) => Ok(answered),
            Err(HostError::Unbound(error)) => Err(error),
            Err(error) => {
                let savepoint = self.savepoint();
                if self.dialect == Dialect::Postgres && savepoint == Some(Savepoint::Reading) {
                    self.is_failed = true;
                }
                if engine::undoes_everything(self.dialect, &error) {
                    // The savepoints are gone with it.
                    self.is_gone = true;
                    self.opened.state().savepoint = None;
                }
                Err(self.sorted(error, writes))
            }
        }
    }

    /// A read on PostgreSQL with its savepoint and its limit, in one order.
    async fn enclosed(&mut self, statement: &Statement, limit: Duration) -> Result<Answered, DbError> {
        let mut before = engine::set_limit(self.dialect, engine::limit_us(limit));
        before.insert(0, super::opened::SET_READING.into());
        let after = Savepoint::Reading.undo();
        self.opened.state().savepoint = Some(Savepoint::Reading);
        let around = Around { before: &before, after: &after };
        let error = match self.ask(Order::Statement { statement, limit, around }).await {
            Ok(answered) => {
                self.opened.state().savepoint = None;
                return Ok(answered);
            }
            Err(HostError::Unbound(error)) => {
                // Nothing of it was run.
                self.opened.state().savepoint = None;
                return Err(error);
            }
            Err(error) => error,
        };
        Err(self.not_begun(error).await)
    }

    /// What has to stand before a statement can run: on PostgreSQL a savepoint, on all servers the time
    /// limit and what else statements rely on.
    async fn enter(&mut self, limit: Duration) -> Result<(), DbError> {
        let wanted = engine::limit_us(limit);
        let mut texts = self.settings(wanted).await?;
        if self.dialect == Dialect::Postgres && self.savepoint().is_none() {
            // With everything that is local to it behind it.
            texts.insert(0, super::opened::SET_READING.into());
            self.opened.state().savepoint = Some(Savepoint::Reading);
        } else if self.is_failed {
            texts.insert(0, UNDO_READING.into());
        }
        if texts.is_empty() {
            return Ok(());
        }
        self.limit_us = None;
        match self.control(&texts).await {
            Ok(()) => {}
            Err(error) => return Err(self.not_begun(error).await),
        }
        self.is_failed = false;
        self.limit_us = Some(wanted);
        Ok(())
    }

    /// The texts that set the time limit, and what else statements rely on, where they do not stand.
    async fn settings(&mut self, wanted: u64) -> Result<Vec<Cow<'static, str>>, DbError> {
        if self.limit_us == Some(wanted) && !self.is_failed {
            return Ok(Vec::new());
        }
        if let Some(read) = engine::settings_to_keep(self.dialect)
            && self.opened.state().settings.is_empty()
        {
            let answered = match self.ask(Order::Fixed(read.text)).await {
                Ok(answered) => answered,
                Err(error) => return Err(self.sorted(error, false)),
            };
            let before = engine::fetched(self.dialect, self.host.forms(), answered.rows, &read.columns)?;
            self.opened.state().settings = (read.restore)(&before)?;
        }
        Ok(engine::set_limit(self.dialect, wanted))
    }

    /// Begins the transaction of a depth.
    pub(crate) async fn open(&mut self, depth: usize, limit: Duration) -> Result<(), DbError> {
        self.ready().await?;
        let wanted = engine::limit_us(limit);
        let mut texts = Vec::new();
        if depth == 1 {
            // What is kept must not be behind the savepoint of what was only read.
            if let Some(Savepoint::Reading) = self.savepoint() {
                texts.extend(Savepoint::Reading.undo());
                self.limit_us = None;
            }
            let settings = self.settings(wanted).await?;
            texts.extend(engine::join(self.dialect, settings));
            self.opened.state().savepoint = Some(Savepoint::Writing);
        } else {
            texts.extend(self.settings(wanted).await?);
            texts.extend(savepoint_texts(Mark::Set, depth));
        }
        self.limit_us = None;
        if let Err(error) = self.control(&texts).await {
            if depth > 1 {
                return Err(self.sorted(error, false));
            }
            return Err(self.not_begun(error).await);
        }
        self.is_failed = false;
        self.limit_us = Some(wanted);
        self.limits.push(self.limit_us);
        Ok(())
    }

    /// After what stands around statements could not be set, or a statement failed with it.
    async fn not_begun(&mut self, error: HostError) -> DbError {
        let is_outside = engine::is_outside(self.dialect, &error);
        if is_outside || engine::is_failed_before(self.dialect, &error) {
            // The first of the texts was refused.
            self.opened.state().savepoint = None;
        }
        // What was set before one that failed goes again.
        let cleared = self.clear().await;
        match (is_outside, cleared) {
            (true, _) => DbError::failed("the connection of the host is in no transaction"),
            (false, Err(lost)) => lost,
            (false, Ok(())) => self.sorted(error, false),
        }
    }

    /// Keeps what was done in the innermost transaction: for the host's user, who commits it.
    pub(crate) async fn keep(&mut self, depth: usize, _limit: Duration) -> Result<(), DbError> {
        let texts = if depth == 1 { engine::leave(self.dialect) } else { savepoint_texts(Mark::Keep, depth) };
        let kept = self.control(&texts).await;
        let before = self.limits.pop().flatten();
        if depth > 1 {
            return kept.map_err(|error| self.sorted(error, false));
        }
        if self.dialect == Dialect::Postgres {
            self.limit_us = None;
        }
        match kept {
            Ok(()) => {
                self.opened.state().savepoint = None;
                Ok(())
            }
            Err(error) => {
                let error = self.sorted(error, false);
                self.limits.push(before);
                self.undo(depth).await?;
                Err(error)
            }
        }
    }

    /// Undoes what was done in the innermost transaction.
    pub(crate) async fn undo(&mut self, depth: usize) -> Result<Undone, DbError> {
        if self.is_interrupted() {
            self.resume().await?;
        }
        if self.savepoint().is_none() {
            return Ok(Undone::Everything);
        }
        let undone = self.control(&savepoint_texts(Mark::Undo, depth)).await;
        let before = self.limits.pop().flatten();
        if self.dialect == Dialect::Postgres {
            self.limit_us = if depth > 1 { before } else { None };
        }
        let is_not_there = matches!(&undone, Err(error) if engine::is_no_savepoint(self.dialect, error));
        if depth == 1 && (undone.is_ok() || is_not_there) {
            self.opened.state().savepoint = None;
            self.limits.clear();
        }
        match undone {
            Ok(()) => Ok(Undone::Level),
            Err(_) if is_not_there => {
                self.is_gone = true;
                self.opened.state().savepoint = None;
                Ok(Undone::Everything)
            }
            Err(error) => Err(self.sorted(error, false)),
        }
    }

    /// Leaves the connection as it was.
    pub(crate) async fn release(&mut self) -> Result<(), DbError> {
        if self.is_interrupted() {
            return self.resume().await;
        }
        let texts = self.opened.state().undo_texts();
        if texts.is_empty() {
            return Ok(());
        }
        match self.control(&texts).await {
            Ok(()) => {
                self.is_cleared();
                Ok(())
            }
            Err(error) => Err(self.sorted(error, false)),
        }
    }

    /// Sees to it that nothing is under way, and that there is a transaction to be a part of.
    async fn ready(&mut self) -> Result<(), DbError> {
        if self.is_interrupted() {
            self.resume().await?;
        }
        if self.is_lost {
            return Err(DbError::unavailable("the host lost its connection"));
        }
        if self.is_gone {
            // What runs outside of the transaction that its user believes in would be for good.
            return Err(DbError::conflict(ConflictKind::Concurrent, "the database undid the host's transaction"));
        }
        Ok(())
    }

    /// After a call that was dropped half way: nothing of the transaction that it was in stays open.
    async fn resume(&mut self) -> Result<(), DbError> {
        self.clear().await?;
        self.opened.state().is_running = false;
        Ok(())
    }

    /// Undoes what is open, or may be: what is not there is refused, which does no harm to the rest.
    async fn clear(&mut self) -> Result<(), DbError> {
        let texts = self.opened.state().undo_texts();
        for text in texts {
            if let Err(error @ HostError::Lost(_)) = self.control(&[text]).await {
                return Err(self.sorted(error, false));
            }
        }
        self.is_cleared();
        Ok(())
    }

    fn is_cleared(&mut self) {
        self.opened.state().clear();
        self.limit_us = None;
        self.limits.clear();
        self.is_failed = false;
    }

    fn savepoint(&self) -> Option<Savepoint> {
        self.opened.state().savepoint
    }

    async fn control(&mut self, texts: &[Cow<'static, str>]) -> Result<(), HostError> {
        self.ask(Order::Control(texts)).await.map(|_| ())
    }

    async fn ask(&mut self, order: Order<'_>) -> Result<Answered, HostError> {
        self.opened.state().is_running = true;
        let answered = self.host.ask(order).await;
        let mut state = self.opened.state();
        state.is_running = false;
        if let Err(HostError::Lost(_)) = &answered {
            // With the connection everything goes that was open on it.
            state.clear();
            drop(state);
            self.is_lost = true;
        }
        answered
    }

    fn sorted(&self, error: HostError, writes: bool) -> DbError {
        match error {
            HostError::Refused { code, message } => engine::sorted(self.dialect, code.as_deref(), &message, writes),
            HostError::Lost(message) => DbError::unavailable(message),
            HostError::Unbound(error) => error,
        }
    }
}

/// A text that reads settings, and what puts them back.
pub(super) struct Kept {
    pub(super) text: &'static str,
    pub(super) columns: Vec<ColumnType>,
    pub(super) restore: fn(&Fetched) -> Result<Vec<Cow<'static, str>>, DbError>,
}
