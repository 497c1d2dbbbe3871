//! `ormai approvals`: writes that wait for somebody's word.

use std::path::Path;

use ormai::approvals::{Approval, ApprovalFilter, Outcome, Status};
use ormai::error::Error;
use ormai::{OrmAi, RunContext, suggest};
use serde_json::{Value as Json, json};

use super::call::refusal;
use crate::args::{ApprovalsCommand, Decide};
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(config: &Path, command: ApprovalsCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        ApprovalsCommand::List { status, before, limit, principal } => {
            let mut filter = ApprovalFilter::new().limit(limit);
            filter.status = status.as_deref().map(read_status).transpose()?;
            filter.before = before;
            let ctx = RunContext::new(principal.principal()?);
            let work = async |ormai: &OrmAi| match ormai.approvals().list(&ctx, &filter).await {
                Ok(approvals) => list(&approvals, as_json),
                Err(error) => refused(&error, as_json),
            };
            Config::read(config, as_json)?.with(as_json, work).await
        }
        ApprovalsCommand::Show { id, principal } => {
            let ctx = RunContext::new(principal.principal()?);
            let work =
                async |ormai: &OrmAi| told(ormai.approvals().show(&ctx, &id).await.map_err(Error::from), as_json);
            Config::read(config, as_json)?.with(as_json, work).await
        }
        ApprovalsCommand::Approve(Decide { id, note, principal }) => {
            let ctx = RunContext::new(principal.principal()?);
            let work = async |ormai: &OrmAi| {
                told(
                    ormai.approvals().approve(&ctx, &id, note.as_deref()).await.map_err(Error::from).and_then(made),
                    as_json,
                )
            };
            Config::read(config, as_json)?.with(as_json, work).await
        }
        ApprovalsCommand::Reject(Decide { id, note, principal }) => {
            let ctx = RunContext::new(principal.principal()?);
            let work = async |ormai: &OrmAi| {
                told(ormai.approvals().reject(&ctx, &id, note.as_deref()).await.map_err(Error::from), as_json)
            };
            Config::read(config, as_json)?.with(as_json, work).await
        }
        ApprovalsCommand::Resume { id } => {
            let work = async |ormai: &OrmAi| {
                told(ormai.approvals().resume(&id).await.map_err(Error::from).and_then(made), as_json)
            };
            Config::read(config, as_json)?.with(as_json, work).await
        }
    }
}

fn read_status(word: &str) -> Result<Status, Failure> {
    Status::from_word(word).ok_or_else(|| {
        let help = suggest::help(word, Status::ALL.iter().map(|status| status.as_str()));
        Failure::misuse(format!("there is no status `{word}`; {}", help.unwrap_or_default()))
    })
}

/// A write that was approved and then refused was not made.
fn made(approval: Approval) -> Result<Approval, Error> {
    match &approval.outcome {
        Some(Outcome::Error { code, message }) if approval.status == Status::Failed => {
            let code = ormai::error::ErrorCode::ALL.iter().find(|known| known.as_str() == code);
            let code = code.copied().unwrap_or(ormai::error::ErrorCode::Internal);
            Err(Error::new(code, format!("approved, and then refused: {message}")))
        }
        _ => Ok(approval),
    }
}

fn told(outcome: Result<Approval, Error>, as_json: bool) -> Result<(), Failure> {
    match outcome {
        Ok(approval) if as_json => output::json(&json!({"success": true, "data": approval})),
        Ok(approval) => show(&approval),
        Err(error) => refused(&error, as_json),
    }
}

fn refused(error: &Error, as_json: bool) -> Result<(), Failure> {
    if as_json {
        output::json(&json!({"success": false, "error": error}))?;
    } else {
        refusal(error)?;
    }
    Err(Failure::told())
}

fn list(approvals: &[Approval], as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::json(&json!({"success": true, "data": {"approvals": approvals}}));
    }
    if approvals.is_empty() {
        return output::line("(nothing waits)");
    }
    let rows = approvals.iter().map(|approval| {
        let what = format!("{} {}", approval.tool.name(), approval.model);
        let by = word(approval.requester.user_id());
        [approval.id.clone(), approval.status.to_string(), what, by, approval.expires_at.to_string()].to_vec()
    });
    output::table(&["approval", "status", "write", "asked by", "expires"], rows)
}

fn show(approval: &Approval) -> Result<(), Failure> {
    let requester = &approval.requester;
    let mut rows = vec![
        ("approval", approval.id.clone()),
        ("status", approval.status.to_string()),
        ("write", format!("{} {}", approval.tool.name(), approval.model)),
        ("asked by", format!("{} of {}", word(requester.user_id()), word(requester.tenant_id()))),
        ("asked at", approval.requested_at.to_string()),
        ("expires at", approval.expires_at.to_string()),
        ("policy", approval.policy_version.clone()),
        ("arguments", approval.request.to_string()),
        ("preview", approval.preview.to_string()),
    ];
    if let Some(decision) = &approval.decision {
        rows.push(("decided by", format!("{} of {}", word(&decision.user_id), word(&decision.tenant_id))));
        rows.push(("decided at", decision.at.to_string()));
        rows.extend(decision.note.clone().map(|note| ("note", note)));
    }
    match &approval.outcome {
        Some(Outcome::AffectedCount(count)) => rows.push(("rows written", count.to_string())),
        Some(Outcome::Error { code, message }) => rows.push(("refused", format!("{code}: {message}"))),
        _ => {}
    }
    output::table(&["", ""], rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]))
}

/// Text without its quotes.
fn word(json: &Json) -> String {
    match json {
        Json::Null => "∅".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
