//! What two policies say of one model, for one set of roles.

use ormai::catalog::{Catalog, Model};
use ormai::policy::{
    AggregationRules, Budget, Effect, ModelRules, Operation, Operations, RowRule, ScopeRule, ScopeValue, View,
};
use ormai::schema;

use super::levels::{self, both, limit, names, number, set, turned};
use super::{Change, Direction, FieldPicture, ModelPicture, Part, writes};

/// The rules of a model under both; `None` where it is closed.
pub(super) type Both<'a> = (Option<&'a ModelRules>, Option<&'a ModelRules>);

/// Takes what differs of one model.
pub(super) struct Findings<'a> {
    pub(super) model: &'a Model,
    pub(super) changes: &'a mut Vec<Change>,
}

impl Findings<'_> {
    /// Adds a change, unless there is none.
    pub(super) fn add(
        &mut self,
        part: Part,
        name: &str,
        direction: Option<Direction>,
        words: impl FnOnce() -> (String, String),
    ) {
        let Some(direction) = direction else { return };
        let (old, new) = words();
        let model = Some(self.model.name.clone());
        self.changes.push(Change { direction, model, part, name: name.to_owned(), old, new });
    }
}

/// Tools that a principal can use under one and not under the other.
pub(super) fn tools(catalog: &Catalog, old: &View, new: &View, changes: &mut Vec<Change>) {
    let open = |view: &View| -> Vec<String> {
        let tools = schema::definitions(catalog, view, schema::DEFAULT_BYTE_BUDGET);
        tools.into_iter().map(|tool| tool.name.into_owned()).collect()
    };
    let (old, new) = (open(old), open(new));
    let mut add = |names: &[String], than: &[String], direction, words: (&str, &str)| {
        for name in names.iter().filter(|name| !than.contains(name)) {
            let (old, new) = (words.0.to_owned(), words.1.to_owned());
            changes.push(Change { direction, model: None, part: Part::Tool, name: name.clone(), old, new });
        }
    };
    add(&new, &old, Direction::Wider, ("not there", "usable"));
    add(&old, &new, Direction::Narrower, ("usable", "not there"));
}

pub(super) fn model(catalog: &Catalog, model: &Model, (old, new): Both<'_>, changes: &mut Vec<Change>) {
    let mut findings = Findings { model, changes };
    let opened = number(old.is_some(), new.is_some());
    let word = |rules: Option<&ModelRules>| if rules.is_some() { "open" } else { "closed" }.to_owned();
    findings.add(Part::Model, &model.name, opened, || (word(old), word(new)));
    for (id, field) in model.field_ids() {
        let (old, new) = (old.and_then(|rules| rules.field(id)), new.and_then(|rules| rules.field(id)));
        let words = || (levels::field_text(old), levels::field_text(new));
        findings.add(Part::Field, &field.name, levels::field(old, new), words);
    }
    for (id, relation) in model.relation_ids() {
        let (old, new) = (old.and_then(|rules| rules.relation(id)), new.and_then(|rules| rules.relation(id)));
        let target = catalog.model(relation.target);
        let words = || (levels::relation_text(target, old), levels::relation_text(target, new));
        findings.add(Part::Relation, &relation.name, levels::relation(old, new), words);
    }
    match (old, new) {
        (Some(old), Some(new)) => {
            scopes(&mut findings, &old.scoping, &new.scoping);
            row_rules(&mut findings, &old.row_rules, &new.row_rules);
            aggregations(&mut findings, old.aggregations.as_ref(), new.aggregations.as_ref());
            writes::rules(&mut findings, &old.write, &new.write);
            budgets(&mut findings, &old.budget, &new.budget);
        }
        // What was closed can be read now; that it can be written or counted too is to be said as well.
        (None, Some(new)) => {
            aggregations(&mut findings, None, new.aggregations.as_ref());
            writes::rules(&mut findings, &ormai::policy::WriteRules::default(), &new.write);
        }
        (Some(old), None) => {
            aggregations(&mut findings, old.aggregations.as_ref(), None);
            writes::rules(&mut findings, &old.write, &ormai::policy::WriteRules::default());
        }
        (None, None) => {}
    }
}

/// `None` for a model that is closed under both.
pub(super) fn picture(model: &Model, (old, new): Both<'_>) -> Option<ModelPicture> {
    if old.is_none() && new.is_none() {
        return None;
    }
    let fields = model.field_ids().map(|(id, field)| {
        let (old, new) = (old.and_then(|rules| rules.field(id)), new.and_then(|rules| rules.field(id)));
        FieldPicture {
            field: field.name.clone(),
            old: levels::level(old),
            new: levels::level(new),
            direction: levels::field(old, new),
        }
    });
    Some(ModelPicture { model: model.name.clone(), fields: fields.collect() })
}

fn scopes(findings: &mut Findings<'_>, old: &[ScopeRule], new: &[ScopeRule]) {
    let model = findings.model;
    for (id, field) in model.field_ids() {
        let of = |scopes: &[ScopeRule]| -> Vec<String> {
            scopes.iter().filter(|scope| scope.field == id).map(|scope| scope_text(&scope.value)).collect()
        };
        let (old, new) = (of(old), of(new));
        let direction = turned(set(&old, &new));
        let word = |values: Vec<String>| if values.is_empty() { "any".to_owned() } else { values.join(" and ") };
        findings.add(Part::Scope, &field.name, direction, || (word(old), word(new)));
    }
}

fn scope_text(value: &ScopeValue) -> String {
    match value {
        ScopeValue::Principal(path) => path.to_string(),
        ScopeValue::Literal(value) => value.to_json().to_string(),
    }
}

fn row_rules(findings: &mut Findings<'_>, old: &[RowRule], new: &[RowRule]) {
    let named = |rules: &'_ [RowRule], name: &str| rules.iter().find(|rule| rule.name == name).cloned();
    let names = old.iter().map(|rule| &rule.name);
    let added = new.iter().map(|rule| &rule.name).filter(|name| !old.iter().any(|rule| rule.name == **name));
    for name in names.chain(added) {
        let (old, new) = (named(old, name), named(new, name));
        let direction = match (&old, &new) {
            (Some(old), Some(new)) => row_rule(findings.model, old, new),
            (Some(old), None) => Some(opening(old, Direction::Narrower)),
            (None, Some(new)) => Some(opening(new, Direction::Wider)),
            (None, None) => None,
        };
        let text = |rule: Option<&RowRule>| rule.map_or("none".to_owned(), |rule| row_text(findings.model, rule));
        let (old, new) = (text(old.as_ref()), text(new.as_ref()));
        findings.add(Part::RowPolicy, name, direction, || (old, new));
    }
}

/// The direction for a rule that opens rows; the other for one that restricts.
fn opening(rule: &RowRule, direction: Direction) -> Direction {
    match (rule.effect, direction) {
        (Effect::Restrict, Direction::Wider) => Direction::Narrower,
        (Effect::Restrict, Direction::Narrower) => Direction::Wider,
        (_, direction) => direction,
    }
}

fn row_rule(model: &Model, old: &RowRule, new: &RowRule) -> Option<Direction> {
    if row_text(model, old) == row_text(model, new) && old.condition.root() == new.condition.root() {
        return None;
    }
    if old.effect != new.effect || old.condition.root() != new.condition.root() || old.check != new.check {
        return Some(Direction::Either);
    }
    set(&operations(old.operations), &operations(new.operations)).map(|direction| opening(new, direction))
}

/// A condition that says the same in other words is the same.
fn row_text(model: &Model, rule: &RowRule) -> String {
    let effect = match rule.effect {
        Effect::Restrict => "restricts to".to_owned(),
        Effect::Permit(field) => format!("permits beside {}:", model.field(field).name),
        Effect::Bypass => "bypasses all for".to_owned(),
    };
    let condition = rule.condition.source();
    let on = match rule.operations {
        Operations::ALL => String::new(),
        some => format!(" on {}", operations(some).join(", ")),
    };
    let check = if rule.check { ", checked on writing" } else { "" };
    format!("{effect} {condition}{on}{check}")
}

fn operations(operations: Operations) -> Vec<&'static str> {
    [
        (Operation::Read, "read"),
        (Operation::Create, "create"),
        (Operation::Update, "update"),
        (Operation::Delete, "delete"),
    ]
    .into_iter()
    .filter(|(operation, _)| operations.contains(*operation))
    .map(|(_, word)| word)
    .collect()
}

fn aggregations(findings: &mut Findings<'_>, old: Option<&AggregationRules>, new: Option<&AggregationRules>) {
    let none = AggregationRules::default();
    let (was_open, is_open) = (old.is_some(), new.is_some());
    let (old, new) = (old.unwrap_or(&none), new.unwrap_or(&none));
    let model = findings.model;
    let word = |open: bool| if open { "open" } else { "closed" }.to_owned();
    findings.add(Part::Aggregation, "count", number(old.count, new.count), || (word(old.count), word(new.count)));
    for ((name, old), (_, new)) in levels::functions(old).into_iter().zip(levels::functions(new)) {
        findings.add(Part::Aggregation, name, set(&old, &new), || (names(model, &old), names(model, &new)));
    }
    if !was_open || !is_open {
        return;
    }
    let groups = match (&old.group_by, &new.group_by) {
        (Some(old), Some(new)) => set(old, new),
        (old, new) => number(old.is_none(), new.is_none()),
    };
    let listed = |rules: &AggregationRules| match &rules.group_by {
        Some(fields) => names(model, fields),
        None => "every field that is shown".to_owned(),
    };
    findings.add(Part::Aggregation, "group_by", groups, || (listed(old), listed(new)));
    let least = |rules: &AggregationRules| rules.min_group_size.unwrap_or(1);
    let size = turned(number(least(old), least(new)));
    findings.add(Part::Aggregation, "min_group_size", size, || (least(old).to_string(), least(new).to_string()));
}

fn budgets(findings: &mut Findings<'_>, old: &Budget, new: &Budget) {
    let limits = |budget: &Budget| {
        [
            ("max_rows", budget.max_rows),
            ("max_include_depth", budget.max_include_depth),
            ("max_selected_fields", budget.max_selected_fields),
            ("statement_timeout_ms", budget.statement_timeout_ms),
            ("max_complexity_score", budget.max_complexity_score),
            ("max_list_length", budget.max_list_length),
            ("max_filter_depth", budget.max_filter_depth),
        ]
    };
    for ((name, old), (_, new)) in limits(old).into_iter().zip(limits(new)) {
        findings.add(Part::Budget, name, number(old, new), || (old.to_string(), new.to_string()));
    }
}

/// A limit in words.
pub(super) fn limit_text(value: Option<u32>) -> String {
    value.map_or("none".to_owned(), |value| value.to_string())
}

/// A limit that may be missing.
pub(super) fn limits(old: Option<u32>, new: Option<u32>) -> Option<Direction> {
    both(number(limit(old), limit(new)), None)
}
