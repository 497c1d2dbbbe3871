//! What a policy opens to a principal: a model's own rules, with the overlays of its roles laid
//! over them.

use std::collections::{BTreeMap, BTreeSet};

use crate::world::{
    Action, Aggregations, Auto, Budget, Condition, Expression, FieldPolicy, Kind, List, Model, ModelPolicy, Opening,
    Operation, Policy, RelationPolicy, RowEffect, RowPolicy, Term, World, WritePolicy,
};

/// The open models, with their rules. What is not in it does not exist for the principal.
#[derive(Clone, Debug)]
pub struct View {
    /// By name.
    pub models: BTreeMap<String, Rules>,
}

/// The rules of an open model.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The fields that are not denied.
    pub fields: BTreeMap<String, FieldRule>,
    /// The relations that are open, as are their targets.
    pub relations: BTreeMap<String, RelationPolicy>,
    /// Whose the rows are. A field may stand in it twice; both must hold.
    pub scoping: Vec<(String, Expression)>,
    /// The row policies, in order.
    pub rows: Vec<Rule>,
    /// What may be written.
    pub writes: Writes,
    /// The field that a delete sets.
    pub soft_delete: Option<String>,
    /// What may be aggregated.
    pub aggregations: Option<Aggregations>,
    /// The limits.
    pub limits: Limits,
}

/// What is shown of a field that is not denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRule {
    /// The action; never `Deny`.
    pub action: Action,
    /// Whether it may be compared for equality although it is not shown as it is.
    pub equality: bool,
}

/// A row policy, its effect decided.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it says.
    pub condition: Condition,
    /// What it does; never `Inferred`.
    pub effect: RowEffect,
    /// Whether nobody wrote the effect.
    pub inferred: bool,
    /// What it is about.
    pub operations: Vec<Operation>,
    /// Whether written rows must satisfy it, or may by it stand outside of a scope.
    pub check: bool,
}

impl Rule {
    /// Whether it is about an operation.
    pub fn is_about(&self, operation: Operation) -> bool {
        self.operations.contains(&operation)
    }
}

const EVERY_OPERATION: [Operation; 4] = [Operation::Read, Operation::Create, Operation::Update, Operation::Delete];

/// What may be written, and how.
#[derive(Clone, Debug, Default)]
pub struct Writes {
    /// The tools that are open.
    pub open: BTreeMap<&'static str, Opening>,
    /// What new rows are filled with.
    pub auto_set: BTreeMap<String, Auto>,
    /// Fields that stay.
    pub immutable: BTreeSet<String>,
    /// Fields that a new row must have.
    pub required: BTreeSet<String>,
    /// The most rows of one call.
    pub max_affected_rows: Option<u32>,
    /// Whether a reason must be given.
    pub require_reason: bool,
}

/// The limits of a request, with their defaults.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The highest limit.
    pub max_rows: u32,
    /// Levels of includes, and of relation filters.
    pub max_include_depth: u32,
    /// Selected fields.
    pub max_selected_fields: u32,
    /// The complexity score.
    pub max_complexity_score: u32,
    /// Values of a list.
    pub max_list_length: u32,
    /// Levels of filters.
    pub max_filter_depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_rows: 1_000,
            max_include_depth: 3,
            max_selected_fields: 50,
            max_complexity_score: 100,
            max_list_length: 1_000,
            max_filter_depth: 8,
        }
    }
}

impl View {
    /// What a policy opens to principals of these roles.
    pub fn of(world: &World, policy: &Policy, roles: &[String]) -> Self {
        let mut defaults = Limits::default();
        defaults.replace(&policy.budget);
        let mut models: BTreeMap<String, Rules> = BTreeMap::new();
        for (name, said) in &policy.models {
            let Some(model) = world.model(name) else { continue };
            if let Some(rules) = rules(model, said, policy.shows_by_default, defaults, roles) {
                models.insert(name.clone(), rules);
            }
        }
        // A relation is as open as its target.
        let open: Vec<String> = models.keys().cloned().collect();
        for (name, rules) in &mut models {
            let Some(model) = world.model(name) else { continue };
            let leads_somewhere =
                |relation: &String| model.relation(relation).is_some_and(|relation| open.contains(&relation.target));
            rules.relations.retain(|relation, _| leads_somewhere(relation));
        }
        Self { models }
    }
}

/// Granting overlays replace what they name, in order; then narrowing ones take away.
fn rules(model: &Model, said: &ModelPolicy, shows: bool, defaults: Limits, roles: &[String]) -> Option<Rules> {
    let mut open = said.allowed.unwrap_or(true);
    let mut rules = Rules {
        fields: BTreeMap::new(),
        relations: BTreeMap::new(),
        scoping: Vec::new(),
        rows: Vec::new(),
        writes: Writes::default(),
        soft_delete: said.soft_delete.clone(),
        aggregations: None,
        limits: defaults,
    };
    if shows {
        let shown = FieldRule { action: Action::Allow, equality: false };
        let columns = model.columns.iter().filter(|column| column.kind != Kind::Unread);
        rules.fields = columns.map(|column| (column.name.clone(), shown.clone())).collect();
    }
    rules.grant(said, &[]);
    if let Some(field) = &said.soft_delete {
        rules.rows.push(Rule {
            condition: not_deleted(model, field),
            effect: RowEffect::Restrict,
            inferred: false,
            operations: EVERY_OPERATION.to_vec(),
            // A row that is deleted is one that does not satisfy it.
            check: false,
        });
    }
    let mine = || said.roles.iter().filter(|(role, _)| roles.contains(role)).map(|(_, overlay)| overlay);
    for overlay in mine().filter(|overlay| overlay.grants) {
        open = overlay.says.allowed.unwrap_or(open);
        rules.grant(&overlay.says, &said.scoping);
    }
    for overlay in mine().filter(|overlay| !overlay.grants) {
        open &= overlay.says.allowed.unwrap_or(true);
        rules.narrow(&overlay.says, &said.scoping);
    }
    open.then_some(rules)
}

/// `soft_delete` hides rows in which it is set: a boolean that is true, or a time that is there.
fn not_deleted(model: &Model, field: &str) -> Condition {
    let is_time = model.column(field).is_some_and(|column| column.kind.is_time());
    let term = Term::field(field);
    match is_time {
        true => Condition::IsNull { term, negated: false },
        false => Condition::Compare {
            op: crate::world::Comparison::Eq,
            left: term,
            right: Term::Literal(crate::world::Cell::Bool(false)),
        },
    }
}

impl Rules {
    /// `scoping` is the model's own, under an overlay.
    fn grant(&mut self, said: &ModelPolicy, scoping: &[(String, Expression)]) {
        for (field, policy) in &said.fields {
            match rule(policy) {
                Some(rule) => self.fields.insert(field.clone(), rule),
                None => self.fields.remove(field),
            };
        }
        for (relation, policy) in &said.relations {
            match policy.allowed {
                true => self.relations.insert(relation.clone(), policy.clone()),
                false => self.relations.remove(relation),
            };
        }
        for (field, expression) in &said.scoping {
            self.scoping.retain(|(known, _)| known != field);
            self.scoping.push((field.clone(), expression.clone()));
        }
        self.add_rows(said, scoping);
        self.writes.replace(&said.writes);
        self.limits.replace(&said.budget);
        if let Some(open) = &said.aggregations {
            let known = self.aggregations.get_or_insert_default();
            known.count = open.count.or(known.count);
            for (mine, theirs) in known.lists_mut().into_iter().zip(open.lists()) {
                if let Some(fields) = theirs.1 {
                    *mine = Some(fields.clone());
                }
            }
            known.min_group_size = open.min_group_size.or(known.min_group_size);
        }
    }

    fn narrow(&mut self, said: &ModelPolicy, scoping: &[(String, Expression)]) {
        for (field, policy) in &said.fields {
            match narrower(self.fields.get(field), rule(policy).as_ref()) {
                Some(rule) => self.fields.insert(field.clone(), rule),
                None => self.fields.remove(field),
            };
        }
        for (relation, policy) in &said.relations {
            let Some(known) = self.relations.get_mut(relation) else { continue };
            if policy.allowed {
                known.max_depth = smaller(known.max_depth, policy.max_depth);
                known.fields = in_both(known.fields.take(), policy.fields.as_ref());
            } else {
                self.relations.remove(relation);
            }
        }
        for scope in &said.scoping {
            if !self.scoping.contains(scope) {
                self.scoping.push(scope.clone());
            }
        }
        self.add_rows(said, scoping);
        self.writes.narrow(&said.writes);
        self.limits.lower(&said.budget);
        if let (Some(known), Some(open)) = (&mut self.aggregations, &said.aggregations) {
            known.count = Some(known.count.unwrap_or(false) && open.count.unwrap_or(true));
            for (mine, (key, theirs)) in known.lists_mut().into_iter().zip(open.lists()) {
                if let Some(fields) = theirs {
                    // Grouping is open by every field unless a list says otherwise; figures by none.
                    let before = if key == "group_by" { mine.take() } else { Some(mine.take().unwrap_or_default()) };
                    *mine = in_both(before, Some(fields));
                }
            }
            known.min_group_size = known.min_group_size.max(open.min_group_size);
        }
    }

    /// What a row policy does is decided where it stands: by the scopes of its model and of its overlay.
    fn add_rows(&mut self, said: &ModelPolicy, scoping: &[(String, Expression)]) {
        let scoped: Vec<&String> = scoping.iter().chain(&said.scoping).map(|(field, _)| field).collect();
        self.rows.extend(said.rows.iter().map(|row| row.decided(&scoped)));
    }

    /// Whether a field is shown as it is.
    pub fn shows(&self, field: &str) -> bool {
        self.fields.get(field).is_some_and(|rule| rule.action == Action::Allow)
    }
}

impl RowPolicy {
    /// Without an effect, a condition that is nothing but a scoped field compared with the
    /// principal permits; everything else restricts.
    fn decided(&self, scoped: &[&String]) -> Rule {
        let inferred = self.effect == RowEffect::Inferred;
        let permits = permitted(&self.condition).filter(|field| scoped.contains(field));
        let effect = match (&self.effect, permits) {
            (RowEffect::Inferred, Some(field)) => RowEffect::Permit(field.clone()),
            (RowEffect::Inferred, None) => RowEffect::Restrict,
            (effect, _) => effect.clone(),
        };
        let inferred = inferred && effect != RowEffect::Restrict;
        // A permit is about reads unless its operations say more, everything else about all.
        let permits = matches!(effect, RowEffect::Permit(_));
        let usual = if permits { vec![Operation::Read] } else { EVERY_OPERATION.to_vec() };
        let operations = self.operations.clone().unwrap_or(usual);
        let check = match permits {
            true => operations.contains(&Operation::Create) || operations.contains(&Operation::Update),
            false => {
                let condition = &self.condition;
                condition.mentions_principal() || scoped.iter().any(|field| condition.mentions_field(field))
            }
        };
        let check = self.check.unwrap_or(check);
        Rule { condition: self.condition.clone(), effect, inferred, operations, check }
    }
}

impl Writes {
    fn actions(said: &WritePolicy) -> [(&'static str, Option<Opening>); 4] {
        [("create", said.create), ("update", said.update), ("delete", said.delete), ("bulk_update", said.bulk_update)]
    }

    fn replace(&mut self, said: &WritePolicy) {
        for (tool, open) in Self::actions(said) {
            self.open.extend(open.map(|open| (tool, open)));
        }
        self.auto_set.extend(said.auto_set.iter().cloned());
        self.add_lists(said);
        self.max_affected_rows = said.max_affected_rows.or(self.max_affected_rows);
        self.require_reason = said.require_reason.unwrap_or(self.require_reason);
    }

    fn narrow(&mut self, said: &WritePolicy) {
        for (tool, open) in Self::actions(said) {
            if let (Some(known), Some(open)) = (self.open.get_mut(tool), open) {
                *known = open.min(*known);
            }
        }
        for (field, auto) in &said.auto_set {
            self.auto_set.entry(field.clone()).or_insert_with(|| auto.clone());
        }
        self.add_lists(said);
        self.max_affected_rows = smaller(self.max_affected_rows, said.max_affected_rows);
        self.require_reason |= said.require_reason.unwrap_or(false);
    }

    fn add_lists(&mut self, said: &WritePolicy) {
        self.immutable.extend(said.immutable.iter().cloned());
        self.required.extend(said.required.iter().cloned());
    }

    /// Whether a tool is open, if only to ask for an approval.
    pub fn allows(&self, tool: &str) -> bool {
        self.opening(tool) > Opening::Closed
    }

    /// Whether a tool is open.
    pub fn opening(&self, tool: &str) -> Opening {
        self.open.get(tool).copied().unwrap_or(Opening::Closed)
    }
}

/// The field of `field = principal.…` or `field IN principal.…`.
pub fn permitted(condition: &Condition) -> Option<&String> {
    let own = |term: &Term| matches!(term, Term::Field { through, .. } if through.is_empty());
    let term = match condition {
        Condition::Compare { op: crate::world::Comparison::Eq, left, right: Term::Principal(_) } if own(left) => left,
        Condition::Compare { op: crate::world::Comparison::Eq, left: Term::Principal(_), right } if own(right) => right,
        Condition::In { term, list: List::Principal(_), negated: false } if own(term) => term,
        _ => return None,
    };
    match term {
        Term::Field { field, .. } => Some(field),
        _ => None,
    }
}

fn rule(policy: &FieldPolicy) -> Option<FieldRule> {
    let rule = FieldRule { action: policy.action.clone(), equality: policy.equality };
    (policy.action != Action::Deny).then_some(rule)
}

/// The stricter of two; where neither shows less than the other, nothing is shown.
fn narrower(one: Option<&FieldRule>, other: Option<&FieldRule>) -> Option<FieldRule> {
    let rank = |rule: &FieldRule| match rule.action {
        Action::Allow => 0,
        Action::Mask(_) | Action::Hash => 1,
        Action::Redact | Action::Deny => 2,
    };
    let (one, other) = (one?, other?);
    let action = match rank(one).cmp(&rank(other)) {
        std::cmp::Ordering::Less => other.action.clone(),
        std::cmp::Ordering::Greater => one.action.clone(),
        std::cmp::Ordering::Equal if one.action == other.action => one.action.clone(),
        std::cmp::Ordering::Equal => Action::Redact,
    };
    let compared = |rule: &FieldRule| rule.equality || rule.action == Action::Allow;
    let equality = action != Action::Allow && compared(one) && compared(other);
    Some(FieldRule { action, equality })
}

/// No limit is the widest.
fn smaller(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    one.into_iter().chain(other).min()
}

/// No list is every field.
fn in_both(one: Option<Vec<String>>, other: Option<&Vec<String>>) -> Option<Vec<String>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.into_iter().filter(|field| other.contains(field)).collect()),
        (one, other) => one.or_else(|| other.cloned()),
    }
}

impl Limits {
    fn all(&mut self) -> [&mut u32; 6] {
        [
            &mut self.max_rows,
            &mut self.max_include_depth,
            &mut self.max_selected_fields,
            &mut self.max_complexity_score,
            &mut self.max_list_length,
            &mut self.max_filter_depth,
        ]
    }

    fn replace(&mut self, budget: &Budget) {
        for (limit, (_, said)) in self.all().into_iter().zip(budget.limits()) {
            *limit = said.unwrap_or(*limit);
        }
    }

    fn lower(&mut self, budget: &Budget) {
        for (limit, (_, said)) in self.all().into_iter().zip(budget.limits()) {
            *limit = said.map_or(*limit, |said| said.min(*limit));
        }
    }
}

impl Aggregations {
    fn lists_mut(&mut self) -> [&mut Option<Vec<String>>; 5] {
        [&mut self.sum, &mut self.avg, &mut self.min, &mut self.max, &mut self.group_by]
    }

    /// The fields that a function is open on.
    pub fn fields_of(&self, function: &str) -> &[String] {
        let (_, fields) = self.lists().into_iter().find(|(key, _)| *key == function).unwrap_or(("", None));
        fields.map_or(&[], Vec::as_slice)
    }
}
