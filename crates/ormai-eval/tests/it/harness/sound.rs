//! Every invariant holds of the engine as it is.

use ormai::prelude::*;
use ormai_eval::invariants::Invariants;
use ormai_eval::{Case, SuiteResult};
use ormai_testkit::every_engine;
use serde_json::json;

use super::{acme, guide, writes};

/// Reads of every kind, by strangers, a parent tenant and an administrator.
fn reads() -> Vec<Case> {
    let parent = Principal::new("parent-tenant").metadata("tenant_hierarchy", json!(["root", "parent-tenant"]));
    let admin = Principal::new("system").user("admin-001").role("super_admin");
    let asked = [
        ("query", json!({"model": "Order"})),
        ("query", json!({"model": "Order", "select": ["status"]})),
        ("query", json!({"model": "Order", "select": ["status"], "limit": 1, "with_total": true})),
        (
            "query",
            json!({"model": "Order", "filters": [{"relation": "items", "filters": [{"field": "sku", "value": "A-1"}]}]}),
        ),
        (
            "query",
            json!({"model": "Order", "filters": [{"relation": "items", "match": "all", "filters": [{"field": "quantity", "op": "lt", "value": 5}]}]}),
        ),
        (
            "query",
            json!({"model": "Order", "filters": [{"relation": "items", "match": "none", "filters": [{"field": "sku", "value": "B-1"}]}], "with_total": true}),
        ),
        (
            "query",
            json!({"model": "Order", "select": ["total"], "include": [{"relation": "items", "select": ["sku"], "limit": 1}, {"relation": "user", "select": ["name", "email"]}]}),
        ),
        ("query", json!({"model": "User", "include": ["orders", "tenant"]})),
        ("query", json!({"model": "Document"})),
        ("query", json!({"model": "Tenant", "include": [{"relation": "orders", "include": ["items"]}]})),
        ("get", json!({"model": "Order", "id": 1, "include": ["items"]})),
        ("get", json!({"model": "Order", "id": 4})),
        ("get", json!({"model": "Order", "id": 4711})),
        (
            "aggregate",
            json!({"model": "Order", "aggregations": [{"function": "count"}, {"function": "sum", "field": "total"}, {"function": "max", "field": "created_at"}], "group_by": ["status"]}),
        ),
        (
            "aggregate",
            json!({"model": "OrderItem", "aggregations": [{"function": "sum", "field": "quantity"}], "filters": [{"relation": "order", "filters": [{"field": "status", "value": "paid"}]}]}),
        ),
        ("describe_schema", json!({})),
        ("query", json!({"model": "Order", "select": ["nothing"]})),
        ("query", json!({"model": "User", "filters": [{"field": "ssn", "value": "123-45-6789"}]})),
        ("query", json!({"model": "Order", "include": [{"relation": "user", "select": ["id", "ssn"]}]})),
        ("query", json!({"model": "Secret"})),
        ("query", json!({"model": "Order", "limit": 5000})),
        ("query", json!({"model": "Order", "cursor": "no cursor"})),
    ];
    let who = [("acme", acme()), ("parent", parent), ("admin", admin), ("nobody", Principal::without_tenant())];
    let mut cases = Vec::new();
    for (name, principal) in who {
        for (tool, arguments) in &asked {
            let case = Case::new(format!("{name} {tool} {arguments}"), principal.clone(), *tool, arguments.clone());
            cases.push(case.invariants(Invariants::all()));
        }
    }
    cases
}

fn changes() -> Vec<Case> {
    let asked = [
        (
            "create",
            json!({"model": "Order", "data": {"id": 100, "status": "new", "user_id": "user-123", "total": "9.99"}}),
        ),
        (
            "create",
            json!({"model": "Order", "data": {"id": 100, "status": "new", "user_id": "user-201", "total": "9.99"}}),
        ),
        ("create", json!({"model": "Order", "data": {"id": 100, "status": "new"}})),
        (
            "create",
            json!({"model": "Document", "data": {"id": 50, "tenant_id": "globex", "title": "Plans", "body": "Text.", "is_public": true}}),
        ),
        (
            "create",
            json!({"model": "Document", "data": {"id": 50, "tenant_id": "acme-corp", "title": "Plans", "body": "Text.", "is_public": false}}),
        ),
        ("update", json!({"model": "Order", "id": 1, "data": {"status": "paid"}})),
        ("update", json!({"model": "Order", "id": 4, "data": {"status": "paid"}})),
        ("update", json!({"model": "Order", "id": 1, "data": {"status": "paid"}, "dry_run": true})),
        ("update", json!({"model": "User", "id": "user-124", "data": {"email": "robert@acme.example"}})),
        ("delete", json!({"model": "OrderItem", "id": 1, "reason": "a test"})),
        ("delete", json!({"model": "OrderItem", "id": 5, "reason": "a test"})),
        (
            "bulk_update",
            json!({"model": "Order", "filters": [{"field": "status", "value": "pending"}], "data": {"note": "late"}}),
        ),
        ("bulk_update", json!({"model": "Order", "ids": [1, 2, 3], "data": {"note": "late"}})),
    ];
    let case = |(tool, arguments): (&str, serde_json::Value)| {
        Case::new(format!("{tool} {arguments}"), acme(), tool, arguments).invariants(Invariants::all())
    };
    asked.into_iter().map(case).collect()
}

fn all_passed(suite: &SuiteResult) {
    let failures: Vec<String> = suite.failures().map(ToString::to_string).collect();
    assert!(suite.passed(), "{}", failures.join("\n"));
}

every_engine! {
    async fn every_read_holds(test: &TestDatabase) {
        let suite = guide(test).await.run_suite(reads()).await;
        all_passed(&suite);
        let answered = suite.results.iter().filter(|result| result.observed.success()).count();
        assert!(answered >= 40, "only {answered} were answered");
        let allowed = suite.results.iter().flat_map(|result| &result.allowed);
        let rules: std::collections::BTreeSet<&str> = allowed.map(|allowed| allowed.rule.as_str()).collect();
        assert_eq!(rules.into_iter().collect::<Vec<_>>(), ["bypass admin_bypass", "permit parent_access", "shared"]);
    }

    async fn every_write_holds_and_is_undone(test: &TestDatabase) {
        let harness = writes(test).await;
        let before = test.contents().await;
        let suite = harness.run_suite(changes()).await;
        all_passed(&suite);
        let answered = suite.results.iter().filter(|result| result.observed.success()).count();
        assert!(answered >= 5, "only {answered} were answered");
        assert_eq!(test.contents().await, before);
    }

    async fn a_write_stays_where_the_harness_keeps_it(test: &TestDatabase) {
        let harness = writes(test).await.keep_writes();
        let ctx = RunContext::new(acme());
        let asked = json!({"model": "Order", "id": 1, "data": {"status": "paid"}});
        let result = harness.run(&ctx, "update", asked, Invariants::all()).await;
        assert!(result.passed(), "{result}");
        let order = harness.tools().get(&ctx, Get::model("Order", 1)).await.unwrap();
        assert_eq!(serde_json::to_value(&order.data).unwrap()["status"], "paid");
    }

    async fn a_suite_without_a_case_is_no_pass(test: &TestDatabase) {
        let suite = guide(test).await.run_suite([]).await;
        assert!(!suite.passed());
        assert_eq!(suite.to_string(), "0 of 0 passed: there is no case");
    }

    async fn a_case_says_how_it_must_end(test: &TestDatabase) {
        let harness = guide(test).await;
        let asked = || json!({"model": "Order", "id": 4});
        let suite = harness.run_suite([
            Case::new("another tenant's order", acme(), "get", asked()).refused(ErrorCode::RecordNotFound),
            Case::new("an order", acme(), "get", asked()).answered(),
        ]);
        assert_eq!(suite.await.to_string(), "\
            ok   another tenant's order (RECORD_NOT_FOUND)\n\
            FAIL an order (RECORD_NOT_FOUND)\n     \
            expected: it was to be answered, and it was refused: RECORD_NOT_FOUND\n\
            1 of 2 passed, 1 of them refused");
    }
}
