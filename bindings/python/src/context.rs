//! Who asks, and where the statements run.

use std::sync::Arc;

use jiff::Timestamp;
use ormai::db::Session;
use ormai::db::host::Opened;
use ormai::principal::Principal;
use ormai::{Dialect, RunContext};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use serde_json::Value as Json;

use crate::convert::json;
use crate::host::{Driver, WIRES, dialect_of, wire};

/// Who asks, and where the statements run: on a connection that Python drives, when it has a `wire`, else on
/// the toolset's own.
///
/// Calls in one context come one after the other.
#[pyclass(frozen, module = "ormai._ormai")]
pub(crate) struct Context {
    pub(crate) run: Arc<RunContext<'static>>,
    /// What is open on the host's connection.
    pub(crate) opened: Option<Opened>,
    /// What the connection speaks; `None` without one of its own.
    pub(crate) dialect: Option<Dialect>,
}

impl Context {
    /// The context of the calls inside of a transaction, or of a tool.
    pub(crate) fn inside(run: RunContext<'static>) -> Self {
        // What the call around it leaves open is undone by whoever gives that up.
        Self { run: Arc::new(run), opened: None, dialect: None }
    }
}

#[pymethods]
impl Context {
    #[new]
    #[pyo3(signature = (*, principal, request_id=None, trace_id=None, now=None, wire=None))]
    fn new(
        principal: &Bound<'_, PyDict>,
        request_id: Option<String>,
        trace_id: Option<String>,
        now: Option<&Bound<'_, PyAny>>,
        wire: Option<&str>,
    ) -> PyResult<Self> {
        let mut run = RunContext::new(principal_of(principal)?);
        if let Some(id) = request_id {
            run = run.request_id(id);
        }
        if let Some(id) = trace_id {
            run = run.trace_id(id);
        }
        if let Some(now) = now {
            run = run.now(time_of(now)?);
        }
        let Some(name) = wire else {
            return Ok(Self { run: Arc::new(run), opened: None, dialect: None });
        };
        let (wire, forms) = self::wire(name).ok_or_else(|| {
            let known = WIRES.map(|(known, ..)| format!("`{known}`")).join(", ");
            PyValueError::new_err(format!("`{name}` is no wire: it is one of {known}"))
        })?;
        let dialect = dialect_of(wire);
        let session = Session::from_host(dialect, Box::new(Driver(wire, forms)));
        let opened = session.opened();
        Ok(Self { run: Arc::new(run.on_host(session)), opened, dialect: Some(dialect) })
    }

    fn __repr__(&self) -> String {
        let principal = self.run.principal();
        format!("<Context: tenant {}, user {}>", principal.tenant_id(), principal.user_id())
    }
}

/// The point in time that `now()` means.
fn time_of(now: &Bound<'_, PyAny>) -> PyResult<Timestamp> {
    let text = json(now).map_err(|misfit| misfit.into_py_err(now.py()))?;
    text.as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| PyValueError::new_err("`now` is a time with its offset, such as `2026-01-31T09:00:00Z`"))
}

/// `{"tenant_id", "user_id", "roles", "metadata", "permissions"}`, of which each may be missing.
pub(crate) fn principal_of(given: &Bound<'_, PyDict>) -> PyResult<Principal> {
    let value = |value: &Bound<'_, PyAny>| json(value).map_err(|misfit| misfit.into_py_err(value.py()));
    let (mut tenant, mut user, mut roles, mut permissions) = (Json::Null, Json::Null, None, Json::Null);
    let mut metadata = serde_json::Map::new();
    for (key, item) in given {
        let key = key.cast::<PyString>()?;
        match key.to_str()? {
            "tenant_id" => tenant = scalar("tenant_id", value(&item)?)?,
            "user_id" => user = scalar("user_id", value(&item)?)?,
            "roles" => roles = Some(item.extract::<Vec<String>>()?),
            "permissions" => permissions = value(&item)?,
            "metadata" => match value(&item)? {
                Json::Object(entries) => metadata = entries,
                Json::Null => {}
                _ => return Err(PyTypeError::new_err("the metadata of a principal is a dict")),
            },
            unknown => {
                return Err(PyTypeError::new_err(format!("a principal has no `{unknown}`")));
            }
        }
    }
    let mut principal = roles.into_iter().flatten().fold(Principal::new(tenant).user(user), Principal::role);
    if !permissions.is_null() && !metadata.contains_key("permissions") {
        principal = principal.metadata("permissions", permissions);
    }
    Ok(metadata.into_iter().fold(principal, |principal, (key, value)| principal.metadata(key, value)))
}

fn scalar(name: &str, value: Json) -> PyResult<Json> {
    match value {
        Json::Array(_) | Json::Object(_) => {
            Err(PyTypeError::new_err(format!("the `{name}` of a principal is one value: text, a number or None")))
        }
        value => Ok(value),
    }
}
