//! Keys of several parts, keys that the database makes, models without a key, and views.

use ormai::catalog::{CatalogBuilder, ModelBuilder, ModelKind};
use ormai::value::ColumnType::{Int, Text};
use ormai_testkit::{Engine, every_engine};
use serde_json::json;

use super::shop::{acme, globex, shop};
use super::{done, filter, introspected, refused};
use crate::support::{ask, code, with_policy};

every_engine! {
    async fn key_of_several_parts_comes_back_whole(test: &TestDatabase) {
        let ormai = shop(test).await;
        let hour = done(&ormai, &acme(), "create", json!({"model": "Hour", "data": {"task_id": 2, "day": 2, "hours": 3}})).await;
        assert_eq!(hour, json!({"tenant_id": "acme", "task_id": 2, "day": 2, "hours": 3}));
        let hour = done(&ormai, &acme(), "update", json!({"model": "Hour", "id": {"tenant_id": "acme", "task_id": 2, "day": 2}, "data": {"hours": 4}})).await;
        assert_eq!(hour["hours"], 4);
        assert_eq!(code(&refused(test, &ormai, &acme(), "create", json!({"model": "Hour", "data": {"task_id": 2, "day": 2, "hours": 3}})).await), "CONFLICT");
        assert_eq!(code(&refused(test, &ormai, &acme(), "create", json!({"model": "Hour", "data": {"task_id": 2, "hours": 3}})).await), "VALIDATION_ERROR");
        let all = done(&ormai, &acme(), "bulk_update", json!({"model": "Hour", "filters": [filter("task_id", "eq", 1)], "data": {"hours": 1}, "dry_run": true})).await;
        assert_eq!(all["affected_count"], 2);
        assert_eq!(done(&ormai, &acme(), "delete", json!({"model": "Hour", "id": {"tenant_id": "acme", "task_id": 2, "day": 2}})).await, hour);
    }

    async fn key_that_a_part_of_is_a_reference_is_looked_at(test: &TestDatabase) {
        let ormai = shop(test).await;
        let theirs = refused(test, &ormai, &acme(), "create", json!({"model": "Hour", "data": {"task_id": 3, "day": 1, "hours": 3}})).await;
        let none = refused(test, &ormai, &acme(), "create", json!({"model": "Hour", "data": {"task_id": 404, "day": 1, "hours": 3}})).await;
        assert_eq!((code(&theirs), &theirs), ("VALIDATION_ERROR", &none));
        assert_eq!(done(&ormai, &globex(), "create", json!({"model": "Hour", "data": {"task_id": 3, "day": 9, "hours": 3}})).await["tenant_id"], "globex");
    }

    async fn key_is_the_databases_where_it_makes_one(test: &TestDatabase) {
        let (key, type_of) = match test.engine() {
            Engine::Sqlite => ("text NOT NULL DEFAULT (lower(hex(randomblob(8)))) PRIMARY KEY", "Text"),
            Engine::Postgres => ("uuid DEFAULT gen_random_uuid() PRIMARY KEY", "Uuid"),
            // What MariaDB computes for a key comes back of no INSERT of MySQL's, so it counts here.
            Engine::MySql => ("varchar(40) NOT NULL DEFAULT (uuid()) PRIMARY KEY", "Text"),
        };
        test.execute(&format!("CREATE TABLE tickets (id {key}, tenant_id varchar(40) NOT NULL, title varchar(20))")).await;
        let ormai = introspected(test, "
models:
  Ticket:
    fields: {id: allow, title: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, auto_set: {tenant_id: principal.tenant_id}}
").await;
        let ticket = done(&ormai, &acme(), "create", json!({"model": "Ticket", "data": {"title": "a"}})).await;
        assert!(ticket["id"].as_str().unwrap().len() >= 16, "{type_of}: {ticket}");
        assert_eq!(done(&ormai, &acme(), "update", json!({"model": "Ticket", "id": ticket["id"], "data": {"title": "b"}})).await["title"], "b");
        assert_eq!(done(&ormai, &acme(), "delete", json!({"model": "Ticket", "id": ticket["id"]})).await["title"], "b");
        assert_eq!(test.count("tickets").await, 0);
    }

    async fn a_model_without_a_key_is_not_written(test: &TestDatabase) {
        test.execute("CREATE TABLE logs (tenant_id varchar(40), line varchar(40)); INSERT INTO logs VALUES ('acme', 'a')").await;
        let catalog = CatalogBuilder::new().model(ModelBuilder::table("Log", "logs").field("tenant_id", Text).field("line", Text)).build().unwrap();
        let policy = "
models:
  Log:
    fields: {line: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow}
";
        let Ok(ormai) = crate::support::build(test, policy, catalog).await else { return };
        for (tool, arguments) in [
            ("create", json!({"model": "Log", "data": {"line": "x"}})), ("update", json!({"model": "Log", "id": 1, "data": {"line": "x"}})),
            ("update", json!({"model": "Log", "id": {}, "data": {"line": "x"}})), ("delete", json!({"model": "Log", "id": {"line": "a"}})),
            ("bulk_update", json!({"model": "Log", "filters": [filter("line", "eq", "a")], "data": {"line": "x"}})), ("bulk_update", json!({"model": "Log", "ids": ["a"], "data": {"line": "x"}})),
        ] {
            assert_eq!(code(&refused(test, &ormai, &acme(), tool, arguments).await), "WRITE_NOT_ALLOWED");
        }
        assert_eq!(ask(&ormai, &acme(), "query", json!({"model": "Log"})).await["data"]["rows"], json!([{"line": "a"}]));
    }

    async fn a_view_is_not_written(test: &TestDatabase) {
        test.execute("CREATE TABLE notes (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40), body varchar(40)); INSERT INTO notes VALUES (1, 'acme', 'a');
            CREATE VIEW open_notes AS SELECT id, tenant_id, body FROM notes").await;
        let mut view = ModelBuilder::table("OpenNote", "open_notes").field("id", Int).field("tenant_id", Text).field("body", Text).primary_key(["id"]);
        view.kind = ModelKind::View;
        let catalog = CatalogBuilder::new().model(view).build().unwrap();
        let policy = "
models:
  OpenNote:
    fields: {id: allow, body: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow}
";
        let Ok(ormai) = crate::support::build(test, policy, catalog.clone()).await else {
            let reading = &policy[..policy.find("    write_policy").unwrap()];
            let ormai = with_policy(test, reading, catalog).await;
            assert_eq!(code(&refused(test, &ormai, &acme(), "delete", json!({"model": "OpenNote", "id": 1})).await), "WRITE_NOT_ALLOWED");
            return;
        };
        for (tool, arguments) in [
            ("create", json!({"model": "OpenNote", "data": {"id": 2, "body": "x"}})), ("update", json!({"model": "OpenNote", "id": 1, "data": {"body": "x"}})),
            ("delete", json!({"model": "OpenNote", "id": 1})), ("bulk_update", json!({"model": "OpenNote", "ids": [1], "data": {"body": "x"}})),
        ] {
            assert_eq!(code(&refused(test, &ormai, &acme(), tool, arguments).await), "WRITE_NOT_ALLOWED");
        }
    }
}
