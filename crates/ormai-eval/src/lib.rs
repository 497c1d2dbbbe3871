//! Evaluation of users' own isolation: their policy, their models, their data.

mod violation;
mod witness;

pub use violation::Violation;
pub use witness::{Row, Witness, WitnessError};

// Recorded calls, and what is made of them.
pub mod bench;
mod determinism;
pub mod diff;
mod plain;
pub mod record;
pub mod replay;
pub mod report;

pub use determinism::{Determinism, DeterminismReport, FirstDifference, IGNORED};
