//! What a change of a policy changes.

use std::sync::Arc;

use ormai::error::{Error, ErrorCode};
use ormai::principal::Principal;
use ormai_eval::diff::{DiffError, RowsOptions, Versions, Which};
use ormai_eval::record::Who;
use ormai_eval::report::Report;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Value as Json, json};

use super::alone::evaluating;
use super::recording::Recording;
use super::{document, mistaken};
use crate::context::{Context, principal_of};
use crate::failure::raised;
use crate::native::Native;
use crate::policy::invalid;
use crate::running::{Running, written};

/// Compares two policies, each `(text, format)`, over the catalog of a toolset: what they say; with `rows`, what
/// the principals see under both; with a recording, what its calls come to. `{"diff", "is_wider", "is_empty",
/// "changes", "html"}`.
#[pyfunction]
#[pyo3(signature = (native, context, old, new, *, principals=Vec::new(), rows=true, most_rows=None, recording=None))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
pub(crate) fn diff(
    native: &Bound<'_, Native>,
    context: &Context,
    old: (String, String),
    new: (String, String),
    principals: Vec<Bound<'_, PyDict>>,
    rows: bool,
    most_rows: Option<u64>,
    recording: Option<&Recording>,
) -> PyResult<Running> {
    let (py, native) = (native.py(), native.get());
    native.check(context)?;
    let tools = native.ormai.tools();
    let catalog = tools.engine().policy().catalog().as_ref().clone();
    let documents = (document(py, &old.0, &old.1)?, document(py, &new.0, &new.1)?);
    let versions = Versions::new(documents.0, documents.1, catalog)
        .map_err(|error| raised(py, &failed(error, (&old.0, &new.0))))?;
    let principals: Vec<Principal> = principals.iter().map(principal_of).collect::<PyResult<_>>()?;
    let principals: Vec<Who> = principals.iter().map(Who::from).collect();
    let (lines, run) = (recording.map(Recording::lines), Arc::clone(&context.run));
    let database = tools.database().clone();
    let work = async move {
        let failed = |error| failed(error, (&old.0, &new.0));
        let mut found = versions.diff(&principals);
        if rows {
            let mut options = RowsOptions { principals, ..RowsOptions::default() };
            options.most_rows = most_rows.unwrap_or(options.most_rows);
            versions.compare_rows_on(&run, &mut found, &database, options, |_| ()).await.map_err(failed)?;
        }
        if let Some(lines) = lines {
            versions.compare_calls_on(&run, &mut found, &database, lines).await.map_err(failed)?;
        }
        let changes =
            found.changes().into_iter().map(|(change, roles)| json!({"text": change.to_string(), "roles": roles}));
        let changes: Vec<Json> = changes.collect();
        Ok(written(json!({
            "diff": found,
            "is_wider": found.is_wider(),
            "is_empty": found.is_empty(),
            "changes": changes,
            "html": Report::new("What the new policy changes").diff(&found).html(),
        })))
    };
    Ok(evaluating(native, context, work))
}

fn failed(error: DiffError, (old, new): (&str, &str)) -> Error {
    match error {
        DiffError::Policy(Which::Old, findings) => invalid(old, &findings),
        DiffError::Policy(Which::New, findings) => invalid(new, &findings),
        DiffError::Database(why) => Error::new(ErrorCode::DatabaseUnavailable, why),
        error => mistaken(error.to_string()),
    }
}
