//! Transactions: real ones on connections that are in none, and savepoints in the caller's.

use std::time::Duration;

use sqlx::{Connection as _, Executor as _, MySqlConnection};

use super::codes::NO_SAVEPOINT;
use super::{GRACE, Held, Session, microseconds, number, patience, sorted};
use crate::error::DbError;
use crate::execute::{self, Mark};
use crate::transaction::{Top, Undone};

/// Where a transaction reads what stood when it first read, a row that others have changed since is
/// read as it was, also right after an UPDATE that found it as it is now and so had nothing to write.
/// A written row is read back as it is stored.
///
/// And under REPEATABLE READ, InnoDB would keep a lock on every row that it looked at and on the places
/// between them, whoever's they are: an update of another tenant's key would hold that tenant up.
const BEGIN: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; BEGIN";

impl Session<'_> {
    /// Begins the transaction of a depth.
    pub(crate) async fn open(&mut self, depth: usize, limit: Duration) -> Result<(), DbError> {
        if self.running {
            self.resume().await?;
        }
        self.check()?;
        self.running = true;
        let opened = tokio::time::timeout(patience(limit), self.begin(depth, microseconds(limit))).await;
        self.ended(opened)
    }

    async fn begin(&mut self, depth: usize, wanted: u64) -> Result<(), DbError> {
        let connection = self.held.enter(wanted).await?;
        if depth > 1 {
            connection.execute(execute::savepoint(Mark::Set, depth)).await.map_err(|error| sorted(&error))?;
            return Ok(());
        }
        if let Held::Caller(connection, _) = &mut self.held {
            self.top = Some(Top::Savepoint);
            if join(connection).await.inspect_err(|_| self.top = None)? {
                return Ok(());
            }
            self.top = None;
            if connection.is_in_transaction() {
                // The driver knows of one that the server undid.
                self.is_gone = true;
                return self.check();
            }
        }
        self.top = Some(Top::Transaction);
        let begun = self.held.connection()?.execute(BEGIN).await;
        begun.map(|_| ()).map_err(|error| sorted(&error)).inspect_err(|_| self.top = None)
    }

    /// Keeps what was done in the innermost transaction.
    pub(crate) async fn keep(&mut self, depth: usize, limit: Duration) -> Result<(), DbError> {
        self.running = true;
        let committing = depth == 1 && self.top == Some(Top::Transaction);
        let kept = tokio::time::timeout(patience(limit), self.commit(depth)).await;
        match self.ended(kept) {
            Err(DbError::Unavailable(cause)) if committing => Err(DbError::OutcomeUnknown(cause)),
            kept => kept,
        }
    }

    async fn commit(&mut self, depth: usize) -> Result<(), DbError> {
        let top = self.top;
        let connection = self.held.connection()?;
        if depth > 1 || top == Some(Top::Savepoint) {
            let kept = connection.execute(execute::savepoint(Mark::Keep, depth)).await;
            if depth == 1 && kept.is_ok() {
                self.top = None;
            }
            return kept.map(|_| ()).map_err(|error| sorted(&error));
        }
        let committed = connection.execute("COMMIT").await.map_err(|error| sorted(&error));
        if !matches!(committed, Ok(_) | Err(DbError::Unavailable(_))) {
            connection.execute("ROLLBACK").await.map_err(|error| sorted(&error))?;
        }
        if !matches!(committed, Err(DbError::Unavailable(_))) {
            self.top = None;
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
        let top = self.top;
        let connection = self.held.connection()?;
        if depth > 1 {
            return undo(connection, depth).await;
        }
        let undone = if top == Some(Top::Savepoint) {
            undo(connection, depth).await?
        } else {
            connection.execute("ROLLBACK").await.map_err(|error| sorted(&error))?;
            Undone::Level
        };
        self.top = None;
        if undone == Undone::Everything {
            self.is_gone = true;
        }
        Ok(undone)
    }
}

/// Sets a savepoint in the transaction of the caller's; `false` when that is in none.
async fn join(connection: &mut MySqlConnection) -> Result<bool, DbError> {
    match connection.execute("SAVEPOINT ormai_1; ROLLBACK TO SAVEPOINT ormai_1").await {
        Ok(_) => Ok(true),
        Err(error) if number(&error) == Some(NO_SAVEPOINT) => Ok(false),
        Err(error) => Err(sorted(&error)),
    }
}

pub(super) async fn undo(connection: &mut MySqlConnection, depth: usize) -> Result<Undone, DbError> {
    match connection.execute(execute::savepoint(Mark::Undo, depth)).await {
        Ok(_) => Ok(Undone::Level),
        Err(error) if number(&error) == Some(NO_SAVEPOINT) => Ok(Undone::Everything),
        Err(error) => Err(sorted(&error)),
    }
}
