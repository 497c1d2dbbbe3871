//! Each kind of change between two policies is found, and none where there is none.

use ormai::policy::{Format, PolicyDocument};
use ormai::prelude::*;
use ormai_eval::diff::{Direction, PolicyDiff, RowsOptions, Versions};
use ormai_eval::record::Who;
use ormai_testkit::world::{AsCatalog as _, AsDocument as _, Asked, Cases};
use ormai_testkit::{Engine, TestDatabase, every_engine, guide_catalog, guide_policy};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::guide::{ann, calls, changed, guide, recorded};

/// A policy of one model, or a part of it.
const BASE: &str = "
version: 1
budget: {max_rows: 100}
models:
  Order:
    fields: {id: allow, status: allow, total: allow, note: {action: mask, mask_pattern: '***{last2}'}}
    scoping: {tenant_id: principal.tenant_id}
    relations: {items: {max_depth: 2, fields: [id, sku]}}
    row_policies:
      - {name: not_drafts, condition: \"status <> 'draft'\", effect: restrict, operations: [read]}
      - {name: auditors, condition: \"'auditor' IN principal.roles\", bypass: true}
    write_policy:
      create: allow
      update: require_approval
      delete: deny
      auto_set: {tenant_id: principal.tenant_id}
      immutable_fields: [tenant_id]
      required_fields: [status]
      max_affected_rows: 10
      require_reason: true
      approver_roles: [lead]
    aggregations: {count: true, sum: [total], min_group_size: 5}
    roles:
      support: {grants: true, policy_here: yes}
  OrderItem:
    fields: {id: allow, order_id: allow, sku: allow}
    scoping: {tenant_id: principal.tenant_id}
";

fn base() -> String {
    BASE.replace(
        "      support: {grants: true, policy_here: yes}\n",
        "      support: {grants: true, fields: {user_id: allow}}\n",
    )
}

fn versions(old: &str, new: &str) -> Versions {
    let read = |text: &str| {
        PolicyDocument::parse(text, Format::Yaml).unwrap_or_else(|findings| panic!("{findings:#?}\n{text}"))
    };
    Versions::new(read(old), read(new), guide_catalog()).unwrap_or_else(|error| panic!("{error}: {error:?}\n{new}"))
}

/// What differs, for a principal without any role.
fn without_roles(from: &str, to: &str) -> String {
    let old = base();
    assert!(old.contains(from), "{from}");
    let diff = versions(&old, &old.replacen(from, to, 1)).diff(&[Who::default()]);
    let [roles] = diff.roles.as_slice() else { panic!("{:?}", diff.roles) };
    roles.changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_policy_differs_in_nothing_from_itself() {
    for policy in [base().as_str(), guide_policy(), ormai_testkit::writes_policy()] {
        let diff = versions(policy, policy).diff(&[]);
        assert!(diff.is_empty() && !diff.is_wider(), "{diff:#?}");
        assert!(diff.all_combinations);
    }
}

#[test]
fn a_generated_policy_differs_in_nothing_from_itself_and_the_other_way_around_it_is_turned() {
    let cases = Cases { trials: 3, asks: 1, of_one: false, of: Asked::Writes };
    let mut runner = TestRunner::deterministic();
    let (mut pairs, mut differing) = (0, 0);
    for _ in 0..10 {
        let case = cases.new_tree(&mut runner).unwrap().current();
        let catalog = case.world.catalog(Engine::Sqlite, "").unwrap();
        let documents: Vec<PolicyDocument> = case
            .trials
            .iter()
            .map(|trial| PolicyDocument::parse(&trial.policy.to_yaml(), Format::Yaml).unwrap())
            .collect();
        for old in &documents {
            for new in &documents {
                let between = |old: &PolicyDocument, new: &PolicyDocument| {
                    Versions::new(old.clone(), new.clone(), catalog.clone()).unwrap().diff(&[])
                };
                let diff = between(old, new);
                assert!(old != new || diff.is_empty(), "{diff:#?}");
                let turned = between(new, old);
                assert_eq!(directions(&diff, false), directions(&turned, true), "{diff:#?}");
                pairs += 1;
                differing += u32::from(!diff.is_empty());
            }
        }
    }
    assert!(differing > pairs / 4, "{differing} of {pairs}");
}

/// Each change with its direction, or with the other one.
fn directions(diff: &PolicyDiff, turned: bool) -> Vec<String> {
    let mut all = Vec::new();
    for roles in &diff.roles {
        for change in &roles.changes {
            let direction = match (change.direction, turned) {
                (Direction::Wider, true) => Direction::Narrower,
                (Direction::Narrower, true) => Direction::Wider,
                (direction, _) => direction,
            };
            let (old, new) = if turned { (&change.new, &change.old) } else { (&change.old, &change.new) };
            all.push(format!(
                "{:?} {direction:?} {:?} {:?} {} {old} {new}",
                roles.roles, change.model, change.part, change.name
            ));
        }
    }
    all.sort();
    all
}

#[test]
fn fields_and_models_are_compared() {
    insta::assert_snapshot!(
        "fields_and_models",
        [
            without_roles("status: allow", "status: deny"),
            without_roles("total: allow", "total: allow, user_id: allow"),
            without_roles("'***{last2}'", "'***{last4}'"),
            without_roles("'***{last2}'", "'{first1}{last1}'"),
            without_roles("note: {action: mask, mask_pattern: '***{last2}'}", "note: {action: hash}"),
            without_roles(
                "note: {action: mask, mask_pattern: '***{last2}'}",
                "note: {action: redact, filter: equality}"
            ),
            without_roles("  Order:\n", "  Order:\n    allowed: false\n"),
            without_roles(
                "  OrderItem:",
                "  Tenant:\n    fields: {id: allow}\n    scoping: {id: principal.tenant_id}\n  OrderItem:"
            ),
        ]
        .join("\n\n")
    );
}

#[test]
fn relations_scopes_and_row_policies_are_compared() {
    insta::assert_snapshot!(
        "relations_scopes_and_row_policies",
        [
            without_roles("max_depth: 2, ", ""),
            without_roles("fields: [id, sku]", "fields: [id]"),
            without_roles("items: {max_depth: 2, fields: [id, sku]}", "items: {allowed: false}"),
            without_roles("scoping: {tenant_id: principal.tenant_id}", "scoping: {}"),
            without_roles(
                "scoping: {tenant_id: principal.tenant_id}",
                "scoping: {tenant_id: principal.tenant_id, user_id: principal.user_id}"
            ),
            without_roles(
                "scoping: {tenant_id: principal.tenant_id}",
                "scoping: {tenant_id: principal.metadata.tenant}"
            ),
            without_roles(
                "      - {name: not_drafts, condition: \"status <> 'draft'\", effect: restrict, operations: [read]}\n",
                ""
            ),
            without_roles("status <> 'draft'", "status <> 'secret'"),
            without_roles("operations: [read]", "operations: [read, update]"),
            without_roles(
                "      - {name: auditors",
                "      - {name: hierarchy, condition: tenant_id IN principal.metadata.tenants}\n      - {name: auditors"
            ),
            without_roles("      - {name: auditors, condition: \"'auditor' IN principal.roles\", bypass: true}\n", ""),
        ]
        .join("\n\n")
    );
}

#[test]
fn writes_aggregations_limits_and_tools_are_compared() {
    insta::assert_snapshot!(
        "writes_aggregations_and_limits",
        [
            without_roles("update: require_approval", "update: allow"),
            without_roles("create: allow", "create: deny"),
            without_roles("delete: deny", "delete: require_approval"),
            without_roles(
                "auto_set: {tenant_id: principal.tenant_id}",
                "auto_set: {tenant_id: principal.tenant_id, created_at: now()}"
            ),
            without_roles("immutable_fields: [tenant_id]", "immutable_fields: [tenant_id, status]"),
            without_roles("      required_fields: [status]\n", ""),
            without_roles("      max_affected_rows: 10\n", ""),
            without_roles("require_reason: true", "require_reason: false"),
            without_roles("approver_roles: [lead]", "approver_roles: [lead, support]"),
            without_roles("sum: [total]", "sum: [total], max: [total]"),
            without_roles("min_group_size: 5", "min_group_size: 2"),
            without_roles("    aggregations: {count: true, sum: [total], min_group_size: 5}\n", ""),
            without_roles("budget: {max_rows: 100}", "budget: {max_rows: 50, max_filter_depth: 10}"),
        ]
        .join("\n\n")
    );
}

#[test]
fn what_differs_for_a_role_is_said_for_that_role() {
    let old = base();
    let diff = versions(&old, &old.replace("fields: {user_id: allow}", "fields: {user_id: allow, created_at: allow}"))
        .diff(&[]);
    // `lead` approves and sees no more than others; it makes no combination.
    let sets: Vec<String> =
        diff.roles.iter().map(|roles| format!("{:?}: {}", roles.roles, roles.changes.len())).collect();
    assert_eq!(sets, [r#"[]: 0"#, r#"["auditor"]: 0"#, r#"["support"]: 1"#, r#"["auditor", "support"]: 1"#]);
    let changes = diff.changes();
    let [(change, roles)] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!(change.to_string(), "wider: field Order.created_at: closed → shown");
    assert_eq!(roles.len(), 2);
    assert!(diff.is_wider());
}

async fn on(test: &TestDatabase, old: &str, new: &str, principals: Vec<Who>) -> PolicyDiff {
    let ormai = guide(test).await;
    let versions = versions(old, new);
    let mut diff = versions.diff(&principals);
    let options = RowsOptions { principals, ..RowsOptions::default() };
    versions.compare_rows(&mut diff, ormai.tools().database(), options, |_| {}).await.unwrap();
    diff
}

fn root() -> Who {
    Who::from(&Principal::new("root").metadata("tenant_hierarchy", json!(["child-tenant"])))
}

every_engine! {
    async fn rows_that_become_visible_are_named_by_their_keys(test: &TestDatabase) {
        let old = guide_policy();
        let new = changed("condition: tenant_id IN principal.metadata.tenant_hierarchy\n        description", "condition: tenant_id IN principal.metadata.tenant_hierarchy OR status = 'shipped'\n        effect: permit\n        field: tenant_id\n        description");
        let diff = on(test, old, &new, vec![root(), Who::from(&ann())]).await;
        let found: Vec<_> = diff.rows.iter().map(|rows| (rows.principal.tenant_id.clone(), rows.model.as_str(), rows.old, rows.new, rows.newly_keys.clone())).collect();
        assert_eq!(found, [(json!("root"), "Order", 2, 3, vec![json!(5)]), (json!("acme-corp"), "Order", 3, 4, vec![json!(5)])]);
        assert!(diff.is_wider());
        let back = on_loaded(test, &new, old, vec![root()]).await;
        let [rows] = back.rows.as_slice() else { panic!("{:?}", back.rows) };
        assert_eq!((rows.newly, rows.no_longer, rows.no_longer_keys.clone()), (0, 1, vec![json!(5)]));
    }

    async fn the_same_policy_shows_the_same_rows(test: &TestDatabase) {
        let diff = on(test, guide_policy(), guide_policy(), Vec::new()).await;
        assert!(diff.is_empty(), "{diff:#?}");
        // Two tenants of the database, each without a role and as an administrator.
        assert_eq!(diff.principals, 4);
    }

    async fn rows_are_told_apart_where_their_keys_are_hidden(test: &TestDatabase) {
        let hidden = changed("  Document:\n    allowed: true\n    fields:\n      id: allow\n", "  Document:\n    allowed: true\n    fields:\n");
        let open = hidden.replace("condition: is_public = true OR tenant_id = principal.tenant_id", "condition: is_public = true OR is_public = false");
        let diff = on(test, &hidden, &open, vec![Who::from(&ann())]).await;
        let [rows] = diff.rows.as_slice() else { panic!("{:?}", diff.rows) };
        assert_eq!(rows.model, "Document");
        assert!(rows.newly > 0 && rows.newly == rows.new - rows.old, "{rows:?}");
        assert_eq!(u64::try_from(rows.newly_keys.len()).unwrap(), rows.newly);
    }

    async fn fields_that_become_visible_are_named_where_there_are_rows(test: &TestDatabase) {
        let new = changed("      ssn: {action: mask, mask_pattern: \"***-**-{last4}\"}\n", "      ssn: allow\n");
        let nobody = Who::from(&Principal::new("nobody"));
        let diff = on(test, guide_policy(), &new, vec![Who::from(&ann()), nobody]).await;
        let found: Vec<_> = diff.rows.iter().map(|rows| (rows.model.as_str(), rows.newly, rows.fields.clone())).collect();
        assert_eq!(found, [("User", 0, vec!["ssn".to_owned()])]);
    }

    async fn principals_of_the_database_have_what_scopes_ask_for(test: &TestDatabase) {
        let scoped = guide_policy().replace("scoping: {tenant_id: principal.tenant_id}\n    row_policies:\n      - name: parent_access", "scoping: {tenant_id: principal.tenant_id, user_id: principal.user_id}\n    row_policies:\n      - name: parent_access");
        assert_ne!(scoped, guide_policy());
        let diff = on(test, &scoped, guide_policy(), Vec::new()).await;
        let orders = diff.models.iter().find(|model| model.model == "Order").unwrap();
        assert_eq!((orders.compared, orders.refused), (4, 0), "{orders:?}");
        assert!(orders.saw_rows > 0 && diff.rows.iter().any(|rows| rows.model == "Order" && rows.newly > 0), "{diff:#?}");
    }

    async fn who_is_refused_is_not_compared(test: &TestDatabase) {
        let nobody = Who::default();
        let diff = on(test, guide_policy(), guide_policy(), vec![nobody, Who::from(&ann())]).await;
        let orders = diff.models.iter().find(|model| model.model == "Order").unwrap();
        assert_eq!((orders.compared, orders.saw_rows, orders.refused), (1, 1, 1));
        assert_eq!(diff.principals_asked, 2);
    }

    async fn more_rows_than_are_compared_are_no_clean_bill(test: &TestDatabase) {
        let ormai = guide(test).await;
        let versions = versions(guide_policy(), guide_policy());
        let mut diff = versions.diff(&[]);
        let options = RowsOptions { principals: vec![Who::from(&Principal::new("a").role("super_admin"))], most_rows: 0 };
        versions.compare_rows(&mut diff, ormai.tools().database(), options, |_| {}).await.unwrap();
        // A page holds all of them here, so none is left unread.
        assert!(diff.rows.is_empty() && !diff.is_wider(), "{diff:#?}");
    }

    async fn calls_that_change_are_named_with_their_direction(test: &TestDatabase) {
        let ormai = guide(test).await;
        let asked = [
            ("query", json!({"model": "Order", "select": ["id", "note"]})),
            ("query", json!({"model": "Order", "select": ["id"]})),
            ("query", json!({"model": "Order", "select": ["id"], "limit": 1})),
            ("get", json!({"model": "Order", "id": 4, "select": ["id"]})),
            ("get", json!({"model": "Tenant", "id": "acme-corp"})),
            ("aggregate", json!({"model": "Order", "aggregations": [{"function": "count", "alias": "n"}]})),
            ("create", json!({"model": "Order", "data": {"status": "new"}})),
        ];
        let text = recorded(&ormai, &ann(), &asked).await;
        let new = changed("      note: {action: allow}\n", "      note: {action: deny}\n");
        let new = new.replacen("scoping: {tenant_id: principal.tenant_id}\n    row_policies:\n      - name: parent_access", "scoping: {}\n    row_policies:\n      - name: parent_access", 1);
        let new = new.replace("condition: tenant_id IN principal.metadata.tenant_hierarchy\n        description: Access data from parent tenants", "condition: tenant_id <> 'nobody'\n        effect: restrict");
        let versions = versions(guide_policy(), &new);
        let mut diff = versions.diff(&[]);
        versions.compare_calls(&mut diff, ormai.tools().database(), calls(&text)).await.unwrap();
        let found = diff.calls.unwrap();
        let told: Vec<String> = found.changes.iter().map(|found| format!("{} ({}, +{} -{})", found.change, found.direction.as_str(), found.newly, found.no_longer)).collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!("calls_that_change", told.join("\n"));
        }
        assert_eq!((found.calls, found.made, found.writes_left_out), (7, 6, 1));
    }
}

async fn on_loaded(test: &TestDatabase, old: &str, new: &str, principals: Vec<Who>) -> PolicyDiff {
    let ormai = crate::guide::under(test, guide_policy()).await;
    let versions = versions(old, new);
    let mut diff = versions.diff(&principals);
    let options = RowsOptions { principals, ..RowsOptions::default() };
    versions.compare_rows(&mut diff, ormai.tools().database(), options, |_| {}).await.unwrap();
    diff
}

#[test]
fn a_policy_that_does_not_load_is_named() {
    let read = |text: &str| PolicyDocument::parse(text, Format::Yaml).unwrap();
    let broken = read("models: {Nothing: {scoping: {}}}");
    let error = Versions::new(read(&base()), broken, guide_catalog()).unwrap_err();
    assert_eq!(error.to_string(), "the new policy does not load");
}
