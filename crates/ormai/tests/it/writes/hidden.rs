//! Attacks 7, 8 and 24: hidden fields in what is written, and in the filters of a bulk update.

use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use super::{done, filter, refused, under};
use crate::support::{acme, ask, code};

/// Hidden in every way: `ssn` denied, `email` masked, `name` redacted, `tenant_id` hashed.
const HIDING: &str = "
budget: {max_complexity_score: 1000}
models:
  User:
    fields: {id: allow, email: mask, name: redact, tenant_id: hash}
    relations: {orders: {}}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, auto_set: {tenant_id: principal.tenant_id, created_at: now()}}
  Order:
    fields: {id: allow, status: allow, note: allow}
    relations: {user: {}}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, auto_set: {tenant_id: principal.tenant_id}}
";

/// Every write that names a field of `User`.
fn references(field: &str) -> Vec<(&'static str, Json)> {
    let mut all = Vec::new();
    for value in [json!("x"), Json::Null, json!(1), json!({}), json!("123-45-6789")] {
        all.push((
            "create",
            json!({"model": "User", "data": {"id": "user-9", "name": "x", "email": "x", field: value}}),
        ));
        all.push(("create", json!({"model": "User", "data": {field: value}})));
        all.push(("update", json!({"model": "User", "id": "user-123", "data": {field: value}})));
        all.push(("update", json!({"model": "User", "id": "user-201", "data": {field: value}})));
        all.push(("bulk_update", json!({"model": "User", "ids": ["user-123"], "data": {field: value}})));
    }
    let operators = [
        ("eq", json!("123-45-6789")),
        ("ne", json!("x")),
        ("lt", json!("2")),
        ("lte", json!("x")),
        ("gt", json!("x")),
        ("gte", json!("1")),
        ("in", json!(["123-45-6789"])),
        ("not_in", json!(["x"])),
        ("is_null", json!(true)),
        ("contains", json!("-")),
        ("starts_with", json!("123")),
        ("ends_with", json!("9")),
        ("between", json!(["1", "2"])),
    ];
    for (op, value) in operators {
        let filter = filter(field, op, value);
        for filter in [filter.clone(), json!({"not": filter}), json!({"or": [{"and": [filter]}]})] {
            all.push(("bulk_update", json!({"model": "User", "filters": [filter], "data": {"name": "x"}})));
        }
        for matching in ["any", "all", "none"] {
            all.push(("bulk_update", json!({"model": "Order", "filters": [{"relation": "user", "match": matching, "filters": [filter]}], "data": {"note": "x"}})));
        }
        all.push(("bulk_update", json!({"model": "Order", "filters": [filter], "data": {"note": "x"}})));
    }
    all.push(("update", json!({"model": "User", "id": {"id": "user-123", field: "x"}, "data": {"name": "x"}})));
    all.push(("update", json!({"model": "User", "id": {field: "x"}, "data": {"name": "x"}})));
    all.push(("delete", json!({"model": "User", "id": {field: "x"}})));
    all.push(("bulk_update", json!({"model": "User", "ids": [{field: "x"}], "data": {"name": "x"}})));
    all
}

every_engine! {
    async fn attack_07_a_denied_field_is_written_like_one_that_does_not_exist(test: &TestDatabase) {
        let ormai = under(test, HIDING).await;
        let same = |answer: &Json, field: &str| answer.to_string().replace(field, "…");
        for denied in ["ssn", "created_at"] {
            for ((tool, arguments), (_, invented)) in references(denied).into_iter().zip(references("zzz")) {
                let (real, other) = (refused(test, &ormai, &acme(), tool, arguments.clone()).await, ask(&ormai, &acme(), tool, invented).await);
                assert!(["FIELD_NOT_ALLOWED", "VALIDATION_ERROR"].contains(&code(&real)), "{arguments}: {real}");
                assert_eq!(same(&real, denied), same(&other, "zzz"), "{tool} {arguments}");
            }
        }
    }

    async fn attack_24_no_hint_names_a_denied_field(test: &TestDatabase) {
        let ormai = under(test, HIDING).await;
        for near in ["ss", "snn", "SSN", "ssn ", "sssn", "created", "createdat", "created_a", "tenant", "password"] {
            for (tool, arguments) in references(near) {
                let answer = refused(test, &ormai, &acme(), tool, arguments).await;
                let text = answer.to_string().replace(&serde_json::to_string(near).unwrap(), "").replace(&format!("`{near}`"), "").replace(&format!("data.{near}"), "").replace(near, "");
                assert!(!text.contains("ssn") && !text.contains("created_at"), "{near}: {answer}");
            }
        }
        // What is missing in a new row, and what the database says of it, names open fields only.
        let missing = refused(test, &ormai, &acme(), "create", json!({"model": "Order", "data": {"id": 9, "status": "x"}})).await;
        assert_eq!(code(&missing), "VALIDATION_ERROR");
        for hidden in ["user_id", "total", "created_at", "tenant_id"] {
            assert!(!missing.to_string().contains(hidden), "{missing}");
        }
    }

    async fn attack_07_what_is_hidden_can_be_written_and_not_asked_for(test: &TestDatabase) {
        let ormai = under(test, HIDING).await;
        for field in ["email", "name", "tenant_id"] {
            for (tool, arguments) in references(field).into_iter().filter(|(tool, arguments)| *tool == "bulk_update" && arguments.get("filters").is_some()) {
                let answer = refused(test, &ormai, &acme(), tool, arguments.clone()).await;
                assert!(["FIELD_NOT_ALLOWED", "VALIDATION_ERROR"].contains(&code(&answer)), "{arguments}: {answer}");
            }
        }
        let user = done(&ormai, &acme(), "update", json!({"model": "User", "id": "user-123", "data": {"name": "Anne", "email": "anne@acme.example"}})).await;
        assert_eq!(user["name"], "[REDACTED]");
        let text = user.to_string();
        for raw in ["Anne", "anne@", "acme", "example"] {
            assert!(!text.contains(raw), "{raw}: {text}");
        }
        // The hash of a tenant is no tenant.
        let hash = user["tenant_id"].clone();
        let answer = refused(test, &ormai, &acme(), "update", json!({"model": "User", "id": "user-123", "data": {"tenant_id": hash}})).await;
        assert_eq!(code(&answer), "WRITE_NOT_ALLOWED");
    }

    async fn attack_08_a_hidden_value_is_not_guessed_by_what_a_write_counts(test: &TestDatabase) {
        let ormai = under(test, HIDING).await;
        for guess in ["1", "12", "123-45-6789", "9"] {
            for op in ["starts_with", "eq", "gte", "lt", "contains"] {
                let filter = filter("ssn", op, guess);
                for filters in [json!([filter]), json!([{"relation": "orders", "filters": [{"relation": "user", "filters": [filter]}]}])] {
                    for dry_run in [false, true] {
                        let answer = refused(test, &ormai, &acme(), "bulk_update", json!({"model": "User", "filters": filters, "data": {"name": "x"}, "dry_run": dry_run})).await;
                        assert_eq!(code(&answer), "FIELD_NOT_ALLOWED");
                    }
                }
            }
        }
    }

    async fn attack_24_not_there_and_not_mine_are_the_same_bytes(test: &TestDatabase) {
        let ormai = under(test, HIDING).await;
        let bytes = async |tool: &str, arguments: Json| refused(test, &ormai, &acme(), tool, arguments).await.to_string();
        for data in [json!({"name": "x"}), json!({"email": ""}), json!({"name": "x", "email": "y"})] {
            let theirs = bytes("update", json!({"model": "User", "id": "user-201", "data": data})).await;
            assert_eq!(theirs, bytes("update", json!({"model": "User", "id": "user-999", "data": data})).await);
        }
        assert_eq!(bytes("delete", json!({"model": "User", "id": "user-201"})).await, bytes("delete", json!({"model": "User", "id": "user-999"})).await);
        for (real, invented) in [("Document", "Documenz"), ("OrderItem", "OrderItemz"), ("users", "userz"), ("Tenant", "Tenanz")] {
            for (tool, more) in [("create", json!({"data": {"id": 1}})), ("update", json!({"id": 1, "data": {"id": 1}})), ("delete", json!({"id": 1})), ("bulk_update", json!({"ids": [1], "data": {"id": 1}}))] {
                let with = |model: &str| {
                    let mut arguments = more.clone();
                    arguments["model"] = json!(model);
                    arguments
                };
                let (first, second) = (bytes(tool, with(real)).await, bytes(tool, with(invented)).await);
                assert_eq!(first.replace(real, "…"), second.replace(invented, "…"));
                assert!(first.contains("MODEL_NOT_ALLOWED"));
            }
        }
    }
}
