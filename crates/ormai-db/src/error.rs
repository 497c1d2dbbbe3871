//! Why a statement was not answered.

use std::fmt;

use sqlx::error::DatabaseError;

/// Why a database did not do what it was asked. `Display` is safe for callers: no SQL, no
/// driver text, no names and no values; the cause for the log is [`DbError::operator_detail`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// The statement ran into its time limit and was stopped in the database.
    #[error("the database stopped the statement at its time limit")]
    Timeout,
    /// No connection is to be had, or it broke. Trying again later may help.
    #[error("the database is not available")]
    Unavailable(Cause),
    /// A constraint or another transaction stands against it.
    #[error("{kind}")]
    Conflict {
        /// What stands against it.
        kind: ConflictKind,
        /// For the log.
        cause: Cause,
    },
    /// A number that the statement computes is larger than its type.
    #[error("a number is too large to be computed")]
    OutOfRange(Cause),
    /// A value that the database does not take: too long, out of a column's range, not of its
    /// type, or turned down by a rule of the database's own.
    #[error("the database does not take a value")]
    Refused(Cause),
    /// The database takes no writes, or none from this user.
    #[error("the database takes no writes")]
    ReadOnly(Cause),
    /// The connection went away while a transaction was being committed, so nobody knows
    /// whether it was. Trying again could do it twice.
    #[error("the connection was lost while the transaction was committed: it may be stored or not")]
    OutcomeUnknown(Cause),
    /// A table of the statement is not there.
    #[error("the database could not answer")]
    NotThere(Cause),
    /// The database refused the statement, or answered what the catalog does not expect.
    #[error("the database could not answer")]
    Failed(Cause),
}

/// What stands against a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConflictKind {
    /// A unique key has the value already.
    Unique,
    /// A reference points to no row, or a row is still pointed to.
    Reference,
    /// NULL where none may stand.
    NotNull,
    /// A check or exclusion constraint.
    Check,
    /// Another transaction; the whole transaction may be tried again.
    Concurrent,
}

impl fmt::Display for ConflictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unique => "a row with this key exists already",
            Self::Reference => "a reference points to no row, or the row is still referred to",
            Self::NotNull => "a value is missing",
            Self::Check => "a value breaks a rule of the database",
            Self::Concurrent => "another transaction is in the way",
        })
    }
}

/// What the driver said. For the operator only: it can name constraints, keys and values.
#[derive(Debug)]
pub struct Cause {
    detail: String,
    /// The database's code for it, where it has given one.
    code: Option<Box<str>>,
}

impl Cause {
    fn new(detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), code: None }
    }
}

impl DbError {
    /// What the driver said, for the operator; never for a caller. It may print a whole row, so a log
    /// that others read has [`DbError::class`] and [`DbError::code`] instead.
    pub fn operator_detail(&self) -> &str {
        self.cause().map_or("statement time limit", |cause| &cause.detail)
    }

    /// The database's own code for it: an SQLSTATE (`23502`), the number of an error of MariaDB or
    /// MySQL (`1048`), or a result code of SQLite (`1299`). It holds no value, so it may stand in any log.
    pub fn code(&self) -> Option<&str> {
        self.cause()?.code.as_deref()
    }

    /// Which kind of error it is, in a word for logs and metrics.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unavailable(_) => "unavailable",
            Self::Conflict { kind, .. } => match kind {
                ConflictKind::Unique => "unique",
                ConflictKind::Reference => "reference",
                ConflictKind::NotNull => "not_null",
                ConflictKind::Check => "check",
                ConflictKind::Concurrent => "concurrent",
            },
            Self::OutOfRange(_) => "out_of_range",
            Self::Refused(_) => "refused",
            Self::ReadOnly(_) => "read_only",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::NotThere(_) => "not_there",
            Self::Failed(_) => "failed",
        }
    }

    fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Timeout => None,
            Self::Unavailable(cause)
            | Self::Conflict { cause, .. }
            | Self::OutcomeUnknown(cause)
            | Self::OutOfRange(cause)
            | Self::Refused(cause)
            | Self::ReadOnly(cause)
            | Self::NotThere(cause)
            | Self::Failed(cause) => Some(cause),
        }
    }

    /// With the database's code. A function in the database can raise an error under a code of its
    /// own, so what does not look like one is left out.
    pub(crate) fn coded(mut self, code: Option<&str>) -> Self {
        const LONGEST: usize = 5;
        let code = code.filter(|code| {
            (1..=LONGEST).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        match &mut self {
            Self::Timeout => {}
            Self::Unavailable(cause)
            | Self::Conflict { cause, .. }
            | Self::OutcomeUnknown(cause)
            | Self::OutOfRange(cause)
            | Self::Refused(cause)
            | Self::ReadOnly(cause)
            | Self::NotThere(cause)
            | Self::Failed(cause) => cause.code = code.map(Box::from),
        }
        self
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Timeout | Self::Unavailable(_) | Self::Conflict { kind: ConflictKind::Concurrent, .. })
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::Unavailable(Cause::new(detail))
    }

    pub(crate) fn failed(detail: impl Into<String>) -> Self {
        Self::Failed(Cause::new(detail))
    }

    pub(crate) fn out_of_range(detail: impl Into<String>) -> Self {
        Self::OutOfRange(Cause::new(detail))
    }

    pub(crate) fn refused(detail: impl Into<String>) -> Self {
        Self::Refused(Cause::new(detail))
    }

    pub(crate) fn read_only(detail: impl Into<String>) -> Self {
        Self::ReadOnly(Cause::new(detail))
    }

    pub(crate) fn not_there(detail: impl Into<String>) -> Self {
        Self::NotThere(Cause::new(detail))
    }

    pub(crate) fn conflict(kind: ConflictKind, detail: impl Into<String>) -> Self {
        Self::Conflict { kind, cause: Cause::new(detail) }
    }

    /// Sorts what every driver says in the same way; what the database says is sorted by its own
    /// module.
    pub(crate) fn from_driver(error: &sqlx::Error, of_database: impl FnOnce(&dyn DatabaseError) -> Self) -> Self {
        match error {
            sqlx::Error::Database(database) => of_database(database.as_ref()),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::unavailable(error.to_string()),
            _ => Self::failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_code_is_one() {
        let coded = |code: &str| DbError::failed("detail").coded(Some(code)).code().map(str::to_owned);
        for code in ["23502", "1299", "P0001", "1"] {
            assert_eq!(coded(code).as_deref(), Some(code));
        }
        for code in ["opensesame", "a row", "a@b", ""] {
            assert_eq!(coded(code), None);
        }
    }
}
