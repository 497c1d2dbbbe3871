//! What a `Native` is built from.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ormai::audit::AuditStore;
use ormai::db::{ConnectOptions, IntrospectOptions};
use ormai::error::{Error, ErrorCode};
use ormai::{BuildError, Builder};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::approvals::Approvals;
use crate::audit::{self, Store, trail_options};
use crate::domain::PythonTool;
use crate::native::Native;
use crate::options::Given;
use crate::policy::invalid;
use crate::running::Outcome;
use crate::runtime::Runtime;

/// What is given to every kind of `Native`, beside its database.
pub(crate) struct Parts<'py> {
    hash_key: Option<Vec<u8>>,
    cursor_secret: Option<Vec<u8>>,
    stores: Vec<Bound<'py, Store>>,
    audit: Option<Bound<'py, PyDict>>,
    tools: Vec<Bound<'py, PyDict>>,
    approvals: Option<Bound<'py, Approvals>>,
}

/// A builder with the stores that are to be made first.
pub(crate) struct Building {
    builder: Builder,
    stores: Vec<Arc<dyn AuditStore>>,
    pub(crate) runtime: Option<Runtime>,
    /// The policy, for the places of its findings.
    source: String,
}

impl<'py> Parts<'py> {
    pub(crate) fn new(
        hash_key: Option<Vec<u8>>,
        cursor_secret: Option<Vec<u8>>,
        stores: Option<Vec<Bound<'py, Store>>>,
        audit: Option<Bound<'py, PyDict>>,
        tools: Option<Vec<Bound<'py, PyDict>>>,
        approvals: Option<Bound<'py, Approvals>>,
    ) -> Self {
        let (stores, tools) = (stores.unwrap_or_default(), tools.unwrap_or_default());
        Self { hash_key, cursor_secret, stores, audit, tools, approvals }
    }

    /// Adds them to a builder.
    pub(crate) fn added_to(self, mut builder: Builder, source: String) -> PyResult<Building> {
        let mut runtime = None;
        if let Some(key) = self.hash_key {
            builder = builder.hash_key(key);
        }
        if let Some(secret) = self.cursor_secret {
            builder = builder.cursor_secret(secret);
        }
        let (keys, options) = trail_options(self.audit.as_ref())?;
        builder = builder.audit_keys(keys).audit_options(options);
        let mut made = Vec::new();
        if self.stores.is_empty() {
            builder = builder.unrecorded();
        }
        for store in &self.stores {
            let store = store.get();
            runtime = runtime.or_else(|| store.runtime.clone());
            if store.is_made {
                made.push(Arc::clone(&store.store));
            }
            builder = builder.audit(Arc::clone(&store.store));
        }
        for tool in &self.tools {
            builder = builder.tool(Arc::new(PythonTool::read(tool)?));
        }
        if let Some(approvals) = &self.approvals {
            let approvals = approvals.get();
            runtime = runtime.or_else(|| approvals.runtime.clone());
            builder = builder.approvals(Arc::clone(&approvals.store));
        }
        Ok(Building { builder, stores: made, runtime, source })
    }
}

impl Building {
    /// Builds it.
    pub(crate) async fn build(self) -> Result<Outcome, Error> {
        for store in &self.stores {
            store.install().await.map_err(|error| audit::refused(&error))?;
        }
        let source = self.source;
        let ormai = self.builder.build().await.map_err(|error| unbuilt(&error, &source))?;
        let native = Native { ormai, runtime: self.runtime };
        Ok(Box::new(move |py| Ok(Bound::new(py, native)?.into_any())))
    }
}

/// Why nothing was built, for whoever configures it.
pub(crate) fn unbuilt(error: &BuildError, source: &str) -> Error {
    let code = match error {
        BuildError::Policy(findings) => return invalid(source, findings),
        BuildError::Recording(refused) => return (**refused).clone(),
        BuildError::Catalog(_) | BuildError::PolicyFile(..) => ErrorCode::PolicyInvalid,
        BuildError::Database(error) if error.is_retryable() => ErrorCode::DatabaseUnavailable,
        BuildError::Audit(error) => return audit::refused(&error.error),
        _ => ErrorCode::Internal,
    };
    Error::new(code, error.to_string())
}

/// How to connect and what to read, from a dict.
pub(crate) fn connecting(given: Option<&Bound<'_, PyDict>>) -> PyResult<(ConnectOptions, IntrospectOptions)> {
    let given = Given::read(
        "the options of a connection",
        given,
        &[
            "max_connections",
            "statement_timeout_ms",
            "acquire_timeout_ms",
            "read_only",
            "schemas",
            "include_views",
            "model_names",
            "relation_names",
        ],
    )?;
    let mut connect = ConnectOptions::default();
    let mut introspect = IntrospectOptions::default();
    if let Some(most) = given.get("max_connections")? {
        connect.max_connections = most;
    }
    if let Some(limit) = given.get("statement_timeout_ms")? {
        connect.statement_timeout_ms = limit;
    }
    if let Some(limit) = given.get("acquire_timeout_ms")? {
        connect.acquire_timeout = Duration::from_millis(limit);
    }
    if let Some(read_only) = given.get("read_only")? {
        connect.read_only = read_only;
    }
    if let Some(schemas) = given.get("schemas")? {
        introspect.schemas = schemas;
    }
    if let Some(views) = given.get("include_views")? {
        introspect.include_views = views;
    }
    if let Some(names) = given.get::<HashMap<String, String>>("model_names")? {
        introspect.model_names = names;
    }
    if let Some(names) = given.get::<HashMap<String, String>>("relation_names")? {
        introspect.relation_names = names;
    }
    Ok((connect, introspect))
}
