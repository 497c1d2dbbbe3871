//! Requests that are made up from policy and database, with rows of strangers around them.

use std::sync::Arc;

use ormai::error::{Error, ErrorCode};
use ormai_eval::report::Report;
use ormai_eval::{Isolation, IsolationError, IsolationProgress, WitnessError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;

use super::alone::evaluating;
use super::{document, mistaken};
use crate::context::{Context, principal_of};
use crate::native::Native;
use crate::running::{Running, written};

/// Tries to break the isolation of a policy, in a transaction that is undone: `{"report", "html"}`. `progress` is
/// called with how many requests were made, of how many, and how many leaks were found.
#[pyfunction]
#[pyo3(signature = (native, context, *, policy, policy_format="json", seed=0, requests=None, max_rows=None,
    principals=Vec::new(), stop_at_first=false, progress=None))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
pub(crate) fn isolation(
    native: &Bound<'_, Native>,
    context: &Context,
    policy: String,
    policy_format: &str,
    seed: u64,
    requests: Option<usize>,
    max_rows: Option<u32>,
    principals: Vec<Bound<'_, PyDict>>,
    stop_at_first: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Running> {
    let (py, native) = (native.py(), native.get());
    native.check(context)?;
    let document = document(py, &policy, policy_format)?;
    let mut suite = Isolation::new(native.ormai.tools(), &document).seed(seed);
    if let Some(requests) = requests {
        suite = suite.requests(requests);
    }
    if let Some(rows) = max_rows {
        suite = suite.max_rows(rows);
    }
    if stop_at_first {
        suite = suite.stop_at_first();
    }
    for principal in &principals {
        suite = suite.principal(principal_of(principal)?);
    }
    let run = Arc::clone(&context.run);
    let work = async move {
        let tell = |now: IsolationProgress| {
            let Some(progress) = &progress else { return };
            // No interpreter is left to tell when it ends meanwhile.
            Python::try_attach(|py| {
                if let Err(error) = progress.call1(py, (now.requests, now.of, now.leaks)) {
                    error.write_unraisable(py, Some(progress.bind(py)));
                }
            });
        };
        let report = suite.run_on(&run, &tell).await.map_err(|error| failed(&error))?;
        let html = Report::new("Isolation").isolation(&report).html();
        Ok(written(json!({"report": report, "html": html})))
    };
    Ok(evaluating(native, context, work))
}

fn failed(error: &IsolationError) -> Error {
    match error {
        IsolationError::Build(_) => Error::new(ErrorCode::PolicyInvalid, error.to_string()),
        IsolationError::TooLarge { model, most } => mistaken(format!("`{model}` has more than {most} rows"))
            .hint("read more with `max_rows`, or evaluate a smaller copy".to_owned()),
        IsolationError::Witness(WitnessError::Failed(error)) => (**error).clone(),
        error => Error::new(ErrorCode::DatabaseUnavailable, error.to_string()),
    }
}
