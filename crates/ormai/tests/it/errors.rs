//! Attack 24: what an error tells. Every refusal of every other test passes
//! [`crate::support::tells_nothing`] too.

use std::time::Duration;

use ormai::Call;
use ormai::db::Session;
use ormai::prelude::*;
use ormai::principal::CallContext;
use ormai::request::{Request, Tool};
use ormai_testkit::{TestDatabase, every_engine};
use serde_json::{Value as Json, json};

use crate::support::{acme, database, demo};

/// All of an answer but how long it took.
async fn bytes(ormai: &OrmAi, tool: &str, arguments: &Json) -> String {
    let ctx = RunContext::new(acme()).request_id("the same");
    let mut result = serde_json::to_value(ormai.tools().call(&ctx, tool, arguments).await).unwrap();
    result["metadata"]["execution_time_ms"] = json!(0);
    result.to_string()
}

/// Order 4 is globex's, and there is no order 4444.
fn about(order: i64, user: &str, item: i64) -> Vec<(&'static str, Json)> {
    let id = |model: &str, id: Json| ("get", json!({"model": model, "id": id}));
    let by = |field: &str, value: Json| {
        (
            "query",
            json!({"model": "Order", "filters": [{"field": field, "op": "eq", "value": value}], "with_total": true}),
        )
    };
    vec![
        id("Order", json!(order)),
        id("User", json!(user)),
        id("OrderItem", json!(item)),
        ("get", json!({"model": "Order", "id": {"id": order}})),
        (
            "get",
            json!({"model": "Order", "id": order, "select": ["id"], "include": ["items", {"relation": "user", "select": ["name"]}]}),
        ),
        by("id", json!(order)),
        by("user_id", json!(user)),
        (
            "query",
            json!({"model": "Order", "filters": [{"field": "id", "op": "in", "value": [order, 1]}], "include": ["items"]}),
        ),
        (
            "query",
            json!({"model": "User", "filters": [{"field": "id", "op": "eq", "value": user}], "include": ["orders"]}),
        ),
        ("query", json!({"model": "OrderItem", "filters": [{"field": "order_id", "op": "eq", "value": order}]})),
        (
            "query",
            json!({"model": "Order", "filters": [{"relation": "user", "filters": [{"field": "id", "op": "eq", "value": user}]}]}),
        ),
        (
            "query",
            json!({"model": "Order", "filters": [{"relation": "user", "match": "none", "filters": [{"field": "id", "op": "eq", "value": user}]}]}),
        ),
        (
            "query",
            json!({"model": "Order", "filters": [{"relation": "items", "match": "all", "filters": [{"field": "id", "op": "ne", "value": item}]}]}),
        ),
        (
            "query",
            json!({"model": "Order", "include": [{"relation": "items", "filters": [{"field": "id", "op": "eq", "value": item}]}]}),
        ),
        (
            "aggregate",
            json!({"model": "Order", "aggregations": [{"function": "count"}, {"function": "sum", "field": "total"}],
            "filters": [{"field": "id", "op": "eq", "value": order}]}),
        ),
        (
            "aggregate",
            json!({"model": "Order", "aggregations": [{"function": "max", "field": "total"}], "group_by": ["status"],
            "filters": [{"field": "user_id", "op": "eq", "value": user}]}),
        ),
    ]
}

/// The texts that a call runs, driven by hand.
async fn run(ormai: &OrmAi, test: &TestDatabase, (tool, arguments): &(&str, Json)) -> Vec<String> {
    let request = Request::from_value(Tool::from_name(tool).unwrap(), arguments).unwrap();
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let context = CallContext { principal: acme(), request_id: String::new(), trace_id: None, now };
    let mut call = Call::begin(ormai.tools().engine(), context, request).unwrap();
    let mut session = Session::from_pool(&database(test)).await.unwrap();
    let mut texts = Vec::new();
    while let Some(statement) = call.statement().unwrap() {
        texts.push(statement.sql().to_string());
        call.feed(session.run(&statement, Duration::from_secs(30)).await.unwrap());
    }
    session.finish().await.unwrap();
    texts
}

every_engine! {
    async fn attack_24_not_there_and_not_yours_are_the_same_bytes(test: &TestDatabase) {
        let ormai = demo(test).await;
        for (yours, there) in about(4, "user-201", 5).into_iter().zip(about(4_444, "user-999", 5_555)) {
            let (not_yours, not_there) = (bytes(&ormai, yours.0, &yours.1).await, bytes(&ormai, there.0, &there.1).await);
            assert_eq!(not_yours, not_there, "{}", yours.1);
        }
        let refusal: Json = serde_json::from_str(&bytes(&ormai, "get", &json!({"model": "Order", "id": 4})).await).unwrap();
        let error = json!({"code": "RECORD_NOT_FOUND", "message": "there is no such record for you", "hint": "find its key with `query`", "retryable": false});
        assert_eq!(refusal["error"], error);
    }

    async fn attack_24_not_there_and_not_yours_take_the_same_statements(test: &TestDatabase) {
        let ormai = demo(test).await;
        // So what is there can be told neither by what is run nor by how often.
        for (yours, there) in about(4, "user-201", 5).into_iter().zip(about(4_444, "user-999", 5_555)) {
            let (not_yours, not_there) = (run(&ormai, test, &yours).await, run(&ormai, test, &there).await);
            assert!(!not_yours.is_empty());
            assert_eq!(not_yours, not_there, "{}", yours.1);
        }
        // One's own rows take more: their includes are asked for.
        let mine = ("get", json!({"model": "Order", "id": 1, "include": ["items"]}));
        let theirs = ("get", json!({"model": "Order", "id": 4, "include": ["items"]}));
        assert!(run(&ormai, test, &mine).await.len() > run(&ormai, test, &theirs).await.len());
    }

    async fn attack_24_hints_know_only_what_is_open(test: &TestDatabase) {
        let ormai = demo(test).await;
        // Near misses of denied columns, of tables and of columns that nobody opened.
        for (model, hidden) in [("OrderItem", "tenant_id"), ("Document", "tenant_id")] {
            for slip in ["tenant_ix", "tenantid", "tenant", "tenant_i", "TENANT_ID", "tenant_id"] {
                for request in [
                    json!({"model": model, "select": [slip]}),
                    json!({"model": model, "order": [{"field": slip}]}),
                    json!({"model": model, "filters": [{"field": slip, "op": "eq", "value": "x"}]}),
                ] {
                    let answer = crate::support::ask(&ormai, &acme(), "query", request.clone()).await;
                    let hint = answer["error"]["hint"].as_str().unwrap_or_default();
                    assert_eq!(crate::support::code(&answer), "FIELD_NOT_ALLOWED", "{request}");
                    assert!(!hint.contains(hidden), "{request}: {hint}");
                }
            }
        }
        for slip in ["orders", "order_items", "users", "Orderitem", "sqlite_master", "pg_class", "information_schema.tables"] {
            let answer = crate::support::ask(&ormai, &acme(), "query", json!({"model": slip})).await;
            assert_eq!(crate::support::code(&answer), "MODEL_NOT_ALLOWED", "{slip}");
            let hint = answer["error"]["hint"].as_str().unwrap_or_default();
            assert!(!hint.contains("order_items") && !hint.contains("sqlite") && !hint.contains("pg_"), "{hint}");
        }
    }
}
