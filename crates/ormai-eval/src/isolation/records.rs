//! What a call has left in the audit trail, and what should stand there.

use std::collections::BTreeSet;

use ormai::Table;
use ormai::audit::{Entry, Kind, Line};
use serde_json::Value as Json;

use super::ask::Ask;
use crate::Violation;

/// The law that each call leaves one record.
const ONCE: &str = "audited_once";
/// The law that records show what answers show.
const HIDES: &str = "records_hide";

/// What is wrong about the lines of one call.
pub(super) fn wrongs(lines: &[Line], request_id: &str, ask: &Ask, tables: &[Table], answer: &Json) -> Vec<Violation> {
    let entries: Vec<Entry> =
        lines.iter().filter_map(Entry::read).filter(|entry| entry.request_id == request_id).collect();
    let closed: Vec<&Entry> = entries.iter().filter(|entry| entry.place.kind == Kind::Record).collect();
    let mut wrongs = Vec::new();
    let record = match closed.as_slice() {
        [record] => *record,
        closed => {
            return vec![Violation::new(ONCE, format!("the call left {} closed records instead of one", closed.len()))];
        }
    };
    let is_answered = answer.get("success") == Some(&Json::Bool(true));
    if record.success != is_answered {
        wrongs.push(Violation::new(ONCE, "the record tells another outcome than the caller was told"));
    }
    let writes = matches!(ask.tool, "create" | "update" | "delete" | "bulk_update");
    let is_dry = ask.arguments.get("dry_run") == Some(&Json::Bool(true));
    let is_pending = answer.pointer("/data/approval_id").is_some();
    let intent =
        lines.iter().filter_map(Entry::read).any(|entry| entry.place.kind == Kind::Intent && entry.id == record.id);
    if is_answered && ((writes && !is_dry) || !record.bypass.is_empty()) && !intent {
        let what = if writes { "a write" } else { "a read past every scope" };
        wrongs.push(Violation::new(ONCE, format!("{what} was done without an intent on record")));
    }
    let changes = answer.pointer("/data/updated_count").and_then(Json::as_u64) != Some(0);
    if is_answered && writes && !is_dry && !is_pending && changes && !record.replayed {
        if ask.tool != "create" && record.before_snapshot.is_none() {
            wrongs.push(Violation::new(ONCE, "the record of a write does not hold the rows before it"));
        }
        if ask.tool != "delete" && record.after_snapshot.is_none() {
            wrongs.push(Violation::new(ONCE, "the record of a write does not hold the rows after it"));
        }
    }
    let lifting: BTreeSet<String> = tables
        .iter()
        .flat_map(|table| {
            table.rules.iter().filter(|rule| rule.bypassed()).map(|rule| format!("{}:{}", table.model, rule.rule))
        })
        .collect();
    let told: BTreeSet<String> = record.bypass.iter().cloned().collect();
    if is_answered && lifting != told {
        wrongs.push(Violation::new(
            ONCE,
            format!("the record tells of the bypasses {told:?}, and {lifting:?} took part"),
        ));
    }
    let texts = [Some(&record.inputs), record.before_snapshot.as_ref(), record.after_snapshot.as_ref()];
    let texts: Vec<String> = texts.into_iter().flatten().map(Json::to_string).collect();
    for secret in &ask.secrets {
        if texts.iter().any(|text| text.contains(secret.as_str())) {
            wrongs.push(Violation::new(
                HIDES,
                "the record shows a value that was given for a field that is not shown as it is",
            ));
        }
    }
    wrongs
}

/// The parts of the records of a call that hold values.
pub(super) fn texts(lines: &[Line], request_id: &str) -> Vec<String> {
    let entries = lines.iter().filter_map(Entry::read).filter(|entry| entry.request_id == request_id);
    entries
        .flat_map(|entry| {
            let record = entry.record;
            [Some(record.inputs), record.before_snapshot, record.after_snapshot]
                .into_iter()
                .flatten()
                .map(|json| json.to_string())
        })
        .collect()
}
