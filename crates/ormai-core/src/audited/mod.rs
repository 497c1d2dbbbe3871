//! What an audit record says of a call, as far as the policy decides it.
//!
//! A record is read by people who may see less than the database holds, and it stays for years.
//! So what it says of a request, a plan and a written row passes the same [`View`] that decided
//! the call: a value that the principal may not read as it is never stands in it.
//!
//! | in the record | made by | known |
//! |---|---|---|
//! | `inputs` | [`inputs`], or [`unread`] | before deciding |
//! | `scopes_injected`, `bypass`, `inferred_permits`, `fields_redacted` | [`Decided`] | before any statement |
//! | `before_snapshot`, `after_snapshot` | [`Course::take_snapshots`](crate::write::Course::take_snapshots) | at the end |
//! | `error` | its code, and [`message`] | at the end |
//!
//! [`View`]: crate::policy::View

mod bounds;
mod decided;
mod inputs;
mod snapshots;

use std::borrow::Cow;

pub use decided::Decided;
pub use inputs::{inputs, unread};
pub use snapshots::Snapshots;
pub(crate) use snapshots::{of_row, of_rows};

use crate::error::Error;

/// What stands in the place of a value that is not open to be read.
pub const HIDDEN: &str = "[HIDDEN]";

/// How large what is recorded of one call can be.
pub mod limits {
    /// The longest text that is kept whole, in bytes; of a longer one the beginning is kept.
    pub const TEXT_BYTES: usize = 1_024;
    /// The most items of a list that are kept.
    pub const LIST_ITEMS: usize = 100;
    /// The longest name that is kept whole, in bytes.
    pub const NAME_BYTES: usize = 128;
    /// The most rows of a snapshot.
    pub const ROWS: usize = 100;
    /// The most that the inputs or a snapshot come to, in bytes of JSON.
    pub const BYTES: usize = 64 << 10;
}

/// A name that a caller may have made up, such as that of a tool or a model, as a record says it:
/// cut at [`limits::NAME_BYTES`].
///
/// ```
/// assert_eq!(ormai_core::audited::name("query"), "query");
/// ```
pub fn name(name: &str) -> Cow<'_, str> {
    bounds::cut(name, limits::NAME_BYTES)
}

/// What a record says of a refusal or a failure, beside its code.
///
/// A message names what stands in the place of a name, and never repeats a value of a request or
/// of a row. Hints and details are for whoever called: no record has them.
///
/// ```
/// use ormai_core::audited;
/// use ormai_core::error::{Error, ErrorCode};
/// let error = Error::new(ErrorCode::RecordNotFound, "there is no such record for you");
/// assert_eq!(audited::message(&error), "there is no such record for you");
/// ```
pub fn message(error: &Error) -> Cow<'_, str> {
    bounds::cut(&error.message, limits::TEXT_BYTES)
}
