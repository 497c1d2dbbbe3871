//! A write that is made once: what the ledger of the database says about it, inside of the
//! write's own transaction.

use ormai_core::answer::Written;
use ormai_core::error::{Error, ErrorCode, Result};
use ormai_core::idempotency::{Claim, Standing};
use ormai_core::request::Request;
use ormai_db::idempotency::{self, Claimed, Recorded};
use ormai_db::{DbError, Session};

use crate::write::WriteCall;

/// What a claim came to.
pub(crate) enum Turn {
    /// Nothing was done under it: the write goes on.
    First,
    /// It was done; this was the answer.
    Done(Written),
}

impl WriteCall {
    /// What the caller's key claims; `None` without a key, and for a dry run.
    pub(crate) fn key_claim(&self, request: &Request) -> Result<Option<Claim>> {
        match request.idempotency_key().filter(|_| !request.is_dry_run()) {
            Some(key) => {
                let version = self.engine().policy().version();
                Claim::of_key(&self.context().principal, key, request, version).map(Some)
            }
            None => Ok(None),
        }
    }
}

/// Claims in the transaction that is open. After an error it has to be undone.
pub(crate) async fn claim(call: &WriteCall, claim: &Claim, session: &mut Session<'_>) -> Result<Turn> {
    match idempotency::claim(session, claim, call.context().now, call.timeout()).await {
        Ok(Claimed::Fresh) => Ok(Turn::First),
        Ok(Claimed::Recorded(recorded)) => answer(claim, &recorded).map(Turn::Done),
        Err(DbError::NotThere(_)) => Err(not_installed(ErrorCode::Internal)),
        Err(error) => Err(call.failed(&error)),
    }
}

/// The answer of a record, when it is one to this claim.
pub(crate) fn answer(claim: &Claim, recorded: &Recorded) -> Result<Written> {
    let answer = Written::from_record(&recorded.answer)
        .ok_or_else(|| Error::new(ErrorCode::Internal, "the recorded answer cannot be read"))?;
    match claim.standing(&recorded.fingerprint) {
        Standing::Same => Ok(answer),
        Standing::OtherPolicy if matches!(answer, Written::Pending(_)) => Err(Error::new(
            ErrorCode::Conflict,
            "an approval was asked for under this idempotency key before the policy changed, or what you may do",
        )
        .hint(Some("ask for it anew, under another key".to_owned()))),
        Standing::OtherPolicy => Err(Error::new(
            ErrorCode::Conflict,
            "the write was done under this idempotency key before the policy changed, or what you may do",
        )
        .hint(Some("read the record; its first answer may show what you may not see now".to_owned()))),
        Standing::OtherRequest => {
            Err(Error::new(ErrorCode::Conflict, "the idempotency key was used for another request")
                .hint(Some("use a new key for a new write".to_owned())))
        }
    }
}

/// Puts the answer beside its claim, in the same transaction.
pub(crate) async fn record(
    call: &WriteCall,
    claim: &Claim,
    written: &Written,
    session: &mut Session<'_>,
) -> Result<()> {
    let record = written
        .to_record()
        .ok_or_else(|| Error::new(ErrorCode::Internal, "the answer of the write cannot be recorded"))?;
    let recorded = idempotency::record(session, claim.id(), &record, call.timeout()).await;
    recorded.map_err(|error| call.failed(&error))
}

/// The ledger was never made.
pub(crate) fn not_installed(code: ErrorCode) -> Error {
    Error::new(code, "idempotency keys and approvals are not set up in this database")
        .hint(Some("the operator runs `ormai install`, or `OrmAi::install`".to_owned()))
}
