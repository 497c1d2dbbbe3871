//! The ledger of idempotency keys, in the database of the writes.
//!
//! A claim is made in a write's transaction before anything else, and the answer is put beside it
//! before the transaction commits: so a key is used exactly when its write is stored, and a write
//! that fails does not use its key up.

use std::time::Duration;

use jiff::Timestamp;
use ormai_core::idempotency::Claim;
use ormai_core::value::Value;
use ormai_sql::Statement;
use ormai_sql::own::idempotency as statements;

use crate::database::Database;
use crate::error::{ConflictKind, DbError};
use crate::session::Session;

/// What a claim found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Nothing was ever done under it, and nobody else can until this transaction ends.
    Fresh,
    /// Something was done under it.
    Recorded(Recorded),
}

/// A record of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// What was asked, to be compared with [`Claim::standing`].
    pub fingerprint: String,
    /// What was answered, as JSON.
    pub answer: String,
}

/// Claims an id inside of a transaction. Waits for another transaction that claims it; when that
/// one commits, its record is found, and when it rolls back, the claim is fresh.
///
/// # Errors
///
/// [`DbError::NotThere`] when the ledger is not installed; a conflict that may be tried again
/// when a transaction around this one began before the other's record was made, or when a record
/// has no answer.
pub async fn claim(
    session: &mut Session<'_>,
    claim: &Claim,
    now: Timestamp,
    limit: Duration,
) -> Result<Claimed, DbError> {
    let (dialect, id) = (session.dialect(), claim.id());
    let insert = statements::claim(dialect, id, &claim.fingerprint(), now.as_millisecond());
    if session.change(&insert, limit).await?.affected == 1 {
        return Ok(Claimed::Fresh);
    }
    let recorded = find(session, id, limit).await?;
    // A claim whose transaction was committed without an answer: nobody knows what was done.
    recorded.map(Claimed::Recorded).ok_or_else(|| {
        DbError::conflict(
            ConflictKind::Concurrent,
            "the claim of the idempotency key is not to be seen, or has no answer",
        )
    })
}

/// The record of an id, if there is one with an answer.
///
/// # Errors
///
/// [`DbError::NotThere`] when the ledger is not installed.
pub async fn find(session: &mut Session<'_>, id: &str, limit: Duration) -> Result<Option<Recorded>, DbError> {
    let fetched = session.run(&statements::find(session.dialect(), id), limit).await?;
    Ok(match fetched.rows().next() {
        Some([Value::Text(fingerprint), Value::Text(answer)]) => {
            Some(Recorded { fingerprint: fingerprint.clone(), answer: answer.clone() })
        }
        _ => None,
    })
}

/// Puts the answer beside a claim of this transaction.
///
/// # Errors
///
/// [`DbError::Failed`] when there is no such claim; the transaction must not commit then.
pub async fn record(session: &mut Session<'_>, id: &str, answer: &str, limit: Duration) -> Result<(), DbError> {
    let update = statements::record(session.dialect(), id, answer);
    match session.change(&update, limit).await?.affected {
        1 => Ok(()),
        _ => Err(DbError::failed("the claim of the idempotency key is gone")),
    }
}

impl Database {
    /// Forgets the keys that were claimed before a time, and tells how many: the same writes would
    /// be made again. The records of approved requests stay.
    ///
    /// # Errors
    ///
    /// [`DbError::NotThere`] when the ledger is not installed.
    pub async fn forget_idempotency(&self, before: Timestamp, limit: Duration) -> Result<u64, DbError> {
        let mut session = Session::from_pool(self).await?;
        let forgotten = session.alone(&statements::forget(self.dialect(), before.as_millisecond()), limit).await;
        session.finish().await?;
        forgotten
    }
}

impl Session<'_> {
    /// One change in a transaction of its own: how many rows it wrote.
    pub(crate) async fn alone(&mut self, statement: &Statement, limit: Duration) -> Result<u64, DbError> {
        self.begin(limit).await?;
        let changed = self.change(statement, limit).await;
        match changed {
            Ok(changed) => self.commit().await.map(|()| changed.affected),
            Err(error) => {
                self.rollback().await?;
                Err(error)
            }
        }
    }
}
