//! A policy that admits the same rows and shows the keys of all of them.

use ormai::catalog::Catalog;
use ormai::policy::PolicyDocument;
use ormai::policy::document::{Action, BudgetPolicy, FieldPolicy};

/// The policy with the keys of its models open and its limits wide, so that rows can be told apart and
/// read to their end. Which rows there are is decided by scopes and row policies, and those stay.
pub(super) fn keyed(document: &PolicyDocument, catalog: &Catalog) -> PolicyDocument {
    let mut keyed = document.clone();
    keyed.budget = BudgetPolicy {
        max_rows: Some(10_000.into()),
        max_complexity_score: Some(u32::MAX.into()),
        max_selected_fields: Some(u32::MAX.into()),
        statement_timeout_ms: Some(60_000.into()),
        ..document.budget.clone()
    };
    for (name, policy) in &mut keyed.models {
        let Some(model) = catalog.find(&name.value).map(|id| catalog.model(id)) else { continue };
        policy.budget =
            BudgetPolicy { max_list_length: policy.budget.max_list_length.clone(), ..BudgetPolicy::default() };
        for field in &model.primary_key {
            let key = model.field(*field).name.as_str();
            policy.fields.insert(key.into(), FieldPolicy::new(Action::Allow));
        }
        for overlay in policy.roles.values_mut() {
            let keys = model.primary_key.iter().map(|field| model.field(*field).name.as_str());
            keys.for_each(|key| drop(overlay.policy.fields.shift_remove(key)));
            overlay.policy.budget = BudgetPolicy {
                max_list_length: overlay.policy.budget.max_list_length.clone(),
                ..BudgetPolicy::default()
            };
        }
    }
    keyed
}
