//! Records for people.

use ormai::audit::{Entry, Outcome};
use serde_json::Value as Json;

/// What callers wrote, for a terminal: what would steer it is spelled out.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() || is_invisible(char) {
            plain.extend(char.escape_default());
        } else {
            plain.push(char);
        }
    }
    plain
}

/// Marks that turn the direction of what follows, or have no width.
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Text without its quotes.
pub(crate) fn word(json: &Json) -> String {
    match json {
        Json::Null => "∅".to_owned(),
        Json::String(text) => plain(text),
        other => plain(&other.to_string()),
    }
}

/// The heads of [`cells`].
pub(super) const HEADINGS: [&str; 9] = ["time", "tenant", "user", "tool", "model", "outcome", "rows", "ms", "id"];

pub(super) fn cells(entry: &Entry) -> [String; 9] {
    let optional = |text: Option<&String>| text.map_or("∅".to_owned(), |text| plain(text));
    [
        format!("{:.3}", entry.timestamp),
        word(&entry.tenant_id),
        word(&entry.user_id),
        plain(&entry.tool_name),
        optional(entry.model.as_ref()),
        outcome(entry),
        entry.row_count.map_or("∅".to_owned(), |rows| rows.to_string()),
        format!("{:.1}", entry.execution_time_ms),
        plain(&entry.id),
    ]
}

/// One line, for records that come one after the other.
pub(super) fn line(entry: &Entry) -> String {
    let [time, tenant, user, tool, model, outcome, rows, ms, id] = cells(entry);
    format!("{time}  {tenant}  {user}  {tool} {model}  {outcome}  {rows} rows  {ms} ms  {id}")
}

/// With the code where there is one, and a mark where a bypass was used.
fn outcome(entry: &Entry) -> String {
    let mut said = match (&entry.error, entry.outcome) {
        (Some(error), Outcome::Refused) => plain(&error.code),
        (_, outcome) => outcome.as_str().to_owned(),
    };
    if !entry.bypass.is_empty() {
        said.push_str(" BYPASS");
    }
    said
}
