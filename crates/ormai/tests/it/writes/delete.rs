//! `delete`: the row goes, or is marked as gone.

use ormai_testkit::{Engine, TestDatabase, every_engine};
use serde_json::{Value as Json, json};

use super::{done, filter, introspected, refused, writable};
use crate::support::{acme, admin, ask, code, column, globex};

/// Pages are marked by a time, tags by a truth value; a comment belongs to a page.
async fn marked(test: &TestDatabase) {
    let time = match test.engine() {
        Engine::Sqlite | Engine::Postgres => "timestamptz",
        Engine::MySql => "timestamp(6) NULL DEFAULT NULL",
    };
    test.execute(&format!(
        "CREATE TABLE pages (id bigint PRIMARY KEY, tenant_id varchar(40) NOT NULL, title varchar(40) NOT NULL UNIQUE, deleted_at {time});
        CREATE TABLE tags (id bigint PRIMARY KEY, tenant_id varchar(40) NOT NULL, name varchar(40) NOT NULL, gone boolean NOT NULL DEFAULT false);
        CREATE TABLE comments (id bigint PRIMARY KEY, tenant_id varchar(40) NOT NULL, page_id bigint, FOREIGN KEY (page_id) REFERENCES pages (id));
        INSERT INTO pages VALUES (1, 'acme-corp', 'one', NULL), (2, 'acme-corp', 'two', NULL), (3, 'globex', 'three', NULL);
        INSERT INTO tags VALUES (1, 'acme-corp', 'red', false), (2, 'globex', 'blue', false);
        INSERT INTO comments VALUES (1, 'acme-corp', 1), (2, 'globex', 3)"
    ))
    .await;
}

const MARKED: &str = "
models:
  Page:
    fields: {id: allow, title: allow, deleted_at: allow}
    scoping: {tenant_id: principal.tenant_id}
    soft_delete: deleted_at
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, auto_set: {tenant_id: principal.tenant_id}}
  Tag:
    fields: {id: allow, name: allow}
    scoping: {tenant_id: principal.tenant_id}
    soft_delete: gone
    write_policy: {create: allow, update: allow, delete: allow, auto_set: {tenant_id: principal.tenant_id}}
  Comment:
    fields: {id: allow, page_id: allow}
    relations: {page: {}}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, auto_set: {tenant_id: principal.tenant_id}}
";

async fn titles(ormai: &ormai::OrmAi) -> Vec<Json> {
    column(&ask(ormai, &acme(), "query", json!({"model": "Page"})).await, "title")
}

every_engine! {
    async fn delete_takes_the_row_away_and_answers_with_what_it_was(test: &TestDatabase) {
        let ormai = writable(test).await;
        let mut expected = test.contents().await;
        let gone = done(&ormai, &acme(), "delete", json!({"model": "Order", "id": 3})).await;
        assert_eq!(gone, json!({"id": 3, "tenant_id": "acme-corp", "user_id": "user-124", "status": "pending", "total": "5.49",
            "note": "50% off_", "created_at": "2026-02-03T09:00:00Z"}));
        let after = test.contents().await;
        assert_eq!(after["orders"].len(), 7);
        expected.get_mut("orders").unwrap().retain(|row| after["orders"].contains(row));
        assert_eq!(after, expected);
        let again = refused(test, &ormai, &acme(), "delete", json!({"model": "Order", "id": 3})).await;
        assert_eq!(code(&again), "RECORD_NOT_FOUND");
    }

    async fn delete_answers_redacted(test: &TestDatabase) {
        let ormai = writable(test).await;
        test.execute("INSERT INTO users VALUES ('user-125', 'acme-corp', 'cy@acme.example', 'Cy', '111-22-3333', '2026-01-01 09:00:00')").await;
        let gone = done(&ormai, &acme(), "delete", json!({"model": "User", "id": "user-125"})).await.to_string();
        assert!(gone.contains("[REDACTED]") && !gone.contains("cy@") && !gone.contains("3333"), "{gone}");
    }

    async fn delete_of_a_row_that_is_not_there_or_not_mine_is_the_same(test: &TestDatabase) {
        let ormai = writable(test).await;
        let nobodys = refused(test, &ormai, &acme(), "delete", json!({"model": "Order", "id": 404})).await;
        assert_eq!(code(&nobodys), "RECORD_NOT_FOUND");
        for id in [4, 5, 6, 7, 8] {
            assert_eq!(refused(test, &ormai, &acme(), "delete", json!({"model": "Order", "id": id})).await, nobodys);
        }
        // A bypass of orders is none of their items.
        let item = refused(test, &ormai, &admin(), "delete", json!({"model": "OrderItem", "id": 5, "reason": "x"})).await;
        assert_eq!(item, nobodys);
    }

    async fn delete_of_a_row_that_others_refer_to_is_a_conflict(test: &TestDatabase) {
        let ormai = writable(test).await;
        let error = refused(test, &ormai, &acme(), "delete", json!({"model": "Order", "id": 1})).await;
        assert_eq!((code(&error), &error["error"]["retryable"]), ("CONFLICT", &json!(false)));
        for item in [1, 2] {
            done(&ormai, &acme(), "delete", json!({"model": "OrderItem", "id": item, "reason": "the order goes"})).await;
        }
        done(&ormai, &acme(), "delete", json!({"model": "Order", "id": 1})).await;
    }

    async fn delete_marks_a_row_under_soft_delete(test: &TestDatabase) {
        marked(test).await;
        let ormai = introspected(test, MARKED).await;
        let gone = done(&ormai, &acme(), "delete", json!({"model": "Page", "id": 1})).await;
        assert_eq!(gone, json!({"id": 1, "title": "one", "deleted_at": "2026-03-01T00:00:00Z"}));
        assert_eq!(titles(&ormai).await, [json!("two")]);
        assert_eq!(test.count("pages").await, 3);
        assert_eq!(done(&ormai, &acme(), "delete", json!({"model": "Tag", "id": 1})).await, json!({"id": 1, "name": "red"}));
        assert_eq!(test.count("tags").await, 2);
        // What is marked is gone for every write, and no reference leads to it.
        let nobodys = refused(test, &ormai, &acme(), "delete", json!({"model": "Page", "id": 404})).await;
        for (tool, arguments) in [
            ("delete", json!({"model": "Page", "id": 1})), ("update", json!({"model": "Page", "id": 1, "data": {"deleted_at": null}})),
            ("delete", json!({"model": "Page", "id": 3})), ("delete", json!({"model": "Tag", "id": 1})), ("delete", json!({"model": "Tag", "id": 2})),
        ] {
            assert_eq!(refused(test, &ormai, &acme(), tool, arguments).await, nobodys);
        }
        let revived = done(&ormai, &acme(), "bulk_update", json!({"model": "Page", "ids": [1, 3], "data": {"deleted_at": null}})).await;
        assert_eq!(revived, json!({"updated_count": 0}));
        let to_marked = refused(test, &ormai, &acme(), "create", json!({"model": "Comment", "data": {"id": 9, "page_id": 1}})).await;
        let to_none = refused(test, &ormai, &acme(), "create", json!({"model": "Comment", "data": {"id": 9, "page_id": 404}})).await;
        assert_eq!((code(&to_marked), &to_marked), ("VALIDATION_ERROR", &to_none));
    }

    async fn delete_by_an_ordinary_update_of_the_mark(test: &TestDatabase) {
        marked(test).await;
        let ormai = introspected(test, MARKED).await;
        let gone = done(&ormai, &acme(), "update", json!({"model": "Page", "id": 2, "data": {"deleted_at": "2026-04-01T00:00:00Z", "title": "old two"}})).await;
        assert_eq!(gone, json!({"id": 2, "title": "old two", "deleted_at": "2026-04-01T00:00:00Z"}));
        assert_eq!(titles(&ormai).await, [json!("one")]);
        let all = done(&ormai, &acme(), "bulk_update", json!({"model": "Page", "filters": [filter("id", "gte", 1)], "data": {"deleted_at": "2026-04-01T00:00:00Z"}})).await;
        assert_eq!(all, json!({"updated_count": 1}));
        assert!(titles(&ormai).await.is_empty());
        // A denied mark does not exist.
        let error = refused(test, &ormai, &acme(), "update", json!({"model": "Tag", "id": 1, "data": {"gone": true}})).await;
        assert_eq!(code(&error), "FIELD_NOT_ALLOWED");
    }

    async fn delete_needs_a_key(test: &TestDatabase) {
        let ormai = writable(test).await;
        for arguments in [
            json!({"model": "Order"}), json!({"model": "Order", "id": null}), json!({"model": "Order", "id": []}), json!({"model": "Order", "id": [3]}),
            json!({"model": "Order", "id": {}}), json!({"model": "Order", "id": {"id": null}}), json!({"model": "Order", "id": {"id": 3, "status": "x"}}),
            json!({"model": "Order", "ids": [3]}), json!({"model": "Order", "filters": [filter("id", "eq", 3)]}), json!({"model": "Order", "id": 3, "data": {}}),
            json!({"model": "Order", "id": {"or": []}}), json!({"model": "Order", "id": "3"}), json!({"model": "Order", "id": 3.5}),
        ] {
            assert_eq!(code(&refused(test, &ormai, &acme(), "delete", arguments).await), "VALIDATION_ERROR");
        }
        assert_eq!(code(&refused(test, &ormai, &globex(), "delete", json!({"model": "Tenant", "id": "globex"})).await), "WRITE_NOT_ALLOWED");
    }
}
