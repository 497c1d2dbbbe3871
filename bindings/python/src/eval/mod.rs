//! Evaluation: calls held to invariants, made again, and made up.
//!
//! What an evaluation finds goes to Python as data: the dicts that `ormai-eval` serialises.

mod alone;
mod comparing;
mod harness;
mod invariant;
mod recording;
mod replaying;
mod suite;

use ormai::error::Error;
use ormai::policy::PolicyDocument;
use pyo3::prelude::*;

use crate::failure::raised;
use crate::policy::{format_of, invalid};

pub(crate) use comparing::diff;
pub(crate) use harness::{Harness, invariants};
pub(crate) use recording::{Recorder, Recording};
pub(crate) use replaying::{determinism, replay};
pub(crate) use suite::isolation;

/// The policy that something is held to.
fn document(py: Python<'_>, policy: &str, policy_format: &str) -> PyResult<PolicyDocument> {
    let format = format_of(policy_format)?;
    PolicyDocument::parse(policy, format).map_err(|findings| raised(py, &invalid(policy, &findings)))
}

/// Something that cannot be evaluated, by whoever asked for it.
fn mistaken(message: impl Into<String>) -> Error {
    Error::new(ormai::error::ErrorCode::ValidationError, message)
}
