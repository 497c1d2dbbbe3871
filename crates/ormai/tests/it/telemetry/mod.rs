//! What operators see of a call while it happens, and that no value is in it.

mod log;
#[cfg(feature = "opentelemetry")]
mod meter;
mod recorder;
mod spans;

use ormai::policy::Format;
use ormai::prelude::*;
use ormai_testkit::{Dataset, Engine, TestDatabase, guide_catalog, writes_policy};
use serde_json::{Value as Json, json};

use crate::support::database;

/// The engine, in OpenTelemetry's words.
fn system(test: &TestDatabase) -> &'static str {
    match test.engine() {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgresql",
        Engine::MySql => "mysql",
    }
}

/// The guide's models with the demo rows, opened to be written, on a builder that a test adds to.
async fn writable(test: &TestDatabase, with: impl FnOnce(ormai::Builder) -> ormai::Builder) -> OrmAi {
    test.load(&Dataset::demo()).await;
    let builder = OrmAi::builder()
        .database(database(test))
        .policy_text(writes_policy(), Format::Yaml)
        .catalog(guide_catalog())
        .hash_key(*b"a hash key for tests");
    with(builder).build().await.unwrap()
}

/// What stands in no attribute, whoever put it where.
const SECRET: &str = "opensesame";

/// Calls with the secret in every place of a request, and of its principal; some are answered, and
/// others are refused by each of the stages.
fn with_secrets() -> Vec<(&'static str, Json)> {
    let filter = json!([{"field": "status", "op": "eq", "value": SECRET}]);
    let twice = "x".repeat(3) + SECRET;
    vec![
        (SECRET, json!({})),
        ("query", json!(SECRET)),
        ("query", json!({"model": SECRET})),
        ("query", json!({"model": "Order", SECRET: 1})),
        ("query", json!({"model": "Order", "filters": filter})),
        ("query", json!({"model": "Order", "filters": [{"field": SECRET, "op": "eq", "value": 1}]})),
        ("query", json!({"model": "Order", "filters": [{"field": "status", "op": SECRET, "value": 1}]})),
        ("query", json!({"model": "Order", "filters": [{"field": "id", "op": "eq", "value": SECRET}]})),
        ("query", json!({"model": "Order", "filters": [{"field": "status", "op": "contains", "value": SECRET}]})),
        ("query", json!({"model": "Order", "select": [SECRET]})),
        ("query", json!({"model": "Order", "include": [SECRET]})),
        (
            "query",
            json!({"model": "Order", "include": [{"relation": "items", "filters": [{"field": "sku", "op": "eq", "value": SECRET}]}]}),
        ),
        ("query", json!({"model": "Order", "order": [{"field": SECRET}]})),
        ("query", json!({"model": "Order", "cursor": SECRET})),
        ("get", json!({"model": "User", "id": SECRET})),
        ("get", json!({"model": "Order", "id": SECRET})),
        ("aggregate", json!({"model": "Order", "aggregations": [{"function": "count"}], "filters": filter})),
        ("aggregate", json!({"model": "Order", "aggregations": [{"function": SECRET}]})),
        ("describe_schema", json!({"model": SECRET})),
        ("create", json!({"model": "Order", "data": {"status": SECRET}})),
        ("create", json!({"model": "Order", "data": {SECRET: SECRET}})),
        ("create", json!({"model": SECRET, "data": {"status": SECRET}})),
        ("create", json!({"model": "Order", "data": {"status": "pending"}, "idempotency_key": SECRET})),
        ("create", json!({"model": "Order", "data": {"status": "pending"}, "reason": SECRET})),
        ("update", json!({"model": "Order", "id": 1, "data": {"status": SECRET}, "reason": twice})),
        ("update", json!({"model": "Order", "id": 1, "data": {"total": SECRET}})),
        ("update", json!({"model": "Order", "id": SECRET, "data": {"status": "paid"}})),
        ("bulk_update", json!({"model": "Order", "filters": filter, "data": {"status": SECRET}, "reason": SECRET})),
        ("delete", json!({"model": "Order", "id": SECRET, "reason": SECRET})),
    ]
}

/// A principal of which nothing may be told.
fn secret_principal() -> Principal {
    Principal::new(SECRET)
        .user(SECRET)
        .role(SECRET)
        .metadata("tenant_hierarchy", json!([SECRET]))
        .metadata(SECRET, SECRET)
}

/// Both whom nothing may be told of, and one that has rows.
fn principals() -> [Principal; 2] {
    [secret_principal(), Principal::new("acme-corp").user("user-123").role(SECRET)]
}

/// Nothing of the request, its principal or any row stands in a text.
fn tells_nothing_of_anybody(text: &str) {
    // Tenants, users, and values of the demo rows.
    for word in [SECRET, "acme", "globex", "user-123", "user-201", "987-65-4321", "gus@", "@", "SELECT", "select "] {
        assert!(!text.contains(word), "`{word}` in {text}");
    }
}
