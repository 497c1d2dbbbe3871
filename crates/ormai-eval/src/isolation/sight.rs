//! Which stored rows a principal sees: decided row by row, in memory, apart from any statement.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ormai::Truth;
use ormai::catalog::{Catalog, FieldId, Model, ModelId, RelationId};
use ormai::condition::evaluate::{self, evaluate};
use ormai::policy::{Effect, ModelRules, Operation, RowRule, ScopeRule, ScopeValue, View};
use ormai::principal::{Attribute, Principal};
use ormai::value::Value;
use serde_json::Value as Json;

use crate::Row;

/// All rows, by the name of their model.
pub(super) type Rows = BTreeMap<String, Vec<Row>>;

#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) rows: &'a Rows,
    pub(super) now: Timestamp,
}

impl<'a> Sight<'a> {
    /// Whether a principal with a view sees a row. What cannot be decided is not seen.
    pub(super) fn sees(self, view: &View, principal: &Principal, model: ModelId, row: &Row) -> bool {
        let Some(rules) = view.model(model) else { return false };
        let truth = |rule: &RowRule| self.truth(rule, principal, row) == Some(Truth::True);
        let about_reads = |rule: &&RowRule| rule.operations.contains(Operation::Read);
        let of = |effect: fn(&Effect) -> bool| {
            rules.row_rules.iter().filter(about_reads).filter(move |rule| effect(&rule.effect))
        };
        if of(|effect| *effect == Effect::Bypass).any(truth) {
            return true;
        }
        let scoped = rules.scoping.iter().all(|scope| {
            self.in_scope(rules, scope, principal, row)
                || rules
                    .row_rules
                    .iter()
                    .filter(about_reads)
                    .any(|rule| rule.effect == Effect::Permit(scope.field) && truth(rule))
        });
        scoped && of(|effect| *effect == Effect::Restrict).all(truth)
    }

    /// What a rule is for a row; `None` when the principal's attributes cannot be read.
    pub(super) fn truth(self, rule: &RowRule, principal: &Principal, row: &Row) -> Option<Truth> {
        let stored = Stored { sight: self, model: rule.condition.model(), row };
        evaluate(&rule.condition, &stored, principal, self.now).ok()
    }

    /// Whether a row is in one scope.
    pub(super) fn in_scope(self, rules: &ModelRules, scope: &ScopeRule, principal: &Principal, row: &Row) -> bool {
        let model = self.catalog.model(rules.model);
        let stored = cell(model, row, scope.field);
        if stored.is_null() {
            return false;
        }
        let ty = &model.field(scope.field).ty;
        let is = |json: &Json| Value::from_json(json, ty).is_ok_and(|value| value == stored);
        match &scope.value {
            ScopeValue::Literal(value) => *value == stored,
            ScopeValue::Principal(path) => match principal.attribute(path) {
                Some(Attribute::Json(Json::Array(items))) => items.iter().any(is),
                Some(Attribute::Json(json)) => is(json),
                Some(Attribute::Roles(_)) | None => false,
            },
        }
    }
}

/// A stored value.
fn cell(model: &Model, row: &Row, field: FieldId) -> Value {
    let column = model.field(field);
    row.get(&column.name).and_then(|json| Value::from_json(json, &column.ty).ok()).unwrap_or(Value::Null)
}

struct Stored<'a> {
    sight: Sight<'a>,
    model: ModelId,
    row: &'a Row,
}

impl evaluate::Row for Stored<'_> {
    fn value(&self, field: FieldId) -> Value {
        cell(self.sight.catalog.model(self.model), self.row, field)
    }

    fn related(&self, relation: RelationId) -> Vec<Box<dyn evaluate::Row + '_>> {
        let here = self.sight.catalog.model(self.model);
        let relation = here.relation(relation);
        let there = self.sight.catalog.model(relation.target);
        let linked = |other: &&Row| {
            relation.link.iter().all(|(from, to)| {
                let value = cell(here, self.row, *from);
                !value.is_null() && value == cell(there, other, *to)
            })
        };
        let rows = self.sight.rows.get(&there.name).into_iter().flatten().filter(linked);
        rows.map(|row| {
            Box::new(Stored { sight: self.sight, model: relation.target, row }) as Box<dyn evaluate::Row + '_>
        })
        .collect()
    }
}
