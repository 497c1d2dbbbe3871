//! A database with a policy in force, as Python sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ormai::Dialect;
use ormai::db::{Database, OwnTable};
use ormai::error::{Error, ErrorCode};
use ormai::prelude::*;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use serde_json::{Value as Json, json};

use crate::approvals::{Approvals, filter_of};
use crate::audit::Store;
use crate::build::{Parts, connecting, unbuilt};
use crate::calls::{self, Explained, answered, refused};
use crate::catalog;
use crate::context::Context;
use crate::convert::{json as read, to_python};
use crate::failure::raised;
use crate::policy::format_of;
use crate::running::{Running, written};
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
    pub(crate) fn check(&self, context: &Context) -> PyResult<()> {
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

    /// What is done about a request that waits for an approval.
    fn deciding<T, F>(
        &self,
        context: &Context,
        work: impl FnOnce(OrmAi, Arc<RunContext<'static>>) -> F,
    ) -> PyResult<Running>
    where
        T: serde::Serialize + Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.check(context)?;
        let work = work(self.ormai.clone(), Arc::clone(&context.run));
        Ok(Running::of(async move { work.await.map(written) }, self.runtime.clone()).within(context))
    }
}

#[pymethods]
impl Native {
    /// Puts a policy in force over connections that each call's context brings.
    #[staticmethod]
    #[pyo3(signature = (*, catalog, dialect, policy, policy_format="json", hash_key=None, cursor_secret=None,
        stores=None, audit=None, tools=None, approvals=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn over_host<'py>(
        py: Python<'py>,
        catalog: &str,
        dialect: &str,
        policy: String,
        policy_format: &str,
        hash_key: Option<Vec<u8>>,
        cursor_secret: Option<Vec<u8>>,
        stores: Option<Vec<Bound<'py, Store>>>,
        audit: Option<Bound<'py, PyDict>>,
        tools: Option<Vec<Bound<'py, PyDict>>>,
        approvals: Option<Bound<'py, Approvals>>,
    ) -> PyResult<Running> {
        let catalog = catalog::read(catalog).map_err(|error| raised(py, &error))?;
        let builder = OrmAi::builder()
            .database(Database::of_hosts(dialect_of(dialect)?))
            .catalog(catalog)
            .policy_text(policy.clone(), format_of(policy_format)?);
        let parts = Parts::new(hash_key, cursor_secret, stores, audit, tools, approvals);
        let building = parts.added_to(builder, policy)?;
        let runtime = building.runtime.clone();
        Ok(Running::of(building.build(), runtime))
    }

    /// Connects to a database and puts a policy in force over it. Without a catalog the database is read.
    #[staticmethod]
    #[pyo3(signature = (*, url, policy, policy_format="json", catalog=None, options=None, hash_key=None,
        cursor_secret=None, stores=None, audit=None, tools=None, approvals=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn connect<'py>(
        py: Python<'py>,
        url: String,
        policy: String,
        policy_format: &str,
        catalog: Option<&str>,
        options: Option<Bound<'py, PyDict>>,
        hash_key: Option<Vec<u8>>,
        cursor_secret: Option<Vec<u8>>,
        stores: Option<Vec<Bound<'py, Store>>>,
        audit: Option<Bound<'py, PyDict>>,
        tools: Option<Vec<Bound<'py, PyDict>>>,
        approvals: Option<Bound<'py, Approvals>>,
    ) -> PyResult<Running> {
        let (connect, introspect) = connecting(options.as_ref())?;
        let mut builder = OrmAi::builder()
            .database_url(url)
            .connect_options(connect)
            .introspect_options(introspect)
            .policy_text(policy.clone(), format_of(policy_format)?);
        if let Some(catalog) = catalog {
            builder = builder.catalog(catalog::read(catalog).map_err(|error| raised(py, &error))?);
        }
        let parts = Parts::new(hash_key, cursor_secret, stores, audit, tools, approvals);
        let mut building = parts.added_to(builder, policy)?;
        let runtime = Some(Runtime::get()?);
        building.runtime.clone_from(&runtime);
        Ok(Running::of(building.build(), runtime))
    }

    /// Calls a tool by name. Text and bytes are the JSON of its arguments. A refusal is an outcome like any other.
    fn call(&self, context: &Context, tool: String, arguments: &Bound<'_, PyAny>) -> PyResult<Running> {
        self.check(context)?;
        let tools = self.ormai.tools().clone();
        let run = Arc::clone(&context.run);
        let arguments = Arguments::read(arguments)?;
        let work = async move {
            answered(match arguments {
                Arguments::Read(arguments) => tools.call(&run, &tool, &arguments).await,
                Arguments::Text(text) => tools.call_json(&run, &tool, &text).await,
                Arguments::Unread(error) => tools.call_unread(&run, &tool, error).await,
            })
        };
        Ok(Running::answering(work, self.runtime.clone(), refused).within(context))
    }

    /// Groups calls: all that they write is kept, or nothing of it.
    fn transaction(&self, context: &Context) -> PyResult<Running> {
        self.check(context)?;
        let work = calls::transaction(self.ormai.tools().clone(), Arc::clone(&context.run));
        Ok(Running::answering(work, self.runtime.clone(), refused).within(context))
    }

    /// The tools that this principal can use: `{"name", "description", "parameters"}` of each.
    fn definitions<'py>(&self, py: Python<'py>, context: &Context) -> PyResult<Bound<'py, PyAny>> {
        let definitions = self.ormai.tools().definitions(&context.run);
        let definitions = definitions.into_iter().map(|definition| {
            json!({
                "name": definition.name, "description": definition.description, "parameters": definition.parameters,
            })
        });
        to_python(py, &definitions.collect::<Vec<_>>())
    }

    /// What would be done for a request, and why. For operators: it holds SQL and values.
    ///
    /// `{"success", "explanation" or "refusal"}`
    fn explain<'py>(
        &self,
        py: Python<'py>,
        context: &Context,
        tool: &str,
        arguments: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let arguments = read(arguments).map_err(|misfit| misfit.into_py_err(py))?;
        to_python(py, &Explained::of(self.ormai.tools(), &context.run, tool, &arguments))
    }

    /// Puts another policy in force, over the same catalog.
    #[pyo3(signature = (policy, policy_format="json"))]
    fn reload(&self, policy: String, policy_format: &str) -> PyResult<Running> {
        let (ormai, format) = (self.ormai.clone(), format_of(policy_format)?);
        let work = async move {
            ormai.reload_text(&policy, format).await.map_err(|error| unbuilt(&error, &policy))?;
            Ok(written(ormai.tools().engine().policy().version().to_owned()))
        };
        Ok(Running::of(work, self.runtime.clone()))
    }

    /// The requests that one may decide about, and one's own, the newest first.
    #[pyo3(signature = (context, *, status=None, limit=None, before=None))]
    fn pending(
        &self,
        context: &Context,
        status: Option<&str>,
        limit: Option<u32>,
        before: Option<String>,
    ) -> PyResult<Running> {
        let filter = filter_of(status, limit, before)?;
        self.deciding(
            context,
            |ormai, run| async move { ormai.approvals().list(&run, &filter).await.map_err(Error::from) },
        )
    }

    /// One request that one may decide about, or one's own.
    fn show_approval(&self, context: &Context, id: String) -> PyResult<Running> {
        self.deciding(context, |ormai, run| async move { ormai.approvals().show(&run, &id).await.map_err(Error::from) })
    }

    /// Says yes to a request, and makes the write.
    #[pyo3(signature = (context, id, note=None))]
    fn approve(&self, context: &Context, id: String, note: Option<String>) -> PyResult<Running> {
        self.deciding(context, |ormai, run| async move {
            ormai.approvals().approve(&run, &id, note.as_deref()).await.map_err(Error::from)
        })
    }

    /// Says no to a request.
    #[pyo3(signature = (context, id, note=None))]
    fn reject(&self, context: &Context, id: String, note: Option<String>) -> PyResult<Running> {
        self.deciding(context, |ormai, run| async move {
            ormai.approvals().reject(&run, &id, note.as_deref()).await.map_err(Error::from)
        })
    }

    /// Goes on with a request that was approved, after its session was committed, or after a crash. For
    /// operators.
    fn resume(&self, context: &Context, id: String) -> PyResult<Running> {
        self.deciding(
            context,
            |ormai, run| async move { ormai.approvals().resume_in(&run, &id).await.map_err(Error::from) },
        )
    }

    /// The texts that make OrmAI's own tables in the database of the writes, by their names.
    fn own_tables(&self) -> BTreeMap<&'static str, String> {
        let dialect = self.ormai.tools().database().dialect();
        [OwnTable::Idempotency].map(|table| (table.name(), table.text(dialect).to_string())).into()
    }

    /// Makes OrmAI's own tables where they are missing; the names of what was made.
    fn install(&self) -> Running {
        let ormai = self.ormai.clone();
        let work = async move { ormai.install().await.map(written).map_err(|error| unbuilt(&error, "")) };
        Running::of(work, self.runtime.clone())
    }

    /// Seals the audit trail and ends it in order: calls that come afterwards are refused.
    fn close(&self) -> Running {
        let ormai = self.ormai.clone();
        let work = async move { ormai.close().await.map(written).map_err(|error| crate::audit::refused(&error.error)) };
        Running::of(work, self.runtime.clone())
    }

    /// The version of the policy in force.
    #[getter]
    fn policy_version(&self) -> String {
        self.ormai.tools().engine().policy().version().to_owned()
    }

    /// What its statements are for: `sqlite`, `postgresql` or `mysql`.
    #[getter]
    fn dialect(&self) -> &'static str {
        name_of(self.ormai.tools().database().dialect())
    }

    /// Its catalog, as JSON text.
    fn catalog(&self, py: Python<'_>) -> PyResult<String> {
        let engine = self.ormai.tools().engine();
        let described = catalog::describe(engine.policy().catalog());
        serde_json::to_string(&described).map_err(|error| {
            raised(py, &Error::new(ErrorCode::Internal, format!("the catalog cannot be written down: {error}")))
        })
    }

    fn __repr__(&self) -> String {
        format!("<Native: {}, policy {}>", self.dialect(), self.policy_version())
    }
}

/// What a tool is called with.
enum Arguments {
    Read(Json),
    /// As a model has written them.
    Text(Vec<u8>),
    /// They have no form here.
    Unread(Error),
}

impl Arguments {
    fn read(given: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = given.cast::<PyBytes>() {
            return Ok(Self::Text(bytes.as_bytes().to_vec()));
        }
        match read(given) {
            Ok(Json::String(text)) if given.is_instance_of::<PyString>() => Ok(Self::Text(text.into_bytes())),
            Ok(arguments) => Ok(Self::Read(arguments)),
            Err(misfit) => misfit.into_error().map(Self::Unread),
        }
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
