//! What a run of a law has met. A law that only ever sees empty answers proves nothing.

mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::reference::{Code, Eye, Outcome, Rules, View};
use crate::world::{
    Action, Aggregate, Ask, Attribute, Case, Condition, Expression, Filter, Include, List, Op, Operation, Pattern,
    Policy, Request, RowEffect, Term, World,
};

pub use writes::WriteTally;

/// How an answer compares with what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// No row was admitted.
    Empty,
    /// Some rows were.
    Partial,
    /// Every row was.
    Full,
}

/// Counts of answers and of the features that took part in them.
#[derive(Clone, Default)]
pub struct Tally {
    empty: usize,
    partial: usize,
    full: usize,
    refused: BTreeMap<Code, usize>,
    features: BTreeMap<String, usize>,
}

/// What every run of the first law has to meet. A feature that nothing draws is not tested.
const FEATURES: &[&str] = &[
    "action hash",
    "action mask",
    "action mask by pattern",
    "action redact",
    "aggregate avg",
    "aggregate count",
    "aggregate count of a field",
    "aggregate group_by",
    "aggregate in an order",
    "aggregate max",
    "aggregate min",
    "aggregate min_group_size",
    "aggregate sum",
    "condition !=",
    "condition <",
    "condition <=",
    "condition =",
    "condition >",
    "condition >=",
    "condition AND",
    "condition BETWEEN",
    "condition EXISTS",
    "condition EXISTS WHERE",
    "condition IN list",
    "condition IN principal",
    "condition IS DISTINCT FROM",
    "condition IS NOT DISTINCT FROM",
    "condition IS NULL",
    "condition LIKE",
    "condition LIKE principal",
    "condition NOT",
    "condition NOT BETWEEN",
    "condition NOT IN list",
    "condition NOT IN principal",
    "condition NOT LIKE",
    "condition OR",
    "condition boolean alone",
    "condition coalesce",
    "condition constant",
    "condition lower",
    "condition now()",
    "condition nullif",
    "condition path",
    "condition principal",
    "condition principal of a key within a key",
    "condition upper",
    "filter and",
    "filter by equality of a hidden field",
    "filter not",
    "filter or",
    "get",
    "get by composite key",
    "include",
    "include of one row",
    "include of many rows",
    "include two deep",
    "include with a filter",
    "include with a limit",
    "include with an order",
    "operator between",
    "operator contains",
    "operator ends_with",
    "operator eq",
    "operator gt",
    "operator gte",
    "operator in",
    "operator in of a long list",
    "operator is_null",
    "operator lt",
    "operator lte",
    "operator ne",
    "operator not_in",
    "operator starts_with",
    "order",
    "order in mixed directions",
    "overlay that grants",
    "overlay that narrows",
    "pages",
    "relation all",
    "relation any",
    "relation none",
    "row policy bypass",
    "row policy bypass that lifts",
    "row policy inferred permit",
    "row policy inferred permit that widens",
    "row policy permit",
    "row policy permit that widens",
    "row policy restrict",
    "row policy restrict that hides",
    "scope literal",
    "scope of two fields",
    "scope principal",
    "scope that hides",
    "shared model",
    "soft_delete",
    "with_total",
];

/// The refusals that a request for reading can meet, short of a broken database.
const CODES: &[&str] = &[
    "AGGREGATION_NOT_ALLOWED",
    "FIELD_NOT_ALLOWED",
    "MODEL_NOT_ALLOWED",
    "PRINCIPAL_INCOMPLETE",
    "QUERY_BUDGET_EXCEEDED",
    "QUERY_TOO_BROAD",
    "RECORD_NOT_FOUND",
    "RELATION_NOT_ALLOWED",
    "TENANT_SCOPE_REQUIRED",
    "VALIDATION_ERROR",
];

impl Tally {
    /// Counts a refusal by what was told.
    pub fn refusal(&mut self, code: &str) {
        if let Some(known) = CODES.iter().find(|known| **known == code) {
            *self.refused.entry(known).or_default() += 1;
        }
    }

    /// Counts an answer and what took part in it.
    pub fn answer(&mut self, world: &World, policy: &Policy, ask: &Ask, outcome: &Outcome, share: Share) {
        match share {
            Share::Empty => self.empty += 1,
            Share::Partial => self.partial += 1,
            Share::Full => self.full += 1,
        }
        let mut features = Features::default();
        features.request(world, &ask.request);
        features.overlays(policy, ask);
        let view = View::of(world, policy, &ask.who.roles);
        let touched: BTreeSet<String> = std::mem::take(&mut features.models);
        for name in touched {
            if let Some(rules) = view.models.get(&name) {
                let hidden = features.compared.iter().any(|(model, field)| *model == name && !rules.shows(field));
                features.meet(hidden, "filter by equality of a hidden field");
                features.rules(rules);
            }
            let soft = policy.model(&name).is_some_and(|model| model.soft_delete.is_some());
            features.meet(soft, "soft_delete");
        }
        features.effects(world, &view, ask);
        if let Outcome::Page { rows, limit, .. } = outcome {
            features.meet(rows.len() > *limit, "pages");
        }
        for feature in features.found {
            *self.features.entry(feature).or_default() += 1;
        }
    }

    /// What every run has to meet and this one did not; nothing when it is worth its name.
    pub fn shortcomings(&self) -> Vec<String> {
        let answered = self.empty + self.partial + self.full;
        let mut found = Vec::new();
        if self.partial * 4 < answered {
            found.push(format!("only {} of {answered} answers admit some rows and not all", self.partial));
        }
        if self.empty * 2 > answered {
            found.push(format!("{} of {answered} answers admit nothing", self.empty));
        }
        let refused: usize = self.refused.values().sum();
        if refused * 2 > answered {
            found.push(format!("{refused} requests are refused, and {answered} are answered"));
        }
        let missing = FEATURES.iter().filter(|feature| !self.features.contains_key(**feature));
        found.extend(missing.map(|feature| format!("nothing was tried with: {feature}")));
        let missing = CODES.iter().filter(|code| !self.refused.contains_key(**code));
        found.extend(missing.map(|code| format!("nothing was refused with: {code}")));
        found
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused: usize = self.refused.values().sum();
        let asks = self.empty + self.partial + self.full + refused;
        writeln!(
            f,
            "{asks} asks: {} empty, {} partial, {} full, {refused} refused",
            self.empty, self.partial, self.full
        )?;
        for (code, count) in &self.refused {
            writeln!(f, "  {count:>7} {code}")?;
        }
        for (feature, count) in &self.features {
            writeln!(f, "  {count:>7} {feature}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The features of one ask.
#[derive(Default)]
struct Features {
    found: BTreeSet<String>,
    models: BTreeSet<String>,
    /// Fields that are compared, by model.
    compared: BTreeSet<(String, String)>,
}

impl Features {
    fn meet(&mut self, when: bool, feature: &str) {
        if when {
            self.found.insert(feature.to_owned());
        }
    }

    fn request(&mut self, world: &World, request: &Request) {
        self.models.insert(request.model().to_owned());
        match request {
            Request::Query(query) => {
                self.filters(world, &query.model, &query.filters);
                self.includes(world, &query.model, &query.include, 1);
                self.meet(!query.order.is_empty(), "order");
                let directions: BTreeSet<bool> = query.order.iter().map(|key| key.descending).collect();
                self.meet(directions.len() > 1, "order in mixed directions");
                self.meet(query.with_total, "with_total");
            }
            Request::Get(get) => {
                self.meet(true, "get");
                self.meet(get.id.as_object().is_some_and(|id| id.len() > 1), "get by composite key");
                self.includes(world, &get.model, &get.include, 1);
            }
            Request::Aggregate(aggregate) => self.aggregate(world, aggregate),
            // Of writes there is a tally of its own.
            Request::Write(_) => {}
        }
    }

    fn aggregate(&mut self, world: &World, aggregate: &Aggregate) {
        for figure in &aggregate.figures {
            let of_field = figure.function == "count" && figure.field.is_some();
            self.meet(true, &format!("aggregate {}{}", figure.function, if of_field { " of a field" } else { "" }));
        }
        self.meet(!aggregate.group_by.is_empty(), "aggregate group_by");
        self.meet(!aggregate.order.is_empty(), "aggregate in an order");
        self.filters(world, &aggregate.model, &aggregate.filters);
    }

    fn includes(&mut self, world: &World, model: &str, includes: &[Include], depth: usize) {
        for include in includes {
            self.meet(true, "include");
            self.meet(depth > 1, "include two deep");
            self.meet(!include.filters.is_empty(), "include with a filter");
            self.meet(!include.order.is_empty(), "include with an order");
            self.meet(include.limit.is_some(), "include with a limit");
            let relation = world.model(model).and_then(|model| model.relation(&include.relation));
            let Some(relation) = relation else { continue };
            self.meet(relation.many, "include of many rows");
            self.meet(!relation.many, "include of one row");
            self.models.insert(relation.target.clone());
            self.filters(world, &relation.target, &include.filters);
            self.includes(world, &relation.target, &include.include, depth + 1);
        }
    }

    fn filters(&mut self, world: &World, model: &str, filters: &[Filter]) {
        for filter in filters {
            match filter {
                Filter::Field { field, op, value } => {
                    self.meet(true, &format!("operator {}", op.as_str()));
                    let is_long = value.as_array().is_some_and(|list| list.len() > 8);
                    self.meet(*op == Op::In && is_long, "operator in of a long list");
                    self.compared.insert((model.to_owned(), field.clone()));
                }
                Filter::And(parts) => {
                    self.meet(true, "filter and");
                    self.filters(world, model, parts);
                }
                Filter::Or(parts) => {
                    self.meet(true, "filter or");
                    self.filters(world, model, parts);
                }
                Filter::Not(part) => {
                    self.meet(true, "filter not");
                    self.filters(world, model, std::slice::from_ref(part));
                }
                Filter::Relation { relation, matching, filters } => {
                    self.meet(true, &format!("relation {}", matching.as_str()));
                    let relation = world.model(model).and_then(|model| model.relation(relation));
                    if let Some(relation) = relation {
                        self.models.insert(relation.target.clone());
                        self.filters(world, &relation.target, filters);
                    }
                }
            }
        }
    }

    fn overlays(&mut self, policy: &Policy, ask: &Ask) {
        for model in &self.models.clone() {
            let roles = policy.model(model).map_or(&[][..], |model| model.roles.as_slice());
            for (_, overlay) in roles.iter().filter(|(role, _)| ask.who.roles.contains(role)) {
                self.meet(overlay.grants, "overlay that grants");
                self.meet(!overlay.grants, "overlay that narrows");
            }
        }
    }

    /// Rules without which other rows of the model would be seen: that one stands there does not
    /// say that it did something.
    fn effects(&mut self, world: &World, view: &View, ask: &Ask) {
        let Some(model) = world.model(ask.request.model()) else { return };
        let count = |view: &View| Eye::new(world, view, &ask.who, Case::now()).visible(model).len();
        let seen = count(view);
        let mut try_without = |feature: &str, take: &dyn Fn(&mut Rules)| {
            let mut without = view.clone();
            without.models.get_mut(&model.name).into_iter().for_each(take);
            self.meet(count(&without) != seen, feature);
        };
        try_without("scope that hides", &|rules| rules.scoping.clear());
        let permits = |inferred| {
            move |rules: &mut Rules| {
                rules.rows.retain(|rule| !matches!(rule.effect, RowEffect::Permit(_)) || rule.inferred != inferred);
            }
        };
        try_without("row policy permit that widens", &permits(false));
        try_without("row policy inferred permit that widens", &permits(true));
        for (feature, effect) in [
            ("row policy restrict that hides", RowEffect::Restrict),
            ("row policy bypass that lifts", RowEffect::Bypass),
        ] {
            try_without(feature, &|rules| rules.rows.retain(|rule| rule.effect != effect));
        }
    }

    fn rules(&mut self, rules: &Rules) {
        for rule in rules.fields.values() {
            match rule.action {
                Action::Mask(None) => self.meet(true, "action mask"),
                Action::Mask(Some(_)) => self.meet(true, "action mask by pattern"),
                Action::Hash => self.meet(true, "action hash"),
                Action::Redact => self.meet(true, "action redact"),
                Action::Allow | Action::Deny => {}
            }
        }
        self.meet(rules.scoping.is_empty(), "shared model");
        self.meet(rules.scoping.len() > 1, "scope of two fields");
        for (_, expression) in &rules.scoping {
            match expression {
                Expression::Principal(_) => self.meet(true, "scope principal"),
                Expression::Literal(_) => self.meet(true, "scope literal"),
            }
        }
        for rule in rules.rows.iter().filter(|rule| rule.is_about(Operation::Read)) {
            self.meet(
                true,
                match rule.effect {
                    RowEffect::Bypass => "row policy bypass",
                    RowEffect::Permit(_) if rule.inferred => "row policy inferred permit",
                    RowEffect::Permit(_) => "row policy permit",
                    RowEffect::Restrict | RowEffect::Inferred => "row policy restrict",
                },
            );
            self.condition(&rule.condition);
        }
        let smallest = rules.aggregations.as_ref().and_then(|open| open.min_group_size);
        self.meet(smallest.is_some(), "aggregate min_group_size");
    }

    fn condition(&mut self, condition: &Condition) {
        let not = |negated: bool, word: &str| format!("condition {}{word}", if negated { "NOT " } else { "" });
        match condition {
            Condition::Const(_) => self.meet(true, "condition constant"),
            Condition::And(parts) => {
                self.meet(true, "condition AND");
                parts.iter().for_each(|part| self.condition(part));
            }
            Condition::Or(parts) => {
                self.meet(true, "condition OR");
                parts.iter().for_each(|part| self.condition(part));
            }
            Condition::Not(part) => {
                self.meet(true, "condition NOT");
                self.condition(part);
            }
            Condition::Bare(term) => {
                self.meet(true, "condition boolean alone");
                self.term(term);
            }
            Condition::Compare { op, left, right } => {
                self.meet(true, &format!("condition {op}"));
                self.term(left);
                self.term(right);
            }
            Condition::Between { term, low, high, negated } => {
                self.meet(true, &not(*negated, "BETWEEN"));
                [term, low, high].into_iter().for_each(|term| self.term(term));
            }
            Condition::In { term, list, negated } => {
                let of = if matches!(list, List::Principal(_)) { "principal" } else { "list" };
                self.meet(true, &not(*negated, &format!("IN {of}")));
                self.term(term);
            }
            Condition::IsNull { term, .. } => {
                self.meet(true, "condition IS NULL");
                self.term(term);
            }
            Condition::Like { term, pattern, negated } => {
                self.meet(true, &not(*negated, "LIKE"));
                self.meet(matches!(pattern, Pattern::Principal(_)), "condition LIKE principal");
                self.term(term);
            }
            Condition::Exists { condition, .. } => {
                self.meet(true, "condition EXISTS");
                if let Some(condition) = condition {
                    self.meet(true, "condition EXISTS WHERE");
                    self.condition(condition);
                }
            }
        }
    }

    fn term(&mut self, term: &Term) {
        match term {
            Term::Field { through, .. } => self.meet(!through.is_empty(), "condition path"),
            Term::Literal(_) => {}
            Term::Principal(attribute) => {
                self.meet(true, "condition principal");
                let is_nested = matches!(attribute, Attribute::Metadata(path) if path.contains('.'));
                self.meet(is_nested, "condition principal of a key within a key");
            }
            Term::Now => self.meet(true, "condition now()"),
            Term::Call(function, arguments) => {
                self.meet(true, &format!("condition {function}"));
                arguments.iter().for_each(|argument| self.term(argument));
            }
        }
    }
}
