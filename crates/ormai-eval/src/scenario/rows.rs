//! Rows that are there before the first request: as tables of Markdown, and as YAML.

use std::ops::Range;

use ormai::catalog::{Catalog, Model};
use ormai::diagnostic::Diagnostic;
use ormai::policy::syntax::{Content, Node};
use ormai::suggest;
use ormai::value::ColumnType;
use serde_json::{Map, Number, Value as Json};

use super::finding::{error, wrong_type};
use super::markdown::{Cell, Table};

/// A row to plant.
#[derive(Clone, Debug)]
pub(super) struct PlantedRow {
    pub(super) model: String,
    pub(super) data: Map<String, Json>,
    pub(super) span: Range<usize>,
}

/// The rows of a table whose first heading names a model (`Order`, for its key, or `Order.number`);
/// `None` for any other table, which is prose.
pub(super) fn of_table(table: &Table, catalog: &Catalog, findings: &mut Vec<Diagnostic>) -> Option<Vec<PlantedRow>> {
    let first = table.header.first()?;
    let (name, field) = match first.text.split_once('.') {
        Some((name, field)) => (name, Some(field)),
        None => (first.text.as_str(), None),
    };
    let Some(model) = catalog.find(name).map(|id| catalog.model(id)) else {
        let models = catalog.models().map(|(_, model)| model.name.as_str());
        let near = suggest::nearest(name, models).and_then(|near| catalog.find(near)).map(|id| catalog.model(id))?;
        // A slip in the name would make prose of rows.
        let has = |cell: &Cell| near.find_field(&cell.text).is_some();
        if table.header.iter().skip(1).any(has) {
            let wrong = error("unknown-model", format!("unknown model `{name}`")).at(first.span.clone(), "");
            findings.push(wrong.help(format!("did you mean `{}`?", near.name)));
        }
        return None;
    };
    let key = || model.primary_key.first().map(|id| model.field(*id).name.clone());
    let mut headings = vec![(field.map(str::to_owned).or_else(key).unwrap_or_default(), first.span.clone())];
    headings.extend(table.header.iter().skip(1).map(|cell| (cell.text.clone(), cell.span.clone())));
    for (heading, span) in &headings {
        check_field(model, heading, span, findings);
    }
    let row = |cells: &Vec<Cell>| {
        let mut data = Map::new();
        for ((heading, _), cell) in headings.iter().zip(cells) {
            let Some(id) = model.find_field(heading) else { continue };
            match value(cell, &model.field(id).ty) {
                Ok(value) => drop(data.insert(heading.clone(), value)),
                Err(wrong) => findings.push(wrong.at(cell.span.clone(), "")),
            }
        }
        let span = cells.first().map_or_else(|| table.span.clone(), |cell| cell.span.clone());
        PlantedRow { model: model.name.clone(), data, span }
    };
    Some(table.rows.iter().map(row).collect())
}

fn check_field(model: &Model, name: &str, span: &Range<usize>, findings: &mut Vec<Diagnostic>) {
    if model.find_field(name).is_none() {
        let wrong = error("unknown-field", format!("`{}` has no field `{name}`", model.name));
        let known: Vec<&str> = model.fields.iter().map(|field| field.name.as_str()).collect();
        findings.push(wrong.at(span.clone(), "").help(suggest::help(name, known)));
    }
}

/// What a cell says: nothing and `NULL` are null, text in double quotes is JSON.
fn value(cell: &Cell, ty: &ColumnType) -> Result<Json, Diagnostic> {
    let text = cell.text.as_str();
    if text.is_empty() || text == "NULL" {
        return Ok(Json::Null);
    }
    let value = match ty {
        ColumnType::Bool => text.parse().ok().map(Json::Bool),
        ColumnType::Float => text.parse().ok().and_then(Number::from_f64).map(Json::Number),
        ColumnType::Json => serde_json::from_str(text).ok(),
        ty if ty.is_integer() => text.parse::<i64>().ok().map(Json::from),
        _ if text.starts_with('"') => serde_json::from_str::<String>(text).ok().map(Json::String),
        _ => Some(Json::from(text)),
    };
    value.ok_or_else(|| error("wrong-type", format!("`{text}` is no {ty}")))
}

/// The rows of a block of YAML or JSON: lists of objects by model.
pub(super) fn of_node(node: &Node, catalog: &Catalog, findings: &mut Vec<Diagnostic>) -> Vec<PlantedRow> {
    let mut rows = Vec::new();
    let Content::Mapping(models) = &node.content else {
        findings.push(wrong_type(node, "the rows", "a mapping of models to lists of rows"));
        return rows;
    };
    for entry in models {
        let Some(model) = catalog.find(&entry.key).map(|id| catalog.model(id)) else {
            let known: Vec<&str> = catalog.models().map(|(_, model)| model.name.as_str()).collect();
            let wrong = error("unknown-model", format!("unknown model `{}`", entry.key));
            findings.push(wrong.at(entry.key_span.clone(), "").help(suggest::help(&entry.key, known)));
            continue;
        };
        let Content::Sequence(items) = &entry.value.content else {
            findings.push(wrong_type(&entry.value, &format!("`{}`", entry.key), "a list of rows"));
            continue;
        };
        for item in items {
            let Content::Mapping(fields) = &item.content else {
                findings.push(wrong_type(item, "a row", "a mapping of fields to values"));
                continue;
            };
            for field in fields {
                check_field(model, &field.key, &field.key_span, findings);
            }
            let data = fields.iter().map(|field| (field.key.clone(), json(&field.value))).collect();
            rows.push(PlantedRow { model: model.name.clone(), data, span: item.span.clone() });
        }
    }
    rows
}

/// A node as JSON.
pub(super) fn json(node: &Node) -> Json {
    match &node.content {
        Content::Null => Json::Null,
        Content::Bool(bool) => Json::Bool(*bool),
        Content::Int(int) => Json::from(*int),
        Content::Float(float) => Json::from(*float),
        Content::Text(text) => Json::from(text.as_str()),
        Content::Sequence(items) => items.iter().map(json).collect(),
        Content::Mapping(entries) => entries.iter().map(|entry| (entry.key.clone(), json(&entry.value))).collect(),
    }
}
