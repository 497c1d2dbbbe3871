//! The rows of an answer, with their places.

use ormai::catalog::{Catalog, FieldId, ModelId, RelationId, RelationKind};
use ormai::request::Tool;
use serde_json::{Map, Value as Json};

/// A row of an answer.
#[derive(Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) model: ModelId,
    /// Such as `rows[3].items[0]`.
    pub(crate) place: String,
    pub(crate) fields: Vec<(FieldId, &'a Json)>,
    /// Names that are neither a field nor a relation of the model.
    pub(crate) unknown: Vec<&'a str>,
    /// The relation and the row above; `None` at the root.
    pub(crate) parent: Option<(RelationId, usize)>,
    pub(crate) includes: Vec<Included>,
    /// The number of includes above.
    pub(crate) depth: u32,
    /// Whether it says how a row is to be, not how it is.
    pub(crate) planned: bool,
}

/// The rows of a relation under a row.
#[derive(Debug)]
pub(crate) struct Included {
    pub(crate) relation: RelationId,
    /// Their places in the list of all rows.
    pub(crate) rows: Vec<usize>,
    pub(crate) has_more: bool,
}

impl Shown<'_> {
    /// What it shows in a field.
    pub(crate) fn value(&self, field: FieldId) -> Option<&Json> {
        self.fields.iter().find(|(shown, _)| *shown == field).map(|(_, value)| *value)
    }
}

/// All rows of an answer of a built-in tool, parents first. Figures and counts have none.
pub(crate) fn rows<'a>(catalog: &'a Catalog, model: ModelId, tool: Tool, data: &'a Json) -> Vec<Shown<'a>> {
    let mut walk = Walk { catalog, rows: Vec::new() };
    let Some(object) = data.as_object() else { return walk.rows };
    let listed = |key: &str| object.get(key).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    match tool {
        Tool::Query => walk.list(model, listed("rows"), "rows", None, false),
        Tool::Get => walk.row(model, object, String::new(), None, false),
        Tool::Create | Tool::Update | Tool::Delete | Tool::BulkUpdate => {
            if object.get("dry_run") == Some(&Json::Bool(true)) {
                walk.list(model, listed("before"), "before", None, false);
                walk.list(model, listed("after"), "after", None, true);
            } else if !is_no_row(object) {
                walk.row(model, object, String::new(), None, false);
            }
        }
        Tool::Aggregate | Tool::DescribeSchema => {}
    }
    walk.rows
}

/// `{"updated_count"}` and `{"status": "pending_approval", "approval_id"}`.
fn is_no_row(object: &Map<String, Json>) -> bool {
    let counted = object.len() == 1 && object.contains_key("updated_count");
    let waits = object.len() == 2 && object.contains_key("approval_id");
    counted || (waits && object.get("status").and_then(Json::as_str) == Some("pending_approval"))
}

struct Walk<'a> {
    catalog: &'a Catalog,
    rows: Vec<Shown<'a>>,
}

impl<'a> Walk<'a> {
    fn list(
        &mut self,
        model: ModelId,
        rows: &'a [Json],
        place: &str,
        parent: Option<(RelationId, usize)>,
        planned: bool,
    ) {
        for (index, row) in rows.iter().enumerate() {
            if let Some(row) = row.as_object() {
                self.row(model, row, format!("{place}[{index}]"), parent, planned);
            }
        }
    }

    fn row(
        &mut self,
        model: ModelId,
        row: &'a Map<String, Json>,
        place: String,
        parent: Option<(RelationId, usize)>,
        planned: bool,
    ) {
        let (described, at) = (self.catalog.model(model), self.rows.len());
        let depth = parent.and_then(|(_, above)| self.rows.get(above)).map_or(0, |above| above.depth + 1);
        let (mut fields, mut unknown, mut related) = (Vec::new(), Vec::new(), Vec::new());
        for (name, value) in row {
            match (described.find_field(name), described.find_relation(name)) {
                (Some(field), _) => fields.push((field, value)),
                (None, Some(relation)) => related.push((relation, value)),
                (None, None) => unknown.push(name.as_str()),
            }
        }
        let under = if place.is_empty() { String::new() } else { format!("{place}.") };
        let includes = Vec::new();
        self.rows.push(Shown { model, place, fields, unknown, parent, includes, depth, planned });
        for (relation, value) in related {
            let (name, target, kind) = {
                let relation = described.relation(relation);
                (&relation.name, relation.target, relation.kind)
            };
            let (first, place) = (self.rows.len(), format!("{under}{name}"));
            match (kind, value) {
                (RelationKind::Many, value) => {
                    let rows = value.get("rows").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
                    self.list(target, rows, &place, Some((relation, at)), planned);
                }
                (RelationKind::One, Json::Object(one)) => self.row(target, one, place, Some((relation, at)), planned),
                (RelationKind::One, _) => {}
            }
            let rows = (first..self.rows.len())
                .filter(|index| self.rows.get(*index).and_then(|row| row.parent) == Some((relation, at)))
                .collect();
            let has_more = value.get("has_more") == Some(&Json::Bool(true));
            if let Some(row) = self.rows.get_mut(at) {
                row.includes.push(Included { relation, rows, has_more });
            }
        }
    }
}
