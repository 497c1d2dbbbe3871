//! Evaluation of users' own isolation: their policy, their models, their data.

pub mod expected;
pub mod isolation;
mod violation;
mod witness;

pub use isolation::{Isolation, IsolationError, IsolationProgress, IsolationReport};
pub use violation::Violation;
pub use witness::{Row, Witness, WitnessError};
