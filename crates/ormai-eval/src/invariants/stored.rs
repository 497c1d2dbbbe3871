//! The rows of the database in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ormai::catalog::{Catalog, FieldId, Model, ModelId, RelationId};
use ormai::condition::evaluate;
use ormai::value::Value;
use serde_json::{Map, Value as Json};

use crate::Row;

/// All rows of a model, in the order of their keys.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
    /// The places of rows by the values of some fields.
    indexes: Mutex<HashMap<Vec<usize>, Arc<Index>>>,
}

type Index = HashMap<String, Vec<usize>>;

impl Table {
    pub(crate) fn new(rows: Vec<Row>) -> Self {
        Self { rows, indexes: Mutex::default() }
    }

    /// The rows that have these values in these fields.
    pub(crate) fn having(&self, model: &Model, fields: &[FieldId], values: &[&Json]) -> Vec<&Row> {
        let key: Vec<usize> = fields.iter().map(|field| field.index()).collect();
        let index = {
            let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
            let index = indexes.entry(key).or_insert_with(|| Arc::new(self.index(model, fields)));
            Arc::clone(index)
        };
        let places = index.get(&written(values.iter().copied())).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| self.rows.get(*place)).collect()
    }

    fn index(&self, model: &Model, fields: &[FieldId]) -> Index {
        let mut index = Index::new();
        for (place, row) in self.rows.iter().enumerate() {
            let values: Vec<&Json> = fields.iter().map(|field| value_of(model, row, *field)).collect();
            index.entry(written(values.into_iter())).or_default().push(place);
        }
        index
    }
}

fn written<'a>(values: impl Iterator<Item = &'a Json>) -> String {
    values.map(|value| format!("{value},")).collect()
}

/// What stands in a field of a stored row.
pub(crate) fn value_of<'r>(model: &Model, row: &'r Row, field: FieldId) -> &'r Json {
    row.get(&model.field(field).name).unwrap_or(&Json::Null)
}

/// The key of a stored row, as a request names it: a scalar, or an object. `None` without one.
pub(crate) fn key_of(model: &Model, row: &Row) -> Option<Json> {
    match model.primary_key.as_slice() {
        [] => None,
        [only] => Some(value_of(model, row, *only).clone()),
        parts => {
            let part = |field: &FieldId| (model.field(*field).name.clone(), value_of(model, row, *field).clone());
            Some(Json::Object(parts.iter().map(part).collect::<Map<_, _>>()))
        }
    }
}

/// The tables that were looked at.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) by_model: HashMap<ModelId, Arc<Table>>,
}

impl Tables {
    /// The rows of a model; none where it was not looked at.
    pub(crate) fn rows(&self, model: ModelId) -> &[Row] {
        self.by_model.get(&model).map(|table| table.rows.as_slice()).unwrap_or_default()
    }

    /// The rows of a model that have these values in these fields.
    pub(crate) fn having(&self, model: ModelId, fields: &[FieldId], values: &[&Json]) -> Vec<&Row> {
        let described = self.catalog.model(model);
        self.by_model.get(&model).map(|table| table.having(described, fields, values)).unwrap_or_default()
    }

    /// The row with a key.
    pub(crate) fn with_key(&self, model: ModelId, key: &[&Json]) -> Option<&Row> {
        let fields = &self.catalog.model(model).primary_key;
        if fields.is_empty() { None } else { self.having(model, fields, key).into_iter().next() }
    }

    /// The rows to which a relation of a row leads, whosoever they are.
    pub(crate) fn related(&self, model: ModelId, row: &Row, relation: RelationId) -> (ModelId, Vec<&Row>) {
        let described = self.catalog.model(model);
        let relation = described.relation(relation);
        let (here, there): (Vec<FieldId>, Vec<FieldId>) = relation.link.iter().copied().unzip();
        let values: Vec<&Json> = here.iter().map(|field| value_of(described, row, *field)).collect();
        if values.iter().any(|value| value.is_null()) {
            return (relation.target, Vec::new());
        }
        (relation.target, self.having(relation.target, &there, &values))
    }

    /// A row as conditions read it.
    pub(crate) fn view<'a>(&'a self, model: ModelId, row: &'a Row) -> StoredRow<'a> {
        StoredRow { tables: self, model, row }
    }
}

/// A row as conditions read it: raw values, and related rows of anybody.
pub(crate) struct StoredRow<'a> {
    tables: &'a Tables,
    model: ModelId,
    row: &'a Row,
}

impl StoredRow<'_> {
    fn read(&self, field: FieldId) -> Value {
        read(self.tables.catalog.model(self.model), self.row, field)
    }
}

/// A stored value. What its column's type does not take any more is text.
pub(crate) fn read(model: &Model, row: &Row, field: FieldId) -> Value {
    let json = value_of(model, row, field);
    Value::from_json(json, &model.field(field).ty).unwrap_or_else(|_| match json {
        Json::String(text) => Value::Text(text.clone()),
        other => Value::Text(other.to_string()),
    })
}

impl evaluate::Row for StoredRow<'_> {
    fn value(&self, field: FieldId) -> Value {
        self.read(field)
    }

    fn related(&self, relation: RelationId) -> Vec<Box<dyn evaluate::Row + '_>> {
        let (target, rows) = self.tables.related(self.model, self.row, relation);
        let row = |row| Box::new(self.tables.view(target, row)) as Box<dyn evaluate::Row + '_>;
        rows.into_iter().map(row).collect()
    }
}
