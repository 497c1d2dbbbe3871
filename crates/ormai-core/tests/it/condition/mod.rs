//! The condition language.

mod accepted;
mod attributes;
mod findings;
pub(crate) mod laws;
mod outcomes;
mod reference;
mod truth;

use std::collections::HashMap;

use jiff::Timestamp;
use ormai_core::catalog::{Catalog, CatalogBuilder, FieldId, ModelBuilder, ModelId, RelationId};
use ormai_core::condition::Condition;
use ormai_core::condition::evaluate::Row;
use ormai_core::value::{ColumnType, Value};
use serde_json::{Value as Json, json};

/// The guide's models, with a column of every type and relations of both kinds.
pub(crate) fn catalog() -> Catalog {
    CatalogBuilder::new()
        .model(
            ModelBuilder::table("Tenant", "tenants")
                .field("id", ColumnType::Text)
                .field("name", ColumnType::Text)
                .nullable("region", ColumnType::Text)
                .primary_key(["id"])
                .to_many("orders", "Order", [("id", "tenant_id")]),
        )
        .model(
            ModelBuilder::table("Order", "orders")
                .field("id", ColumnType::Int)
                .field("tenant_id", ColumnType::Text)
                .field("organization_id", ColumnType::Text)
                .field("owner_id", ColumnType::Int32)
                .nullable("user_id", ColumnType::Text)
                .nullable("status", ColumnType::Text)
                .field("is_public", ColumnType::Bool)
                .field("deleted", ColumnType::Bool)
                .field("total", ColumnType::Decimal)
                .nullable("weight", ColumnType::Float)
                .field("priority", ColumnType::Int16)
                .field("code", ColumnType::Char)
                .field("kind", ColumnType::enumeration("kind", ["draft", "open", "closed"]))
                .field("token", ColumnType::Uuid)
                .field("digest", ColumnType::Bytes)
                .field("created_at", ColumnType::Timestamp)
                .nullable("shipped_at", ColumnType::DateTime)
                .nullable("due", ColumnType::Date)
                .field("at", ColumnType::Time)
                .nullable("tags", ColumnType::array(ColumnType::Text))
                .nullable("details", ColumnType::Json)
                .nullable("shape", ColumnType::Unsupported("polygon".to_owned()))
                .primary_key(["id"])
                .to_one("tenant", "Tenant", [("tenant_id", "id")])
                .to_one("user", "User", [("user_id", "id")])
                .to_many("items", "Item", [("id", "order_id")]),
        )
        .model(
            ModelBuilder::table("User", "users")
                .field("id", ColumnType::Text)
                .field("tenant_id", ColumnType::Text)
                .field("email", ColumnType::Text)
                .field("active", ColumnType::Bool)
                .primary_key(["id"])
                .to_one("tenant", "Tenant", [("tenant_id", "id")]),
        )
        .model(
            ModelBuilder::table("Item", "items")
                .field("id", ColumnType::Int)
                .field("order_id", ColumnType::Int)
                .field("sku", ColumnType::Text)
                .nullable("price", ColumnType::Decimal)
                .primary_key(["id"])
                .to_one("order", "Order", [("order_id", "id")]),
        )
        .build()
        .unwrap()
}

pub(crate) fn order(catalog: &Catalog) -> ModelId {
    catalog.find("Order").unwrap()
}

fn compiled(source: &str) -> Condition {
    let catalog = catalog();
    match ormai_core::condition::compile(source, &catalog, order(&catalog)) {
        Ok(checked) => checked.condition,
        Err(findings) => panic!("`{source}` does not compile: {findings:?}"),
    }
}

fn now() -> Timestamp {
    "2024-05-01T12:00:00Z".parse().unwrap()
}

/// Rows by field name; what is not given is NULL.
pub(crate) struct Record {
    values: HashMap<FieldId, Value>,
    related: HashMap<RelationId, Vec<Record>>,
}

impl Record {
    pub(crate) fn new(catalog: &Catalog, model: ModelId, values: Json) -> Self {
        let described = catalog.model(model);
        let given = values.as_object().cloned().unwrap_or_default();
        let mut record = Self { values: HashMap::new(), related: HashMap::new() };
        for (name, json) in given {
            if let Some(relation) = described.find_relation(&name) {
                let target = described.relation(relation).target;
                let rows = json.as_array().unwrap().iter().map(|row| Self::new(catalog, target, row.clone()));
                record.related.insert(relation, rows.collect());
            } else {
                let field = described.find_field(&name).unwrap();
                let value = match (&described.field(field).ty, json.as_str()) {
                    // Padding as PostgreSQL returns it, and floats that JSON cannot say.
                    (ColumnType::Char, Some(text)) => Value::Text(text.to_owned()),
                    (ColumnType::Float, Some(text)) => Value::Float(text.parse().unwrap()),
                    (ty, _) => Value::from_json(&json, ty).unwrap(),
                };
                record.values.insert(field, value);
            }
        }
        record
    }
}

impl Row for Record {
    fn value(&self, field: FieldId) -> Value {
        self.values.get(&field).cloned().unwrap_or(Value::Null)
    }

    fn related(&self, relation: RelationId) -> Vec<Box<dyn Row + '_>> {
        let rows = self.related.get(&relation).map_or(&[][..], Vec::as_slice);
        rows.iter().map(|row| Box::new(row) as Box<dyn Row + '_>).collect()
    }
}

impl Row for &Record {
    fn value(&self, field: FieldId) -> Value {
        (**self).value(field)
    }

    fn related(&self, relation: RelationId) -> Vec<Box<dyn Row + '_>> {
        (**self).related(relation)
    }
}

fn record(values: Json) -> Record {
    let catalog = catalog();
    Record::new(&catalog, order(&catalog), values)
}

/// One row with something in every column.
pub(crate) fn full() -> Json {
    json!({
        "id": 1, "tenant_id": "acme", "organization_id": "o1", "owner_id": 7, "user_id": "u1", "status": "open",
        "is_public": true, "deleted": false, "total": "12.50", "weight": 0.5, "priority": 3, "code": "ab  ",
        "kind": "open", "token": "6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d", "digest": "AP8=",
        "created_at": "2024-05-01T11:00:00Z", "shipped_at": "2024-05-01T13:00:00", "due": "2024-05-02", "at": "12:00:00",
        "tags": ["a"], "details": {"a": 1},
        "tenant": [{"id": "acme", "name": "Acme", "region": "eu"}],
        "user": [{"id": "u1", "tenant_id": "acme", "email": "a@acme.test", "active": true,
                  "tenant": [{"id": "acme", "name": "Acme", "region": "eu"}]}],
        "items": [{"id": 1, "order_id": 1, "sku": "x", "price": "1.0"}, {"id": 2, "order_id": 1, "sku": "y"}],
    })
}
