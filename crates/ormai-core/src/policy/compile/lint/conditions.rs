//! Row policies that say nothing, everything, or what another says already.

use super::super::subject::Subject;
use super::{Linted, Linter};
use crate::condition::outcomes::Outcomes;
use crate::condition::{FieldPath, LikePattern, List, Node, Operand};
use crate::plan::Comparison;
use crate::policy::document::RowPolicy;
use crate::policy::rules::{Effect, Operation, Operations, RowRule, ScopeRule, ScopeValue};
use crate::principal::PrincipalPath;

/// Beyond so many row policies of a model they are not compared with each other.
const MAX_RULES: usize = 24;

const OPERATIONS: [Operation; 4] = [Operation::Read, Operation::Create, Operation::Update, Operation::Delete];

/// A rule, and where its author wrote it; nowhere for the one behind `soft_delete`.
#[derive(Clone, Copy)]
struct Placed<'a> {
    rule: &'a RowRule,
    policy: Option<&'a RowPolicy>,
    /// Of an overlay: then it holds beside the model's, and not the other way round.
    of_role: bool,
}

impl Placed<'_> {
    fn name(&self) -> String {
        match self.policy {
            Some(policy) => format!("`{}`", policy.name.value),
            None => "`soft_delete`".to_owned(),
        }
    }
}

impl<'a> Linter<'a> {
    pub(super) fn conditions(&mut self, linted: Linted<'a>) {
        let rules = placed(linted);
        // What one rule says alone is said once.
        let open: Vec<Placed<'_>> =
            rules.into_iter().filter(|placed| !self.alone(linted.subject, placed)).take(MAX_RULES).collect();
        let mut told = Vec::new();
        for (at, placed) in open.iter().enumerate() {
            if self.beside_scope(linted, placed) {
                told.push(at);
            }
        }
        for (at, one) in open.iter().enumerate() {
            for (after, other) in open.iter().enumerate().skip(at + 1) {
                if !told.contains(&at)
                    && !told.contains(&after)
                    && let Some(redundant) = self.together(linted.subject, one, other)
                {
                    told.push(if redundant { at } else { after });
                }
            }
        }
    }

    fn outcomes(&self, subject: Subject<'_>, conditions: &[&Node]) -> Option<Outcomes> {
        Outcomes::of(conditions, self.catalog, subject.id)
    }

    /// What a rule says on its own; whether that was worth a word.
    fn alone(&mut self, subject: Subject<'_>, placed: &Placed<'_>) -> bool {
        let (Some(policy), Some(outcomes)) = (placed.policy, self.outcomes(subject, &[placed.rule.condition.root()]))
        else {
            return false;
        };
        let name = format!("row policy {} of {subject}", placed.name());
        let (message, help) = if outcomes.never(0) {
            match placed.rule.effect {
                Effect::Restrict => (format!("{name} is never true, so it hides every row"), NEVER),
                Effect::Permit(_) => (format!("{name} is never true, so it permits nothing"), NEVER),
                Effect::Bypass => (format!("{name} is never true, so nobody bypasses anything"), NEVER),
            }
        } else if outcomes.always(0) {
            match placed.rule.effect {
                Effect::Restrict => (format!("{name} is always true, so it hides nothing"), ALWAYS),
                Effect::Permit(field) => {
                    let field = subject.field(field);
                    (format!("{name} is always true, so the scope on `{field}` holds nothing back"), ALWAYS)
                }
                Effect::Bypass => (format!("{name} is always true, so everybody bypasses every scope"), ALWAYS),
            }
        } else {
            return false;
        };
        let code = if outcomes.never(0) { "condition-never-true" } else { "condition-always-true" };
        self.warn(&policy.condition, code, message, help);
        true
    }

    /// What a rule says beside the scope; whether that was worth a word.
    fn beside_scope(&mut self, linted: Linted<'a>, placed: &Placed<'_>) -> bool {
        let Some(policy) = placed.policy else { return false };
        // An overlay that grants may put another scope in the place of the model's.
        if linted.open.overlays.iter().any(|overlay| overlay.grants && !overlay.part.scoping.is_empty()) {
            return false;
        }
        let subject = linted.subject;
        let name = format!("row policy {} of {subject}", placed.name());
        let condition = placed.rule.condition.root();
        match placed.rule.effect {
            Effect::Bypass => false,
            Effect::Permit(field) => {
                let Some(scope) = linted.open.rules.scoping.iter().find(|scope| scope.field == field) else {
                    return false;
                };
                let own = own(subject, scope, condition);
                let follows = self.outcomes(subject, &[condition, &own]).is_some_and(|all| all.implies(0, 1));
                if follows {
                    let message = format!("{name} permits only what the scope admits already");
                    self.note(&policy.condition, "condition-redundant", message, "take it out");
                }
                follows
            }
            Effect::Restrict if linted.open.rules.scoping.is_empty() => false,
            Effect::Restrict => {
                let scopes = linted.open.rules.scoping.iter().map(|scope| admitted(linted, scope, condition)).collect();
                let scope = Node::And(scopes);
                let Some(outcomes) = self.outcomes(subject, &[&scope, condition]) else { return false };
                if outcomes.exclude(0, 1) {
                    let message = format!("{name} is true of no row in the scope, so it hides every row");
                    let help =
                        "a permit widens the scope, a restriction does not; write `effect: permit` if that was meant";
                    self.warn(&policy.condition, "condition-contradicts", message, help);
                    true
                } else if outcomes.implies(0, 1) {
                    let message = format!("{name} is true of every row in the scope, so it hides nothing");
                    self.note(&policy.condition, "condition-redundant", message, "take it out");
                    true
                } else {
                    false
                }
            }
        }
    }

    /// What two rules say together. `Some` when one of them is not needed: whether the first.
    fn together(&mut self, subject: Subject<'_>, one: &Placed<'_>, other: &Placed<'_>) -> Option<bool> {
        let same = one.rule.effect == other.rule.effect && !(one.of_role && other.of_role);
        let outcomes = same
            .then(|| self.outcomes(subject, &[one.rule.condition.root(), other.rule.condition.root()]))
            .flatten()?;
        if one.rule.effect == Effect::Restrict && outcomes.exclude(0, 1) && meet(one.rule, other.rule) {
            let place = other.policy.or(one.policy)?;
            let message = format!(
                "row policies {} and {} of {subject} are never true together, so they hide every row",
                one.name(),
                other.name()
            );
            let help = "join them with OR in one row policy if either is enough";
            self.warn(&place.condition, "condition-contradicts", message, help);
            return None;
        }
        // Of two that say the same, the later one is not needed.
        let needless = |first: bool| {
            let (kept, needless) = if first { (other, one) } else { (one, other) };
            let (kept_at, needless_at) = if first { (1, 0) } else { (0, 1) };
            let says_it = match one.rule.effect {
                Effect::Restrict => outcomes.implies(kept_at, needless_at) && (kept.rule.check || !needless.rule.check),
                Effect::Permit(_) | Effect::Bypass => outcomes.implies(needless_at, kept_at),
            };
            says_it && covers(kept.rule.operations, needless.rule.operations) && (!kept.of_role || needless.of_role)
        };
        let first = if needless(false) {
            false
        } else if needless(true) {
            true
        } else {
            return None;
        };
        let (kept, needless) = if first { (other, one) } else { (one, other) };
        let does = match one.rule.effect {
            Effect::Restrict => "hides nothing that",
            Effect::Permit(_) => "permits nothing that",
            Effect::Bypass => "frees nobody whom",
        };
        let message = format!("row policy {} of {subject} {does} {} does not", needless.name(), kept.name());
        self.note(&needless.policy?.condition, "condition-redundant", message, "take it out");
        Some(first)
    }
}

const NEVER: &str = "look for two parts that exclude each other, or a NULL that cannot be there";
const ALWAYS: &str = "look for an OR that was meant as AND, or a test of a column that is never NULL";

/// All rules of a model with their places.
fn placed(linted: Linted<'_>) -> Vec<Placed<'_>> {
    let find = |policies: &'_ [RowPolicy], name: &str| policies.iter().position(|policy| policy.name.value == name);
    let mut rules = Vec::new();
    for rule in &linted.open.rules.row_rules {
        let policies = &linted.policy.row_policies;
        let policy = find(policies, &rule.name).and_then(|at| policies.get(at));
        rules.push(Placed { rule, policy, of_role: false });
    }
    for (overlay, document) in linted.open.overlays.iter().zip(linted.policy.roles.values()) {
        for rule in &overlay.part.rows {
            let policies = &document.policy.row_policies;
            let policy = find(policies, &rule.value.name).and_then(|at| policies.get(at));
            rules.push(Placed { rule: &rule.value, policy, of_role: true });
        }
    }
    rules
}

/// Whether some operation is about both.
fn meet(one: &RowRule, other: &RowRule) -> bool {
    OPERATIONS.iter().any(|operation| one.operations.contains(*operation) && other.operations.contains(*operation))
}

fn covers(all: Operations, some: Operations) -> bool {
    OPERATIONS.iter().all(|operation| all.contains(*operation) || !some.contains(*operation))
}

/// A scope as a condition: true of every row that it admits where `beside` can be decided.
fn own(subject: Subject<'_>, scope: &ScopeRule, beside: &Node) -> Node {
    let ty = subject.model.field(scope.field).ty.clone();
    let field = || Operand::Field(FieldPath { through: Vec::new(), field: scope.field, ty: ty.clone() });
    let equals = |right| Node::Compare { op: Comparison::Eq, left: field(), right };
    match &scope.value {
        ScopeValue::Literal(value) => equals(Operand::Literal(value.clone())),
        // With a list for it, the condition beside it would be an error.
        ScopeValue::Principal(path) if reads_one(beside, path) => {
            equals(Operand::Principal { path: path.clone(), ty: ty.clone() })
        }
        // The principal decides whether it is one value or a list.
        ScopeValue::Principal(path) => Node::Or(vec![
            equals(Operand::Principal { path: path.clone(), ty: ty.clone() }),
            Node::In { needle: field(), list: List::Principal { path: path.clone(), ty: ty.clone() }, negated: false },
        ]),
    }
}

/// What the scope on a field admits with every permit that anybody has.
fn admitted(linted: Linted<'_>, scope: &ScopeRule, beside: &Node) -> Node {
    let overlays = linted.open.overlays.iter().flat_map(|overlay| overlay.part.rows.iter().map(|row| &row.value));
    let permits = linted
        .open
        .rules
        .row_rules
        .iter()
        .chain(overlays)
        .filter(|rule| rule.effect == Effect::Permit(scope.field))
        .map(|rule| rule.condition.root().clone());
    Node::Or(std::iter::once(own(linted.subject, scope, beside)).chain(permits).collect())
}

/// Whether a condition reads an attribute as one value.
fn reads_one(node: &Node, path: &PrincipalPath) -> bool {
    let read = |operand: &Operand| is_read(operand, path);
    match node {
        Node::Const(_) | Node::IsNull { operand: Operand::Principal { .. }, .. } => false,
        Node::And(parts) | Node::Or(parts) => parts.iter().any(|part| reads_one(part, path)),
        Node::Not(inner) | Node::Exists { filter: inner, .. } => reads_one(inner, path),
        Node::Compare { left, right, .. } => read(left) || read(right),
        Node::In { needle: operand, .. } | Node::IsNull { operand, .. } => read(operand),
        Node::Like { operand, pattern, .. } => {
            read(operand) || matches!(pattern, LikePattern::Principal(pattern) if pattern == path)
        }
    }
}

fn is_read(operand: &Operand, path: &PrincipalPath) -> bool {
    match operand {
        Operand::Principal { path: read, .. } => read == path,
        Operand::Call(_, arguments) => arguments.iter().any(|argument| is_read(argument, path)),
        Operand::Field(_) | Operand::Literal(_) | Operand::Now(_) => false,
    }
}
