//! Which rows a model's policies admit, for principals of all roles at once.
//!
//! ```text
//! visible = bypass  OR  ( AND over scoped fields f of (scope_f OR permit_f)  AND  restrict )
//! ```
//!
//! is, in PostgreSQL's words: permissive `scope`, permissive `bypass`, and a restrictive policy
//! for each restriction that a bypass lifts.

use ormai_core::catalog::{Catalog, FieldId, Model};
use ormai_core::policy::{Effect, Layers, Operation, RowRule, ScopeRule, ScopeValue, WriteAction};
use ormai_core::value::ColumnType;

use super::gate::Gate;
use super::made::Made;
use super::principal::{add, demands, scope};
use super::text::Sql;
use super::value::{literal, spelled};
use crate::error::CompileError;

/// A model's rules, each with the role that it is about.
pub(super) struct Rows<'a> {
    pub(super) model: &'a Model,
    pub(super) layers: &'a Layers<'a>,
    rules: Vec<(Option<&'a str>, &'a RowRule)>,
}

/// Whether rows are sought or written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// USING
    Using,
    /// WITH CHECK
    Check,
}

impl<'a> Rows<'a> {
    pub(super) fn new(catalog: &'a Catalog, layers: &'a Layers<'a>) -> Self {
        let own = layers.rules.row_rules.iter().map(|rule| (None, rule));
        let of = |grants: bool| {
            let overlays = layers.overlays.iter().filter(move |overlay| overlay.grants == grants);
            overlays.flat_map(|overlay| overlay.row_rules.iter().map(|rule| (Some(overlay.role), *rule)))
        };
        // A narrowing overlay permits nothing and lets nobody pass.
        let narrowing = of(false).filter(|(_, rule)| rule.effect == Effect::Restrict);
        let rules = own.chain(of(true)).chain(narrowing).collect();
        Self { model: catalog.model(layers.rules.model), layers, rules }
    }

    /// The rules about an operation.
    fn about(&self, operation: Operation) -> impl Iterator<Item = (Option<&'a str>, &'a RowRule)> + '_ {
        self.rules.iter().copied().filter(move |(_, rule)| rule.operations.contains(operation))
    }

    /// For whom an operation is open at all.
    pub(super) fn open(&self, operation: Operation) -> Result<Gate, CompileError> {
        let layers = self.layers;
        let write = &layers.rules.write;
        let opens = |action: WriteAction| action != WriteAction::Deny;
        let action = |base: WriteAction, said: fn(&ormai_core::policy::Layer<'_>) -> Option<WriteAction>| {
            Gate::layered(opens(base), &layers.overlays, |overlay| said(overlay).map(opens))
        };
        let open = Gate::layered(layers.open, &layers.overlays, |overlay| overlay.allowed)?;
        Ok(open.and(match operation {
            Operation::Read => Gate::Always,
            Operation::Create => action(write.create, |overlay| overlay.create)?,
            Operation::Update => action(write.update, |overlay| overlay.update)?
                .or(action(write.bulk_update, |overlay| overlay.bulk_update)?),
            // A soft delete is an update, which PostgreSQL refuses once the row cannot be read.
            Operation::Delete if layers.rules.soft_delete.is_some() => Gate::Never,
            Operation::Delete => action(write.delete, |overlay| overlay.delete)?,
        }))
    }

    /// Whether this principal passes; `None` where nobody does. Of two bypasses the second is
    /// looked at only when the first does not hold.
    pub(super) fn bypass(&self, operation: Operation, to: &mut Made<'_>) -> Result<Option<Sql>, CompileError> {
        let bypasses: Vec<_> = self.about(operation).filter(|(_, rule)| rule.effect == Effect::Bypass).collect();
        let mut passes: Option<Sql> = None;
        for (role, rule) in bypasses.into_iter().rev() {
            let condition = Sql::of("coalesce(").and(&to.condition(self.model, rule)?).then(", false)");
            let either = Sql::any([Some(condition), passes.clone()].into_iter().flatten().collect());
            let mut all = Vec::new();
            demands(rule.condition.root(), &mut all)?;
            all.extend(either);
            let own = Sql::all(all).unwrap_or(Sql::of("false"));
            passes = Some(match (Gate::role(role)?, passes) {
                (Gate::When(role), rest) => {
                    let rest = rest.unwrap_or(Sql::of("false"));
                    Sql::of("CASE WHEN ").and(&role).then(" THEN ").and(&own).then(" ELSE ").and(&rest).then(" END")
                }
                _ => own,
            });
        }
        Ok(passes)
    }

    /// What the principal must be for rows to be looked at: known, allowed, and of the shape
    /// that every condition needs. Without it OrmAI refuses, and here there are no rows.
    pub(super) fn door(&self, operation: Operation, open: &Gate) -> Result<Sql, CompileError> {
        let mut all = vec![Sql::of("ormai_rls.principal() IS NOT NULL")];
        all.extend(open.clone().condition());
        for (gate, value) in self.scope_values()? {
            let present = Gate::When(value.grouped().then(" IS NOT NULL"));
            all.extend(gate.not().or(present).condition());
        }
        for (role, rule) in self.about(operation) {
            let mut found = Vec::new();
            demands(rule.condition.root(), &mut found)?;
            for demand in found {
                if let Some(demand) = Gate::role(role)?.not().or(Gate::When(demand)).condition() {
                    add(&mut all, demand)?;
                }
            }
        }
        let all = all.into_iter().map(Sql::grouped);
        Ok(Sql::join(all, "\n      AND "))
    }

    /// The values that scopes compare with, and for whom each is one.
    fn scope_values(&self) -> Result<Vec<(Gate, Sql)>, CompileError> {
        let scopes = self.scopes()?;
        Ok(scopes.into_iter().filter_map(|scope| Some((scope.gate, scope.value?))).collect())
    }

    /// Every scope: of each field the one that holds for the principal's roles, and those
    /// that narrowing overlays add.
    fn scopes(&self) -> Result<Vec<Scope>, CompileError> {
        let layers = self.layers;
        let mut fields: Vec<FieldId> = Vec::new();
        let granting = || layers.overlays.iter().filter(|overlay| overlay.grants);
        for scope in layers.rules.scoping.iter().chain(granting().flat_map(|overlay| overlay.scoping)) {
            if !fields.contains(&scope.field) {
                fields.push(scope.field);
            }
        }
        let mut scopes = Vec::new();
        for field in fields {
            let base = layers.rules.scoping.iter().find(|scope| scope.field == field);
            let replaced: Vec<(&str, &ScopeRule)> = granting()
                .filter_map(|overlay| Some((overlay.role, overlay.scoping.iter().rfind(|scope| scope.field == field)?)))
                .collect();
            scopes.push(self.layered_scope(field, base, &replaced)?);
        }
        for overlay in layers.overlays.iter().filter(|overlay| !overlay.grants) {
            for scope in overlay.scoping {
                let only = self.layered_scope(scope.field, Some(scope), &[])?;
                scopes.push(Scope { gate: Gate::role(Some(overlay.role))?, ..only });
            }
        }
        Ok(scopes)
    }

    /// The scope of one field, of which the last overlay that a principal has decides.
    fn layered_scope(
        &self,
        field: FieldId,
        base: Option<&ScopeRule>,
        replaced: &[(&str, &ScopeRule)],
    ) -> Result<Scope, CompileError> {
        let ty = &self.model.field(field).ty;
        let column = Sql::name(&self.model.field(field).column)?;
        let column = if matches!(ty, ColumnType::Enum(_)) { column.cast("text") } else { column };
        if let (Some(ScopeValue::Literal(value)), []) = (base.map(|scope| &scope.value), replaced) {
            let atom = column.then(" = ").and(&literal(value)?);
            return Ok(Scope { field, gate: Gate::Always, value: None, atom });
        }
        let array = spelled(ty).ok_or(CompileError::Malformed("a scope of a type that no value has"))?.array;
        let value = |scope: &ScopeRule| match &scope.value {
            ScopeValue::Principal(path) => self::scope(path, ty),
            ScopeValue::Literal(value) => Ok(Sql::of("ARRAY[").and(&literal(value)?.grouped().cast("text")).then("]")),
        };
        let mut gate = Gate::of(base.is_some());
        let mut chosen = base.map(value).transpose()?.unwrap_or(Sql::of("NULL::text[]"));
        for (role, scope) in replaced {
            let has = super::principal::has_role(role)?;
            gate = Gate::When(has.clone()).or(gate);
            chosen = Sql::of("CASE WHEN ").and(&has).then(" THEN ").and(&value(scope)?).then(" ELSE ").and(&chosen);
            chosen = chosen.then(" END");
        }
        let atom = column.then(" = ANY (").and(&chosen.clone().once()).then("::").then(array).then(")");
        Ok(Scope { field, gate, value: Some(chosen), atom })
    }

    /// Each scope with what is permitted beside it.
    pub(super) fn scoped(&self, operation: Operation, side: Side, to: &mut Made<'_>) -> Result<Vec<Sql>, CompileError> {
        let mut scoped = Vec::new();
        for scope in self.scopes()? {
            let mut any = vec![scope.atom];
            if let Gate::When(not) = scope.gate.not() {
                any.insert(0, not.once());
            }
            for (role, rule) in self.about(operation) {
                if rule.effect == Effect::Permit(scope.field) && (side == Side::Using || rule.check) {
                    let mut all: Vec<Sql> = Gate::role(role)?.condition().map(Sql::once).into_iter().collect();
                    all.push(to.condition(self.model, rule)?);
                    any.extend(Sql::all(all));
                }
            }
            scoped.extend(Sql::any(any));
        }
        Ok(scoped)
    }

    /// The restrictions, each with the roles that it is about.
    pub(super) fn restrictions(
        &self,
        operation: Operation,
    ) -> impl Iterator<Item = (Option<&'a str>, &'a RowRule)> + '_ {
        self.about(operation).filter(|(_, rule)| rule.effect == Effect::Restrict)
    }
}

/// A scope of one field.
struct Scope {
    field: FieldId,
    /// For whom it is one.
    gate: Gate,
    /// What it compares with, where that is the principal's.
    value: Option<Sql>,
    atom: Sql,
}
