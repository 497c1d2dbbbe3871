//! What loads and deserves a second look.

use super::overlay::{LIMITS, limits};
use super::subject::{Checker, Subject};
use super::view::Models;
use crate::catalog::{FieldId, Model, ModelKind};
use crate::diagnostic::Diagnostic;
use crate::policy::document::{BudgetPolicy, ModelPolicy, Spanned};
use crate::policy::rules::{Budget, ModelRules, WriteAction};

impl Checker<'_> {
    pub(super) fn doubt_budget(&mut self, subject: Subject<'_>, policy: &BudgetPolicy, mut default: Budget) {
        for ((limit, value), name) in limits(policy, &mut default).into_iter().zip(LIMITS) {
            if let Some(value) = value.as_ref().filter(|value| value.value > *limit) {
                let message = format!("`{name}` of {subject} is wider than the policy's own, which is {limit}");
                self.findings.push(value.blame(Diagnostic::warning("wider-budget", message)));
            }
        }
    }

    pub(super) fn doubt_scope(
        &mut self,
        subject: Subject<'_>,
        name: &Spanned<String>,
        policy: &ModelPolicy,
        rules: &ModelRules,
    ) {
        let model = subject.model;
        if policy.allowed.as_ref().is_some_and(|allowed| !allowed.value) {
            return;
        }
        if policy.scoping.as_ref().is_some_and(|scoping| scoping.is_empty()) {
            let message = format!("`{}` is shared by all tenants", model.name);
            self.findings.push(name.blame(Diagnostic::note("shared-model", message)));
        }
        let scoped: Vec<FieldId> = rules.scoping.iter().map(|scope| scope.field).collect();
        if scoped.is_empty() || model.kind == ModelKind::View {
            return;
        }
        let leaves_out = |key: &[FieldId]| !key.is_empty() && !key.iter().any(|field| scoped.contains(field));
        for key in model.unique_keys.iter().filter(|key| leaves_out(key)) {
            let message = format!(
                "the unique key ({}) of `{}` spans tenants: a write can tell that another tenant has a value",
                names(model, key),
                model.name
            );
            // A key that takes in the primary key would hold nothing any more.
            let scope = scoped.first().filter(|field| !model.primary_key.contains(field));
            let help = scope.map(|field| format!("let the key begin with `{}`", names(model, &[*field])));
            self.findings.push(name.blame(Diagnostic::warning("unique-spans-tenants", message)).help(help));
        }
        let overlays =
            policy.roles.values().filter_map(|overlay| overlay.policy.write_policy.as_ref()?.create.as_ref());
        let creates = rules.write.create != WriteAction::Deny
            || overlays.into_iter().any(|create| create.value != WriteAction::Deny);
        if creates && leaves_out(&model.primary_key) {
            let message = format!(
                "the primary key ({}) of `{}` spans tenants: a create that chooses its key can tell that it is taken",
                names(model, &model.primary_key),
                model.name
            );
            self.findings.push(name.blame(Diagnostic::note("primary-key-spans-tenants", message)));
        }
        let keys = model.indexes.iter().chain(&model.unique_keys).chain([&model.primary_key]);
        let helped = keys.filter_map(|key| key.first()).any(|first| scoped.contains(first));
        if !helped {
            let message = format!(
                "no index of `{}` begins with a scoped field, so every query reads the whole table",
                model.name
            );
            let help = format!("create an index on ({})", names(model, &scoped));
            self.findings.push(name.blame(Diagnostic::warning("scope-without-index", message)).help(help));
        }
    }

    /// Once all models are known: relations to models that nobody may see.
    pub(super) fn doubt_relations(&mut self, models: &Models) {
        for (name, policy) in &self.document.models {
            let Some(model) = self.catalog.find(&name.value).map(|id| self.catalog.model(id)) else { continue };
            let overlays = policy.roles.values().flat_map(|overlay| &overlay.policy.relations);
            for (relation, policy) in policy.relations.iter().chain(overlays) {
                let open = policy.allowed.as_ref().is_none_or(|allowed| allowed.value);
                let Some(id) = model.find_relation(&relation.value).filter(|_| open) else { continue };
                let target = model.relation(id).target;
                if !models.may_open(target) {
                    let target = &self.catalog.model(target).name;
                    let message = format!(
                        "relation `{}.{}` stays closed, because its target `{target}` is not open",
                        model.name, relation.value
                    );
                    let finding = Diagnostic::warning("relation-to-closed-model", message);
                    let help = format!("open `{target}` under `models`, or take the relation out");
                    self.findings.push(relation.blame(finding).help(help));
                }
            }
        }
    }
}

fn names(model: &Model, fields: &[FieldId]) -> String {
    fields.iter().map(|field| model.field(*field).name.as_str()).collect::<Vec<_>>().join(", ")
}
