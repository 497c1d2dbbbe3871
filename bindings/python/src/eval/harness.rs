//! Calls, held to invariants.

use std::sync::Arc;

use ormai::error::ErrorCode;
use ormai::request::Tool;
use ormai_eval::harness::{Case, EvalHarness, HarnessError};
use ormai_eval::invariants::{Invariant, Invariants};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use serde_json::{Value as Json, json};

use super::alone::{evaluating, on_one};
use super::document;
use super::invariant::PythonInvariant;
use crate::context::{Context, principal_of};
use crate::convert::json;
use crate::failure::raised;
use crate::native::Native;
use crate::policy::invalid;
use crate::running::{Running, written};

/// Makes calls and holds them to invariants.
#[pyclass(frozen, module = "ormai._ormai")]
pub(crate) struct Harness {
    native: Py<Native>,
    harness: Arc<EvalHarness>,
    keeps: bool,
}

/// The names of the invariants that are built in.
#[pyfunction]
pub(crate) fn invariants() -> Vec<&'static str> {
    Invariants::NAMES.to_vec()
}

#[pymethods]
impl Harness {
    /// For a toolset and the policy that it is meant to obey.
    #[new]
    #[pyo3(signature = (native, *, policy, policy_format="json", most_rows=None, keep_writes=false))]
    fn new(
        py: Python<'_>,
        native: Py<Native>,
        policy: &str,
        policy_format: &str,
        most_rows: Option<u32>,
        keep_writes: bool,
    ) -> PyResult<Self> {
        let document = document(py, policy, policy_format)?;
        let made = EvalHarness::new(native.get().ormai.tools(), &document);
        let mut harness = made.map_err(|error| match error {
            HarnessError::Policy(findings) => raised(py, &invalid(policy, &findings)),
            error => PyValueError::new_err(error.to_string()),
        })?;
        if let Some(most) = most_rows {
            harness = harness.most_rows(most);
        }
        if keep_writes {
            harness = harness.keep_writes();
        }
        Ok(Self { native, harness: Arc::new(harness), keeps: keep_writes })
    }

    /// Makes a call and holds it to invariants: names, or `{"name", "rows"}` of one that Python decides, which
    /// is then asked by a "tool" order `invariant:<its place>`. `expect` is `success` or the code of a refusal.
    #[pyo3(signature = (context, tool, arguments, *, name=None, principal=None, invariants=Vec::new(), expect=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn run(
        &self,
        context: &Context,
        tool: String,
        arguments: &Bound<'_, PyAny>,
        name: Option<String>,
        principal: Option<&Bound<'_, PyDict>>,
        invariants: Vec<Bound<'_, PyAny>>,
        expect: Option<&str>,
    ) -> PyResult<Running> {
        let native = self.native.get();
        native.check(context)?;
        let arguments = json(arguments).map_err(|misfit| misfit.into_py_err(arguments.py()))?;
        let principal = principal.map(principal_of).transpose()?;
        let principal = principal.unwrap_or_else(|| context.run.principal().clone());
        let mut case = Case::new(name.unwrap_or_else(|| tool.clone()), principal, tool, arguments);
        for (place, of) in invariants.iter().enumerate() {
            case = case.invariant(invariant(place, of)?);
        }
        match expect {
            None => {}
            Some("success") => case = case.answered(),
            Some(code) => case = case.refused(code_of(code)?),
        }
        let (harness, run) = (Arc::clone(&self.harness), Arc::clone(&context.run));
        let (tools, keeps) = (native.ormai.tools().clone(), self.keeps);
        let work = async move {
            let result = match Tool::from_name(&case.call.tool) {
                Ok(_) => harness.run_case(&run, case).await,
                // What it calls must not be done anywhere else.
                Err(_) => on_one(&tools, &run, keeps, async |on| harness.run_case(on, case.clone()).await).await?,
            };
            let text = result.to_string();
            let mut told = serde_json::to_value(result).unwrap_or_default();
            if let Some(told) = told.as_object_mut() {
                told.insert("text".to_owned(), Json::from(text));
            }
            Ok(written(told))
        };
        Ok(evaluating(native, context, work))
    }

    /// Whether the calls leave records.
    #[getter]
    fn is_recorded(&self) -> bool {
        self.native.get().ormai.trail().is_some()
    }

    fn __repr__(&self) -> String {
        json!({"Harness": self.native.get().ormai.tools().engine().policy().version()}).to_string()
    }
}

fn invariant(place: usize, of: &Bound<'_, PyAny>) -> PyResult<Arc<dyn Invariant>> {
    if let Ok(name) = of.cast::<PyString>() {
        return Invariants::named(name.to_str()?).map_err(|unknown| PyValueError::new_err(unknown.to_string()));
    }
    Ok(Arc::new(PythonInvariant::read(place, of.cast::<PyDict>()?)?))
}

fn code_of(code: &str) -> PyResult<ErrorCode> {
    let known = ErrorCode::ALL.iter().copied().find(|known| known.as_str() == code);
    known.ok_or_else(|| {
        let codes: Vec<&str> = ErrorCode::ALL.iter().map(|known| known.as_str()).collect();
        let hint = ormai::suggest::help(code, codes).map(|hint| format!(" ({hint})")).unwrap_or_default();
        PyValueError::new_err(format!("there is no error code `{code}`{hint}"))
    })
}
