//! The second law on the guide's own policy, with requests and changes that were chosen to hurt;
//! over worlds drawn at random it stands in `laws`.

use ormai::prelude::*;
use ormai_testkit::{Dataset, Engine, TestDatabase, every_engine};
use serde_json::{Value as Json, json};

use crate::support::{acme, guided};

/// What happens to the others. Nothing of it touches a row of acme's, and each line is made
/// to show through some weakness: in a count, a limit, an order, a cursor, an error.
const OTHERS: &str = "
    DELETE FROM order_items WHERE tenant_id IN ('globex', 'root');
    DELETE FROM orders WHERE id IN (5, 6);
    UPDATE orders SET total = 99999999.99, status = 'paid', note = '\\', created_at = '2026-02-01 08:59:59' WHERE tenant_id = 'globex';
    UPDATE users SET name = 'Ann', email = 'ann@acme.example', ssn = '123-45-6789' WHERE tenant_id = 'globex';
    UPDATE tenants SET name = 'Acme Corporation' WHERE id = 'globex';
    INSERT INTO tenants VALUES ('ACME-CORP', 'Shouting'), ('acme-corp ', 'Blank'), ('acme%', 'Percent'), ('acme', 'Short');
    INSERT INTO users VALUES ('user-0', 'acme', 'a@b', 'Aaa', NULL, '2020-01-01 00:00:00'), ('user-999', 'ACME-CORP', 'z@z', 'Zzz', NULL, '2030-01-01 00:00:00');
    INSERT INTO orders VALUES (-7, 'acme', 'user-123', 'pending', 0.01, NULL, '2020-01-01 00:00:00'), (100, 'ACME-CORP', 'user-123', 'pending', 5, '%', '2030-01-01 00:00:00'),
        (101, 'acme-corp ', 'user-124', 'zzz', 7, 'ends\\', '2026-02-02 09:00:00'), (102, 'acme%', 'user-123', '', 0, '', '2026-02-03 09:00:00');
    INSERT INTO order_items VALUES (50, 'globex', 1, 'A-0', 1000, 1), (51, 'globex', 2, 'A-9', 1, 1), (52, 'acme', 3, 'A-1', 1, 1), (-1, 'ACME-CORP', 1, 'A-1', 1, 1),
        (53, 'globex', 100, 'A-1', 1, 1), (54, 'root', 3, 'Z', 9, 9);
    DELETE FROM documents WHERE id = 4;
    INSERT INTO documents VALUES (0, 'globex', 'Acme handbook', 'x', false), (9, 'ACME-CORP', 'x', 'x', false), (10, NULL, 'x', 'x', false);
";

/// The same, where the keys of an engine take no notice of case and of blanks at the end: two
/// tenants cannot be named so, and their rows can.
fn others(engine: Engine) -> String {
    match engine {
        Engine::Sqlite | Engine::Postgres => OTHERS.to_owned(),
        Engine::MySql => OTHERS.replace("('ACME-CORP', 'Shouting'), ('acme-corp ', 'Blank'), ", ""),
    }
}

fn requests() -> Vec<(&'static str, Json)> {
    let order = |more: Json| {
        let mut request = json!({"model": "Order"});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ("query", request)
    };
    let by = |field: &str, op: &str, value: Json| {
        order(json!({"filters": [{"field": field, "op": op, "value": value}], "with_total": true}))
    };
    vec![
        order(json!({})),
        order(json!({"with_total": true})),
        order(json!({"limit": 1})),
        order(
            json!({"limit": 1, "with_total": true, "order": [{"field": "status"}, {"field": "note", "direction": "desc"}]}),
        ),
        order(json!({"limit": 2, "order": [{"field": "total", "direction": "desc"}]})),
        order(json!({"limit": 2, "order": [{"field": "note"}], "select": ["note"]})),
        order(json!({"include": ["user", "items", "tenant"]})),
        order(json!({"limit": 5, "include": [{"relation": "user", "include": [{"relation": "orders", "limit": 1}]}]})),
        order(
            json!({"include": [{"relation": "items", "limit": 1, "order": [{"field": "sku", "direction": "desc"}]}]}),
        ),
        order(json!({"include": [{"relation": "items", "filters": [{"field": "quantity", "op": "gt", "value": 1}]}]})),
        by("id", "eq", json!(4)),
        by("id", "eq", json!(100)),
        by("id", "in", json!([1, 4, 5, 100])),
        by("id", "not_in", json!([1, 4, 5, 100])),
        by("status", "ne", json!("paid")),
        by("tenant_id", "eq", json!("globex")),
        by("tenant_id", "ne", json!("acme-corp")),
        by("total", "lt", json!("0.5")),
        by("total", "between", json!([5, 300])),
        by("created_at", "gte", json!("2026-02-02T00:00:00Z")),
        by("note", "is_null", json!(true)),
        by("note", "contains", json!("\\")),
        by("note", "ends_with", json!("\\")),
        by("note", "starts_with", json!("%")),
        order(
            json!({"filters": [{"relation": "items", "match": "any", "filters": [{"field": "sku", "op": "starts_with", "value": "A-"}]}]}),
        ),
        order(
            json!({"filters": [{"relation": "items", "match": "all", "filters": [{"field": "quantity", "op": "lt", "value": 100}]}]}),
        ),
        order(
            json!({"filters": [{"relation": "items", "match": "none", "filters": [{"field": "sku", "op": "eq", "value": "A-9"}]}]}),
        ),
        order(
            json!({"filters": [{"relation": "user", "match": "none", "filters": [{"field": "name", "op": "eq", "value": "Ann"}]}]}),
        ),
        order(
            json!({"filters": [{"or": [{"field": "status", "op": "eq", "value": "zzz"}, {"not": {"field": "total", "op": "gt", "value": 6}}]}]}),
        ),
        (
            "query",
            json!({"model": "User", "include": ["orders", "tenant"], "order": [{"field": "name", "direction": "desc"}]}),
        ),
        ("query", json!({"model": "Tenant", "with_total": true, "include": ["users", "orders"]})),
        ("query", json!({"model": "OrderItem", "limit": 2, "with_total": true, "include": ["order"]})),
        ("query", json!({"model": "Document", "limit": 1, "with_total": true})),
        ("get", json!({"model": "Order", "id": 1, "include": ["items"]})),
        ("get", json!({"model": "Order", "id": 4})),
        ("get", json!({"model": "Order", "id": 5})),
        ("get", json!({"model": "Order", "id": 101})),
        ("get", json!({"model": "User", "id": "user-201"})),
        ("get", json!({"model": "Document", "id": 4})),
        ("get", json!({"model": "Tenant", "id": "globex"})),
        (
            "aggregate",
            json!({"model": "Order", "aggregations": [{"function": "count"}, {"function": "sum", "field": "total"}, {"function": "avg", "field": "total"},
            {"function": "min", "field": "total"}, {"function": "max", "field": "created_at"}]}),
        ),
        (
            "aggregate",
            json!({"model": "Order", "aggregations": [{"function": "count"}], "group_by": ["status"], "order": [{"field": "count", "direction": "desc"}]}),
        ),
        (
            "aggregate",
            json!({"model": "Order", "aggregations": [{"function": "count"}], "group_by": ["tenant_id", "user_id"], "limit": 1}),
        ),
        ("aggregate", json!({"model": "OrderItem", "aggregations": [{"function": "sum", "field": "quantity"}]})),
        ("aggregate", json!({"model": "Document", "aggregations": [{"function": "count"}]})),
        (
            "aggregate",
            json!({"model": "Order", "aggregations": [{"function": "count"}],
            "filters": [{"relation": "items", "filters": [{"field": "quantity", "op": "gte", "value": 25}]}]}),
        ),
        ("query", json!({"model": "Order", "filters": [{"field": "id", "op": "eq", "value": "x"}]})),
        ("query", json!({"model": "Order", "cursor": "AAAA"})),
        ("describe_schema", json!({})),
    ]
}

/// Every answer to a request, page after page, but for how long each took.
async fn answers(ormai: &OrmAi, tool: &str, mut arguments: Json) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let ctx = RunContext::new(acme()).request_id("law 2").now("2026-03-01T00:00:00Z".parse().unwrap());
        let mut result = serde_json::to_value(ormai.tools().call(&ctx, tool, &arguments).await).unwrap();
        result["metadata"]["execution_time_ms"] = json!(0);
        all.push(result.to_string());
        match result["data"]["next_cursor"].as_str() {
            Some(cursor) if all.len() < 20 => arguments["cursor"] = json!(cursor),
            _ => return all,
        }
    }
}

every_engine! {
    async fn law_2_nothing_of_the_others_shows(test: &TestDatabase) {
        let other = TestDatabase::on(test.engine()).await;
        test.load(&Dataset::demo()).await;
        other.load(&Dataset::demo()).await;
        other.execute(&others(test.engine())).await;
        let (one, changed) = (guided(test).await, guided(&other).await);
        let (mut pages, mut answered) = (0, 0);
        for (tool, arguments) in requests() {
            let (before, after) = (answers(&one, tool, arguments.clone()).await, answers(&changed, tool, arguments.clone()).await);
            assert_eq!(before, after, "{tool} {arguments}");
            pages += before.len();
            answered += before.iter().filter(|answer| answer.contains("\"success\":true")).count();
        }
        assert!(pages > requests().len() + 5 && answered > 40, "{pages} pages, {answered} answered");
        // Again in the same database: the change comes between two calls.
        let mut before = Vec::new();
        for (tool, arguments) in requests() {
            before.push(answers(&one, tool, arguments).await);
        }
        test.execute(&others(test.engine())).await;
        for ((tool, arguments), before) in requests().into_iter().zip(before) {
            assert_eq!(answers(&one, tool, arguments.clone()).await, before, "{tool} {arguments}");
        }
        other.close().await;
    }
}
