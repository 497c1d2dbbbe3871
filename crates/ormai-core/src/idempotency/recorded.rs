//! The answer of a write as the ledger keeps it, and as it is given again: the same bytes.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;

use crate::answer::{Cell, Pending, Row, Written};
use crate::plan::Layout;
use crate::policy::FieldAction;
use crate::value::Value;

/// What stands before the answer: a row can have any names, also those of other answers.
const STORED: &str = "stored";
const UPDATED: &str = "updated";
const PENDING: &str = "pending";

impl Written {
    /// As the ledger keeps it; `None` for a preview, of which nothing was kept.
    pub fn to_record(&self) -> Option<String> {
        let (kind, answer) = match self {
            Self::Stored(row) => (STORED, serde_json::to_string(row).ok()?),
            Self::Updated { count } => (UPDATED, count.to_string()),
            Self::Pending(pending) => (PENDING, pending.approval_id.clone()),
            Self::Preview(_) => return None,
        };
        Some(format!("{kind} {answer}"))
    }

    /// The answer in a record, which reads as it was written. In a row the values are those of
    /// JSON: what was a decimal or a time is text. `None` for what is no record.
    pub fn from_record(record: &str) -> Option<Self> {
        let (kind, answer) = record.split_once(' ')?;
        match kind {
            STORED => Some(Self::Stored(serde_json::from_str::<InOrder>(answer).ok()?.row())),
            UPDATED => Some(Self::Updated { count: answer.parse().ok()? }),
            PENDING => Some(Self::Pending(Pending::new(answer))),
            _ => None,
        }
    }
}

/// An object whose keys stay in their order.
struct InOrder(Vec<(String, Json)>);

impl InOrder {
    fn row(self) -> Row {
        let (names, cells): (Vec<String>, Vec<Cell>) =
            self.0.into_iter().map(|(name, json)| (name, Cell::Value(value(json)))).unzip();
        let columns = (0..names.len()).map(|at| (at, FieldAction::Allow)).collect();
        Row { layout: Arc::new(Layout { names, columns }), cells }
    }
}

/// The value that is written as this JSON.
fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(bool) => Value::Bool(bool),
        Json::String(text) => Value::Text(text),
        json => match (json.as_i64(), json.as_f64()) {
            (Some(int), _) => Value::Int(int),
            (None, Some(float)) if json.is_f64() => Value::Float(float),
            _ => Value::Json(json),
        },
    }
}

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = InOrder;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<InOrder, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(InOrder(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}
