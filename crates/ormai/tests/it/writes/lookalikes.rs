//! Attack 3: tenants and keys that look alike to an engine.

use ormai::prelude::*;
use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use super::{done, filter, introspected, refused};
use crate::support::{ask, code, column};

const LOOK: [&str; 10] =
    ["acme", "ACME", "acme ", "\u{e1}cme", "acm_", "acme%", "a\u{301}cme", " acme", "acme\\", "acme\t"];

const NOTES: &str = "
models:
  Note:
    fields: {id: allow, tenant_id: allow, body: allow, parent: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, max_affected_rows: 100}
";

async fn notes(test: &ormai_testkit::TestDatabase) -> OrmAi {
    test.execute("CREATE TABLE notes (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, body varchar(40), parent bigint, FOREIGN KEY (parent) REFERENCES notes (id))").await;
    for (id, tenant) in LOOK.iter().enumerate() {
        test.execute(&format!("INSERT INTO notes VALUES ({id}, '{tenant}', 'note', NULL)")).await;
    }
    introspected(test, NOTES).await
}

every_engine! {
    async fn attack_03_no_write_reaches_a_tenant_that_looks_alike(test: &TestDatabase) {
        let ormai = notes(test).await;
        for (id, tenant) in LOOK.iter().enumerate() {
            let who = Principal::new(*tenant);
            for (other, name) in LOOK.iter().enumerate().filter(|(other, _)| *other != id) {
                for (tool, arguments, expected) in [
                    ("update", json!({"model": "Note", "id": other, "data": {"body": "x"}}), "RECORD_NOT_FOUND"), ("delete", json!({"model": "Note", "id": other}), "RECORD_NOT_FOUND"),
                    ("update", json!({"model": "Note", "id": id, "data": {"tenant_id": name}}), "WRITE_NOT_ALLOWED"), ("create", json!({"model": "Note", "data": {"id": 99, "tenant_id": name}}), "WRITE_NOT_ALLOWED"),
                    ("create", json!({"model": "Note", "data": {"id": 99, "tenant_id": tenant, "parent": other}}), "VALIDATION_ERROR"), ("update", json!({"model": "Note", "id": id, "data": {"parent": other}}), "VALIDATION_ERROR"),
                ] {
                    let answer = ask(&ormai, &who, tool, arguments.clone()).await;
                    assert_eq!(code(&answer), expected, "{tenant:?} {tool} {arguments}");
                }
            }
            let all: Vec<usize> = (0..LOOK.len()).collect();
            for chosen in [json!({"ids": all}), json!({"filters": [filter("tenant_id", "in", json!(LOOK))]}), json!({"filters": [filter("body", "contains", "o")]})] {
                let mut arguments = json!({"model": "Note", "data": {"body": "note"}});
                arguments.as_object_mut().unwrap().extend(chosen.as_object().unwrap().clone());
                assert_eq!(done(&ormai, &who, "bulk_update", arguments).await, json!({"updated_count": 1}), "{tenant:?} {chosen}");
            }
            let own = done(&ormai, &who, "update", json!({"model": "Note", "id": id, "data": {"body": tenant, "tenant_id": tenant}})).await;
            assert_eq!(own, json!({"id": id, "tenant_id": tenant, "body": tenant, "parent": null}));
            done(&ormai, &who, "update", json!({"model": "Note", "id": id, "data": {"body": "note"}})).await;
        }
        assert_eq!(test.count("notes").await, 10);
        for tenant in LOOK {
            let page = ask(&ormai, &Principal::new(tenant), "query", json!({"model": "Note"})).await;
            assert_eq!((column(&page, "tenant_id"), column(&page, "body")), (vec![json!(tenant)], vec![json!("note")]));
        }
    }

    async fn attack_03_a_key_is_one_row_by_its_bytes(test: &TestDatabase) {
        test.execute("CREATE TABLE badges (code varchar(40) NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, body varchar(40));
            CREATE TABLE doors (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, badge varchar(40), FOREIGN KEY (badge) REFERENCES badges (code));
            INSERT INTO badges VALUES ('key', 'acme', 'a'), ('other', 'globex', 'g'); INSERT INTO doors VALUES (1, 'acme', 'key')").await;
        let policy = "
models:
  Badge:
    fields: {code: allow, body: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, auto_set: {tenant_id: principal.tenant_id}}
  Door:
    fields: {id: allow, badge: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, auto_set: {tenant_id: principal.tenant_id}}
";
        let ormai = introspected(test, policy).await;
        let acme = Principal::new("acme");
        let nobodys = refused(test, &ormai, &acme, "delete", json!({"model": "Badge", "id": "none"})).await;
        let dangling = refused(test, &ormai, &acme, "update", json!({"model": "Door", "id": 1, "data": {"badge": "none"}})).await;
        for alike in ["KEY", "key ", "k\u{e9}y", "ke\u{301}y", " key", "key\t", "k_y", "k%", "other", "OTHER", "other "] {
            assert_eq!(refused(test, &ormai, &acme, "delete", json!({"model": "Badge", "id": alike})).await, nobodys, "{alike:?}");
            assert_eq!(refused(test, &ormai, &acme, "update", json!({"model": "Badge", "id": alike, "data": {"body": "x"}})).await, nobodys, "{alike:?}");
            assert_eq!(refused(test, &ormai, &acme, "update", json!({"model": "Door", "id": 1, "data": {"badge": alike}})).await, dangling, "{alike:?}");
            assert_eq!(refused(test, &ormai, &acme, "create", json!({"model": "Door", "data": {"id": 9, "badge": alike}})).await, dangling, "{alike:?}");
            assert_eq!(done(&ormai, &acme, "bulk_update", json!({"model": "Badge", "ids": [alike], "data": {"body": "x"}})).await, json!({"updated_count": 0}), "{alike:?}");
            assert_eq!(done(&ormai, &acme, "bulk_update", json!({"model": "Badge", "filters": [filter("code", "eq", alike)], "data": {"body": "x"}})).await, json!({"updated_count": 0}), "{alike:?}");
        }
        // Twice by two spellings is once.
        let ids = ["key", "KEY", "key ", "key"];
        assert_eq!(done(&ormai, &acme, "bulk_update", json!({"model": "Badge", "ids": ids, "data": {"body": "b"}})).await, json!({"updated_count": 1}));
        // A new key that the engine takes for the old one is taken; else it is another row.
        for alike in ["KEY", "key "] {
            let answer = ask(&ormai, &acme, "create", json!({"model": "Badge", "data": {"code": alike, "body": "new"}})).await;
            match answer.get("error") {
                Some(_) => assert_eq!(code(&answer), "CONFLICT"),
                None => assert_eq!(answer["data"], json!({"code": alike, "body": "new"})),
            }
            let first: Json = ask(&ormai, &acme, "get", json!({"model": "Badge", "id": "key"})).await;
            assert_eq!(first["data"]["body"], "b");
        }
    }

    async fn attack_03_a_tenant_that_is_a_number_is_no_text(test: &TestDatabase) {
        test.execute("CREATE TABLE notes (id bigint NOT NULL PRIMARY KEY, tenant_id bigint NOT NULL, body varchar(40), parent bigint);
            INSERT INTO notes VALUES (1, 7, 'a', NULL), (2, 0, 'b', NULL), (3, 8, 'c', NULL)").await;
        let ormai = introspected(test, &NOTES.replace("max_affected_rows", "auto_set: {tenant_id: principal.tenant_id}, max_affected_rows")).await;
        let writes = [("create", json!({"model": "Note", "data": {"id": 9}})), ("update", json!({"model": "Note", "id": 2, "data": {"body": "x"}})), ("delete", json!({"model": "Note", "id": 2})),
            ("bulk_update", json!({"model": "Note", "ids": [1, 2, 3], "data": {"body": "x"}}))];
        for tenant in [json!("7abc"), json!("07"), json!("+7"), json!(" 7"), json!("7.0"), json!(7.5), json!(true), json!("acme"), json!(u64::MAX), json!(1e30), json!("")] {
            for (tool, arguments) in &writes {
                assert_eq!(code(&refused(test, &ormai, &Principal::new(tenant.clone()), tool, arguments.clone()).await), "TENANT_SCOPE_REQUIRED", "{tenant}");
            }
        }
        for data in [json!({"tenant_id": 8}), json!({"tenant_id": 0})] {
            assert_eq!(code(&refused(test, &ormai, &Principal::new("7"), "update", json!({"model": "Note", "id": 1, "data": data})).await), "WRITE_NOT_ALLOWED");
        }
        assert_eq!(code(&refused(test, &ormai, &Principal::new(7), "update", json!({"model": "Note", "id": 1, "data": {"tenant_id": "7"}})).await), "VALIDATION_ERROR");
        assert_eq!(done(&ormai, &Principal::new("7"), "create", json!({"model": "Note", "data": {"id": 9}})).await["tenant_id"], 7);
    }
}
