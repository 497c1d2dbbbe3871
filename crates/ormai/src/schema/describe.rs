//! `describe_schema`

use std::collections::BTreeMap;

use ormai_core::catalog::{Catalog, FieldId, RelationKind};
use ormai_core::error::Result;
use ormai_core::policy::{FieldAction, ModelRules, View, WriteAction};
use ormai_core::request::Tool;
use ormai_core::resolve::find_model;
use ormai_core::value::ColumnType;
use serde::Serialize;

use super::writes::{WRITES, Writable};

/// What a principal may see and do.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Description {
    /// The open models.
    pub models: Vec<DescribedModel>,
}

/// An open model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DescribedModel {
    /// Its name.
    pub name: String,
    /// The fields of its key, as far as they are open.
    pub key: Vec<String>,
    /// Its open fields.
    pub fields: Vec<DescribedField>,
    /// Its open relations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<DescribedRelation>,
    /// What may be aggregated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregations: Option<DescribedAggregations>,
    /// What may be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes: Option<DescribedWrites>,
    /// What a request may ask for at most.
    pub limits: DescribedLimits,
}

/// An open field.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DescribedField {
    /// Its name.
    pub name: String,
    /// Its type, as values are written in requests and answers.
    #[serde(rename = "type")]
    pub ty: String,
    /// Whether it may be null.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
    /// The words of an enum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
    /// How it is shown, when not as it is: `masked`, `hashed` or `redacted`. Such a field
    /// can be selected, and not filtered or sorted by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<&'static str>,
}

/// An open relation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DescribedRelation {
    /// Its name.
    pub name: String,
    /// The model that it leads to.
    pub model: String,
    /// Whether it leads to many rows.
    pub many: bool,
}

/// What may be aggregated.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DescribedAggregations {
    /// Whether rows may be counted.
    pub count: bool,
    /// The fields by function, such as `sum`: `total`.
    #[serde(flatten)]
    pub functions: BTreeMap<&'static str, Vec<String>>,
    /// Groups of fewer rows are hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_group_size: Option<u32>,
}

/// What may be written. Only of fields that are open, and never of those that say whose a row is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DescribedWrites {
    /// `allow` or `require_approval`, by tool. What is not here is not open.
    pub actions: BTreeMap<&'static str, &'static str>,
    /// The fields that `data` may name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub writable: Vec<String>,
    /// Those that a create must name, and that are never null.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// Those that an update may not name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub immutable: Vec<String>,
    /// Those that a create fills by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auto_set: Vec<String>,
    /// Whether each write needs a `reason`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub require_reason: bool,
    /// The most rows that one bulk update changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_affected_rows: Option<u32>,
}

/// What a request may ask for at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DescribedLimits {
    /// The highest `limit`.
    pub max_rows: u32,
    /// How deep includes nest.
    pub max_include_depth: u32,
    /// How many fields a request selects.
    pub max_selected_fields: u32,
}

/// Describes what is open, or one model of it.
///
/// # Errors
///
/// `MODEL_NOT_ALLOWED` for a model that is not open or does not exist.
pub fn describe(catalog: &Catalog, view: &View, only: Option<&str>) -> Result<Description> {
    let models = match only {
        Some(name) => vec![describe_model(catalog, view, find_model(name, catalog, view)?.1)],
        None => view.models().map(|rules| describe_model(catalog, view, rules)).collect(),
    };
    Ok(Description { models })
}

/// The fields that a caller is told of.
pub(super) fn told_fields(rules: &ModelRules) -> impl Iterator<Item = FieldId> {
    rules.open_fields().map(|(id, _)| id).filter(|id| !rules.scoping.iter().any(|scope| scope.field == *id))
}

/// The relations that a caller is told of, with where they lead.
pub(super) fn told_relations<'a>(
    catalog: &'a Catalog,
    view: &'a View,
    rules: &'a ModelRules,
) -> impl Iterator<Item = &'a ormai_core::catalog::Relation> {
    catalog
        .model(rules.model)
        .relation_ids()
        .filter(|(id, relation)| rules.relation(*id).is_some() && view.model(relation.target).is_some())
        .map(|(_, relation)| relation)
}

fn describe_model(catalog: &Catalog, view: &View, rules: &ModelRules) -> DescribedModel {
    let model = catalog.model(rules.model);
    let name = |id: &FieldId| model.field(*id).name.clone();
    let fields = told_fields(rules)
        .filter_map(|id| {
            let field = model.field(id);
            let shown = match rules.field(id)?.action {
                FieldAction::Allow => None,
                FieldAction::Mask(_) => Some("masked"),
                FieldAction::Hash => Some("hashed"),
                FieldAction::Redact => Some("redacted"),
            };
            let values = match &field.ty {
                ColumnType::Enum(of) => Some(of.variants.clone()),
                _ => None,
            };
            Some(DescribedField {
                name: field.name.clone(),
                ty: field.ty.to_string(),
                nullable: field.nullable,
                values,
                shown,
            })
        })
        .collect();
    let relations = told_relations(catalog, view, rules)
        .map(|relation| DescribedRelation {
            name: relation.name.clone(),
            model: catalog.model(relation.target).name.clone(),
            many: relation.kind == RelationKind::Many,
        })
        .collect();
    let aggregations = rules.aggregations.as_ref().map(|open| DescribedAggregations {
        count: open.count,
        functions: open
            .functions
            .iter()
            .map(|(function, fields)| {
                let fields = fields.iter().filter(|id| rules.field(**id).is_some()).map(name).collect();
                (function.as_str(), fields)
            })
            .collect(),
        min_group_size: open.min_group_size,
    });
    DescribedModel {
        name: model.name.clone(),
        key: model.primary_key.iter().filter(|id| rules.field(**id).is_some()).map(name).collect(),
        fields,
        relations,
        aggregations,
        writes: describe_writes(Writable::new(catalog, rules)),
        limits: DescribedLimits {
            max_rows: rules.budget.max_rows,
            max_include_depth: rules.budget.max_include_depth,
            max_selected_fields: rules.budget.max_selected_fields,
        },
    }
}

fn describe_writes(writable: Writable<'_>) -> Option<DescribedWrites> {
    let actions: BTreeMap<&str, &str> = WRITES
        .into_iter()
        .filter_map(|tool| match writable.action(tool) {
            WriteAction::Allow => Some((tool.name(), "allow")),
            WriteAction::RequireApproval => Some((tool.name(), "require_approval")),
            WriteAction::Deny => None,
        })
        .collect();
    if actions.is_empty() {
        return None;
    }
    let creates = writable.is_open(Tool::Create);
    let updates = writable.is_open(Tool::Update) || writable.is_open(Tool::BulkUpdate);
    let told = |holds: &dyn Fn(FieldId) -> bool| {
        let fields = told_fields(writable.rules).filter(|id| holds(*id));
        fields.map(|id| writable.model.field(id).name.clone()).collect()
    };
    let (created, changed): (Vec<FieldId>, Vec<FieldId>) = (writable.created().collect(), writable.changed().collect());
    let write = &writable.rules.write;
    let is_writable = |id: FieldId| creates && created.contains(&id) || updates && changed.contains(&id);
    Some(DescribedWrites {
        actions,
        writable: told(&is_writable),
        required: told(&|id| is_writable(id) && write.required_fields.contains(&id)),
        immutable: told(&|id| updates && writable.is_fixed(id)),
        auto_set: told(&|id| creates && writable.is_set(id)),
        require_reason: write.require_reason,
        max_affected_rows: write
            .max_affected_rows
            .or_else(|| writable.is_open(Tool::BulkUpdate).then_some(writable.rules.budget.max_rows)),
    })
}
