//! What a write did to the database, row by row.

use std::collections::HashMap;

use ormai::catalog::{Model, ModelId};
use ormai::policy::Operation;
use ormai::request::{Request, Tool};
use serde_json::Value as Json;

use super::evidence::Evidence;
use super::no_cross_tenant_data::NAME;
use super::ownership::{For, Standing, named};
use super::stored::{Tables, key_of, value_of};
use crate::{Row, Violation, WitnessError};

/// Rows that the principal may not change, rows that it may not leave behind, and references to rows
/// that it may not see.
pub(super) async fn found(
    evidence: &Evidence<'_, '_>,
    request: &Request,
    model: ModelId,
) -> Result<Vec<Violation>, WitnessError> {
    let Some(before) = evidence.before() else { return Ok(Vec::new()) };
    let catalog = evidence.catalog();
    let after = evidence.tables(catalog.models().map(|(id, _)| id)).await?;
    let operation = match request.tool() {
        Tool::Create => Operation::Create,
        Tool::Delete => Operation::Delete,
        _ => Operation::Update,
    };
    let mut judge = Judge { evidence, before, after: &after, operation, request, model, violations: Vec::new() };
    for (other, described) in catalog.models() {
        judge.table(other, described);
    }
    let updated = evidence.observed().data().and_then(|data| data.get("updated_count")).and_then(Json::as_u64);
    if let Some(updated) = updated {
        judge.counted(updated);
    }
    Ok(judge.violations)
}

struct Judge<'j, 'e, 'c> {
    evidence: &'j Evidence<'e, 'c>,
    before: &'j Tables,
    after: &'j Tables,
    operation: Operation,
    request: &'j Request,
    /// The model that the request names.
    model: ModelId,
    violations: Vec<Violation>,
}

impl Judge<'_, '_, '_> {
    fn table(&mut self, model: ModelId, described: &Model) {
        if described.primary_key.is_empty() {
            return;
        }
        let by_key = |rows| -> HashMap<String, &Row> {
            let rows: std::slice::Iter<'_, Row> = rows;
            rows.filter_map(|row| Some((key_of(described, row)?.to_string(), row))).collect()
        };
        let (was, is) = (by_key(self.before.rows(model).iter()), by_key(self.after.rows(model).iter()));
        let kept = self.evidence.observed().success() && !self.request.is_dry_run();
        for row in self.before.rows(model) {
            let now = key_of(described, row).and_then(|key| is.get(&key.to_string()).copied());
            match now {
                Some(now) if now == row => {}
                changed if !kept => {
                    let verb = if changed.is_some() { "changed" } else { "took away" };
                    self.say(model, row, &format!("{verb} a row, and was not to change any"), None);
                }
                changed => self.touched(model, described, row, changed),
            }
        }
        for row in self.after.rows(model) {
            let then = key_of(described, row).and_then(|key| was.get(&key.to_string()).copied());
            match then {
                Some(then) if then == row => {}
                None if !kept => self.say(model, row, "made a row, and was not to make any", None),
                then if kept => self.left(model, described, row, then),
                Some(_) | None => {}
            }
        }
    }

    /// A row that was changed or went: the principal must have been allowed to find it.
    fn touched(&mut self, model: ModelId, described: &Model, row: &Row, now: Option<&Row>) {
        let eyes = self.evidence.eyes();
        let mut wanted = vec![For::Finding(Operation::Read)];
        if model == self.model {
            wanted.push(For::Finding(self.operation));
        }
        let verb = if now.is_some() { "changed" } else { "took away" };
        for wanted in wanted {
            match eyes.standing(self.before, model, row, wanted) {
                Standing::Own => {}
                Standing::Allowed(rule) => self.evidence.allow(model, &rule),
                Standing::Closed(why) => {
                    let changed = described.field_ids().find(|(field, _)| {
                        now.is_some_and(|now| value_of(described, now, *field) != value_of(described, row, *field))
                    });
                    let field = changed.map(|(_, field)| field.name.clone());
                    let what = format!("{verb} a row that the principal may not reach: {why}");
                    self.say(model, row, &what, field.as_deref());
                    return;
                }
            }
        }
    }

    /// A row that was written and stays: it must be one that the principal may leave.
    fn left(&mut self, model: ModelId, described: &Model, row: &Row, then: Option<&Row>) {
        if model != self.model {
            return;
        }
        let staying = For::Staying(self.operation);
        if let Standing::Closed(why) = self.evidence.eyes().standing(self.after, model, row, staying) {
            let scoped = self.evidence.view().model(model).and_then(|rules| rules.scoping.first());
            let field = scoped.map(|scope| described.field(scope.field).name.clone());
            self.say(model, row, &format!("left a row that is not the principal's to write: {why}"), field.as_deref());
        }
        let Some(data) = data(self.request) else { return };
        let rules = self.evidence.view().model(model);
        for key in &described.foreign_keys {
            let chosen = |field: &ormai::catalog::FieldId| {
                let scoped = rules.is_some_and(|rules| rules.scoping.iter().any(|scope| scope.field == *field));
                let set = rules.is_some_and(|rules| rules.write.auto_set.iter().any(|(set, _)| set == field));
                let changed =
                    then.is_none_or(|then| value_of(described, then, *field) != value_of(described, row, *field));
                data.contains_key(&described.field(*field).name) && !scoped && !set && changed
            };
            let Some((telling, _)) = key.columns.iter().find(|(here, _)| chosen(here)) else { continue };
            let (here, there): (Vec<_>, Vec<_>) = key.columns.iter().copied().unzip();
            let values: Vec<&Json> = here.iter().map(|field| value_of(described, row, *field)).collect();
            if values.iter().any(|value| value.is_null()) {
                continue;
            }
            let target = self.before.having(key.target, &there, &values);
            for other in target.into_iter().filter(|other| !self.evidence.eyes().sees(self.before, key.target, other)) {
                let catalog = self.evidence.catalog();
                let (other, of) = (named(catalog, key.target, other), &catalog.model(key.target).name);
                let what = format!("points to {of} {other}, which the principal may not see");
                self.say(model, row, &what, Some(&described.field(*telling).name));
            }
        }
    }

    /// No more rows are counted than the principal could reach.
    fn counted(&mut self, updated: u64) {
        let eyes = self.evidence.eyes();
        let reached = self.before.rows(self.model).iter().filter(|row| {
            eyes.sees(self.before, self.model, row)
                && eyes.standing(self.before, self.model, row, For::Finding(self.operation)).is_open()
        });
        let reached = reached.count() as u64;
        if updated > reached {
            let what = format!("counts {updated} changed rows, and the principal could reach {reached}");
            let model = &self.evidence.catalog().model(self.model).name;
            let violation = Violation::new(NAME, what).row(model, "updated_count".into());
            self.violations.push(violation.field("updated_count"));
        }
    }

    fn say(&mut self, model: ModelId, row: &Row, what: &str, field: Option<&str>) {
        let catalog = self.evidence.catalog();
        let violation = Violation::new(NAME, what).row(&catalog.model(model).name, named(catalog, model, row));
        self.violations.push(match field {
            Some(field) => violation.field(field),
            None => violation,
        });
    }
}

fn data(request: &Request) -> Option<&serde_json::Map<String, Json>> {
    match request {
        Request::Create(create) => Some(&create.data),
        Request::Update(update) => Some(&update.data),
        Request::BulkUpdate(bulk) => Some(&bulk.data),
        _ => None,
    }
}
