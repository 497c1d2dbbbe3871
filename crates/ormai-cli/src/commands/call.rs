//! `ormai call`: a tool, as a principal.

use std::path::Path;

use ormai::answer::Answer;
use ormai::{CallResult, Data, OrmAi, RunContext};
use serde_json::Value as Json;

use crate::args::Call;
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(config: &Path, call: Call, as_json: bool) -> Result<(), Failure> {
    let principal = call.principal.principal()?;
    let ctx = RunContext::new(principal);
    let work = async |ormai: &OrmAi| {
        let result = ormai.tools().call_json(&ctx, &call.tool, call.arguments.as_bytes()).await;
        if as_json {
            output::json(&result)?;
        } else {
            show(&result)?;
        }
        if result.success() { Ok(()) } else { Err(Failure::told()) }
    };
    Config::read(config, as_json)?.with(as_json, work).await
}

/// A result for people.
pub(crate) fn show(result: &CallResult) -> Result<(), Failure> {
    match result {
        CallResult::Answered { data, metadata } => {
            match data {
                Data::Answer(Answer::Page(page)) => {
                    output::rows(&page.rows)?;
                    if let Some(total) = page.total {
                        output::line(format!("{total} in all"))?;
                    }
                    more(page.has_more, page.next_cursor.as_deref())?;
                }
                Data::Answer(Answer::Groups(groups)) => {
                    output::rows(&groups.rows)?;
                    more(groups.has_more, None)?;
                }
                Data::Answer(Answer::Row(row)) => output::rows(std::slice::from_ref(row))?,
                other => output::json(other)?,
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

fn more(has_more: bool, cursor: Option<&str>) -> Result<(), Failure> {
    match cursor {
        Some(cursor) => output::line(format!("more rows follow; next_cursor: {cursor}")),
        None if has_more => output::line("more rows follow"),
        None => Ok(()),
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
