//! The audit trail: a record of every call, in stores whose past cannot be changed unseen.
//!
//! An answer and a refusal are made from a receipt, and the one way to a receipt is a closed record.
//! Without a store nothing is recorded: that is said once, where the engine is built.

mod attempt;
mod receipt;

pub(crate) use attempt::{Attempt, action_of};
pub(crate) use receipt::Receipt;
pub use receipt::Refused;

pub use ormai_audit::*;
