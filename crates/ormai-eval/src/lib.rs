//! Evaluation of users' own isolation: their policy, their models, their data.

pub mod scenario;
pub mod expected;
mod violation;
mod witness;

pub use violation::Violation;
pub use witness::{Row, Witness, WitnessError};

// Recorded calls, and what is made of them.
mod determinism;
mod plain;
pub mod bench;
pub mod diff;
pub mod record;
pub mod replay;
pub mod report;

pub use determinism::{Determinism, DeterminismReport, FirstDifference, IGNORED};
