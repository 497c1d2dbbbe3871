//! Invariants that Python decides.

use ormai::RunContext;
use ormai_eval::Violation;
use ormai_eval::invariants::{Checking, Evidence, Invariant, Needs};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Map, Value as Json, json};

use crate::mailbox::{Answer, Mailbox, Order};
use crate::options::Given;

/// An invariant that Python decides: it is told what a call came to, with the rows of some models as the
/// call left them.
#[derive(Debug)]
pub(super) struct PythonInvariant {
    place: usize,
    name: String,
    models: Vec<String>,
}

impl PythonInvariant {
    /// `{"name", "rows"}`
    pub(super) fn read(place: usize, given: &Bound<'_, PyDict>) -> PyResult<Self> {
        let given = Given::read("the parts of an invariant", Some(given), &["name", "rows"])?;
        let name = given.get("name")?.ok_or_else(|| PyTypeError::new_err("an invariant has a `name`"))?;
        Ok(Self { place, name, models: given.get("rows")?.unwrap_or_default() })
    }

    async fn found(&self, evidence: &Evidence<'_, '_>) -> Result<Vec<Violation>, String> {
        let mut rows = Map::new();
        for model in &self.models {
            let of_model = evidence.rows(model).await.map_err(|error| error.to_string())?;
            rows.insert(model.clone(), json!(of_model));
        }
        let (call, observed) = (evidence.call(), evidence.observed());
        let told = json!({"call": call, "result": observed.result, "records": observed.records, "rows": rows});
        let mailbox = Mailbox::current().ok_or("nobody is asked")?;
        let context = Box::new(RunContext::new(call.principal.clone()));
        let order = Order::Tool { name: format!("invariant:{}", self.place), arguments: told, context };
        match mailbox.ask(order).await {
            Answer::Told(Ok(found)) => violations(&self.name, found),
            Answer::Told(Err(error)) => Err(error.message),
            _ => Err("the answer is none of an invariant".to_owned()),
        }
    }
}

impl Invariant for PythonInvariant {
    fn name(&self) -> &str {
        &self.name
    }

    fn needs(&self) -> Needs {
        if self.models.is_empty() { Needs::Answer } else { Needs::Rows }
    }

    fn check<'a>(&'a self, evidence: &'a Evidence<'_, '_>) -> Checking<'a> {
        Box::pin(async move {
            self.found(evidence).await.unwrap_or_else(|why| {
                // What cannot be decided is no pass.
                vec![Violation::new(&self.name, format!("could not be decided: {why}"))]
            })
        })
    }
}

/// `[{"what", "model", "row", "field"}]`
fn violations(invariant: &str, found: Json) -> Result<Vec<Violation>, String> {
    let Json::Array(found) = found else { return Err("the answer is no list".to_owned()) };
    let one = |found: Json| {
        let text = |key: &str| found.get(key).and_then(Json::as_str).map(str::to_owned);
        let what = text("what").ok_or("a violation does not say what it is")?;
        let mut violation = Violation::new(invariant, what);
        violation.model = text("model");
        violation.field = text("field");
        violation.row = found.get("row").filter(|row| !row.is_null()).cloned();
        Ok(violation)
    };
    found.into_iter().map(one).collect()
}
