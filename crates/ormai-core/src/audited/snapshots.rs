//! The rows of a write as they were and as they are.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::bounds::Room;
use super::limits;
use crate::answer::{Cell, Fetched, Row};
use crate::fault::Fault;
use crate::plan::Layout;
use crate::policy::FieldAction;
use crate::redact::{Redactor, shown_rows};

/// What a write has changed, redacted as its answer is.
///
/// Of one row each is the row, `{"id": 1, "status": "open"}`; of a bulk update
/// `{"rows": […], "count": n}` with the first [`limits::ROWS`] rows by their key, fewer where they
/// come to more than [`limits::BYTES`], and the number of all. A row that alone comes to more is
/// `{"oversize": true}`. Texts and lists are cut as those of [`inputs`](super::inputs).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Snapshots {
    /// The rows before; `None` of a new row.
    pub before: Option<Json>,
    /// The rows after; `None` of rows that are gone. A row that is only marked as deleted is there.
    pub after: Option<Json>,
}

/// One row.
pub(crate) fn of_row(raw: &Fetched, layout: &Arc<Layout>, redactor: &Redactor<'_>) -> Option<Json> {
    let row = shown_rows(raw.first(1), &layout_of(layout), 1, redactor).pop()?;
    let mut room = Room::new();
    let told = told(&mut room, &row);
    Some(if room.is_over() { json!({"oversize": true}) } else { told })
}

/// The rows of a bulk update.
pub(crate) fn of_rows(raw: &Fetched, layout: &Arc<Layout>, redactor: &Redactor<'_>) -> Json {
    let count = raw.len();
    let mut room = Room::new();
    let mut rows = Vec::with_capacity(count.min(limits::ROWS));
    for row in shown_rows(raw.first(limits::ROWS), &layout_of(layout), limits::ROWS, redactor) {
        let row = told(&mut room, &row);
        if room.is_over() {
            break;
        }
        rows.push(row);
    }
    json!({"rows": rows, "count": count})
}

fn layout_of(layout: &Arc<Layout>) -> Arc<Layout> {
    if Fault::SnapshotUnredacted.is_on() {
        let columns = layout.columns.iter().map(|(at, _)| (*at, FieldAction::Allow)).collect();
        return Arc::new(Layout { names: layout.names.clone(), columns });
    }
    Arc::clone(layout)
}

fn told(room: &mut Room, row: &Row) -> Json {
    let mut told = Map::new();
    for (name, cell) in row.cells() {
        // What is written is shown without relations.
        let Cell::Value(value) = cell else { continue };
        let value = room.value(&value.to_json(), 0);
        room.put(&mut told, name, value);
    }
    Json::Object(told)
}
