//! The policies of the guide load, and mean what the guide says.

use insta::assert_snapshot;
use ormai_core::policy::{Effect, Operation, Operations, ScopeValue, WriteAction};
use ormai_core::principal::PrincipalPath;

use super::{findings, policy};
use ormai_core::policy::Format;

const BASIC: &str = "models:
  User:
    allowed: true
    fields: {id: {action: allow}, tenant_id: {action: allow}, email: {action: allow}}
    scoping: {tenant_id: principal.tenant_id}
  Order:
    allowed: true
    fields: {id: allow, tenant_id: allow, user_id: allow, status: allow}
    scoping: {tenant_id: principal.tenant_id}
";

#[test]
fn tenant_scoping() {
    let policy = policy(BASIC);
    let view = policy.view(&[]);
    let order = policy.catalog().find("Order").unwrap();
    let rules = view.model(order).unwrap();
    let model = policy.catalog().model(order);
    assert_eq!(rules.scoping.len(), 1);
    assert_eq!(model.field(rules.scoping[0].field).name, "tenant_id");
    assert_eq!(rules.scoping[0].value, ScopeValue::Principal(PrincipalPath::TenantId));
    let open: Vec<&str> =
        model.field_ids().filter(|(id, _)| rules.field(*id).is_some()).map(|(_, f)| f.name.as_str()).collect();
    assert_eq!(open, ["id", "tenant_id", "user_id", "status"]);
    assert_eq!(view.models().count(), 2, "what the policy does not name is not open");
    assert_eq!(rules.write.create, WriteAction::Deny, "writes are closed unless they are opened");
}

#[test]
fn several_scopes_and_owners() {
    for (field, expression) in [("organization_id", "principal.metadata.org_id"), ("owner_id", "principal.user_id")] {
        let policy = policy(&format!(
            "models: {{Order: {{scoping: {{tenant_id: principal.tenant_id, {field}: {expression}}}}}}}"
        ));
        let view = policy.view(&[]);
        assert_eq!(view.models().next().unwrap().scoping.len(), 2);
    }
}

/// The hierarchy of the guide, without a written effect.
const HIERARCHY: &str = "models:
  Order:
    scoping: {tenant_id: principal.tenant_id}
    row_policies:
      - name: parent_access
        condition: tenant_id IN principal.metadata.tenant_hierarchy
        description: Access data from parent tenants
";

#[test]
fn a_hierarchy_is_an_inferred_permit_for_reads() {
    let policy = policy(HIERARCHY);
    let view = policy.view(&[]);
    let rule = &view.models().next().unwrap().row_rules[0];
    let tenant = policy.catalog().model(policy.catalog().find("Order").unwrap()).find_field("tenant_id").unwrap();
    assert_eq!((rule.effect, rule.inferred), (Effect::Permit(tenant), true));
    assert_eq!(rule.operations, Operations::READ);
    assert!(!rule.check);
    assert_snapshot!("hierarchy", findings(HIERARCHY, Format::Yaml));
}

#[test]
fn a_strict_policy_asks_for_the_effect() {
    assert_snapshot!("strict", findings(&format!("strict: true\n{HIERARCHY}"), Format::Yaml));
    let written = HIERARCHY.replace("        description", "        effect: permit\n        description");
    policy(&format!("strict: true\n{written}"));
}

#[test]
fn an_administrator_bypasses() {
    let policy = policy(
        "models:
  Order:
    scoping: {tenant_id: principal.tenant_id}
    row_policies: [{name: admin_bypass, condition: \"'super_admin' IN principal.roles\", bypass: true}]
",
    );
    let view = policy.view(&[]);
    let rule = &view.models().next().unwrap().row_rules[0];
    assert_eq!((rule.effect, rule.operations), (Effect::Bypass, Operations::ALL));
}

#[test]
fn writes_and_validation() {
    let policy = policy(
        "models:
  Order:
    scoping: {tenant_id: principal.tenant_id}
    row_policies: [{name: tenant_required, condition: tenant_id IS NOT NULL, description: Ensure tenant_id is always set}]
    write_policy:
      create: allow
      auto_set: {tenant_id: principal.tenant_id}
      immutable_fields: [tenant_id]
",
    );
    let view = policy.view(&[]);
    let rules = view.models().next().unwrap();
    assert_eq!((rules.write.create, rules.write.update), (WriteAction::Allow, WriteAction::Deny));
    assert_eq!(rules.write.auto_set.len(), 1);
    assert_eq!(rules.write.immutable_fields.len(), 1);
    let rule = &rules.row_rules[0];
    assert_eq!(rule.effect, Effect::Restrict, "IS NOT NULL permits nothing");
    assert!(rule.check, "a restriction on a scoped field is checked on written rows");
    assert!(rule.operations.contains(Operation::Delete));
}

#[test]
fn shared_resources() {
    let text = "models:
  Document:
    scoping: {}
    row_policies: [{name: public_or_owned, condition: is_public = true OR tenant_id = principal.tenant_id}]
";
    let policy = policy(text);
    let view = policy.view(&[]);
    let rules = view.models().next().unwrap();
    assert!(rules.scoping.is_empty());
    assert_eq!(rules.row_rules[0].effect, Effect::Restrict);
    assert!(rules.row_rules[0].check, "it mentions the principal");
    assert_snapshot!("shared", findings(text, Format::Yaml));
}

#[test]
fn tenant_metadata() {
    let policy = policy(
        "models:
  Tenant:
    allowed: true
    fields: {id: allow, name: allow}
    scoping: {id: principal.tenant_id}
    write_policy: {create: deny, update: deny, delete: deny}
",
    );
    assert!(policy.diagnostics().is_empty(), "the primary key is the scope: {:?}", policy.diagnostics());
}
