//! Calls and what they come to.

use std::sync::Arc;

use ormai::error::Error;
use ormai::request::{Request, Tool};
use ormai::{CallResult, Explanation, Refusal, RunContext, Toolset};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::convert::to_python;
use crate::failure::internal;
use crate::mailbox::{Answer, Mailbox, Order};
use crate::running::{Outcome, undone};

/// `{"success", "data", "error", "metadata"}`
pub(crate) fn answered(result: CallResult) -> Outcome {
    Box::new(move |py| match result {
        CallResult::Answered { data, metadata } => {
            let (data, metadata) = (to_python(py, &data)?, to_python(py, &metadata)?);
            outcome(py, true, data, py.None().into_bound(py), metadata)
        }
        CallResult::Refused { error, request_id } => {
            let metadata = json!({"request_id": request_id, "audit_id": error.audit_id()});
            outcome(py, false, py.None().into_bound(py), to_python(py, &error)?, to_python(py, &metadata)?)
        }
        _ => Err(PyTypeError::new_err("an outcome of a kind that is not known here")),
    })
}

/// The outcome of a call that came to no record.
pub(crate) fn refused(error: Error) -> Outcome {
    refused_as(error, None)
}

fn refused_as(error: Error, audit_id: Option<String>) -> Outcome {
    Box::new(move |py| {
        let metadata = to_python(py, &json!({"audit_id": audit_id}))?;
        outcome(py, false, py.None().into_bound(py), to_python(py, &error)?, metadata)
    })
}

fn outcome<'py>(
    py: Python<'py>,
    success: bool,
    data: Bound<'py, PyAny>,
    error: Bound<'py, PyAny>,
    metadata: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let outcome = PyDict::new(py);
    outcome.set_item(pyo3::intern!(py, "success"), success)?;
    outcome.set_item(pyo3::intern!(py, "data"), data)?;
    outcome.set_item(pyo3::intern!(py, "error"), error)?;
    outcome.set_item(pyo3::intern!(py, "metadata"), metadata)?;
    Ok(outcome.into_any())
}

/// A transaction: its context is handed out once it has begun, and what comes back decides.
pub(crate) async fn transaction(tools: Toolset, run: Arc<RunContext<'static>>) -> Outcome {
    let done = tools.transaction_with(&run, inside).await;
    match done {
        Ok(()) => Box::new(|py| {
            let none = || py.None().into_bound(py);
            outcome(py, true, none(), none(), PyDict::new(py).into_any())
        }),
        Err(refused) => {
            let audit_id = refused.audit_id().map(str::to_owned);
            refused_as(refused.into_error(), audit_id)
        }
    }
}

async fn inside(context: RunContext<'static>) -> Result<(), Error> {
    let mailbox = Mailbox::current().ok_or_else(|| internal("a transaction was begun outside of a step"))?;
    match mailbox.ask(Order::Inside(Box::new(context))).await {
        Answer::Kept(Ok(true)) => Ok(()),
        Answer::Kept(Ok(false)) => Err(undone()),
        Answer::Kept(Err(error)) => Err(error),
        _ => Err(internal("the answer is none of a transaction")),
    }
}

/// What would be done for a request: `{"success", "explanation" or "refusal"}`.
#[derive(Serialize)]
pub(crate) struct Explained {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Box<Refusal>>,
}

impl Explained {
    pub(crate) fn of(tools: &Toolset, run: &RunContext<'_>, tool: &str, arguments: &Json) -> Self {
        let request = Tool::from_name(tool).and_then(|tool| Request::from_value(tool, arguments));
        let explained = match request {
            Ok(request) => tools.explain(run, request),
            Err(error) => Err(Box::new(Refusal::from(error))),
        };
        match explained {
            Ok(explanation) => Self { success: true, explanation: Some(explanation), refusal: None },
            Err(refusal) => Self { success: false, explanation: None, refusal: Some(refusal) },
        }
    }
}
