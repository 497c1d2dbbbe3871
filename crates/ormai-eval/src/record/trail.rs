//! Recorded calls out of an audit trail.
//!
//! A trail tells what was asked without the values that its readers may not see. Such a call is kept
//! and says what is missing; nothing is put in its place.

use std::io::{self, Write};

use ormai::audit::{AuditStore, Entry, Filter, Line, Outcome as Ended, Record, StoreError};
use ormai::request::Tool;
use serde::Serialize;
use serde_json::Value as Json;

use super::{CallsWriter, MetadataReaders, Missing, Outcome, RecordedCall, Who};

/// How many lines are read at once: what bounds the memory.
const PAGE: usize = 1_000;

/// What stands in a record in the place of a value.
const HIDDEN: &str = "[HIDDEN]";

/// What was found in a trail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FromTrail {
    /// Calls that were written.
    pub calls: u64,
    /// Those of them that cannot be made again as they were.
    pub not_exact: u64,
    /// Records of calls within others, and of what is no call of a tool.
    pub skipped: u64,
    /// Lines that could not be read: somebody has changed them.
    pub unreadable: u64,
}

/// Why a trail was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum TrailReadError {
    /// The store did not give its lines.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file did not take them.
    #[error("the calls cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes the calls of the records that are meant, in their order. `readers`: where the policy reads the
/// metadata of principals, which no record has. `read` hears now and then how many lines
/// were read.
///
/// # Errors
///
/// [`TrailReadError`]
pub async fn from_trail<W: Write>(
    store: &dyn AuditStore,
    filter: &Filter,
    readers: &MetadataReaders,
    calls: &mut CallsWriter<W>,
    read: &mut (dyn FnMut(u64) + Send),
) -> Result<FromTrail, TrailReadError> {
    let (mut found, mut position, mut lines) = (FromTrail::default(), None, 0);
    loop {
        let page = store.scan(position.as_ref(), PAGE).await?;
        // The very last line may be torn: it was never acknowledged.
        for text in page.text.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n")) {
            lines += 1;
            let Some(line) = std::str::from_utf8(text).ok().and_then(Line::read) else {
                found.unreadable += 1;
                continue;
            };
            if line.place().kind != ormai::audit::Kind::Record {
                continue;
            }
            let Some(entry) = Entry::read(&line) else {
                found.unreadable += 1;
                continue;
            };
            if !filter.matches(&entry) {
                continue;
            }
            match from_record(&entry, readers) {
                None => found.skipped += 1,
                Some(call) => {
                    found.calls += 1;
                    found.not_exact += u64::from(!call.is_whole());
                    calls.write(&call)?;
                }
            }
        }
        read(lines);
        match page.next {
            Some(next) => position = Some(next),
            None => return Ok(found),
        }
    }
}

/// The call of a record; `None` where it is no call of a tool by a caller: one that another call
/// made, a transaction, a decision, an operator's work.
pub fn from_record(record: &Record, readers: &MetadataReaders) -> Option<RecordedCall> {
    let tool = Tool::from_name(&record.tool_name);
    let is_domain = record.action == ormai::audit::Action::Tool;
    let is_unread = record.inputs.get("unread").is_some();
    if record.parent.is_some() || !(tool.is_ok() || is_domain || is_unread) {
        return None;
    }
    let mut missing = Vec::new();
    let mut arguments = record.inputs.clone();
    if is_unread {
        missing.push(Missing::Unread);
    } else if is_domain {
        // It says itself what is recorded of its arguments.
        missing.push(Missing::ToolArguments);
    } else if arguments.get("oversize").is_some() {
        missing.push(Missing::CutValues);
    } else {
        gaps(&arguments, &mut missing);
        // Only writes have a reason, and its record has a field for it.
        if let (Some(reason), Some(arguments)) = (&record.reason, arguments.as_object_mut()) {
            gaps(&Json::from(reason.as_str()), &mut missing);
            arguments.insert("reason".to_owned(), Json::from(reason.as_str()));
        }
    }
    if readers.decide(&record.tool_name, &record.inputs) {
        missing.push(Missing::Metadata);
    }
    missing.sort_unstable();
    missing.dedup();
    let principal = Who {
        tenant_id: record.tenant_id.clone(),
        user_id: record.user_id.clone(),
        roles: record.roles.clone(),
        ..Who::default()
    };
    let outcome = match record.outcome {
        Ended::Answered => {
            Outcome::Answered { rows: record.row_count, fields: None, bytes: None, digest: None, data: None }
        }
        Ended::Pending => Outcome::Pending,
        Ended::Refused => Outcome::Refused { code: record.error.as_ref()?.code.clone() },
        _ => Outcome::Unknown,
    };
    Some(RecordedCall { principal, tool: record.tool_name.clone(), arguments, now: record.timestamp, outcome, missing })
}

/// What is not there. A caller's own text that reads like a mark counts as one: better a call too few
/// than one that was never made.
fn gaps(json: &Json, missing: &mut Vec<Missing>) {
    match json {
        Json::String(text) if text == HIDDEN => missing.push(Missing::HiddenValues),
        Json::String(text) if is_cut(text) => missing.push(Missing::CutValues),
        Json::Array(items) => items.iter().for_each(|item| gaps(item, missing)),
        Json::Object(entries) => entries.iter().for_each(|(key, value)| {
            if is_cut(key) {
                missing.push(Missing::CutValues);
            }
            gaps(value, missing);
        }),
        _ => {}
    }
}

/// `…[+12 bytes]`, `[+3 items]` and `[…]`.
fn is_cut(text: &str) -> bool {
    let counted = |word: &str| {
        let inner = text.strip_suffix(word).and_then(|rest| rest.rsplit_once("[+"));
        inner.is_some_and(|(_, digits)| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    text == "[…]" || counted(" bytes]") || counted(" items]")
}
