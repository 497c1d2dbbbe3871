//! Transactions: real ones on connections that are in none, and savepoints in the caller's.
//!
//! A real one is for writing from its beginning: one that becomes so later fails when another
//! wrote since. After some errors (an interrupted write among them) SQLite rolls the whole
//! transaction back by itself.

use std::time::Duration;

use sqlx::{Connection as _, Executor as _, SqliteConnection};

use super::{GRACE, Held, Session, sorted};
use crate::error::{ConflictKind, DbError};
use crate::execute::{self, Mark};
use crate::settle;
use crate::transaction::{Top, Undone};

impl Session<'_> {
    /// Begins the transaction of a depth.
    pub(crate) async fn open(&mut self, depth: usize, limit: Duration) -> Result<(), DbError> {
        self.ready().await?;
        if depth == 1
            && let Some(queue) = &self.queue
        {
            self.turn = Some(queue.turn().await?);
        }
        self.running = true;
        let opened = tokio::time::timeout(limit.saturating_add(GRACE), self.begin(depth)).await;
        let opened = self.ended(opened);
        if self.top.is_none() {
            self.turn = None;
        }
        opened
    }

    async fn begin(&mut self, depth: usize) -> Result<(), DbError> {
        if depth > 1 {
            return set(self.held.connection()?, depth).await;
        }
        let is_callers = matches!(self.held, Held::Caller(_));
        let connection = self.held.connection()?;
        let is_inside = is_callers && connection.is_in_transaction();
        self.top = Some(if is_inside { Top::Savepoint } else { Top::Transaction });
        let begun = match connection.execute("BEGIN IMMEDIATE").await {
            Ok(_) if is_inside => {
                // The driver knows of a transaction that SQLite undid.
                roll_back(connection).await?;
                self.is_gone = true;
                Err(DbError::conflict(ConflictKind::Concurrent, "SQLite undid the caller's transaction"))
            }
            Ok(_) => Ok(()),
            Err(error) if is_callers && says(&error, "cannot start a transaction within a transaction") => {
                self.top = Some(Top::Savepoint);
                set(connection, depth).await
            }
            Err(error) => Err(sorted(&error)),
        };
        begun.inspect_err(|_| self.top = None)
    }

    /// Keeps what was done in the innermost transaction.
    pub(crate) async fn keep(&mut self, depth: usize, _limit: Duration) -> Result<(), DbError> {
        self.running = true;
        let top = self.top;
        let connection = self.held.connection()?;
        if depth > 1 || top == Some(Top::Savepoint) {
            let kept = connection.execute(execute::savepoint(Mark::Keep, depth)).await;
            if depth == 1 && kept.is_ok() {
                self.is_undone();
            }
            self.running = false;
            return kept.map(|_| ()).map_err(|error| sorted(&error));
        }
        // Its wait for a lock is the driver's own: given up half way, nobody would know how it ended.
        let committed = connection.execute("COMMIT").await.map_err(|error| sorted(&error));
        if committed.is_err() {
            // What is not committed is still open.
            roll_back(connection).await?;
        }
        self.is_undone();
        self.running = false;
        committed.map(|_| ())
    }

    /// Undoes what was done in the innermost transaction.
    pub(crate) async fn undo(&mut self, depth: usize) -> Result<Undone, DbError> {
        if self.running {
            self.resume().await?;
        }
        let Some(top) = self.top else { return Ok(Undone::Everything) };
        self.running = true;
        let connection = self.held.connection()?;
        let undone = if depth == 1 && top == Top::Transaction {
            roll_back(connection).await.map(|()| Undone::Level)
        } else {
            undo(connection, depth).await
        };
        if depth == 1 && undone.is_ok() {
            self.is_gone = matches!(undone, Ok(Undone::Everything));
            self.is_undone();
        }
        self.running = false;
        undone
    }
}

async fn set(connection: &mut SqliteConnection, depth: usize) -> Result<(), DbError> {
    let set = connection.execute(execute::savepoint(Mark::Set, depth)).await;
    set.map(|_| ()).map_err(|error| sorted(&error))
}

/// Undoes what was done since a savepoint, if SQLite did not before.
pub(super) async fn undo(connection: &mut SqliteConnection, depth: usize) -> Result<Undone, DbError> {
    match connection.execute(execute::savepoint(Mark::Undo, depth)).await {
        Ok(_) => Ok(Undone::Level),
        Err(error) if says(&error, "no such savepoint") => Ok(Undone::Everything),
        Err(error) => Err(sorted(&error)),
    }
}

/// Rolls a transaction back, if SQLite did not before.
pub(super) async fn roll_back(connection: &mut SqliteConnection) -> Result<(), DbError> {
    match connection.execute("ROLLBACK").await {
        Ok(_) => Ok(()),
        Err(error) if says(&error, "no transaction is active") => Ok(()),
        Err(error) => Err(sorted(&error)),
    }
}

/// Has what is open on a connection undone, where nothing can be awaited: its worker thread does
/// one command after the other, whether or not somebody waits for the answer.
pub(super) fn undo_soon(connection: &mut SqliteConnection, top: Top) {
    match top {
        Top::Transaction => settle::begun(connection.execute("ROLLBACK")),
        Top::Savepoint => {
            settle::begun(connection.execute(execute::savepoint(Mark::Undo, 1)));
            settle::begun(connection.execute(execute::savepoint(Mark::Keep, 1)));
        }
    }
}

/// SQLite has no codes for these.
fn says(error: &sqlx::Error, words: &str) -> bool {
    error.as_database_error().is_some_and(|error| error.message().contains(words))
}
