//! Why a statement did not do what it was to do.

use crate::store::StoreError;

/// Why a statement failed. The words are for the operator's log.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// The table is not there.
    NotInstalled,
    /// A line with this place, or a record with this name, is there already.
    Duplicate(String),
    /// The connection was lost: it is not known what came of the statement.
    Lost(String),
    /// Nothing was done.
    Unavailable(String),
    /// The database did not understand, or answered what cannot be read.
    Failed(String),
}

impl Fault {
    /// What every driver says in the same way; `by_code` sorts the codes of a database.
    pub(super) fn of(error: &sqlx::Error, by_code: impl FnOnce(&str, String) -> Self) -> Self {
        let said = error.to_string();
        match error {
            sqlx::Error::Database(error) if error.is_unique_violation() => Self::Duplicate(said),
            sqlx::Error::Database(error) => by_code(&error.code().unwrap_or_default(), said),
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
                Self::Lost(said)
            }
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Self::Unavailable(said),
            _ => Self::Failed(said),
        }
    }

    pub(super) fn unreadable(error: &sqlx::Error) -> Self {
        Self::Failed(format!("the answer cannot be read: {error}"))
    }

    /// What failed before anything was sent has done nothing.
    pub(super) fn before_it_began(self) -> Self {
        match self {
            Self::Lost(said) | Self::Failed(said) => Self::Unavailable(said),
            other => other,
        }
    }

    /// What failed inside of a transaction has done nothing either.
    pub(super) fn before_the_commit(self) -> Self {
        match self {
            Self::Lost(said) => Self::Unavailable(said),
            other => other,
        }
    }
}

/// For what changes nothing, or may be done again: nothing is in doubt.
impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotInstalled => Self::NotInstalled,
            Fault::Lost(said) | Fault::Unavailable(said) => Self::Unavailable(said),
            Fault::Duplicate(said) | Fault::Failed(said) => Self::Failed(said),
        }
    }
}
