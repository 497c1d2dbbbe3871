//! Making recorded calls again: what becomes of them under another policy, as another principal, on
//! another database.

mod change;
mod run;

pub use change::{Change, Difference};
pub use run::{Replay, ReplayError, Summary};
pub(crate) use run::{make, own};
