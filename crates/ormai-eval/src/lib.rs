//! Evaluation of users' own isolation: their policy, their models, their data.

pub mod scenario;
mod violation;
mod witness;

pub use violation::Violation;
pub use witness::{Row, Witness, WitnessError};
