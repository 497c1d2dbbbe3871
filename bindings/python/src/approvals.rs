//! Where writes wait for somebody's word.

use std::sync::Arc;

use ormai::approvals::{ApprovalFilter, ApprovalStore, MemoryApprovals, SqlApprovals, Status};
use ormai::error::{Error, ErrorCode};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::running::{Outcome, Running};
use crate::runtime::Runtime;

/// A store of writes that wait for their approval.
#[pyclass(frozen, module = "ormai._ormai")]
pub(crate) struct Approvals {
    pub(crate) store: Arc<dyn ApprovalStore>,
    pub(crate) runtime: Option<Runtime>,
}

#[pymethods]
impl Approvals {
    /// In memory: gone with the process.
    #[staticmethod]
    fn memory() -> Self {
        Self { store: Arc::new(MemoryApprovals::new()), runtime: None }
    }

    /// In the table `ormai_approvals` of a database, with connections of its own. With `install` the table
    /// is made where it is missing.
    #[staticmethod]
    #[pyo3(signature = (url, *, install=false))]
    fn sql(url: String, install: bool) -> PyResult<Running> {
        let runtime = Some(Runtime::get()?);
        let made = runtime.clone();
        let work = async move {
            let store = SqlApprovals::connect(&url).await.map_err(|error| unavailable(error.to_string()))?;
            if install {
                store.install().await.map_err(|error| unavailable(error.to_string()))?;
            }
            let store = Self { store: Arc::new(store), runtime: made };
            Ok::<Outcome, Error>(Box::new(move |py| Ok(Bound::new(py, store)?.into_any())))
        };
        Ok(Running::of(work, runtime))
    }

    fn __repr__(&self) -> &'static str {
        match self.runtime {
            None => "<Approvals: memory>",
            Some(_) => "<Approvals: a database>",
        }
    }
}

fn unavailable(message: String) -> Error {
    Error::new(ErrorCode::DatabaseUnavailable, message)
}

/// Which of them are meant: those that wait, where no status is said.
pub(crate) fn filter_of(status: Option<&str>, limit: Option<u32>, before: Option<String>) -> PyResult<ApprovalFilter> {
    let mut filter = ApprovalFilter::new();
    let word = status.unwrap_or(Status::Pending.as_str());
    if word != "all" {
        let status = Status::from_word(word).ok_or_else(|| {
            let known = Status::ALL.map(|status| format!("`{status}`")).join(", ");
            PyValueError::new_err(format!("`{word}` is no status: it is one of {known} and `all`"))
        })?;
        filter = filter.status(status);
    }
    if let Some(limit) = limit {
        filter = filter.limit(limit);
    }
    if let Some(before) = before {
        filter = filter.before(before);
    }
    Ok(filter)
}
