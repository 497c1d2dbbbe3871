//! Telling what each rule did, while it is being decided. Nothing here decides anything.

use super::Planner;
use super::scope::Side;
use crate::catalog::{ModelId, RelationId};
use crate::condition::attribute;
use crate::explain::{Did, Kind, Rule, Table};
use crate::plan::{Predicate, Truth, literal};
use crate::policy::{Effect, ModelRules, RowRule, ScopeRule, ScopeValue};
use crate::principal::PrincipalPath;
use crate::value::Value;

/// A relation on the way from the root to a table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    /// An include of this relation of this model.
    Include(ModelId, RelationId),
    /// A filter over this relation of this model.
    Filter(ModelId, RelationId),
    /// What a written row must satisfy.
    Check,
    /// What a reference of a written row to this model may point to.
    Reference(ModelId),
}

impl Planner<'_> {
    /// A table enters the plan.
    pub(super) fn trace_table(&mut self, rules: &ModelRules) {
        let catalog = self.authority.catalog;
        let Some(trace) = &mut self.trace else { return };
        let way = self.way.iter().map(|turn| match turn {
            Turn::Include(model, relation) => format!("include {}", catalog.model(*model).relation(*relation).name),
            Turn::Filter(model, relation) => format!("filter {}", catalog.model(*model).relation(*relation).name),
            Turn::Check => "with check".to_owned(),
            Turn::Reference(target) => format!("reference to {}", catalog.model(*target).name),
        });
        let way: Vec<String> = way.collect();
        trace.tables.push(Table {
            model: catalog.model(rules.model).name.clone(),
            entered: if way.is_empty() { "root".to_owned() } else { way.join(" → ") },
            rules: Vec::new(),
        });
    }

    /// A scope is about to be decided.
    pub(super) fn trace_scope(&mut self, model: ModelId, scope: &ScopeRule) {
        if self.trace.is_none() {
            return;
        }
        let field = &self.catalog().model(model).field(scope.field).name;
        let (says, missing) = match &scope.value {
            ScopeValue::Principal(path) => (format!("{field} = {path}"), self.missing([path])),
            ScopeValue::Literal(value) => (format!("{field} = {}", literal(value)), Vec::new()),
        };
        let (rule, field) = (field.clone(), Some(scope.field));
        self.begin(Rule { rule, kind: Kind::Scope, says, did: Did::Refused, missing, field, predicate: None });
    }

    /// A row policy is about to be decided.
    pub(super) fn trace_rule(&mut self, rule: &RowRule) {
        if self.trace.is_some() {
            let traced = self.of_rule(rule, Did::Refused);
            self.begin(traced);
        }
    }

    /// What the rule at hand came to for this principal.
    pub(super) fn trace_decided(&mut self, residual: &Predicate) {
        let shown = match residual {
            Predicate::Compare { right: crate::plan::Term::Bind(slot), .. } => self.binds.get(*slot),
            Predicate::In { list, .. } => self.binds.get(list.slot),
            _ => None,
        };
        let shown = shown.map(|value| (matches!(value, Value::Array(_)), value));
        let Some(rule) = self.trace.as_mut().and_then(|trace| trace.tables.last_mut()?.rules.last_mut()) else {
            return;
        };
        if let (Kind::Scope, Some((many, value))) = (rule.kind, shown) {
            rule.says = format!("{} {} {}", rule.rule, if many { "IN" } else { "=" }, literal(value));
        }
        rule.did = match residual {
            Predicate::Const(Truth::True) => Did::AlwaysTrue,
            Predicate::Const(Truth::False) => Did::AlwaysFalse,
            Predicate::Const(Truth::Unknown) => Did::AlwaysUnknown,
            _ => Did::TookPart,
        };
        rule.predicate = Some(residual.clone());
    }

    /// The rules of the table that were not asked: a bypass had lifted them, or they are
    /// about other operations.
    pub(super) fn trace_rest(&mut self, rules: &ModelRules, side: Side, bypassed: bool) {
        if self.trace.is_none() {
            return;
        }
        if bypassed {
            for scope in &rules.scoping {
                self.trace_scope(rules.model, scope);
                self.lift();
            }
        }
        for rule in &rules.row_rules {
            if self.has_told(rule) {
                continue;
            }
            if !side.concerns(rule) {
                let traced = self.of_rule(rule, Did::OtherOperations);
                self.begin(traced);
            } else if bypassed {
                self.trace_rule(rule);
                self.lift();
            }
        }
    }

    /// Each filter of the root.
    pub(super) fn trace_filters(&mut self, parts: &[Predicate]) {
        if let Some(trace) = &mut self.trace {
            trace.filters = parts.to_vec();
        }
    }

    fn of_rule(&self, rule: &RowRule, did: Did) -> Rule {
        let (kind, field) = match rule.effect {
            Effect::Restrict => (Kind::Restrict, None),
            Effect::Permit(field) if rule.inferred => (Kind::InferredPermit, Some(field)),
            Effect::Permit(field) => (Kind::Permit, Some(field)),
            Effect::Bypass => (Kind::Bypass, None),
        };
        let missing = self.missing(&rule.condition.attributes());
        let says = rule.condition.source().to_owned();
        Rule { rule: rule.name.clone(), kind, says, did, missing, field, predicate: None }
    }

    fn missing<'p>(&self, paths: impl IntoIterator<Item = &'p PrincipalPath>) -> Vec<String> {
        let principal = &self.authority.call.principal;
        paths.into_iter().filter(|path| attribute::is_missing(principal, path)).map(PrincipalPath::to_string).collect()
    }

    fn begin(&mut self, rule: Rule) {
        if let Some(table) = self.trace.as_mut().and_then(|trace| trace.tables.last_mut()) {
            table.rules.push(rule);
        }
    }

    fn lift(&mut self) {
        if let Some(rule) = self.trace.as_mut().and_then(|trace| trace.tables.last_mut()?.rules.last_mut()) {
            rule.did = Did::Lifted;
        }
    }

    /// Whether a rule of the table at hand has been told already.
    pub(super) fn has_told(&self, rule: &RowRule) -> bool {
        let table = self.trace.as_ref().and_then(|trace| trace.tables.last());
        table.is_some_and(|table| table.rules.iter().any(|told| told.kind != Kind::Scope && told.rule == rule.name))
    }
}
