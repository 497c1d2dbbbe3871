//! The one place where a table enters a plan.
//!
//! ```text
//! visible = bypass  OR  ( AND over scoped fields f of (scope_f OR permit_f)  AND  restrict )
//! ```

use super::Planner;
use crate::catalog::ModelId;
use crate::condition::attribute;
use crate::error::{Error, ErrorCode, Result};
use crate::fault::Fault;
use crate::plan::{Applied, AppliedRule, Comparison, Predicate, Source, Term, Truth};
use crate::policy::{Effect, ModelRules, Operation, Operations, RowRule, ScopeRule, ScopeValue};
use crate::principal::{Attribute, PrincipalPath};
use crate::value::Value;

/// What a table is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Rows that are sought: visible for every one of the operations. What is changed is
    /// sought for reading too, because counts and answers tell of it.
    Using(Operations),
    /// A row as an operation has written it.
    Check(Operation),
}

impl Side {
    /// Rows to be read.
    pub(crate) const READ: Self = Self::Using(Operations::READ);

    /// Rows to be changed by an operation.
    pub(crate) fn target(operation: Operation) -> Self {
        if Fault::TargetWithoutRead.is_on() {
            return Self::Using(Operations::one(operation));
        }
        Self::Using(Operations::READ.and(operation))
    }

    fn operations(self) -> Operations {
        match self {
            Self::Using(operations) => operations,
            Self::Check(operation) => Operations::one(operation),
        }
    }

    /// Whether a restriction or permit is about this at all.
    pub(super) fn concerns(self, rule: &RowRule) -> bool {
        match self {
            Self::Using(operations) => rule.operations.meets(operations),
            Self::Check(operation) => {
                let checked = match rule.effect {
                    Effect::Permit(_) => rule.check || Fault::CheckTakesAllPermits.is_on(),
                    Effect::Restrict => rule.check && !Fault::CheckWithoutRestrictions.is_on(),
                    Effect::Bypass => true,
                };
                checked && rule.operations.contains(operation)
            }
        }
    }
}

impl Planner<'_> {
    /// A model as this principal may see it for a purpose.
    pub(crate) fn source(&mut self, model: ModelId, side: Side) -> Result<Source> {
        let rules = self.rules(model)?;
        self.trace_table(rules);
        let asked = self.not_bypassed(rules, side)?;
        if asked.operations().is_empty() {
            self.trace_rest(rules, side, true);
            return Ok(Source { model, scope: Predicate::Const(Truth::True) });
        }
        let mut conjuncts = Vec::with_capacity(rules.scoping.len() + rules.row_rules.len());
        for scope in &rules.scoping {
            let forgotten = (Fault::FirstScopeOnly.is_on() && !conjuncts.is_empty())
                || (Fault::CheckWithoutScopes.is_on() && matches!(side, Side::Check(_)));
            if !forgotten {
                conjuncts.push(self.scoped_field(rules, scope, asked)?);
            }
        }
        if Fault::ScopesAsAlternatives.is_on() && !conjuncts.is_empty() {
            conjuncts = vec![Predicate::any(conjuncts)];
        }
        for (index, rule) in rules.row_rules.iter().enumerate() {
            let forgotten = Fault::RestrictionForgotten.is_on()
                || (Fault::SoftlyDeletedShown.is_on() && rules.soft_delete.is_some() && rule.name == "soft_delete");
            if rule.effect == Effect::Restrict && asked.concerns(rule) && !forgotten {
                let residual = self.rule_residual(rule)?;
                // What this principal satisfies whatever the row took nothing away.
                if residual != Predicate::Const(Truth::True) {
                    self.note(Applied { model, rule: AppliedRule::Row(index) });
                }
                if Fault::RestrictionAsAlternative.is_on() {
                    conjuncts = vec![Predicate::any(vec![Predicate::all(conjuncts), residual])];
                } else {
                    conjuncts.push(residual);
                }
            }
        }
        self.trace_rest(rules, side, false);
        Ok(Source { model, scope: Predicate::all(conjuncts).admitting() })
    }

    /// What is left of a purpose once bypasses are decided.
    fn not_bypassed(&mut self, rules: &ModelRules, side: Side) -> Result<Side> {
        let mut asked = side;
        for operation in side.operations().iter() {
            if self.bypassed(rules, operation)? {
                asked = match asked {
                    Side::Using(operations) => Side::Using(operations.without(operation)),
                    // Nothing is asked of what a bypass has written.
                    Side::Check(_) => Side::Using(Operations::NONE),
                };
            }
        }
        Ok(asked)
    }

    /// Whether some bypass is true for this principal. All are decided without the data.
    pub(super) fn bypassed(&mut self, rules: &ModelRules, operation: Operation) -> Result<bool> {
        for (index, rule) in rules.row_rules.iter().enumerate() {
            let applies = rule.operations.contains(operation) || Fault::BypassOfOtherOperations.is_on();
            if rule.effect == Effect::Bypass && applies {
                // A bypass condition mentions the principal only, so nothing is left over;
                // if something were, it would not be a constant and would not bypass.
                let residual = self.rule_residual(rule)?;
                let unknown = Fault::BypassWhenUnknown.is_on() && residual == Predicate::Const(Truth::Unknown);
                if residual == Predicate::Const(Truth::True) || unknown {
                    self.note_bypass(Applied { model: rules.model, rule: AppliedRule::Row(index) });
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// `scope_f OR permit_f`
    fn scoped_field(&mut self, rules: &ModelRules, scope: &ScopeRule, side: Side) -> Result<Predicate> {
        self.trace_scope(rules.model, scope);
        let value = match self.scope_value(rules.model, scope) {
            Err(_) if Fault::MissingScopeLeftOut.is_on() => return Ok(Predicate::Const(Truth::True)),
            value => value?,
        };
        let rule = AppliedRule::Scope(scope.field, value.clone());
        self.note(Applied { model: rules.model, rule });
        let term = Term::Column(scope.field);
        let own = match value {
            Value::Array(values) => match self.binds.push_list(values)? {
                Some(list) => Predicate::In { term, list, negated: false },
                None => Predicate::Const(Truth::False),
            },
            value => {
                let right = Term::Bind(self.binds.push(value)?);
                Predicate::Compare { op: Comparison::Eq, left: term, right }
            }
        };
        self.trace_decided(&own);
        let mut alternatives = vec![own];
        // Permits of every operation that is asked for, and those of some operations only.
        let mut partial: Vec<(Operations, Predicate)> = Vec::new();
        for (index, rule) in rules.row_rules.iter().enumerate() {
            let about = rule.effect == Effect::Permit(scope.field)
                || (Fault::PermitWidensAllScopes.is_on() && matches!(rule.effect, Effect::Permit(_)));
            let any_operation = Fault::PermitOfOtherOperations.is_on();
            if about && (side.concerns(rule) || any_operation) {
                let residual = self.rule_residual(rule)?;
                // A permit that opens nothing to this principal did not take part.
                if !matches!(residual, Predicate::Const(Truth::False | Truth::Unknown)) {
                    self.note(Applied { model: rules.model, rule: AppliedRule::Row(index) });
                }
                if rule.operations.contains_all(side.operations()) || any_operation {
                    alternatives.push(residual);
                } else {
                    partial.push((rule.operations, residual));
                }
            }
        }
        if !partial.is_empty() {
            alternatives.push(permitted_for_each(side.operations(), &partial));
        }
        Ok(Predicate::any(alternatives))
    }

    /// The residual of a row policy.
    fn rule_residual(&mut self, rule: &RowRule) -> Result<Predicate> {
        if self.has_told(rule) {
            return self.residual(&rule.condition);
        }
        self.trace_rule(rule);
        let residual = self.residual(&rule.condition)?;
        self.trace_decided(&residual);
        Ok(residual)
    }

    /// The value of a scoping expression: present, of the column's type, or an error.
    fn scope_value(&self, model: ModelId, scope: &ScopeRule) -> Result<Value> {
        let path = match &scope.value {
            ScopeValue::Literal(value) => return Ok(value.clone()),
            ScopeValue::Principal(path) => path,
        };
        let principal = &self.authority.call.principal;
        let field = self.catalog().model(model).field(scope.field);
        let given_as_list = matches!(principal.attribute(path), Some(Attribute::Json(json)) if json.is_array());
        let found = if given_as_list {
            attribute::list(principal, path, &field.ty).map(|list| {
                // An empty list names no tenant at all.
                list.filter(|values| !values.is_empty()).map(Value::Array)
            })
        } else {
            attribute::scalar(principal, path, &field.ty)
        };
        match found {
            Ok(Some(Value::Array(values))) => {
                let max = self.rules(model)?.budget.max_list_length;
                if values.len() > max as usize {
                    return Err(incomplete(path, &format!("a list of at most {max} values")));
                }
                Ok(Value::Array(values))
            }
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(incomplete(path, "a value")),
            Err(error) => Err(incomplete(path, &error.expected)),
        }
    }
}

/// What permits of single operations open together: `(s OR a) AND (s OR b)` is `s OR (a AND b)`.
fn permitted_for_each(operations: Operations, partial: &[(Operations, Predicate)]) -> Predicate {
    let of = |operation| {
        let about = partial.iter().filter(|(operations, _)| operations.contains(operation));
        Predicate::any(about.map(|(_, residual)| residual.clone()).collect())
    };
    Predicate::all(operations.iter().map(of).collect())
}

/// The principal lacks what a scope needs. Says what is needed, never what was given.
pub(super) fn incomplete(path: &PrincipalPath, expected: &str) -> Error {
    let code = match path {
        PrincipalPath::TenantId => ErrorCode::TenantScopeRequired,
        _ => ErrorCode::PrincipalIncomplete,
    };
    Error::new(code, format!("`{path}` must be {expected}"))
        .hint(Some("the host application sets it from the verified caller; a request cannot".to_owned()))
}
