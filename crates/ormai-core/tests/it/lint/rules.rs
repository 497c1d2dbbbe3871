//! Where each rule speaks, and where it keeps silent.

use std::sync::Arc;

use insta::assert_snapshot;
use ormai_core::catalog::{CatalogBuilder, Collation, Field, ModelBuilder};
use ormai_core::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai_core::value::ColumnType;

use super::{findings_of, restricting};
use crate::policy::render;

const SCOPED: &str = "scoping: {tenant_id: principal.tenant_id}";

fn check(name: &str, text: &str) {
    assert_snapshot!(name, render(text, &findings_of(text, Format::Yaml, None)));
}

fn codes(text: &str) -> Vec<&'static str> {
    findings_of(text, Format::Yaml, None).into_iter().map(|finding| finding.code).collect()
}

/// A policy on orders with these row policies.
fn rows(rows: &str) -> String {
    format!("models:\n  Order:\n    {SCOPED}\n    row_policies:\n{rows}")
}

#[test]
fn conditions_that_say_nothing_or_everything() {
    check(
        "conditions_alone",
        &rows(
            "      - {name: restricts_all, condition: total > 5 AND total < 5}
      - {name: restricts_nothing, condition: \"kind IN ('draft', 'open', 'closed')\"}
      - {name: permits_nothing, effect: permit, condition: tenant_id IS NULL}
      - {name: permits_all, effect: permit, field: tenant_id, condition: tenant_id >= ''}
      - {name: frees_nobody, bypass: true, condition: \"'a' IN principal.roles AND 'a' NOT IN principal.roles\"}
      - {name: frees_all, bypass: true, condition: principal.user_id IS NULL OR principal.user_id IS NOT NULL}
",
        ),
    );
}

#[test]
fn conditions_beside_the_scope_and_each_other() {
    check(
        "conditions_together",
        &rows(
            "      - {name: of_nobody, condition: \"tenant_id = 'acme' AND principal.tenant_id = 'globex'\"}
      - {name: own_again, effect: permit, condition: tenant_id = principal.tenant_id}
      - {name: has_tenant, condition: tenant_id = principal.tenant_id OR total > 5}
      - {name: large, condition: total > 100}
      - {name: not_small, condition: total >= 100}
      - {name: small, condition: total < 100}
      - {name: admins, bypass: true, condition: \"'admin' IN principal.roles\"}
      - {name: some_admins, bypass: true, operations: [read], condition: \"'admin' IN principal.roles AND principal.user_id IS NOT NULL\"}
      - {name: family, effect: permit, condition: tenant_id IN principal.metadata.family}
      - {name: open_family, effect: permit, condition: tenant_id IN principal.metadata.family AND kind = 'open'}
",
        ),
    );
}

#[test]
fn what_is_needed_is_not_called_needless() {
    for (one, other) in [
        // Of other operations.
        ("{name: a, condition: total > 10, operations: [read]}", "{name: b, condition: total > 5}"),
        // Only one of them is a check on written rows.
        ("{name: a, condition: total > 10}", "{name: b, condition: total > 5, check: true}"),
        // A permit and a restriction.
        ("{name: a, effect: permit, field: tenant_id, condition: total > 10}", "{name: b, condition: total > 5}"),
        // A NULL makes the difference.
        ("{name: a, condition: status IS DISTINCT FROM 'a'}", "{name: b, condition: status IS NOT NULL}"),
        // No operation is about both.
        (
            "{name: a, condition: total > 10, operations: [read]}",
            "{name: b, condition: total < 5, operations: [delete]}",
        ),
    ] {
        let text = rows(&format!("      - {one}\n      - {other}\n"));
        let said: Vec<_> = codes(&text).into_iter().filter(|code| code.starts_with("condition-")).collect();
        assert_eq!(said, [] as [&str; 0], "{one} {other}");
    }
}

#[test]
fn what_a_permit_admits_is_in_the_scope_too() {
    // Without the permit, the restriction would be true of no row.
    let text = rows(
        "      - {name: french, effect: permit, field: tenant_id, condition: country = 'fr'}
      - {name: elsewhere, condition: tenant_id IS DISTINCT FROM principal.tenant_id}
",
    );
    assert!(!codes(&text).contains(&"condition-contradicts"), "{text}");
    let alone = rows("      - {name: elsewhere, condition: tenant_id IS DISTINCT FROM principal.tenant_id}\n");
    assert!(codes(&alone).contains(&"condition-contradicts"), "{alone}");
}

#[test]
fn a_restriction_of_a_role_holds_beside_the_models() {
    let text = format!(
        "models:\n  Order:\n    {SCOPED}\n    row_policies: [{{name: open, condition: kind = 'open'}}]\n    roles:\n      a: {{row_policies: [{{name: not_draft, condition: kind <> 'draft'}}]}}\n      b: {{row_policies: [{{name: closed, condition: kind = 'closed'}}]}}\n"
    );
    check("conditions_of_roles", &text);
}

#[test]
fn a_key_that_takes_in_the_scope_stays_inside() {
    let models = |keys: &str| format!("models:\n  Tenant: {{scoping: {{id: principal.tenant_id}}}}\n{keys}");
    let item = format!("  Order: {{{SCOPED}, write_policy: {{delete: allow}}}}\n  Item: {{{SCOPED}}}\n");
    let crossing = |text: &str| codes(text).iter().filter(|code| **code == "cascade-crosses-tenants").count();
    assert_eq!(crossing(&models(&item)), 0);
    // Tenants that are everybody's take the orders of any with them.
    assert_eq!(crossing(&format!("models:\n  Tenant: {{scoping: {{}}}}\n  Order: {{{SCOPED}}}\n")), 2);
    // The policy says nothing of countries, so it opens no way to them.
    assert_eq!(crossing(&format!("models:\n  Order: {{{SCOPED}}}\n")), 0);
    check(
        "cascades",
        &format!(
            "models:\n  Country: {{scoping: {{}}, write_policy: {{update: allow}}}}\n  User: {{{SCOPED}}}\n  Order: {{{SCOPED}}}\n"
        ),
    );
}

#[test]
fn masks_are_held_against_their_columns() {
    let mask = |field: &str, pattern: &str| {
        codes(&format!(
            "models: {{User: {{{SCOPED}, fields: {{{field}: {{action: mask, mask_pattern: '{pattern}'}}}}}}}}"
        ))
        .into_iter()
        .find(|code| code.starts_with("mask-"))
    };
    assert_eq!(mask("phone", "{first1}**{last4}"), None);
    assert_eq!(mask("phone", "{last6}"), None);
    assert_eq!(mask("phone", "{last7}"), Some("mask-shows-most"));
    assert_eq!(mask("phone", "{first6}{last5}"), Some("mask-shows-most"));
    assert_eq!(mask("phone", "{first6}{last6}"), Some("mask-hides-all"));
    assert_eq!(mask("token", "{first8}-…"), None);
    assert_eq!(mask("token", "{first20}"), Some("mask-shows-most"));
    // Nothing is known of its length.
    assert_eq!(mask("email", "{first64}"), None);
}

#[test]
fn a_collation_that_is_not_exact_is_doubted_where_it_decides_whose_a_row_is() {
    let doubted = |collation: Collation, scoping: &str, rows: &str| {
        let name = "handle".to_owned();
        let handle = Field { collation, ..super::column(&name, ColumnType::Text, None) };
        let table = ModelBuilder::table("User", "users").column(handle).field("tenant_id", ColumnType::Text);
        let catalog = Arc::new(CatalogBuilder::new().model(table).build().unwrap());
        let text = format!("models: {{User: {{scoping: {{{scoping}: principal.tenant_id}}, row_policies: [{rows}]}}}}");
        let document = PolicyDocument::parse(&text, Format::Yaml).unwrap();
        let policy = CompiledPolicy::compile(&document, catalog, CompileOptions::default()).unwrap();
        policy.lint(&document, None).iter().any(|finding| finding.code == "loose-collation")
    };
    let folded = |name: &str| Collation::Folded(name.into());
    for collation in [folded("utf8mb4_general_ci"), folded("utf8mb4_bin"), folded("utf8mb4_uca1400_as_cs")] {
        assert!(doubted(collation, "handle", ""));
    }
    for collation in [folded("utf8mb4_nopad_bin"), folded("utf8mb4_0900_bin"), Collation::Binary, Collation::Ordered] {
        assert!(!doubted(collation, "handle", ""));
    }
    let own = "{name: own, condition: handle = principal.user_id OR handle = 'all'}";
    assert!(doubted(Collation::Loose, "tenant_id", own));
    assert!(!doubted(Collation::Loose, "tenant_id", "{name: some, condition: handle = 'all'}"));
}

#[test]
fn secrets_are_known_by_their_names_and_types() {
    let shows =
        |fields: &str| codes(&format!("models: {{User: {{{SCOPED}, fields: {{{fields}}}}}}}")).contains(&"open-secret");
    assert!(shows("password_hash: allow"));
    assert!(!shows("password_hash: redact"));
    assert!(!shows("password_changed_at: allow, email: allow, token: allow"));
    let overlay =
        format!("models: {{User: {{{SCOPED}, roles: {{a: {{grants: true, fields: {{password_hash: allow}}}}}}}}}}");
    assert!(codes(&overlay).contains(&"open-secret"));
    assert!(codes(&format!("default_field_action: allow\nmodels: {{User: {{{SCOPED}}}}}")).contains(&"open-secret"));
}

#[test]
fn roles_that_nobody_has() {
    check(
        "roles_listed",
        &format!(
            "roles: [admin, support]\nmodels:\n  Order:\n    {SCOPED}\n    row_policies:\n      - {{name: a, bypass: true, operations: [read], condition: \"'adminn' IN principal.roles OR 'auditor' IN principal.roles\"}}\n    roles: {{support: {{allowed: true}}, Support: {{allowed: true}}}}\n"
        ),
    );
    check(
        "roles_unlisted",
        &format!("models:\n  Order:\n    {SCOPED}\n    roles: {{support: {{}}, 'Sup port': {{}}, ' admin': {{}}}}\n"),
    );
    assert_eq!(codes("roles: []\nmodels: {}"), [] as [&str; 0]);
}

#[test]
fn a_closed_model_has_nothing_to_be_doubted() {
    let text =
        "models: {Order: {allowed: false, scoping: {}, row_policies: [{name: a, condition: 1 > total AND total > 1}]}}";
    assert_eq!(codes(text), [] as [&str; 0]);
}

#[test]
fn more_cases_than_can_be_tried_are_no_finding() {
    let parts: Vec<String> = (0..30).map(|at| format!("country = principal.metadata.c{at}")).collect();
    let text = restricting(&format!("{} AND total > 1 AND total < 1", parts.join(" AND ")));
    assert!(!codes(&text).iter().any(|code| code.starts_with("condition-")));
}

/// Somebody must be able to say yes, for each set of roles that needs it.
#[test]
fn an_approval_that_nobody_can_give() {
    let orders = |write: &str, roles: &str| {
        codes(&format!("models:\n  Order:\n    {SCOPED}\n    write_policy: {{{write}}}\n    roles: {{{roles}}}\n"))
    };
    const FOUND: [&str; 1] = ["approval-without-approver"];
    assert_eq!(orders("update: require_approval, approver_roles: [manager]", ""), [] as [&str; 0]);
    assert_eq!(orders("update: require_approval, approver_roles: []", ""), FOUND);
    assert_eq!(orders("update: allow", ""), [] as [&str; 0]);
    // A role's overlay closes what was open, or takes the approvers away.
    assert_eq!(orders("update: allow", "support: {write_policy: {update: require_approval}}"), FOUND);
    let support = "support: {write_policy: {approver_roles: []}}";
    assert_eq!(orders("update: require_approval, approver_roles: [manager]", support), FOUND);
    // Said once, not again for each role.
    assert_eq!(orders("update: require_approval", "support: {budget: {max_rows: 5}}"), FOUND);
    let granted = "support: {grants: true, write_policy: {delete: require_approval, approver_roles: [manager]}}";
    assert_eq!(orders("update: allow", granted), [] as [&str; 0]);
}

#[test]
fn an_approver_is_a_role_like_any_other() {
    let text = format!(
        "roles: [manager]\nmodels:\n  Order:\n    {SCOPED}\n    write_policy: {{update: require_approval, approver_roles: [Manager]}}\n"
    );
    assert_eq!(codes(&text), ["unknown-role"]);
    let least = text.replace("[Manager]", "[manager], approval_ttl_s: 59");
    assert_eq!(codes(&least), ["wrong-type"]);
    let unnamed = text.replace("[Manager]", "['']");
    assert_eq!(codes(&unnamed), ["empty-name"]);
}
