//! One answer of each kind, the same on both engines, and the tools as models are told of them.

use ormai::prelude::*;
use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use crate::support::{acme, admin, ask, demo};

async fn check(ormai: &OrmAi, name: &str, tool: &str, arguments: Json) {
    let mut answer = ask(ormai, &acme(), tool, arguments.clone()).await;
    if answer["data"]["next_cursor"].is_string() {
        answer["data"]["next_cursor"] = json!("(a cursor)");
    }
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_json_snapshot!(name, json!({"tool": tool, "arguments": arguments, "answer": answer}));
    });
}

every_engine! {
    async fn one_of_each_answer(test: &TestDatabase) {
        let ormai = demo(test).await;
        check(&ormai, "query_nested", "query", json!({
            "model": "User", "select": ["id", "name", "email", "ssn"],
            "include": [
                {"relation": "tenant"},
                {"relation": "orders", "select": ["id", "status", "total"], "limit": 1, "include": [{"relation": "items", "select": ["sku", "quantity"], "limit": 1}]},
            ],
        })).await;
        check(&ormai, "query_page", "query", json!({
            "model": "Order", "select": ["id", "note", "created_at"], "order": [{"field": "note", "direction": "desc"}], "limit": 2, "with_total": true,
        })).await;
        check(&ormai, "query_empty", "query", json!({"model": "Order", "filters": [{"field": "id", "op": "lt", "value": 0}]})).await;
        check(&ormai, "get", "get", json!({"model": "Order", "id": 2, "include": ["user", {"relation": "items", "order": [{"field": "price"}]}]})).await;
        check(&ormai, "aggregate_groups", "aggregate", json!({
            "model": "Order",
            "aggregations": [{"function": "count", "alias": "orders"}, {"function": "min", "field": "total"}, {"function": "max", "field": "created_at"}],
            "group_by": ["status"], "order": [{"field": "orders", "direction": "desc"}],
        })).await;
        // Whole numbers, because SQLite adds decimals up as binary numbers.
        check(&ormai, "aggregate_sums", "aggregate", json!({
            "model": "OrderItem", "aggregations": [{"function": "count"}, {"function": "sum", "field": "quantity", "alias": "pieces"}], "group_by": ["sku"], "limit": 2,
        })).await;
        check(&ormai, "aggregate_nothing", "aggregate", json!({
            "model": "Order", "aggregations": [{"function": "count"}, {"function": "sum", "field": "total"}, {"function": "avg", "field": "total"}],
            "filters": [{"field": "id", "op": "lt", "value": 0}],
        })).await;
        check(&ormai, "describe_schema", "describe_schema", json!({"model": "Order"})).await;
        check(&ormai, "refusal", "query", json!({"model": "Order", "filters": [{"field": "statux", "op": "eq", "value": "paid"}]})).await;
    }

    async fn the_tools_are_told_without_scoped_fields_in_each_form(test: &TestDatabase) {
        let ormai = demo(test).await;
        for who in [acme(), admin(), Principal::without_tenant()] {
            let tools = ormai.tools().definitions(&RunContext::new(who));
            let names: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
            assert_eq!(names, ["describe_schema", "query", "get", "aggregate", "create"]);
            let list: Vec<_> = tools.iter().map(ormai::schema::Definition::to_anthropic).collect();
            let bytes = serde_json::to_string(&list).unwrap().len();
            assert!(bytes <= ormai::schema::DEFAULT_BYTE_BUDGET, "the tool list has {bytes} bytes");
            assert!(tools.iter().all(|tool| tool.parameters["properties"]["model"]["enum"].is_array()));
            let select = |tools: &[ormai::schema::Definition]| tools[1].parameters["properties"]["select"]["items"].clone();
            assert_eq!(select(&tools), json!({"type": "string"}), "fields are left out first");
            let engine = ormai.tools().engine();
            let roomy = ormai::schema::definitions(engine.policy().catalog(), &engine.view(&[]), 10_000);
            assert!(select(&roomy)["enum"].as_array().unwrap().contains(&json!("status")));
            let data = &roomy[4].parameters["properties"]["data"];
            assert_eq!((&data["required"], &data["properties"]["total"]), (&json!(["status"]), &json!({"type": ["number", "string"]})));
            for form in [ormai::schema::Definition::to_anthropic, ormai::schema::Definition::to_openai, ormai::schema::Definition::to_json_schema] {
                assert!(!tools.iter().any(|tool| form(tool).to_string().contains("tenant_id")));
            }
        }
    }
}
