//! What of a model can be written, and the tools that write it.

use std::collections::BTreeMap;

use ormai_core::catalog::{Catalog, Field, FieldId, Model, ModelKind};
use ormai_core::policy::{FieldAction, ModelRules, View, WriteAction};
use ormai_core::request::Tool;
use ormai_core::value::ColumnType;
use serde_json::{Map, Value as Json, json};

use super::definitions::{Definition, as_in_query, insert, many, object};
use super::describe::told_fields;

/// The tools that write, in the order in which they are listed.
pub(super) const WRITES: [Tool; 4] = [Tool::Create, Tool::Update, Tool::Delete, Tool::BulkUpdate];

/// A model as a caller can write it.
#[derive(Clone, Copy)]
pub(super) struct Writable<'a> {
    pub(super) model: &'a Model,
    pub(super) rules: &'a ModelRules,
}

impl<'a> Writable<'a> {
    pub(super) fn new(catalog: &'a Catalog, rules: &'a ModelRules) -> Self {
        Self { model: catalog.model(rules.model), rules }
    }

    /// Whether a write is open. One that could never be made is not.
    pub(super) fn action(self, tool: Tool) -> WriteAction {
        if self.model.kind != ModelKind::Table || self.model.primary_key.is_empty() {
            return WriteAction::Deny;
        }
        let write = &self.rules.write;
        match tool {
            Tool::Create => write.create,
            Tool::Update if self.has_open_key() && self.changed().next().is_some() => write.update,
            Tool::Delete if self.has_open_key() => write.delete,
            Tool::BulkUpdate if self.changed().next().is_some() => write.bulk_update,
            _ => WriteAction::Deny,
        }
    }

    pub(super) fn is_open(self, tool: Tool) -> bool {
        self.action(tool) != WriteAction::Deny
    }

    /// Whether a caller can name a row by its key.
    fn has_open_key(self) -> bool {
        self.model.primary_key.iter().all(|id| {
            self.rules.field(*id).is_some_and(|rule| rule.action == FieldAction::Allow || rule.filter_equality)
        })
    }

    /// The fields that have a value to give. Scoped ones are set by the policy.
    fn given(self) -> impl Iterator<Item = FieldId> + 'a {
        told_fields(self.rules).filter(move |id| {
            let field = self.model.field(*id);
            !field.generated && value_schema(field).is_some()
        })
    }

    /// The fields that the data of a create may name.
    pub(super) fn created(self) -> impl Iterator<Item = FieldId> + 'a {
        self.given().filter(move |id| !self.is_set(*id))
    }

    /// The fields that the data of an update may name.
    pub(super) fn changed(self) -> impl Iterator<Item = FieldId> + 'a {
        self.given().filter(move |id| !self.is_fixed(*id))
    }

    /// Whether a create fills it.
    pub(super) fn is_set(self, id: FieldId) -> bool {
        self.rules.write.auto_set.iter().any(|(field, _)| *field == id)
    }

    /// Whether no update changes it.
    pub(super) fn is_fixed(self, id: FieldId) -> bool {
        self.model.primary_key.contains(&id) || self.rules.write.immutable_fields.contains(&id)
    }

    /// The fields without which there is no create, but for those that it fills.
    pub(super) fn required(self) -> impl Iterator<Item = FieldId> + 'a {
        self.created().filter(move |id| self.rules.write.required_fields.contains(id))
    }
}

/// The tools that are open on some model. With `typed`, each tells all its arguments, and the
/// data its fields.
pub(super) fn definitions(catalog: &Catalog, view: &View, typed: bool) -> Vec<Definition> {
    let define = |tool: Tool| {
        let models: Vec<Writable<'_>> =
            view.models().map(|rules| Writable::new(catalog, rules)).filter(|model| model.is_open(tool)).collect();
        (!models.is_empty()).then(|| definition(tool, &models, typed))
    };
    WRITES.into_iter().filter_map(define).collect()
}

fn definition(tool: Tool, models: &[Writable<'_>], typed: bool) -> Definition {
    let names: Vec<&str> = models.iter().map(|model| model.model.name.as_str()).collect();
    let mut properties = json!({"model": {"enum": names}});
    let mut required = vec!["model"];
    match tool {
        Tool::Update | Tool::Delete => {
            insert(&mut properties, "id", json!({"description": "as in get"}));
            required.push("id");
        }
        Tool::BulkUpdate => {
            insert(&mut properties, "filters", as_in_query());
            if models.iter().any(|model| model.has_open_key()) {
                let keys = json!({"type": "array", "items": {}, "description": "instead of filters"});
                insert(&mut properties, "ids", keys);
            }
        }
        _ => {}
    }
    if tool != Tool::Delete {
        insert(&mut properties, "data", if typed { data(tool, models) } else { json!({"type": "object"}) });
        required.push("data");
    }
    insert(&mut properties, "reason", json!({"type": "string"}));
    if models.iter().all(|model| model.rules.write.require_reason) {
        required.push("reason");
    }
    // It is made by a program, which knows of it; a model has no use for it.
    if typed {
        insert(&mut properties, "idempotency_key", json!({"type": "string"}));
    }
    insert(&mut properties, "dry_run", json!({"type": "boolean"}));
    Definition::new(tool, says(tool), object(properties, &required))
}

fn says(tool: Tool) -> &'static str {
    match tool {
        Tool::Create => "Adds a row; describe_schema tells what data takes.",
        Tool::Update => "Changes one row by its key.",
        Tool::Delete => "Deletes one row by its key.",
        _ => "Changes the rows that filters or ids choose, alike.",
    }
}

/// The fields of all these models. What only some of them have or take is told by name alone.
fn data(tool: Tool, models: &[Writable<'_>]) -> Json {
    let mut fields: BTreeMap<&str, Json> = BTreeMap::new();
    for model in models {
        let named: Vec<FieldId> =
            if tool == Tool::Create { model.created().collect() } else { model.changed().collect() };
        for field in named.into_iter().map(|id| model.model.field(id)) {
            let schema = value_schema(field).unwrap_or_else(|| json!({}));
            fields
                .entry(&field.name)
                .and_modify(|other| {
                    if *other != schema {
                        *other = json!({});
                    }
                })
                .or_insert(schema);
        }
    }
    // With several models, what one requires another may not have.
    let required: Vec<&str> = match models {
        [model] if tool == Tool::Create => model.required().map(|id| model.model.field(id).name.as_str()).collect(),
        _ => Vec::new(),
    };
    object(json!(fields), &required)
}

/// The JSON Schema of a field's values; `None` when none can be given.
fn value_schema(field: &Field) -> Option<Json> {
    let mut schema = type_schema(&field.ty)?;
    if field.nullable
        && let Some(entries) = schema.as_object_mut()
    {
        or_null(entries);
    }
    Some(schema)
}

fn or_null(schema: &mut Map<String, Json>) {
    match schema.get_mut("type") {
        Some(Json::Array(types)) => types.push("null".into()),
        Some(one) => *one = json!([one, "null"]),
        None => {}
    }
    if let Some(Json::Array(words)) = schema.get_mut("enum") {
        words.push(Json::Null);
    }
}

fn type_schema(ty: &ColumnType) -> Option<Json> {
    Some(match ty {
        ColumnType::Bool => json!({"type": "boolean"}),
        ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int => json!({"type": "integer"}),
        ColumnType::Float => json!({"type": "number"}),
        ColumnType::Decimal => json!({"type": ["number", "string"]}),
        ColumnType::Enum(of) => json!({"enum": of.variants}),
        ColumnType::Timestamp => json!({"type": "string", "format": "date-time"}),
        ColumnType::Date => json!({"type": "string", "format": "date"}),
        ColumnType::Uuid => json!({"type": "string", "format": "uuid"}),
        ColumnType::Text | ColumnType::Char | ColumnType::Bytes | ColumnType::DateTime | ColumnType::Time => {
            json!({"type": "string"})
        }
        ColumnType::Json => json!({}),
        ColumnType::Array(of) => many(&type_schema(of)?),
        // Also types that are yet to come: what is not known is not told.
        _ => return None,
    })
}
