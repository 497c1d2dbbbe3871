//! Whose rows they are, and who may see them: the policy read over stored rows, without SQL.
//!
//! ```text
//! visible = bypass  OR  ( AND over scoped fields f of (scope_f OR permit_f)  AND  restrict )
//! ```

use std::cmp::Ordering;
use std::collections::HashSet;

use jiff::Timestamp;
use ormai::Truth;
use ormai::catalog::{Catalog, FieldId, ModelId};
use ormai::condition::evaluate::{compare_values, evaluate};
use ormai::condition::{Condition, Node, Operand, attribute};
use ormai::policy::{Effect, ModelRules, Operation, RowRule, ScopeRule, ScopeValue, View};
use ormai::principal::{Attribute, Principal};
use ormai::value::{ColumnType, Value};

use super::stored::{Tables, key_of, read, value_of};
use crate::Row;

/// What a row is to a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Its own: every scope holds.
    Own,
    /// Another's, or nobody's, and a rule lets the principal see it.
    Allowed(String),
    /// Not for the principal: why.
    Closed(String),
}

impl Standing {
    /// Whether the principal may see it.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self, Self::Closed(_))
    }
}

/// What a row is looked at for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum For {
    /// To be found by an operation.
    Finding(Operation),
    /// To stay after an operation has written it.
    Staying(Operation),
}

impl For {
    fn minds(self, rule: &RowRule) -> bool {
        match self {
            Self::Finding(operation) => rule.operations.contains(operation),
            Self::Staying(operation) => {
                rule.operations.contains(operation) && (rule.check || rule.effect == Effect::Bypass)
            }
        }
    }
}

/// A principal, the policy as it is for it, and the time.
#[derive(Clone, Copy)]
pub(crate) struct Eyes<'e> {
    pub(crate) view: &'e View,
    pub(crate) principal: &'e Principal,
    pub(crate) now: Timestamp,
}

impl Eyes<'_> {
    /// What a row is to the principal.
    pub(crate) fn standing(&self, tables: &Tables, model: ModelId, row: &Row, wanted: For) -> Standing {
        let described = tables.catalog.model(model);
        let Some(rules) = self.view.model(model) else {
            return Standing::Closed("the model is not open".to_owned());
        };
        let holds = |rule: &RowRule| self.holds(tables, model, row, &rule.condition);
        let of =
            |effect: Effect| rules.row_rules.iter().filter(move |rule| rule.effect == effect && wanted.minds(rule));
        let strange = rules.scoping.iter().find(|scope| !self.is_own(described, row, scope));
        if let Some(bypass) = of(Effect::Bypass).find(|rule| holds(rule)) {
            return match (strange, rules.scoping.is_empty()) {
                (None, false) => Standing::Own,
                _ => Standing::Allowed(format!("bypass {}", bypass.name)),
            };
        }
        let mut permitted = None;
        for scope in &rules.scoping {
            if self.is_own(described, row, scope) {
                continue;
            }
            match of(Effect::Permit(scope.field)).find(|rule| holds(rule)) {
                Some(permit) => permitted = Some(permit),
                None => {
                    let value = value_of(described, row, scope.field);
                    return Standing::Closed(format!("its `{}` is {value}", described.field(scope.field).name));
                }
            }
        }
        if let Some(restriction) = of(Effect::Restrict).find(|rule| !holds(rule)) {
            return Standing::Closed(format!("`{}` does not hold", restriction.name));
        }
        match permitted {
            Some(permit) => Standing::Allowed(format!("permit {}", permit.name)),
            None if rules.scoping.is_empty() => Standing::Allowed("shared".to_owned()),
            None => Standing::Own,
        }
    }

    /// Whether the principal finds a row when it reads.
    pub(crate) fn sees(&self, tables: &Tables, model: ModelId, row: &Row) -> bool {
        self.standing(tables, model, row, For::Finding(Operation::Read)).is_open()
    }

    /// Only TRUE holds; an attribute that does not fit refuses the request, so nothing does.
    fn holds(&self, tables: &Tables, model: ModelId, row: &Row, condition: &Condition) -> bool {
        evaluate(condition, &tables.view(model, row), self.principal, self.now) == Ok(Truth::True)
    }

    fn is_own(&self, model: &ormai::catalog::Model, row: &Row, scope: &ScopeRule) -> bool {
        let (stored, ty) = (read(model, row, scope.field), &model.field(scope.field).ty);
        let same = |value: &Value| compare_values(&stored, value, ty) == Some(Ordering::Equal);
        self.own_values(scope, ty).iter().any(same)
    }

    /// What the scoped field of an own row is.
    pub(crate) fn own_values(&self, scope: &ScopeRule, ty: &ColumnType) -> Vec<Value> {
        let path = match &scope.value {
            ScopeValue::Literal(value) => return vec![value.clone()],
            ScopeValue::Principal(path) => path,
        };
        match self.principal.attribute(path) {
            Some(Attribute::Roles(_) | Attribute::Json(serde_json::Value::Array(_))) => {
                attribute::list(self.principal, path, ty).ok().flatten().unwrap_or_default()
            }
            _ => attribute::scalar(self.principal, path, ty).ok().flatten().into_iter().collect(),
        }
    }
}

/// How messages and violations call a row: its key, or all of it where it has none.
pub(crate) fn named(catalog: &Catalog, model: ModelId, row: &Row) -> serde_json::Value {
    key_of(catalog.model(model), row).unwrap_or_else(|| serde_json::Value::Object(row.clone()))
}

/// The models whose rows the conditions of a model look at, beside its own.
pub(crate) fn looked_at(catalog: &Catalog, model: ModelId, rules: &ModelRules, found: &mut HashSet<ModelId>) {
    for rule in &rules.row_rules {
        node(catalog, model, rule.condition.root(), found);
    }
}

fn node(catalog: &Catalog, model: ModelId, at: &Node, found: &mut HashSet<ModelId>) {
    let mut operand = |of: &Operand| operands(catalog, model, of, found);
    match at {
        Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| node(catalog, model, part, found)),
        Node::Not(inner) => node(catalog, model, inner, found),
        Node::Compare { left, right, .. } => [left, right].into_iter().for_each(operand),
        Node::In { needle, .. } => operand(needle),
        Node::IsNull { operand: of, .. } | Node::Like { operand: of, .. } => operand(of),
        Node::Exists { relation, filter } => {
            let target = catalog.model(model).relation(*relation).target;
            found.insert(target);
            node(catalog, target, filter, found);
        }
        Node::Const(_) => {}
    }
}

fn operands(catalog: &Catalog, model: ModelId, of: &Operand, found: &mut HashSet<ModelId>) {
    match of {
        Operand::Field(path) => {
            let mut at = model;
            for relation in &path.through {
                at = catalog.model(at).relation(*relation).target;
                found.insert(at);
            }
        }
        Operand::Call(_, arguments) => arguments.iter().for_each(|of| operands(catalog, model, of, found)),
        Operand::Literal(_) | Operand::Principal { .. } | Operand::Now(_) => {}
    }
}

/// The fields of a model that its own rules read.
pub(crate) fn read_by_rules(rules: &ModelRules) -> HashSet<FieldId> {
    let mut found: HashSet<FieldId> = rules.scoping.iter().map(|scope| scope.field).collect();
    found.extend(rules.soft_delete);
    for rule in &rules.row_rules {
        own_fields(rule.condition.root(), &mut found);
    }
    found
}

fn own_fields(at: &Node, found: &mut HashSet<FieldId>) {
    match at {
        Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| own_fields(part, found)),
        Node::Not(inner) => own_fields(inner, found),
        Node::Compare { left, right, .. } => [left, right].into_iter().for_each(|of| own_operands(of, found)),
        Node::In { needle, .. } => own_operands(needle, found),
        Node::IsNull { operand, .. } | Node::Like { operand, .. } => own_operands(operand, found),
        Node::Exists { .. } | Node::Const(_) => {}
    }
}

fn own_operands(of: &Operand, found: &mut HashSet<FieldId>) {
    match of {
        Operand::Field(path) if path.through.is_empty() => {
            found.insert(path.field);
        }
        Operand::Call(_, arguments) => arguments.iter().for_each(|of| own_operands(of, found)),
        _ => {}
    }
}
