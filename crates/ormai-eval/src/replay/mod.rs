//! Making recorded calls again: what becomes of them under another policy, as another principal, on
//! another database.

mod change;
mod run;

pub use change::{Change, Difference};
pub(crate) use run::make;
pub use run::{Replay, ReplayError, Summary};
