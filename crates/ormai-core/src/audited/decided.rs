//! What a plan says of itself before any of it runs.

use serde::Serialize;

use super::bounds::cut;
use super::limits;
use crate::catalog::{Catalog, ModelId};
use crate::plan::{Applied, AppliedRule, ScopedPlan, WritePlan, literal};
use crate::policy::{Effect, RowRule, View};
use crate::value::Value;

/// What was decided about a call, for its record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Decided {
    /// The scopes that the plan carries, each once: `tenant_id = 'acme'`, `tenant_id IN ('a', 'b')`,
    /// and with the model where that is not the one that was asked for: `User.tenant_id = 'acme'`.
    /// Of a list the first [`limits::LIST_ITEMS`] values stand, each cut like a name, and `…+N` for
    /// the others.
    pub scopes_injected: Vec<String>,
    /// The rules that lifted a scope, each once: `Order:admin_bypass`. Where there is one, the call
    /// sees rows of others, and its record must be durable before the answer leaves.
    pub bypass: Vec<String>,
    /// The rules that widened a scope without saying `effect: permit`, each once.
    pub inferred_permits: Vec<String>,
    /// The fields that the answer or a snapshot shows masked, hashed or redacted: `card`, and
    /// `user.email` for one of an include.
    pub fields_redacted: Vec<String>,
}

impl Decided {
    /// What a plan for reading says. `catalog` and `view` must be those that it was made with.
    pub fn of_read(plan: &ScopedPlan, catalog: &Catalog, view: &View) -> Self {
        Self {
            scopes_injected: scopes(plan.applied(), plan.model(), catalog),
            bypass: rules(plan.bypasses(), catalog, view, |_| true),
            inferred_permits: rules(plan.applied(), catalog, view, is_inferred_permit),
            fields_redacted: plan.fields_redacted(),
        }
    }

    /// What a plan for writing says. `catalog` and `view` must be those that it was made with.
    pub fn of_write(plan: &WritePlan, catalog: &Catalog, view: &View) -> Self {
        Self {
            scopes_injected: scopes(plan.applied(), Some(plan.model()), catalog),
            bypass: rules(plan.bypasses(), catalog, view, |_| true),
            inferred_permits: rules(plan.applied(), catalog, view, is_inferred_permit),
            fields_redacted: plan.fields_redacted(),
        }
    }
}

fn is_inferred_permit(rule: &RowRule) -> bool {
    rule.inferred && matches!(rule.effect, Effect::Permit(_))
}

fn scopes(applied: &[Applied], root: Option<ModelId>, catalog: &Catalog) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for Applied { model, rule } in applied {
        let AppliedRule::Scope(field, value) = rule else { continue };
        let described = catalog.model(*model);
        let field = &described.field(*field).name;
        let scope = match (root == Some(*model), value) {
            (true, Value::Array(values)) => format!("{field} IN {}", list(values)),
            (true, value) => format!("{field} = {}", short(value, limits::TEXT_BYTES)),
            (false, Value::Array(values)) => format!("{}.{field} IN {}", described.name, list(values)),
            (false, value) => format!("{}.{field} = {}", described.name, short(value, limits::TEXT_BYTES)),
        };
        if !told.contains(&scope) {
            told.push(scope);
        }
    }
    told
}

fn short(value: &Value, most: usize) -> String {
    cut(&literal(value), most).into_owned()
}

fn list(values: &[Value]) -> String {
    let mut shown: Vec<String> =
        values.iter().take(limits::LIST_ITEMS).map(|value| short(value, limits::NAME_BYTES)).collect();
    if let Some(more) = values.len().checked_sub(limits::LIST_ITEMS).filter(|more| *more > 0) {
        shown.push(format!("…+{more}"));
    }
    format!("({})", shown.join(", "))
}

/// The names of row policies that took part, of those that are meant.
fn rules(applied: &[Applied], catalog: &Catalog, view: &View, meant: impl Fn(&RowRule) -> bool) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for Applied { model, rule } in applied {
        let AppliedRule::Row(index) = rule else { continue };
        let found = view.model(*model).and_then(|rules| rules.row_rules.get(*index));
        let Some(rule) = found.filter(|rule| meant(rule)) else { continue };
        let name = format!("{}:{}", catalog.model(*model).name, rule.name);
        if !told.contains(&name) {
            told.push(name);
        }
    }
    told
}
