//! Tools of a project's own that are written in Python.

use ormai::error::Error;
use ormai::principal::Principal;
use ormai::{Calling, DomainTool, RunContext, Toolset};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Map, Value as Json, json};

use crate::convert::{json, to_python};
use crate::failure::internal;
use crate::mailbox::{Answer, Mailbox, Order};
use crate::options::Given;

/// A tool that Python carries out: its call hands out an order, with the context for its own calls.
#[derive(Debug)]
pub(crate) struct PythonTool {
    name: String,
    description: String,
    parameters: Json,
    writes: bool,
    /// Who can use it: principals with one of these roles, or all of them.
    roles: Option<Vec<String>>,
    /// Whether a principal can use it, asked of Python beside the roles.
    is_open: Option<Py<PyAny>>,
    /// The arguments whose values may stand in records; without it, only their names do.
    recorded: Option<Vec<String>>,
}

impl PythonTool {
    /// `{"name", "description", "parameters", "writes", "roles", "is_open", "recorded"}`
    pub(crate) fn read(given: &Bound<'_, PyDict>) -> PyResult<Self> {
        let given = Given::read(
            "the parts of a tool",
            Some(given),
            &["name", "description", "parameters", "writes", "roles", "is_open", "recorded"],
        )?;
        let missing = |part: &str| PyTypeError::new_err(format!("a tool has a `{part}`"));
        let parameters = given.any("parameters")?.ok_or_else(|| missing("parameters"))?;
        let parameters = json(&parameters).map_err(|misfit| misfit.into_py_err(parameters.py()))?;
        if !parameters.is_object() {
            return Err(PyTypeError::new_err("the `parameters` of a tool are a JSON Schema"));
        }
        Ok(Self {
            name: given.get("name")?.ok_or_else(|| missing("name"))?,
            description: given.get("description")?.ok_or_else(|| missing("description"))?,
            parameters,
            writes: given.get("writes")?.unwrap_or(true),
            roles: given.get("roles")?,
            is_open: given.any("is_open")?.map(Bound::unbind),
            recorded: given.get("recorded")?,
        })
    }
}

impl DomainTool for PythonTool {
    fn name(&self) -> &str {
        &self.name
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn parameters(&self) -> Json {
        self.parameters.clone()
    }

    fn is_open(&self, principal: &Principal) -> bool {
        let has_role = |roles: &Vec<String>| roles.iter().any(|role| principal.roles().contains(role));
        self.roles.as_ref().is_none_or(has_role)
            && self.is_open.as_ref().is_none_or(|is_open| {
                // What cannot be said is closed.
                Python::attach(|py| opens(is_open.bind(py), principal)).unwrap_or(false)
            })
    }

    fn writes(&self) -> bool {
        self.writes
    }

    fn recorded(&self, arguments: &Json) -> Json {
        const HIDDEN: &str = "[HIDDEN]";
        let Some(object) = arguments.as_object() else { return HIDDEN.into() };
        let shown = |name: &String| self.recorded.as_ref().is_some_and(|recorded| recorded.contains(name));
        let recorded = object.iter().map(|(name, value)| {
            let value = if shown(name) { value.clone() } else { HIDDEN.into() };
            (name.clone(), value)
        });
        recorded.collect::<Map<_, _>>().into()
    }

    fn call<'a>(&'a self, _tools: &'a Toolset, ctx: &'a RunContext<'_>, arguments: &'a Json) -> Calling<'a> {
        Box::pin(async move {
            let mailbox = Mailbox::current().ok_or_else(nobody)?;
            let context = Box::new(mailbox.context().ok_or_else(nobody)?.shared_for(ctx));
            let order = Order::Tool { name: self.name.clone(), arguments: arguments.clone(), context };
            match mailbox.ask(order).await {
                Answer::Told(told) => told,
                _ => Err(internal("the answer is none of a tool")),
            }
        })
    }
}

/// What Python says of a principal.
fn opens(is_open: &Bound<'_, PyAny>, principal: &Principal) -> PyResult<bool> {
    let told = json!({
        "tenant_id": principal.tenant_id(),
        "user_id": principal.user_id(),
        "roles": principal.roles(),
        "metadata": principal.all_metadata(),
    });
    is_open.call1((to_python(is_open.py(), &told)?,))?.extract()
}

fn nobody() -> Error {
    internal("a tool was called where nobody carries it out")
}
