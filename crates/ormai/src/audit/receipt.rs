//! What stands for a closed record.

use std::fmt;
use std::ops::Deref;

use ormai_core::error::Error;
use serde::{Serialize, Serializer};

/// Stands for a closed record, or for the choice to have none. Only an
/// [`Attempt`](super::Attempt) that is closed gives one.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Receipt(Option<String>);

impl Receipt {
    /// For the record with a name; `None` where there is no store.
    pub(super) fn new(audit_id: Option<String>) -> Self {
        Self(audit_id)
    }

    /// The name of the record.
    pub(crate) fn audit_id(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// A refusal or a failure that has been recorded. It reads like its [`Error`].
///
/// Nobody makes one of an error that was not recorded:
///
/// ```compile_fail,E0451
/// fn unrecorded(error: Box<ormai::prelude::Error>, of_another: ormai::Refused) -> ormai::Refused {
///     ormai::Refused { error, ..of_another }
/// }
/// ```
#[derive(Clone)]
pub struct Refused {
    error: Box<Error>,
    receipt: Receipt,
}

impl Refused {
    pub(super) fn new(error: Error, receipt: Receipt) -> Self {
        Self { error: Box::new(error), receipt }
    }

    /// The name of its record; `None` where there is no audit store.
    pub fn audit_id(&self) -> Option<&str> {
        self.receipt.audit_id()
    }

    /// Why, and how to mend it.
    pub fn into_error(self) -> Error {
        *self.error
    }
}

impl Deref for Refused {
    type Target = Error;

    fn deref(&self) -> &Error {
        &self.error
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        refused.into_error()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Refused {}

/// Two refusals are equal when they say the same; each has a record of its own.
impl PartialEq for Refused {
    fn eq(&self, other: &Self) -> bool {
        self.error == other.error
    }
}

impl PartialEq<Refused> for Error {
    fn eq(&self, other: &Refused) -> bool {
        *self == *other.error
    }
}

impl PartialEq<Error> for Refused {
    fn eq(&self, other: &Error) -> bool {
        *self.error == *other
    }
}

/// As the error is written.
impl Serialize for Refused {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.error.serialize(serializer)
    }
}
