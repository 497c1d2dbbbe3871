//! Evaluation of users' own isolation: their policy, their models, their data.

pub mod expected;
mod violation;
mod witness;

pub use violation::Violation;
pub use witness::{Row, Witness, WitnessError};
