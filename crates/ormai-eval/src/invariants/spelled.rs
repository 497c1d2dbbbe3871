//! A policy as it is for some roles, with all said that a document may leave to be inferred.
//!
//! What the toolset infers is part of what is evaluated; so it is not asked for it. Fields that are not
//! listed, effects that are not written, roles that differ in letter case and overlays that narrow are
//! settled here, and views of other roles are made of another document.

use std::collections::HashSet;
use std::sync::Arc;

use ormai::catalog::{Catalog, Model, ModelId};
use ormai::condition::compile;
use ormai::policy::document::{
    Action, FieldPolicy, ModelPolicy, Overlay, PolicyDocument, RowEffect, RowPolicy, Spanned,
};
use ormai::policy::{CompileOptions, CompiledPolicy, View};

/// What a document opens to the principals of some roles.
pub(crate) fn view(document: &PolicyDocument, catalog: &Arc<Catalog>, roles: &[String]) -> Option<Arc<View>> {
    let spelled = spelled_out(document, catalog, roles);
    let options = CompileOptions { has_hash_key: true };
    let named: Vec<String> = roles.iter().filter(|role| names_role(document, role)).cloned().collect();
    Some(CompiledPolicy::compile(&spelled, Arc::clone(catalog), options).ok()?.view(&named))
}

/// Whether any model says something of exactly this role.
fn names_role(document: &PolicyDocument, role: &str) -> bool {
    document.models.values().flat_map(|model| model.roles.keys()).any(|named| named.value == role)
}

fn spelled_out(document: &PolicyDocument, catalog: &Catalog, roles: &[String]) -> PolicyDocument {
    let shows = document.default_field_action.as_ref().is_some_and(|action| action.value == Action::Allow);
    let mut spelled = document.clone();
    for (name, policy) in &mut spelled.models {
        let Some(id) = catalog.find(&name.value) else { continue };
        let model = catalog.model(id);
        list_fields(model, policy, shows);
        let scoped: HashSet<String> = fields_scoped(policy).collect();
        say_effects(catalog, id, &mut policy.row_policies, &scoped);
        policy.roles.retain(|role, _| roles.contains(&role.value));
        for overlay in policy.roles.values_mut() {
            let more = fields_scoped(&overlay.policy).chain(scoped.iter().cloned()).collect();
            say_effects(catalog, id, &mut overlay.policy.row_policies, &more);
        }
        settle_narrowing(policy);
    }
    spelled
}

fn fields_scoped(policy: &ModelPolicy) -> impl Iterator<Item = String> + '_ {
    policy.scoping.iter().flatten().map(|(field, _)| field.value.clone())
}

/// Says of each field that is not listed what becomes of it.
fn list_fields(model: &Model, policy: &mut ModelPolicy, shows: bool) {
    for field in &model.fields {
        if !policy.fields.keys().any(|listed| listed.value == field.name) {
            let action = if shows { Action::Allow } else { Action::Deny };
            let policy_of_field = FieldPolicy { action: action.into(), mask_pattern: None, filter_equality: None };
            policy.fields.insert(field.name.clone().into(), policy_of_field);
        }
    }
}

/// Says of each row policy what it does. It permits when it is nothing but a scoped field that equals, or is
/// in, an attribute of the principal.
fn say_effects(catalog: &Catalog, model: ModelId, rows: &mut [RowPolicy], scoped: &HashSet<String>) {
    for row in rows {
        if row.effect.is_some() || row.bypass.as_ref().is_some_and(|bypass| bypass.value) {
            continue;
        }
        let Ok(checked) = compile(&row.condition.value, catalog, model) else { continue };
        let field = checked.condition.as_permit().map(|field| &catalog.model(model).field(field).name);
        let permits = field.is_some_and(|field| scoped.contains(field));
        row.effect = Some(if permits { RowEffect::Permit } else { RowEffect::Restrict }.into());
    }
}

/// An overlay that narrows opens nothing beyond its model. Where it is alone, what it says is what holds.
fn settle_narrowing(policy: &mut ModelPolicy) {
    let base: HashSet<String> = fields_scoped(policy).collect();
    let mut overlays: Vec<&mut Overlay> = policy.roles.values_mut().collect();
    if let [overlay] = overlays.as_mut_slice() {
        let grants = overlay.grants.as_ref().is_some_and(|grants| grants.value);
        // Two scopes of one field hold both.
        let scopes_again = fields_scoped(&overlay.policy).any(|field| base.contains(&field));
        if !grants && !scopes_again {
            overlay.grants = Some(Spanned::from(true));
        }
    }
}
