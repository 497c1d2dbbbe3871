//! Permits that make every query read the whole table.

use super::{Linted, Linter};
use crate::catalog::ModelKind;
use crate::policy::rules::{Effect, Operation};

impl<'a> Linter<'a> {
    /// A scope is joined to its permits by OR, which has an index only where each side has one.
    pub(super) fn indexes(&mut self, linted: Linted<'a>) {
        let model = linted.subject.model;
        if model.kind == ModelKind::View {
            return;
        }
        let keys = || model.indexes.iter().chain(&model.unique_keys).chain([&model.primary_key]);
        for rule in &linted.open.rules.row_rules {
            let Effect::Permit(_) = rule.effect else { continue };
            let fields = rule.condition.fields();
            let helped = fields.is_empty() || keys().filter_map(|key| key.first()).any(|first| fields.contains(first));
            let policy = linted.policy.row_policies.iter().find(|policy| policy.name.value == rule.name);
            if let Some(policy) = policy.filter(|_| !helped && rule.operations.contains(Operation::Read)) {
                let message = format!(
                    "no index of `{}` begins with a field of the permit `{}`, so queries read the whole table",
                    model.name, rule.name
                );
                let names: Vec<&str> = fields.iter().map(|field| model.field(*field).name.as_str()).collect();
                let help = format!("create an index that begins with `{}`", names.join("` or `"));
                self.note(&policy.condition, "permit-without-index", message, help);
            }
        }
    }
}
