//! Whether the rows are as a call must leave them.

use std::collections::HashMap;

use ormai_reference::Changes;
use ormai_reference::world::{Cell, Model};
use serde_json::{Map, Value as Json};

use super::compare::{Compared, Difference, Wrong};
use super::{Answer, Expected};
use crate::witness::Row;

pub(super) fn leaves(expected: &Expected, answer: &Answer, page: &Json, model: &str, rows: &[Row]) -> Compared {
    let done = page.pointer("/success") == Some(&Json::Bool(true));
    // A database that holds its rows to less has done what nobody expects to be undone.
    let Some(model) = expected.world.model(model).filter(|_| !(done && answer.by_the_database)) else { return Ok(()) };
    if !expected.has_order(model) || !expected.given.contains(&model.name) {
        return Ok(());
    }
    let is_it = answer.request.as_ref().is_some_and(|request| request.model() == model.name);
    let none = Changes::default();
    let changes = if is_it && done { &answer.changes } else { &none };
    let is_known = |row: &&Vec<Cell>| !model.key_of(row).contains(&&Cell::Unknown);
    let mut must: HashMap<Vec<Cell>, &Vec<Cell>> = model.rows.iter().map(|row| (key(model, row), row)).collect();
    for row in &changes.found {
        must.remove(&key(model, row));
    }
    must.extend(changes.changed.iter().filter(is_known).map(|row| (key(model, row), row)));
    // What has its key from the database.
    let mut new: Vec<&Vec<Cell>> = changes.changed.iter().filter(|row| !is_known(row)).collect();
    for row in rows {
        let cells = cells(model, row);
        match must.remove(&key(model, &cells)) {
            Some(known) => same(model, known, &cells)?,
            None => match new.iter().position(|new| same(model, new, &cells).is_ok()) {
                Some(at) => drop(new.remove(at)),
                None => {
                    return Err(about(model, &cells, Difference::new(Wrong::Row, "a row is left that must not be")));
                }
            },
        }
    }
    match must.values().chain(&new).next() {
        Some(row) => Err(about(model, row, Difference::new(Wrong::Missing, "a row is gone that must be there"))),
        None => Ok(()),
    }
}

fn key(model: &Model, row: &[Cell]) -> Vec<Cell> {
    model.key_of(row).into_iter().cloned().collect()
}

fn cells(model: &Model, row: &Row) -> Vec<Cell> {
    let cell = |json: &Json, kind| Cell::stored(json, kind).unwrap_or_else(|| Cell::Opaque(json.to_string()));
    let columns = model.columns.iter();
    columns.map(|column| cell(row.get(&column.name).unwrap_or(&Json::Null), &column.kind)).collect()
}

fn same(model: &Model, must: &[Cell], is: &[Cell]) -> Compared {
    let columns = model.columns.iter().zip(must.iter().zip(is));
    let mut different = columns.filter(|(_, (must, is))| **must != Cell::Unknown && must != is);
    match different.next() {
        None => Ok(()),
        Some((column, (old, new))) => {
            let wrong = Difference::new(Wrong::Value, "another value is left than must be");
            let (expected, got) = (Some(old.to_json()), Some(new.to_json()));
            let field = Some(column.name.clone());
            Err(about(model, is, Difference { field, expected, got, ..wrong }))
        }
    }
}

fn about(model: &Model, row: &[Cell], wrong: Difference) -> Box<Difference> {
    let key = model.key.iter().map(|part| (part.clone(), model.cell(row, part).to_json()));
    let row = Some(Json::Object(key.collect::<Map<_, _>>()));
    Box::new(Difference { model: Some(model.name.clone()), row, ..wrong })
}
