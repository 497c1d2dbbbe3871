//! What a write has changed, and whether it might.

use std::collections::BTreeMap;

use ormai::Truth;
use ormai::catalog::Model;
use ormai::policy::{AutoValue, Effect, ModelRules, Operation, View, WriteAction};
use ormai::principal::{Attribute, Principal};
use ormai::value::Value;
use serde_json::Value as Json;

use super::ask::Ask;
use super::plant::key_of;
use super::sight::Sight;
use crate::{Row, Violation};

/// The rows that differ between two states of a model.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) added: Vec<Row>,
    pub(super) removed: Vec<Row>,
    /// Before and after.
    pub(super) changed: Vec<(Row, Row)>,
}

impl Changes {
    pub(super) fn between(model: &Model, before: &[Row], after: &[Row]) -> Self {
        let keyed = |rows: &[Row]| -> BTreeMap<String, Row> {
            rows.iter().map(|row| (key_of(model, row).to_string(), row.clone())).collect()
        };
        let (before, mut after) = (keyed(before), keyed(after));
        let mut changes = Self::default();
        for (key, row) in before {
            match after.remove(&key) {
                None => changes.removed.push(row),
                Some(now) if now != row => changes.changed.push((row, now)),
                Some(_) => {}
            }
        }
        changes.added = after.into_values().collect();
        changes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    fn many(&self) -> usize {
        self.added.len() + self.removed.len() + self.changed.len()
    }
}

/// Who writes.
#[derive(Clone, Copy)]
pub(super) struct Writer<'a> {
    pub(super) sight: Sight<'a>,
    pub(super) view: &'a View,
    pub(super) principal: &'a Principal,
}

impl Writer<'_> {
    /// What is wrong about a write that ended like this.
    pub(super) fn wrongs(self, ask: &Ask, answer: &Json, changes: &Changes) -> Vec<Violation> {
        let model = self.sight.catalog.model(ask.model);
        let mut wrongs = Vec::new();
        let is_answered = answer.get("success") == Some(&Json::Bool(true));
        let is_dry = ask.arguments.get("dry_run") == Some(&Json::Bool(true));
        let is_pending = answer.pointer("/data/approval_id").is_some();
        if !is_answered || is_dry || is_pending {
            let why = if !is_answered {
                "refused"
            } else if is_dry {
                "a dry run"
            } else {
                "parked"
            };
            if !changes.is_empty() {
                wrongs.push(
                    Violation::new(
                        "nothing_is_kept",
                        format!("a write that was {why} has changed {} rows", changes.many()),
                    )
                    .row(&model.name, Json::Null),
                );
            }
            return wrongs;
        }
        let Some(rules) = self.view.model(ask.model) else {
            return vec![
                Violation::new("writes_are_open", "a model that is not open was written").row(&model.name, Json::Null),
            ];
        };
        let open = match ask.tool {
            "create" => rules.write.create,
            "update" => rules.write.update,
            "delete" => rules.write.delete,
            _ => rules.write.bulk_update,
        };
        if open == WriteAction::Deny {
            wrongs.push(
                Violation::new("writes_are_open", format!("`{}` is denied, and was done", ask.tool))
                    .row(&model.name, Json::Null),
            );
        }
        if rules.write.require_reason && ask.arguments.get("reason").is_none() {
            wrongs.push(
                Violation::new("writes_are_open", "a write without a reason was done").row(&model.name, Json::Null),
            );
        }
        if rules.write.max_affected_rows.is_some_and(|cap| changes.many() > usize::try_from(cap).unwrap_or(usize::MAX))
        {
            wrongs.push(
                Violation::new(
                    "response_within_budget",
                    format!("{} rows were changed, more than are allowed", changes.many()),
                )
                .row(&model.name, Json::Null),
            );
        }
        let operation = match ask.tool {
            "create" => Operation::Create,
            "delete" => Operation::Delete,
            _ => Operation::Update,
        };
        for before in changes.removed.iter().chain(changes.changed.iter().map(|(before, _)| before)) {
            let seen = self.sight.sees(self.view, self.principal, ask.model, before);
            if !seen || !self.may(rules, operation, before, false) {
                wrongs.push(
                    Violation::new(
                        "no_cross_tenant_data",
                        "a row was changed that the principal may not see or change",
                    )
                    .row(&model.name, key_of(model, before)),
                );
            }
        }
        for after in changes.added.iter().chain(changes.changed.iter().map(|(_, after)| after)) {
            if operation != Operation::Delete && !self.may(rules, operation, after, true) {
                wrongs.push(
                    Violation::new("written_rows_are_own", "a row was written that its writer may not write")
                        .row(&model.name, key_of(model, after)),
                );
            }
            wrongs.extend(self.dangling(ask, model, after));
        }
        if rules.soft_delete.is_some() && ask.tool == "delete" && !changes.removed.is_empty() {
            wrongs.push(
                Violation::new("soft_delete", "a row is gone that was to be marked").row(&model.name, Json::Null),
            );
        }
        for (before, after) in changes.changed.iter().filter(|_| operation == Operation::Update) {
            for field in &rules.write.immutable_fields {
                let name = &model.field(*field).name;
                if before.get(name) != after.get(name) {
                    wrongs.push(
                        Violation::new("immutable_fields", "an immutable field was changed")
                            .row(&model.name, key_of(model, before))
                            .field(name),
                    );
                }
            }
        }
        let lifts = |rule: &ormai::policy::RowRule, row: &Row| {
            rule.effect == Effect::Bypass
                && rule.operations.contains(Operation::Create)
                && self.sight.truth(rule, self.principal, row) == Some(Truth::True)
        };
        for row in changes.added.iter().filter(|row| !rules.row_rules.iter().any(|rule| lifts(rule, row))) {
            wrongs.extend(self.unfilled(rules, ask, model, row));
        }
        wrongs
    }

    /// Whether a row may be sought for an operation, or be left by one.
    fn may(self, rules: &ModelRules, operation: Operation, row: &Row, is_check: bool) -> bool {
        let about: Vec<_> = rules.row_rules.iter().filter(|rule| rule.operations.contains(operation)).collect();
        let is_true = |rule: &ormai::policy::RowRule| self.sight.truth(rule, self.principal, row) == Some(Truth::True);
        if about.iter().any(|rule| rule.effect == Effect::Bypass && is_true(rule)) {
            return true;
        }
        let counts = |rule: &ormai::policy::RowRule| !is_check || rule.check;
        let scoped = rules.scoping.iter().all(|scope| {
            self.sight.in_scope(rules, scope, self.principal, row)
                || about.iter().any(|rule| rule.effect == Effect::Permit(scope.field) && counts(rule) && is_true(rule))
        });
        scoped && about.iter().filter(|rule| rule.effect == Effect::Restrict && counts(rule)).all(|rule| is_true(rule))
    }

    /// References that were written, to rows that the writer does not see.
    fn dangling(self, ask: &Ask, model: &Model, row: &Row) -> Vec<Violation> {
        let data = ask.arguments.get("data").and_then(Json::as_object);
        let rules = self.view.model(ask.model);
        // What says whose the row is, is the check's business; what the policy fills in is not the writer's.
        let is_given = |field: &ormai::catalog::FieldId| {
            rules.is_some_and(|rules| {
                let is_scoped = rules.scoping.iter().any(|scope| scope.field == *field);
                let is_filled = rules.write.auto_set.iter().any(|(auto, _)| auto == field);
                !is_scoped && !is_filled
            })
        };
        let named = |field: &ormai::catalog::FieldId| {
            is_given(field) && data.is_some_and(|data| data.contains_key(&model.field(*field).name))
        };
        let mut wrongs = Vec::new();
        for key in model.foreign_keys.iter().filter(|key| key.columns.iter().any(|(here, _)| named(here))) {
            let target = self.sight.catalog.model(key.target);
            let value =
                |here: &ormai::catalog::FieldId| row.get(&model.field(*here).name).filter(|value| !value.is_null());
            if !key.columns.iter().all(|(here, _)| value(here).is_some()) {
                continue;
            }
            let points = |other: &&Row| {
                key.columns.iter().all(|(here, there)| value(here) == other.get(&target.field(*there).name))
            };
            // Planted rows stand last, and are referred to most.
            let found = self.sight.rows.get(&target.name).into_iter().flat_map(|rows| rows.iter().rev()).find(points);
            if let Some(other) = found.filter(|other| {
                key.target != ask.model && !self.sight.sees(self.view, self.principal, key.target, other)
            }) {
                wrongs.push(
                    Violation::new(
                        "no_cross_tenant_data",
                        "a reference was written to a row that its writer may not see",
                    )
                    .row(&target.name, key_of(target, other)),
                );
            }
        }
        wrongs
    }

    /// Fields of a new row that the policy fills, and that hold something else.
    fn unfilled(self, rules: &ModelRules, ask: &Ask, model: &Model, row: &Row) -> Vec<Violation> {
        let mut wrongs = Vec::new();
        for (field, auto) in &rules.write.auto_set {
            let column = model.field(*field);
            let stored = row.get(&column.name).and_then(|json| Value::from_json(json, &column.ty).ok());
            let wanted = match auto {
                AutoValue::Literal(value) => Some(value.clone()),
                AutoValue::Principal(path) => match self.principal.attribute(path) {
                    Some(Attribute::Json(json)) => Value::from_json(json, &column.ty).ok(),
                    _ => None,
                },
                AutoValue::Now => None,
            };
            if wanted.is_some() && wanted != stored {
                wrongs.push(
                    Violation::new("auto_set", "a new row does not hold what the policy fills in")
                        .row(&model.name, key_of(model, row))
                        .field(&column.name),
                );
            }
        }
        let data = ask.arguments.get("data").and_then(Json::as_object);
        for field in &rules.write.required_fields {
            let name = &model.field(*field).name;
            let is_filled = rules.write.auto_set.iter().any(|(auto, _)| auto == field);
            if !is_filled && data.is_none_or(|data| !data.contains_key(name)) {
                wrongs.push(
                    Violation::new("required_fields", "a row was made without a required field")
                        .row(&model.name, key_of(model, row))
                        .field(name),
                );
            }
        }
        wrongs
    }
}
