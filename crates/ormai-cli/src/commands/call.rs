//! `ormai call`: a tool, as a principal.

use std::path::Path;

use ormai::{CallResult, RunContext};
use serde_json::Value as Json;

use crate::args::Call;
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(config: &Path, call: Call, as_json: bool) -> Result<(), Failure> {
    let principal = call.principal.principal()?;
    let ormai = Config::read(config)?.build().await?;
    let ctx = RunContext::new(principal);
    let result = ormai.tools().call_json(&ctx, &call.tool, call.arguments.as_bytes()).await;
    if as_json {
        output::json(&result)?;
    } else {
        show(&result)?;
    }
    if result.success() { Ok(()) } else { Err(Failure::told()) }
}

/// A result for people.
pub(crate) fn show(result: &CallResult) -> Result<(), Failure> {
    match result {
        CallResult::Answered { data, metadata } => {
            match data.get("rows").and_then(Json::as_array) {
                Some(rows) => output::rows(rows)?,
                None if data.get("models").is_some() => output::json(data)?,
                None => output::rows(std::slice::from_ref(data))?,
            }
            if let Some(total) = data.get("total") {
                output::line(format!("{total} in all"))?;
            }
            if let Some(cursor) = data.get("next_cursor").and_then(Json::as_str) {
                output::line(format!("more rows follow; next_cursor: {cursor}"))?;
            } else if data.get("has_more") == Some(&Json::Bool(true)) {
                output::line("more rows follow")?;
            }
            output::line(format!(
                "{} rows in {:.1} ms under policy {} ({})",
                metadata.row_count,
                metadata.execution_time_ms,
                metadata.policy_version,
                metadata.policies_applied.join(", "),
            ))
        }
        CallResult::Refused { error, .. } => refusal(error),
        _ => Ok(()),
    }
}

/// A refusal for people.
pub(crate) fn refusal(error: &ormai::error::Error) -> Result<(), Failure> {
    output::line(format!("{}: {}", error.code, error.message))?;
    if let Some(path) = error.details.get("path").and_then(Json::as_str) {
        output::line(format!("  at    {path}"))?;
    }
    match &error.hint {
        Some(hint) => output::line(format!("  hint  {hint}")),
        None => Ok(()),
    }
}
