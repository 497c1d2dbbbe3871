//! Recording calls, so that they can be made again: under another policy, as another principal, on
//! another database.
//!
//! A recording says who called what with which arguments, at which time, and how it ended. It holds
//! what callers asked, so it is to be kept like the audit trail. The answers themselves are tenants'
//! data, and only kept when that is asked for; without them a digest stands in their place, from which
//! a short answer can be guessed.

mod call;
mod file;
mod metadata;
mod outcome;
mod recorder;
mod trail;

pub use call::{Missing, RecordedCall, Who};
pub use file::{Calls, CallsWriter, FileError, Header, Line, Source, VERSION};
pub use metadata::MetadataReaders;
pub use outcome::Outcome;
pub use recorder::Recorder;
pub use trail::{FromTrail, TrailReadError, from_record, from_trail};
