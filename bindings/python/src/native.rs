//! A database with a policy in force, as Python sees it.

use std::sync::Arc;

use ormai::db::Database;
use ormai::diagnostic::Diagnostic;
use ormai::error::{Error, ErrorCode};
use ormai::policy::Format;
use ormai::prelude::*;
use ormai::{BuildError, CallResult, Dialect};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::catalog;
use crate::context::Context;
use crate::convert::{json, to_python};
use crate::failure::raised;
use crate::running::{Outcome, Running};
use crate::runtime::Runtime;

/// A database with a policy in force.
#[pyclass(frozen, module = "ormai._ormai")]
pub(crate) struct Native {
    pub(crate) ormai: OrmAi,
    /// Where something of it needs one: connections of its own, or a store in a database.
    pub(crate) runtime: Option<Runtime>,
}

impl Native {
    /// Refuses a context whose connection speaks something else.
    fn check(&self, context: &Context) -> PyResult<()> {
        let own = self.ormai.tools().database().dialect();
        match context.dialect {
            Some(dialect) if dialect != own => Err(PyValueError::new_err(format!(
                "the context's connection speaks {}, and the toolset was made for {}",
                name_of(dialect),
                name_of(own)
            ))),
            _ => Ok(()),
        }
    }
}

#[pymethods]
impl Native {
    /// Puts a policy in force over connections that each call's context brings.
    #[staticmethod]
    #[pyo3(signature = (*, catalog, dialect, policy, policy_format="json", hash_key=None, cursor_secret=None))]
    fn over_host(
        py: Python<'_>,
        catalog: &str,
        dialect: &str,
        policy: String,
        policy_format: &str,
        hash_key: Option<Vec<u8>>,
        cursor_secret: Option<Vec<u8>>,
    ) -> PyResult<Running> {
        let catalog = catalog::read(catalog).map_err(|error| raised(py, &error))?;
        let format = format_of(policy_format)?;
        let mut builder =
            OrmAi::builder().database(Database::of_hosts(dialect_of(dialect)?)).catalog(catalog).policy_text(policy, format);
        if let Some(key) = hash_key {
            builder = builder.hash_key(key);
        }
        if let Some(secret) = cursor_secret {
            builder = builder.cursor_secret(secret);
        }
        let runtime = None;
        let made = runtime.clone();
        let work = async move {
            let ormai = builder.unrecorded().build().await.map_err(unbuilt)?;
            Ok(made_native(Native { ormai, runtime: made }))
        };
        Ok(Running::of(work, runtime))
    }

    /// Calls a tool by name. A refusal is an outcome like any other.
    fn call(&self, context: &Context, tool: String, arguments: &Bound<'_, PyAny>) -> PyResult<Running> {
        self.check(context)?;
        let tools = self.ormai.tools().clone();
        let run = Arc::clone(&context.run);
        let arguments = json(arguments).map_err(|misfit| misfit.into_py_err(arguments.py()))?;
        let work = async move {
            let result = tools.call(&run, &tool, &arguments).await;
            answered(result)
        };
        Ok(Running::answering(work, self.runtime.clone(), refused).within(context))
    }

    fn __repr__(&self) -> String {
        let engine = self.ormai.tools().engine();
        format!("<Native: {}, policy {}>", name_of(engine.compiler().dialect()), engine.policy().version())
    }
}

fn made_native(native: Native) -> Outcome {
    Box::new(move |py| Ok(Bound::new(py, native)?.into_any()))
}

/// `{"success", "data", "error", "metadata"}`
fn answered(result: CallResult) -> Outcome {
    Box::new(move |py| {
        let outcome = PyDict::new(py);
        outcome.set_item("success", result.success())?;
        match result {
            CallResult::Answered { data, metadata } => {
                outcome.set_item("data", to_python(py, &data)?)?;
                outcome.set_item("error", py.None())?;
                outcome.set_item("metadata", to_python(py, &metadata)?)?;
            }
            CallResult::Refused { error, request_id } => {
                let metadata = PyDict::new(py);
                metadata.set_item("request_id", request_id)?;
                metadata.set_item("audit_id", error.audit_id())?;
                outcome.set_item("data", py.None())?;
                outcome.set_item("error", to_python(py, &error)?)?;
                outcome.set_item("metadata", metadata)?;
            }
            _ => return Err(PyTypeError::new_err("an outcome of a kind that is not known here")),
        }
        Ok(outcome.into_any())
    })
}

/// The outcome of a call that came to no record.
fn refused(error: Error) -> Outcome {
    Box::new(move |py| {
        let outcome = PyDict::new(py);
        outcome.set_item("success", false)?;
        outcome.set_item("data", py.None())?;
        outcome.set_item("error", to_python(py, &error)?)?;
        outcome.set_item("metadata", PyDict::new(py))?;
        Ok(outcome.into_any())
    })
}

/// Why nothing was built, for whoever configures it.
pub(crate) fn unbuilt(error: BuildError) -> Error {
    let code = match &error {
        BuildError::Policy(_) | BuildError::Catalog(_) | BuildError::PolicyFile(..) => ErrorCode::PolicyInvalid,
        BuildError::Database(error) if error.is_retryable() => ErrorCode::DatabaseUnavailable,
        BuildError::Audit(_) | BuildError::Recording(_) => ErrorCode::AuditUnavailable,
        _ => ErrorCode::Internal,
    };
    let told = Error::new(code, error.to_string());
    match &error {
        BuildError::Policy(findings) => {
            told.detail("diagnostics", findings.iter().map(diagnostic).collect::<Vec<_>>())
        }
        _ => told,
    }
}

/// A finding: `{"severity", "code", "message", "labels": [{"start", "end", "text"}], "help"}`.
pub(crate) fn diagnostic(finding: &Diagnostic) -> serde_json::Value {
    let labels = finding.labels.iter().map(|label| {
        serde_json::json!({"start": label.span.start, "end": label.span.end, "text": label.text})
    });
    serde_json::json!({
        "severity": format!("{:?}", finding.severity).to_lowercase(),
        "code": finding.code,
        "message": finding.message,
        "labels": labels.collect::<Vec<_>>(),
        "help": finding.help,
    })
}

pub(crate) fn format_of(name: &str) -> PyResult<Format> {
    match name {
        "json" => Ok(Format::Json),
        "yaml" => Ok(Format::Yaml),
        "toml" => Ok(Format::Toml),
        _ => Err(PyValueError::new_err(format!("`{name}` is no format: it is one of `json`, `yaml` and `toml`"))),
    }
}

fn dialect_of(name: &str) -> PyResult<Dialect> {
    match name {
        "sqlite" => Ok(Dialect::Sqlite),
        "postgresql" | "postgres" => Ok(Dialect::Postgres),
        "mysql" | "mariadb" => Ok(Dialect::MySql),
        _ => Err(PyValueError::new_err(format!(
            "`{name}` is no dialect: it is one of `sqlite`, `postgresql` and `mysql`"
        ))),
    }
}

fn name_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgres => "postgresql",
        Dialect::MySql => "mysql",
        _ => "another dialect",
    }
}
