//! What a write says about its rows, before any row is looked at.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::Code;
use super::attribute::{self, Given};
use super::rules::Rules;
use super::visibility::Eye;
use crate::world::{Act, Attribute, Auto, Cell, Column, Expression, Model, Operation, Reference, Write};

/// The values that a write puts into its rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    by_field: BTreeMap<String, Cell>,
    /// The fields that the request chose, and not the policy.
    chosen: BTreeSet<String>,
}

impl Values {
    pub(super) fn of(values: impl IntoIterator<Item = (String, Cell)>) -> Self {
        Self { by_field: values.into_iter().collect(), chosen: BTreeSet::new() }
    }

    pub(super) fn by_field(&self) -> &BTreeMap<String, Cell> {
        &self.by_field
    }

    pub(super) fn get(&self, field: &str) -> Option<&Cell> {
        self.by_field.get(field)
    }

    /// A row with the values in it: a new one, or one that is stored.
    pub(super) fn row(&self, model: &Model, stored: Option<&[Cell]>) -> Vec<Cell> {
        let column = |column: &Column| {
            let kept = || match stored {
                // Computed anew, from whatever it is.
                _ if column.computed => Cell::Unknown,
                Some(row) => model.cell(row, &column.name).clone(),
                None => column.default.clone().unwrap_or(Cell::Null),
            };
            self.get(&column.name).cloned().unwrap_or_else(kept)
        };
        model.columns.iter().map(column).collect()
    }

    /// The foreign keys in which the request had a say.
    pub(super) fn references<'m>(&self, model: &'m Model) -> impl Iterator<Item = &'m Reference> {
        let said = |reference: &&Reference| reference.link.iter().any(|(here, _)| self.chosen.contains(here));
        model.references.iter().filter(said)
    }

    /// Whether all of a foreign key is among the values.
    pub(super) fn say_all_of(&self, reference: &Reference) -> bool {
        reference.link.iter().all(|(here, _)| self.by_field.contains_key(here))
    }
}

/// Reads a write's data, and adds every reason to refuse it.
pub(super) fn values<'w>(
    eye: &Eye<'w>,
    model: &'w Model,
    rules: &Rules,
    write: &Write,
    reasons: &mut BTreeSet<Code>,
) -> Values {
    let mut values = Values::default();
    let Some(data) = write.data() else { return values };
    let creates = matches!(write.act, Act::Create { .. });
    for (name, json) in data {
        // What is denied does not exist.
        let column = model.column(name).filter(|column| rules.fields.contains_key(&column.name));
        let Some(column) = column else {
            reasons.insert("FIELD_NOT_ALLOWED");
            continue;
        };
        if !creates && (model.key.contains(name) || rules.writes.immutable.contains(name)) {
            reasons.insert("WRITE_NOT_ALLOWED");
        }
        // What the database computes, nobody says.
        if column.computed {
            reasons.insert("WRITE_NOT_ALLOWED");
        }
        match read(json, column) {
            Some(Cell::Null) if !column.nullable || rules.writes.required.contains(name) => {
                reasons.insert("VALIDATION_ERROR");
            }
            Some(cell) => {
                values.by_field.insert(name.clone(), cell);
                if !rules.scoping.iter().any(|(field, _)| field == name) {
                    values.chosen.insert(name.clone());
                }
            }
            None => {
                reasons.insert("VALIDATION_ERROR");
            }
        }
    }
    if creates {
        let passes = eye.passes(model, rules, Operation::Create);
        for (field, auto) in &rules.writes.auto_set {
            fill(eye, model, field, auto, passes, &mut values, data.contains_key(field), reasons);
        }
        let is_missing = |name: &String| values.get(name).is_none_or(Cell::is_null);
        let lacks = |column: &Column| {
            !column.nullable && column.default.is_none() && !values.by_field.contains_key(&column.name)
        };
        // A column that is filled with what the principal lacks is refused for that.
        let unfilled = |name: &String| !rules.writes.auto_set.contains_key(name);
        let required: Vec<&String> =
            rules.writes.required.iter().filter(|name| is_missing(name) && unfilled(name)).collect();
        // What the principal cannot even name is not asked of it.
        let could_say = |name: &&String| rules.fields.contains_key(*name);
        if !required.is_empty() {
            reasons.insert(if required.iter().any(could_say) { "VALIDATION_ERROR" } else { "WRITE_NOT_ALLOWED" });
        }
        if model.columns.iter().any(|column| lacks(column) && unfilled(&column.name)) {
            reasons.insert("VALIDATION_ERROR");
        }
    }
    values
}

/// A value of the request; null is NULL.
fn read(json: &Json, column: &Column) -> Option<Cell> {
    let has_room = |text: &str| column.length.is_none_or(|most| text.chars().count() <= most);
    match Cell::fit(json, &column.kind) {
        _ if json.is_null() => Some(Cell::Null),
        Some(Cell::Text(text)) if !has_room(&text) => None,
        cell => cell,
    }
}

/// Fills a field of a new row. What the client says instead is refused unless it is the same; whoever
/// passes all rules may say it.
#[expect(clippy::too_many_arguments, reason = "all of a call at once")]
fn fill<'w>(
    eye: &Eye<'w>,
    model: &'w Model,
    field: &str,
    auto: &Auto,
    passes: bool,
    values: &mut Values,
    is_said: bool,
    reasons: &mut BTreeSet<Code>,
) {
    let Some(column) = model.column(field) else { return };
    let filled = match auto {
        Auto::Now => Cell::now(eye.now, &column.kind),
        Auto::Is(Expression::Literal(cell)) => cell.clone(),
        Auto::Is(Expression::Principal(attribute)) => match attribute::scalar(eye.who, attribute, &column.kind) {
            Given::Is(cell) => cell,
            Given::Missing | Given::Misfit if is_said && passes => return,
            Given::Missing | Given::Misfit => {
                reasons.insert(match attribute {
                    Attribute::Tenant => "TENANT_SCOPE_REQUIRED",
                    _ => "PRINCIPAL_INCOMPLETE",
                });
                return;
            }
        },
    };
    let is_another = is_said && values.get(field) != Some(&filled);
    if is_another && passes {
        return;
    }
    if is_another {
        reasons.insert("WRITE_NOT_ALLOWED");
    }
    values.chosen.remove(field);
    values.by_field.insert(field.to_owned(), filled);
}
