//! `ormai explain`: what a call would do, and why.

use std::path::Path;

use ormai::request::{Request, Tool};
use ormai::{Explanation, RunContext};
use serde_json::json;

use super::call::refusal;
use crate::args::Call;
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(config: &Path, call: Call, as_json: bool) -> Result<(), Failure> {
    let principal = call.principal.principal()?;
    let ormai = Config::read(config, as_json)?.build(as_json).await?;
    let ctx = RunContext::new(principal);
    let explained = Tool::from_name(&call.tool)
        .and_then(|tool| Request::from_json(tool, call.arguments.as_bytes()))
        .and_then(|request| ormai.tools().explain(&ctx, request));
    match explained {
        Ok(explanation) if as_json => output::json(&json!({"permitted": true, "explanation": explanation})),
        Ok(explanation) => show(&explanation),
        Err(error) => {
            if as_json {
                output::json(&json!({"permitted": false, "error": error}))?;
            } else {
                refusal(&error)?;
            }
            Err(Failure::told())
        }
    }
}

/// An explanation for people.
pub(crate) fn show(explanation: &Explanation) -> Result<(), Failure> {
    output::line(format!("permitted under policy {}", explanation.policy_version))?;
    let rules = explanation
        .rules
        .iter()
        .map(|rule| vec![rule.model.clone(), rule.rule.clone(), rule.effect.to_owned(), rule.says.clone()]);
    output::table(&["model", "rule", "effect", "says"], rules)?;
    output::line(format!("scope   {}", explanation.scope))?;
    output::line(format!("filter  {}", explanation.filter))?;
    for statement in &explanation.statements {
        output::line(format!("SQL     {}", statement.sql))?;
        output::line(format!("binds   {}", serde_json::Value::Array(statement.binds.clone())))?;
    }
    output::line(format!("stopped in the database after {} ms", explanation.timeout_ms))
}
