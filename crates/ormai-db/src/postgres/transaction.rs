//! Transactions: real ones on connections that are in none, and savepoints in the caller's.

use std::time::Duration;

use sqlx::{Connection as _, Executor as _, PgConnection};

use super::{GRACE, Held, Session, patience, sorted};
use crate::error::DbError;
use crate::execute::{self, Mark};
use crate::limits::milliseconds;
use crate::settle;
use crate::transaction::{Top, Undone};

/// Constraints and triggers that would wait for the end do not: a written row is read back through
/// its check after them.
const BEGIN: &str = "BEGIN; SET CONSTRAINTS ALL IMMEDIATE";

/// What is looked at when all is committed is not bound by the limit of statements, so it is looked
/// at before.
const COMMIT: &str = "SET CONSTRAINTS ALL IMMEDIATE; COMMIT";

impl Session<'_> {
    /// Begins the transaction of a depth.
    pub(crate) async fn open(&mut self, depth: usize, limit: Duration) -> Result<(), DbError> {
        if self.running {
            self.resume().await?;
        }
        self.running = true;
        let opened = tokio::time::timeout(patience(limit), self.begin(depth, milliseconds(limit))).await;
        self.ended(opened)
    }

    async fn begin(&mut self, depth: usize, wanted: u64) -> Result<(), DbError> {
        if depth > 1 {
            let connection = self.held.enter(wanted).await?;
            connection.execute(execute::savepoint(Mark::Set, depth)).await.map_err(|error| sorted(&error))?;
            self.limits.push(Some(wanted));
            return Ok(());
        }
        let mut joined = false;
        if let Held::Caller(connection, scope) = &mut self.held {
            self.top = Some(Top::Savepoint);
            joined = scope.join(connection, wanted).await.inspect_err(|_| self.top = None)?;
        }
        if !joined {
            self.top = None;
            let connection = self.held.enter(wanted).await?;
            self.top = Some(Top::Transaction);
            connection.execute(BEGIN).await.map_err(|error| sorted(&error)).inspect_err(|_| self.top = None)?;
        }
        self.limits = vec![Some(wanted)];
        Ok(())
    }

    /// Keeps what was done in the innermost transaction.
    pub(crate) async fn keep(&mut self, depth: usize, limit: Duration) -> Result<(), DbError> {
        self.running = true;
        let committing = depth == 1 && self.top == Some(Top::Transaction);
        let kept = tokio::time::timeout(patience(limit), self.commit(depth)).await;
        let kept = self.ended(kept);
        match kept {
            Err(DbError::Unavailable(cause)) if committing => Err(DbError::OutcomeUnknown(cause)),
            kept => kept,
        }
    }

    async fn commit(&mut self, depth: usize) -> Result<(), DbError> {
        let before = self.limits.pop().flatten();
        if depth > 1 {
            let connection = self.held.connection()?;
            connection.execute(execute::savepoint(Mark::Keep, depth)).await.map_err(|error| sorted(&error))?;
            return Ok(());
        }
        if let (Some(Top::Savepoint), Held::Caller(connection, scope)) = (self.top, &mut self.held) {
            scope.keep(connection).await?;
            self.top = None;
            return Ok(());
        }
        let connection = self.held.connection()?;
        let committed = connection.execute(COMMIT).await.map_err(|error| sorted(&error));
        match committed {
            Err(DbError::Unavailable(_)) => {}
            Ok(_) => self.top = None,
            Err(_) => {
                connection.execute("ROLLBACK").await.map_err(|error| sorted(&error))?;
                self.top = None;
            }
        }
        if committed.is_err() {
            self.held.reset_limit(before);
        }
        committed.map(|_| ())
    }

    /// Undoes what was done in the innermost transaction.
    pub(crate) async fn undo(&mut self, depth: usize) -> Result<Undone, DbError> {
        if self.running {
            self.resume().await?;
        }
        if self.top.is_none() {
            return Ok(Undone::Everything);
        }
        self.running = true;
        let undone = tokio::time::timeout(GRACE, self.roll_back(depth)).await;
        self.ended(undone)
    }

    pub(super) async fn roll_back(&mut self, depth: usize) -> Result<Undone, DbError> {
        let before = self.limits.pop().flatten();
        if depth > 1 {
            let connection = self.held.connection()?;
            connection.execute(execute::savepoint(Mark::Undo, depth)).await.map_err(|error| sorted(&error))?;
        } else if let (Some(Top::Savepoint), Held::Caller(connection, scope)) = (self.top, &mut self.held) {
            scope.undo(connection).await?;
            self.top = None;
            return Ok(Undone::Level);
        } else {
            self.held.connection()?.execute("ROLLBACK").await.map_err(|error| sorted(&error))?;
            self.top = None;
        }
        self.held.reset_limit(before);
        Ok(Undone::Level)
    }
}

impl Held<'_> {
    /// A limit that was set in a transaction is undone with it.
    fn reset_limit(&mut self, limit: Option<u64>) {
        match self {
            Self::Own(lease) => {
                if let Ok(slot) = lease.slot() {
                    slot.timeout_ms = limit;
                }
            }
            Self::Shared { borrowed, .. } => {
                if let Some(borrowed) = borrowed {
                    borrowed.scope.reset_limit(limit);
                }
            }
            Self::Caller(_, scope) => scope.reset_limit(limit),
        }
    }
}

/// Has a transaction of ours on the caller's connection rolled back, where nothing can be awaited.
/// Other than a statement, what the driver begins with is sent whatever it still waits for.
pub(super) fn roll_back_soon(connection: &mut PgConnection) {
    if !connection.is_in_transaction() {
        settle::begun(connection.begin_with("ROLLBACK"));
    }
}
