//! What a row policy does, from what its author wrote (semantics, section 1).

use ormai_core::policy::{Effect, Operation, Operations};

use super::policy;

/// Effect, operations and check of one row policy on a model scoped by tenant and owner.
fn check(row_policy: &str, effect: &str, operations: Operations, checked: bool) {
    let policy = policy(&format!(
        "models:\n  Order:\n    scoping: {{tenant_id: principal.tenant_id, owner_id: principal.user_id}}\n    row_policies:\n      - {{name: it, {row_policy}}}\n"
    ));
    let view = policy.view(&[]);
    let rules = view.models().next().unwrap();
    let rule = &rules.row_rules[0];
    let model = policy.catalog().model(rules.model);
    let found = match rule.effect {
        Effect::Restrict => "restrict".to_owned(),
        Effect::Bypass => "bypass".to_owned(),
        Effect::Permit(field) => {
            format!("{} {}", if rule.inferred { "infers" } else { "permits" }, model.field(field).name)
        }
    };
    assert_eq!((found.as_str(), rule.operations, rule.check), (effect, operations, checked), "{row_policy}");
}

#[test]
fn one_atom_on_a_scoped_field_permits_and_everything_else_restricts() {
    let (all, read) = (Operations::ALL, Operations::READ);
    check("condition: tenant_id IN principal.metadata.tenants", "infers tenant_id", read, false);
    check("condition: tenant_id = principal.metadata.parent", "infers tenant_id", read, false);
    check("condition: principal.metadata.parent = tenant_id", "infers tenant_id", read, false);
    check("condition: owner_id = principal.metadata.deputy", "infers owner_id", read, false);
    check("condition: user_id = principal.user_id", "restrict", all, true);
    check("condition: tenant_id IS NOT NULL", "restrict", all, true);
    check("condition: \"tenant_id = 'root'\"", "restrict", all, true);
    check("condition: NOT tenant_id = principal.metadata.parent", "restrict", all, true);
    check("condition: tenant_id IN principal.metadata.a AND total > 1", "restrict", all, true);
    check("condition: tenant_id NOT IN principal.metadata.a", "restrict", all, true);
    check("condition: \"status = 'open'\"", "restrict", all, false);
    check("condition: \"'a' IN principal.roles\"", "restrict", all, true);
}

#[test]
fn what_is_written_goes_before_what_is_inferred() {
    let (all, read) = (Operations::ALL, Operations::READ);
    let write: Operations = [Operation::Read, Operation::Update].into_iter().collect();
    check("effect: restrict, condition: tenant_id IN principal.metadata.tenants", "restrict", all, true);
    check("effect: permit, condition: tenant_id IN principal.metadata.tenants", "permits tenant_id", read, false);
    check("effect: permit, condition: \"tenant_id = 'root' AND total > 1\"", "permits tenant_id", read, false);
    check("effect: permit, field: owner_id, condition: \"'lead' IN principal.roles\"", "permits owner_id", read, false);
    check(
        "effect: permit, operations: [read, update], condition: tenant_id IN principal.metadata.tenants",
        "permits tenant_id",
        write,
        true,
    );
    check(
        "operations: [read, update], condition: tenant_id IN principal.metadata.tenants",
        "infers tenant_id",
        write,
        true,
    );
    check("check: true, condition: \"status = 'open'\"", "restrict", all, true);
    check("check: false, condition: tenant_id IS NOT NULL", "restrict", all, false);
    check("bypass: false, condition: tenant_id IS NOT NULL", "restrict", all, true);
    check("bypass: true, operations: [read], condition: \"'a' IN principal.roles\"", "bypass", read, false);
}

#[test]
fn a_soft_delete_hides_rows_and_is_no_check() {
    let policy = policy("models: {Order: {scoping: {tenant_id: principal.tenant_id}, soft_delete: deleted_at}}");
    let view = policy.view(&[]);
    let rules = view.models().next().unwrap();
    let rule = &rules.row_rules[0];
    assert_eq!((rule.name.as_str(), rule.condition.source()), ("soft_delete", "deleted_at IS NULL"));
    assert_eq!((rule.effect, rule.operations, rule.check), (Effect::Restrict, Operations::ALL, false));
    assert!(rules.soft_delete.is_some());
}
