//! The columns of an export: their names do not change, new ones come last.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value as Json;

use crate::record::Entry;

/// A value of a row.
pub(super) enum Cell<'e> {
    Missing,
    Text(Cow<'e, str>),
    Time(Timestamp),
    Flag(bool),
    Count(u64),
    Number(f64),
}

/// What all values of a column are, or missing.
#[derive(Clone, Copy)]
pub(super) enum Type {
    Text,
    Time,
    Flag,
    Count,
    Number,
}

pub(super) struct Column {
    pub(super) name: &'static str,
    #[cfg_attr(not(feature = "parquet"), expect(dead_code, reason = "only Parquet is typed"))]
    pub(super) of: Type,
    #[cfg_attr(not(feature = "parquet"), expect(dead_code, reason = "only Parquet is typed"))]
    pub(super) may_be_missing: bool,
    pub(super) cell: for<'e> fn(&'e Entry) -> Cell<'e>,
}

impl Column {
    const fn always(name: &'static str, of: Type, cell: for<'e> fn(&'e Entry) -> Cell<'e>) -> Self {
        Self { name, of, may_be_missing: false, cell }
    }

    const fn maybe(name: &'static str, of: Type, cell: for<'e> fn(&'e Entry) -> Cell<'e>) -> Self {
        Self { name, of, may_be_missing: true, cell }
    }
}

/// The columns, in their order.
pub(super) const COLUMNS: [Column; 34] = [
    Column::always("id", Type::Text, |entry| text(&entry.id)),
    Column::always("timestamp", Type::Time, |entry| Cell::Time(entry.timestamp)),
    Column::always("request_id", Type::Text, |entry| text(&entry.request_id)),
    Column::maybe("trace_id", Type::Text, |entry| optional(entry.trace_id.as_ref())),
    Column::maybe("tenant_id", Type::Text, |entry| value(&entry.tenant_id)),
    Column::maybe("user_id", Type::Text, |entry| value(&entry.user_id)),
    Column::always("roles", Type::Text, |entry| json(&entry.roles)),
    Column::always("tool_name", Type::Text, |entry| text(&entry.tool_name)),
    Column::maybe("model", Type::Text, |entry| optional(entry.model.as_ref())),
    Column::always("action", Type::Text, |entry| text(entry.action.as_str())),
    Column::maybe("inputs", Type::Text, |entry| nested(Some(&entry.inputs))),
    Column::maybe("reason", Type::Text, |entry| optional(entry.reason.as_ref())),
    Column::always("policy_version", Type::Text, |entry| text(&entry.policy_version)),
    Column::always("policies_applied", Type::Text, |entry| json(&entry.policies_applied)),
    Column::always("scopes_injected", Type::Text, |entry| json(&entry.scopes_injected)),
    Column::always("inferred_permits", Type::Text, |entry| json(&entry.inferred_permits)),
    Column::always("bypass", Type::Text, |entry| json(&entry.bypass)),
    Column::always("fields_redacted", Type::Text, |entry| json(&entry.fields_redacted)),
    Column::maybe("parent", Type::Text, |entry| optional(entry.parent.as_ref())),
    Column::maybe("transaction", Type::Text, |entry| optional(entry.transaction.as_ref())),
    Column::maybe("approval_id", Type::Text, |entry| optional(entry.approval_id.as_ref())),
    Column::always("replayed", Type::Flag, |entry| Cell::Flag(entry.replayed)),
    Column::always("outcome", Type::Text, |entry| text(entry.outcome.as_str())),
    Column::always("success", Type::Flag, |entry| Cell::Flag(entry.success)),
    Column::maybe("error_code", Type::Text, |entry| optional(entry.error.as_ref().map(|error| &error.code))),
    Column::maybe("error_message", Type::Text, |entry| optional(entry.error.as_ref().map(|error| &error.message))),
    Column::maybe("row_count", Type::Count, |entry| entry.row_count.map_or(Cell::Missing, Cell::Count)),
    Column::always("execution_time_ms", Type::Number, |entry| Cell::Number(entry.execution_time_ms)),
    Column::maybe("before_snapshot", Type::Text, |entry| nested(entry.before_snapshot.as_ref())),
    Column::maybe("after_snapshot", Type::Text, |entry| nested(entry.after_snapshot.as_ref())),
    Column::always("chain", Type::Text, |entry| Cell::Text(entry.place.chain.to_string().into())),
    Column::always("seq", Type::Count, |entry| Cell::Count(entry.place.seq)),
    Column::always("prev_hash", Type::Text, |entry| Cell::Text(entry.place.prev_hash.to_string().into())),
    Column::always("hash", Type::Text, |entry| Cell::Text(entry.place.hash.to_string().into())),
];

/// The names of the columns of a CSV or Parquet export, in their order.
pub const NAMES: [&str; COLUMNS.len()] = {
    let mut names = [""; COLUMNS.len()];
    let mut at = 0;
    while at < COLUMNS.len() {
        #[expect(clippy::indexing_slicing, reason = "computed by the compiler, within the bounds of both")]
        {
            names[at] = COLUMNS[at].name;
        }
        at += 1;
    }
    names
};

fn text(text: &str) -> Cell<'_> {
    Cell::Text(text.into())
}

fn optional(text: Option<&String>) -> Cell<'_> {
    text.map_or(Cell::Missing, |text| Cell::Text(text.into()))
}

/// Text as it is, another value as JSON, null as nothing.
fn value(value: &Json) -> Cell<'_> {
    match value {
        Json::Null => Cell::Missing,
        Json::String(text) => Cell::Text(text.into()),
        other => Cell::Text(other.to_string().into()),
    }
}

/// JSON, and nothing for null.
fn nested(value: Option<&Json>) -> Cell<'_> {
    value.filter(|value| !value.is_null()).map_or(Cell::Missing, json)
}

fn json(value: &(impl Serialize + ?Sized)) -> Cell<'static> {
    serde_json::to_string(value).map_or(Cell::Missing, |text| Cell::Text(text.into()))
}
