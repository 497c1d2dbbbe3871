//! Attacks 1 and 4: who is asking, when something is written.

use ormai::prelude::*;
use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use super::{done, filter, introspected, refused};
use crate::support::{ask, code};

const NOTES: &str = "CREATE TABLE notes (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40), owner_id varchar(40), body varchar(40));
    INSERT INTO notes VALUES (1, 'acme', 'ann', 'a'), (2, '', '', 'b'), (3, NULL, NULL, 'c'), (4, '0', '0', 'd'), (5, 'globex', 'ann', 'e')";

const SCOPED: &str = "
models:
  Note:
    fields: {id: allow, tenant_id: allow, body: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow}
";

const OWNED: &str = "
models:
  Note:
    fields: {id: allow, owner_id: allow, body: allow}
    scoping: {tenant_id: principal.tenant_id, owner_id: principal.user_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, auto_set: {tenant_id: principal.tenant_id}}
";

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

/// Every write, of each row.
fn writes() -> Vec<(&'static str, Json)> {
    let mut all = vec![
        ("create", json!({"model": "Note", "data": {"id": 9, "body": "x"}})),
        ("bulk_update", json!({"model": "Note", "filters": [filter("id", "gt", 0)], "data": {"body": "x"}})),
        ("bulk_update", json!({"model": "Note", "ids": [1, 2, 3, 4, 5], "data": {"body": "x"}})),
    ];
    for id in 1..=5 {
        all.push(("update", json!({"model": "Note", "id": id, "data": {"body": "x"}})));
        all.push(("delete", json!({"model": "Note", "id": id})));
        all.push(("delete", json!({"model": "Note", "id": id, "dry_run": true})));
    }
    all
}

every_engine! {
    async fn attack_01_nobody_writes_without_a_tenant(test: &TestDatabase) {
        test.execute(NOTES).await;
        let ormai = introspected(test, SCOPED).await;
        for tenant in not_a_name() {
            for (tool, arguments) in writes() {
                assert_eq!(code(&refused(test, &ormai, &Principal::new(tenant.clone()).user("ann"), tool, arguments).await), "TENANT_SCOPE_REQUIRED", "{tenant}");
            }
        }
        for (tool, arguments) in writes() {
            assert_eq!(code(&refused(test, &ormai, &Principal::without_tenant().role("super_admin"), tool, arguments).await), "TENANT_SCOPE_REQUIRED");
        }
    }

    async fn attack_01_nobody_writes_without_an_owner(test: &TestDatabase) {
        test.execute(NOTES).await;
        let ormai = introspected(test, OWNED).await;
        for user in not_a_name() {
            for (tool, arguments) in writes() {
                assert_eq!(code(&refused(test, &ormai, &Principal::new("acme").user(user.clone()), tool, arguments).await), "PRINCIPAL_INCOMPLETE", "{user}");
            }
        }
        for (tool, arguments) in writes() {
            assert_eq!(code(&refused(test, &ormai, &Principal::new("acme"), tool, arguments).await), "PRINCIPAL_INCOMPLETE");
        }
    }

    async fn attack_01_what_a_new_row_is_filled_with_must_be_there(test: &TestDatabase) {
        test.execute(NOTES).await;
        let policy = SCOPED.replace("bulk_update: allow", "bulk_update: allow, auto_set: {owner_id: principal.user_id, tenant_id: principal.tenant_id, body: principal.metadata.team}");
        let ormai = introspected(test, &policy).await;
        let create = json!({"model": "Note", "data": {"id": 9}});
        for who in [Principal::new("acme"), Principal::new("acme").user("ann"), Principal::new("acme").metadata("team", "x"), Principal::new("acme").user("").metadata("team", "x"),
            Principal::new("acme").user("ann").metadata("team", json!([])), Principal::new("acme").user("ann").metadata("team", json!({"a": 1})), Principal::new("acme").user("ann").metadata("team", Json::Null)] {
            assert_eq!(code(&refused(test, &ormai, &who, "create", create.clone()).await), "PRINCIPAL_INCOMPLETE", "{who:?}");
        }
        let note = done(&ormai, &Principal::new("acme").user("ann").metadata("team", "red"), "create", create).await;
        assert_eq!(note, json!({"id": 9, "tenant_id": "acme", "body": "red"}));
    }

    async fn several_tenants_write_their_rows_and_say_whose_a_new_one_is(test: &TestDatabase) {
        test.execute(NOTES).await;
        let ormai = introspected(test, SCOPED).await;
        let several = Principal::new(json!(["acme", "globex"]));
        for id in [1, 5] {
            assert_eq!(done(&ormai, &several, "update", json!({"model": "Note", "id": id, "data": {"body": "x"}})).await["body"], "x");
        }
        for id in [2, 3, 4, 404] {
            assert_eq!(code(&refused(test, &ormai, &several, "update", json!({"model": "Note", "id": id, "data": {"body": "x"}})).await), "RECORD_NOT_FOUND");
        }
        assert_eq!(done(&ormai, &several, "bulk_update", json!({"model": "Note", "filters": [filter("id", "gt", 0)], "data": {"body": "y"}})).await, json!({"updated_count": 2}));
        // From one of them to the other, and to nobody else.
        assert_eq!(done(&ormai, &several, "update", json!({"model": "Note", "id": 1, "data": {"tenant_id": "globex"}})).await["tenant_id"], "globex");
        for tenant in [json!("0"), json!(""), json!("GLOBEX"), Json::Null] {
            for (tool, arguments) in [("update", json!({"model": "Note", "id": 1, "data": {"tenant_id": tenant}})), ("create", json!({"model": "Note", "data": {"id": 9, "tenant_id": tenant}}))] {
                assert_eq!(code(&refused(test, &ormai, &several, tool, arguments).await), "WRITE_NOT_ALLOWED", "{tenant}");
            }
        }
        assert_eq!(done(&ormai, &several, "create", json!({"model": "Note", "data": {"id": 9, "tenant_id": "acme"}})).await["tenant_id"], "acme");
        assert_eq!(code(&refused(test, &ormai, &several, "create", json!({"model": "Note", "data": {"id": 10}})).await), "WRITE_NOT_ALLOWED");
        assert_eq!(done(&ormai, &several, "delete", json!({"model": "Note", "id": 9})).await["id"], 9);
    }

    async fn several_tenants_fill_in_none(test: &TestDatabase) {
        test.execute(NOTES).await;
        let ormai = introspected(test, &SCOPED.replace("bulk_update: allow", "bulk_update: allow, auto_set: {tenant_id: principal.tenant_id}")).await;
        for tenants in [json!(["acme", "globex"]), json!(["acme"])] {
            let several = Principal::new(tenants);
            for data in [json!({"id": 9}), json!({"id": 9, "tenant_id": "acme"})] {
                let answer = refused(test, &ormai, &several, "create", json!({"model": "Note", "data": data})).await;
                assert_eq!(code(&answer), "TENANT_SCOPE_REQUIRED");
            }
        }
    }

    async fn attack_04_a_bypass_of_one_operation_is_none_of_another(test: &TestDatabase) {
        test.execute(NOTES).await;
        let policy = SCOPED.replace("    write_policy", "    row_policies:
      - {name: readers, condition: \"'reader' IN principal.roles\", bypass: true, operations: [read]}
      - {name: writers, condition: \"'writer' IN principal.roles\", bypass: true, operations: [update]}
    write_policy");
        let ormai = introspected(test, &policy).await;
        let (reader, writer) = (Principal::new("acme").role("reader"), Principal::new("acme").role("writer"));
        assert_eq!(ask(&ormai, &reader, "get", json!({"model": "Note", "id": 5})).await["data"]["body"], "e");
        for who in [&reader, &writer] {
            for (tool, arguments) in [("update", json!({"model": "Note", "id": 5, "data": {"body": "x"}})), ("delete", json!({"model": "Note", "id": 5}))] {
                assert_eq!(code(&refused(test, &ormai, who, tool, arguments).await), "RECORD_NOT_FOUND");
            }
        }
        // Both together reach it, for an update and no more.
        let both = reader.clone().role("writer");
        assert_eq!(done(&ormai, &both, "update", json!({"model": "Note", "id": 5, "data": {"body": "x"}})).await["body"], "x");
        assert_eq!(code(&refused(test, &ormai, &both, "delete", json!({"model": "Note", "id": 5})).await), "RECORD_NOT_FOUND");
        assert_eq!(code(&refused(test, &ormai, &both, "create", json!({"model": "Note", "data": {"id": 9, "tenant_id": "globex"}})).await), "WRITE_NOT_ALLOWED");
        // A writer gives away what it reads: nothing is asked of what it wrote.
        assert_eq!(done(&ormai, &writer, "update", json!({"model": "Note", "id": 1, "data": {"tenant_id": "globex"}})).await["tenant_id"], "globex");
        assert_eq!(code(&refused(test, &ormai, &writer, "update", json!({"model": "Note", "id": 1, "data": {"body": "x"}})).await), "RECORD_NOT_FOUND");
    }
}
