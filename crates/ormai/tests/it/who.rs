//! Attacks 1 to 5: who is asking.

use ormai::catalog::{Catalog, CatalogBuilder, ModelBuilder};
use ormai::prelude::*;
use ormai::value::ColumnType::{Int, Text};
use ormai_testkit::{Dataset, every_engine, guide_catalog};
use serde_json::{Value as Json, json};

use crate::support::{acme, admin, ask, code, column, demo, findings, rows, with_policy};

fn notes(tenant: ormai::value::ColumnType) -> Catalog {
    let note = ModelBuilder::table("Note", "notes")
        .field("id", Int)
        .field("tenant_id", tenant)
        .field("owner_id", Text)
        .field("body", Text)
        .primary_key(["id"]);
    CatalogBuilder::new().model(note).build().unwrap()
}

const NOTES: &str = "
version: 1
models:
  Note:
    allowed: true
    fields: {id: allow, body: allow}
    scoping: {tenant_id: principal.tenant_id}
    aggregations: {count: true}
";

const OWNED: &str = "
version: 1
models:
  Note:
    allowed: true
    fields: {id: allow, body: allow}
    scoping: {tenant_id: principal.tenant_id, owner_id: principal.user_id}
    aggregations: {count: true}
";

/// Every read of a model, as one principal.
async fn reads(ormai: &OrmAi, who: &Principal, model: &str) -> [Json; 4] {
    [
        ask(ormai, who, "query", json!({"model": model})).await,
        ask(ormai, who, "query", json!({"model": model, "with_total": true, "limit": 1})).await,
        ask(ormai, who, "get", json!({"model": model, "id": 1})).await,
        ask(ormai, who, "aggregate", json!({"model": model, "aggregations": [{"function": "count"}]})).await,
    ]
}

fn not_a_name() -> Vec<Json> {
    vec![
        Json::Null,
        json!(""),
        json!(0),
        json!(false),
        json!(1.5),
        json!([]),
        json!([""]),
        json!([null]),
        json!([["acme"]]),
        json!({"eq": "acme"}),
        json!({}),
        json!("ac\0me"),
    ]
}

every_engine! {
    async fn attack_01_a_missing_or_odd_tenant_is_refused(test: &TestDatabase) {
        test.execute("CREATE TABLE notes (id bigint PRIMARY KEY, tenant_id text, owner_id text, body text);
            INSERT INTO notes VALUES (1, 'acme', 'ann', 'a'), (2, '', '', 'b'), (3, NULL, NULL, 'c'), (4, '0', '0', 'd')").await;
        let ormai = with_policy(test, NOTES, notes(Text)).await;
        for tenant in not_a_name() {
            for answer in reads(&ormai, &Principal::new(tenant.clone()).user("ann"), "Note").await {
                assert_eq!(code(&answer), "TENANT_SCOPE_REQUIRED", "{tenant}");
            }
        }
        for answer in reads(&ormai, &Principal::without_tenant().role("super_admin"), "Note").await {
            assert_eq!(code(&answer), "TENANT_SCOPE_REQUIRED");
        }
        let several = ask(&ormai, &Principal::new(json!(["acme", "0"])), "query", json!({"model": "Note"})).await;
        assert_eq!(column(&several, "id"), [json!(1), json!(4)]);
    }

    async fn attack_01_a_missing_or_odd_owner_is_refused(test: &TestDatabase) {
        test.execute("CREATE TABLE notes (id bigint PRIMARY KEY, tenant_id text, owner_id text, body text);
            INSERT INTO notes VALUES (1, 'acme', 'ann', 'a'), (2, 'acme', '', 'b'), (3, 'acme', NULL, 'c'), (4, 'acme', '0', 'd')").await;
        let ormai = with_policy(test, OWNED, notes(Text)).await;
        for user in not_a_name() {
            for answer in reads(&ormai, &Principal::new("acme").user(user.clone()), "Note").await {
                assert_eq!(code(&answer), "PRINCIPAL_INCOMPLETE", "{user}");
            }
        }
        assert_eq!(code(&reads(&ormai, &Principal::new("acme"), "Note").await[0]), "PRINCIPAL_INCOMPLETE");
        let own = ask(&ormai, &Principal::new("acme").user("ann"), "query", json!({"model": "Note"})).await;
        assert_eq!(column(&own, "id"), [json!(1)]);
    }

    async fn attack_02_a_model_that_does_not_say_whose_it_is_does_not_load(test: &TestDatabase) {
        let policy = |scoping: &str| format!("version: 1\nmodels:\n  Order:\n    allowed: true\n    fields: {{id: allow}}\n{scoping}");
        assert_eq!(findings(test, &policy(""), guide_catalog()).await, ["missing-scoping"]);
        for scoping in ["{tenantid: principal.tenant_id}", "{tenant_id2: principal.tenant_id}", "{\"\": principal.tenant_id}"] {
            let found = findings(test, &policy(&format!("    scoping: {scoping}\n")), guide_catalog()).await;
            assert_eq!(found.len(), 1, "{scoping}: {found:?}");
        }
        for scoping in ["principal.tenant_id", "[tenant_id]", "null", "{tenant_id: null}", "{tenant_id: principal.tenantid}",
            "{tenant_id: principal.metadata}", "{tenant_id: principal.roles.0}", "{tenant_id: now()}"] {
            let found = findings(test, &policy(&format!("    scoping: {scoping}\n")), guide_catalog()).await;
            assert!(!found.is_empty(), "{scoping}");
        }
        assert!(findings(test, &policy("    scoping: {tenant_id: principal.tenant_id}\n"), guide_catalog()).await.is_empty());
    }

    async fn attack_02_a_child_without_the_tenants_column_is_scoped_through_its_parent(test: &TestDatabase) {
        test.execute("CREATE TABLE notes (id bigint PRIMARY KEY, tenant_id text, owner_id text, body text);
            CREATE TABLE note_lines (id bigint PRIMARY KEY, note_id bigint, words text);
            INSERT INTO notes VALUES (1, 'acme', 'ann', 'a'), (2, 'globex', 'gus', 'b');
            INSERT INTO note_lines VALUES (1, 1, 'mine'), (2, 2, 'theirs'), (3, NULL, 'nobody''s'), (4, 9, 'lost')").await;
        let catalog = || {
            let note = ModelBuilder::table("Note", "notes").field("id", Int).nullable("tenant_id", Text).primary_key(["id"]);
            let line = ModelBuilder::table("Line", "note_lines")
                .field("id", Int).nullable("note_id", Int).field("words", Text).primary_key(["id"])
                .to_one("note", "Note", [("note_id", "id")]);
            CatalogBuilder::new().model(note).model(line).build().unwrap()
        };
        let policy = |line: &str| format!("
version: 1
models:
  Note: {{allowed: true, fields: {{id: allow}}, scoping: {{tenant_id: principal.tenant_id}}}}
  Line: {{allowed: true, fields: {{id: allow, words: allow}}, aggregations: {{count: true}}, {line}}}
");
        let own_column = findings(test, &policy("scoping: {tenant_id: principal.tenant_id}"), catalog()).await;
        assert_eq!(own_column, ["unknown-field"]);
        assert_eq!(findings(test, &policy("relations: {}"), catalog()).await, ["missing-scoping"]);
        let through = policy("scoping: {}, row_policies: [{name: parents, condition: note.tenant_id = principal.tenant_id}]");
        let ormai = with_policy(test, &through, catalog()).await;
        let [all, page, get, count] = reads(&ormai, &Principal::new("acme"), "Line").await;
        assert_eq!(column(&all, "id"), [json!(1)]);
        assert_eq!(page["data"]["total"], 1);
        assert_eq!(get["data"]["words"], "mine");
        assert_eq!(column(&count, "count"), [json!(1)]);
        // Without a tenant the condition is unknown, which admits nothing.
        assert!(rows(&ask(&ormai, &Principal::without_tenant(), "query", json!({"model": "Line"})).await).is_empty());
    }

    async fn attack_03_tenants_that_look_alike_are_strangers(test: &TestDatabase) {
        let tenants = ["acme", "ACME", "acme ", "\u{e1}cme", "acm_", "acme%", "a\u{301}cme", " acme", "acme\\", "'acme'", "acme\t"];
        test.execute("CREATE TABLE notes (id bigint PRIMARY KEY, tenant_id text, owner_id text, body text)").await;
        let of_engine = |tenant: &str| format!("'{}'", tenant.replace('\'', "''"));
        for (id, tenant) in tenants.iter().enumerate() {
            test.execute(&format!("INSERT INTO notes VALUES ({id}, {0}, 'ann', {0})", of_engine(tenant))).await;
        }
        let ormai = with_policy(test, NOTES, notes(Text)).await;
        for (id, tenant) in tenants.iter().enumerate() {
            let who = Principal::new(*tenant);
            let page = ask(&ormai, &who, "query", json!({"model": "Note", "with_total": true})).await;
            assert_eq!(page["data"]["rows"], json!([{"id": id, "body": tenant}]));
            assert_eq!(page["data"]["total"], 1);
            for other in 0..tenants.len() {
                let get = ask(&ormai, &who, "get", json!({"model": "Note", "id": other})).await;
                assert_eq!(get.get("data").is_some(), other == id, "{tenant:?} asks for {other}");
            }
        }
    }

    async fn attack_03_a_whole_number_is_no_text_and_text_no_number(test: &TestDatabase) {
        test.execute("CREATE TABLE notes (id bigint PRIMARY KEY, tenant_id bigint, owner_id text, body text);
            INSERT INTO notes VALUES (1, 7, 'ann', 'a'), (2, 0, 'ann', 'b'), (3, 8, 'ann', 'c')").await;
        let ormai = with_policy(test, NOTES, notes(Int)).await;
        for tenant in [json!(7), json!("7")] {
            let page = ask(&ormai, &Principal::new(tenant), "query", json!({"model": "Note"})).await;
            assert_eq!(column(&page, "id"), [json!(1)]);
        }
        for tenant in [json!("7abc"), json!("07"), json!("+7"), json!(" 7"), json!("7 "), json!("7.0"), json!(7.5), json!("0x7"),
            json!(true), json!("acme"), json!(u64::MAX), json!(1e30), json!("7e0"), json!("\u{ff17}")] {
            let page = ask(&ormai, &Principal::new(tenant.clone()), "query", json!({"model": "Note"})).await;
            assert_eq!(code(&page), "TENANT_SCOPE_REQUIRED", "{tenant}");
        }
    }

    async fn attack_04_a_bypass_is_taken_by_nobody_whom_it_does_not_name(test: &TestDatabase) {
        let ormai = demo(test).await;
        let everything = ask(&ormai, &admin(), "query", json!({"model": "Order", "with_total": true})).await;
        assert_eq!(everything["data"]["total"], 8);
        for role in ["SUPER_ADMIN", "Super_Admin", "super_admin ", " super_admin", "super_admin,", "[super_admin]", "super admin", "%", "super_admi_"] {
            let page = ask(&ormai, &acme().role(role), "query", json!({"model": "Order"})).await;
            assert_eq!(column(&page, "id"), [json!(1), json!(2), json!(3)], "{role:?}");
        }
        assert_eq!(code(&ask(&ormai, &admin().role(""), "query", json!({"model": "Order"})).await), "PRINCIPAL_INCOMPLETE");
        let imitation = acme().metadata("roles", json!(["super_admin"])).metadata("role", "super_admin");
        assert_eq!(rows(&ask(&ormai, &imitation, "query", json!({"model": "Order"})).await).len(), 3);
    }

    async fn attack_04_a_bypass_that_can_never_be_true_admits_nobody(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let policy = |condition: &str| format!("
version: 1
models:
  Order:
    allowed: true
    fields: {{id: allow}}
    scoping: {{tenant_id: principal.tenant_id}}
    row_policies: [{{name: never, condition: \"{condition}\", bypass: true}}]
");
        let whoever = admin().metadata("level", 3).metadata("flags", json!(["x"]));
        for condition in [
            "'super_admin' NOT IN principal.roles AND 'super_admin' IN principal.roles",
            "principal.metadata.absent = 'x'",
            "principal.metadata.absent IN ('x', 'y')",
            "NOT (principal.metadata.absent = 'x')",
            "principal.user_id IS NULL",
            "'Super_Admin' IN principal.roles",
        ] {
            let ormai = with_policy(test, &policy(condition), guide_catalog()).await;
            let page = ask(&ormai, &whoever, "query", json!({"model": "Order"})).await;
            assert!(rows(&page).is_empty(), "{condition}");
        }
        // A bypass looks at the principal alone, and a role is never a part of a text.
        for condition in ["status = 'paid'", "tenant_id = principal.tenant_id", "principal.roles = 'super_admin'", "principal.roles LIKE '%admin%'"] {
            assert!(!findings(test, &policy(condition), guide_catalog()).await.is_empty(), "{condition}");
        }
    }

    async fn attack_04_a_list_of_roles_given_as_a_text_is_no_list(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let policy = "
version: 1
models:
  Order:
    allowed: true
    fields: {id: allow}
    scoping: {tenant_id: principal.tenant_id}
    row_policies: [{name: admins, condition: \"'admin' IN principal.metadata.roles\", bypass: true}]
";
        let ormai = with_policy(test, policy, guide_catalog()).await;
        // A search in a text would find `admin` in all of these.
        for roles in [json!("admin"), json!("super_admin"), json!("user,admin"), json!("[\"admin\"]"), json!({"admin": true}), json!([["admin"]]), json!(true)] {
            let answer = ask(&ormai, &acme().metadata("roles", roles.clone()), "query", json!({"model": "Order"})).await;
            assert_eq!(code(&answer), "PRINCIPAL_INCOMPLETE", "{roles}");
        }
        for (roles, found) in [(json!([]), 3), (json!(["super_admin"]), 3), (json!(["user", "Admin"]), 3), (json!(["user", "admin"]), 8)] {
            let page = ask(&ormai, &acme().metadata("roles", roles.clone()), "query", json!({"model": "Order"})).await;
            assert_eq!(rows(&page).len(), found, "{roles}");
        }
    }

    async fn attack_05_metadata_cannot_imitate_the_principal(test: &TestDatabase) {
        let ormai = demo(test).await;
        let imitation = acme()
            .metadata("tenant_id", "globex")
            .metadata("user_id", "user-201")
            .metadata("roles", json!(["super_admin"]))
            .metadata("principal", json!({"tenant_id": "globex"}))
            .metadata("__class__", json!({"tenant_id": "globex"}))
            .metadata("", "globex");
        let page = ask(&ormai, &imitation, "query", json!({"model": "Order"})).await;
        assert_eq!(column(&page, "id"), [json!(1), json!(2), json!(3)]);
        let nobody = Principal::without_tenant().metadata("tenant_id", "globex").role("principal.tenant_id");
        assert_eq!(code(&ask(&ormai, &nobody, "query", json!({"model": "Order"})).await), "TENANT_SCOPE_REQUIRED");
        for scope in ["principal.metadata.tenant_id.__class__", "principal.__class__", "principal.tenant_id.x", "principal", "tenant_id"] {
            let policy = format!("version: 1\nmodels:\n  Order:\n    allowed: true\n    fields: {{id: allow}}\n    scoping: {{tenant_id: {scope}}}\n");
            match crate::support::build(test, &policy, guide_catalog()).await {
                Err(_) => {}
                // A path into metadata is a path: through a text it leads nowhere.
                Ok(ormai) => {
                    let page = ask(&ormai, &imitation, "query", json!({"model": "Order"})).await;
                    assert!(page.get("error").is_some() || rows(&page).is_empty(), "{scope}: {page}");
                }
            }
        }
    }
}
