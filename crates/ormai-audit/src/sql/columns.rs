//! What a row says beside its line: taken from the line, for finding it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::statement::{Sort, Statement, Value};
use crate::hash::sha256;
use crate::line::Line;
use crate::record::{Action, Entry, Outcome};

/// The columns beside `n` and `entry`, in the order in which they are written and read.
pub(super) const COLUMNS: [(&str, Sort); 19] = [
    ("chain", Sort::Text),
    ("seq", Sort::Integer),
    ("kind", Sort::Text),
    ("id", Sort::Text),
    ("at", Sort::Integer),
    ("tenant_id", Sort::Text),
    ("user_id", Sort::Text),
    ("tool_name", Sort::Text),
    ("model", Sort::Text),
    ("action", Sort::Text),
    ("outcome", Sort::Text),
    ("success", Sort::Boolean),
    ("error_code", Sort::Text),
    ("request_id", Sort::Text),
    ("trace_id", Sort::Text),
    ("approval_id", Sort::Text),
    ("transaction_id", Sort::Text),
    ("parent", Sort::Text),
    ("bypass", Sort::Boolean),
];

const INSERT: &str = "INSERT INTO ormai_audit (entry, chain, seq, kind, id, at, tenant_id, user_id, tool_name, model, \
                      action, outcome, success, error_code, request_id, trace_id, approval_id, transaction_id, \
                      parent, bypass) VALUES ";

/// The same columns, after `n` and the line.
pub(super) const SELECT: &str = "SELECT n, entry, chain, seq, kind, id, at, tenant_id, user_id, tool_name, model, \
                                 action, outcome, success, error_code, request_id, trace_id, approval_id, \
                                 transaction_id, parent, bypass FROM ormai_audit";

/// How much goes into one statement: servers take no packet of any size, and no more than 65,535
/// values. Few statements, because the driver leaves it to the network when the end of each is
/// sent.
const MOST_ROWS: usize = 512;
const MOST_BYTES: usize = 1 << 20;

/// What writes lines, in order.
pub(super) fn inserts(lines: &[Line]) -> Vec<Statement> {
    let mut statements = Vec::new();
    let (mut rows, mut bytes) = (MOST_ROWS, 0);
    for line in lines {
        if rows >= MOST_ROWS || bytes + line.text().len() > MOST_BYTES {
            statements.push(Statement::new(INSERT));
            (rows, bytes) = (0, 0);
        }
        let Some(statement) = statements.last_mut() else { break };
        statement.push(if rows == 0 { "(" } else { ", (" });
        statement.bind(line.text().to_owned());
        for value in columns(line) {
            statement.push(", ");
            statement.bind(value);
        }
        statement.push(")");
        rows += 1;
        bytes += line.text().len();
    }
    statements
}

/// What the columns say of a line.
pub(super) fn columns(line: &Line) -> [Value; COLUMNS.len()] {
    let mut columns = COLUMNS.map(|(_, sort)| sort.null());
    let place = line.place();
    let [chain, seq, kind, rest @ ..] = &mut columns;
    *chain = place.chain.to_string().into();
    *seq = seq_number(place.seq).into();
    *kind = place.kind.as_str().to_owned().into();
    if let Some(Entry { record, .. }) = Entry::read(line) {
        let optional = |text: &Option<String>| Value::Text(text.as_deref().map(short));
        *rest = [
            short(&record.id).into(),
            microseconds(record.timestamp).into(),
            canonical(&record.tenant_id).into(),
            canonical(&record.user_id).into(),
            short(&record.tool_name).into(),
            optional(&record.model),
            action(record.action).into(),
            outcome(record.outcome).into(),
            record.success.into(),
            Value::Text(record.error.as_ref().map(|error| short(&error.code))),
            short(&record.request_id).into(),
            optional(&record.trace_id),
            optional(&record.approval_id),
            optional(&record.transaction),
            optional(&record.parent),
            (!record.bypass.is_empty()).into(),
        ];
    }
    columns
}

/// A place in a chain as databases count. None is ever larger.
pub(super) fn seq_number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// A time, rounded down.
pub(super) fn microseconds(time: Timestamp) -> i64 {
    // Years up to 9999 have room.
    i64::try_from(time.as_nanosecond().div_euclid(1_000)).unwrap_or(i64::MAX)
}

/// The longest text that stands in a column as it is, in bytes.
const WIDTH: usize = 190;
/// How much of a longer one does.
const BEGINNING: usize = 96;

/// A text as it stands in its column: a long one by its beginning and its digest. One with a NUL
/// too, which PostgreSQL does not take.
pub(super) fn short(text: &str) -> String {
    if text.len() <= WIDTH && !text.contains('\0') {
        return text.to_owned();
    }
    let beginning = text.get(..text.floor_char_boundary(BEGINNING)).unwrap_or_default();
    format!("{}…{}", beginning.replace('\0', " "), sha256(&[text.as_bytes()]))
}

/// A value as text: equal ones have one text, and no two others.
pub(super) fn canonical(json: &Json) -> String {
    short(&sorted(json).to_string())
}

/// Objects with their members in order, whatever order they are kept in.
fn sorted(json: &Json) -> Json {
    match json {
        Json::Object(members) => {
            let members: BTreeMap<&String, &Json> = members.iter().collect();
            Json::Object(members.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect())
        }
        Json::Array(values) => Json::Array(values.iter().map(sorted).collect()),
        // Zero has two texts.
        Json::Number(number) if number.as_f64() == Some(0.0) && number.is_f64() => Json::from(0.0),
        other => other.clone(),
    }
}

/// The word of an action.
pub(super) fn action(action: Action) -> String {
    word(serde_json::to_value(action))
}

/// The word of an outcome.
pub(super) fn outcome(outcome: Outcome) -> String {
    word(serde_json::to_value(outcome))
}

fn word(json: serde_json::Result<Json>) -> String {
    match json {
        Ok(Json::String(word)) => word,
        _ => String::new(),
    }
}
