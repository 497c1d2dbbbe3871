//! Every call leaves one closed record, however it ends.

use ormai::policy::Format;
use ormai::prelude::*;
use ormai::request::{Request, Tool};
use ormai::{CallResult, Operator};
use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use super::{POLICY, closed, line, shop};
use crate::support::{acme, admin};

/// Every tool that is called by name, and each way in which such a call ends.
fn calls() -> Vec<(&'static str, Json)> {
    let order = json!({"id": 900, "user_id": "user-123", "status": "new", "total": "1.50"});
    vec![
        ("query", json!({"model": "Order", "limit": 2})),
        ("get", json!({"model": "Order", "id": 1})),
        ("get", json!({"model": "Order", "id": 9_999})),
        ("aggregate", json!({"model": "Order", "aggregations": [{"function": "count", "alias": "n"}]})),
        ("describe_schema", json!({})),
        ("describe_schema", json!({"model": "Nothing"})),
        ("query", json!({"model": "Nothing"})),
        ("query", json!({"model": "User", "filters": [{"field": "ssn", "op": "eq", "value": "x"}]})),
        ("query", json!({"model": "Order", "limit": 1_000_000})),
        ("query", json!({"model": "Order", "unknown": true})),
        ("query", json!("no object")),
        ("no_tool", json!({"model": "Order"})),
        ("create", json!({"model": "Order", "data": order})),
        ("create", json!({"model": "Order", "data": order})),
        ("create", json!({"model": "Order", "data": {"id": 901}})),
        ("create", json!({"model": "Order", "data": {"tenant_id": "globex"}})),
        ("update", json!({"model": "Order", "id": 900, "data": {"status": "paid"}, "reason": "it was paid"})),
        ("update", json!({"model": "Order", "id": 900, "data": {"status": "dry"}, "dry_run": true})),
        ("update", json!({"model": "Order", "id": 9_999, "data": {"status": "paid"}})),
        ("update", json!({"model": "Order", "id": 900, "data": {"note": "once"}, "idempotency_key": "k"})),
        ("update", json!({"model": "Order", "id": 900, "data": {"note": "once"}, "idempotency_key": "k"})),
        ("update", json!({"model": "Order", "id": 900, "data": {"note": "else"}, "idempotency_key": "k"})),
        ("bulk_update", json!({"model": "Order", "ids": [1, 900], "data": {"status": "both"}})),
        ("delete", json!({"model": "Order", "id": 900})),
        ("delete", json!({"model": "Order", "id": 900})),
        ("delete", json!({"model": "User", "id": "user-123"})),
    ]
}

every_engine! {
    async fn every_way_in_which_a_tool_ends_leaves_one_closed_record(test: &TestDatabase) {
        let (ormai, store) = shop(test).await;
        let mut lines = Vec::new();
        for (number, (tool, arguments)) in calls().into_iter().enumerate() {
            let who = RunContext::new(acme());
            let result = ormai.tools().call(&who, tool, &arguments).await;
            let records = closed(&store);
            assert_eq!(records.len(), number + 1, "{tool} {arguments}");
            let record = records.last().unwrap();
            let (audit_id, success) = match &result {
                CallResult::Answered { metadata, .. } => (metadata.audit_id(), true),
                CallResult::Refused { error, .. } => (error.audit_id(), false),
                _ => panic!("an outcome of a third kind"),
            };
            assert_eq!((audit_id, success), (Some(record.id.as_str()), record.success), "{tool} {arguments}");
            let told = serde_json::to_value(&result).unwrap();
            assert_eq!(told["metadata"]["request_id"], record.request_id.as_str());
            lines.push(format!("{arguments}\n    {}", line(&store, record)));
        }
        insta::assert_snapshot!("each_call", lines.join("\n"));
    }

    async fn a_call_that_the_database_fails_is_recorded_as_refused(test: &TestDatabase) {
        let (ormai, store) = shop(test).await;
        test.execute("ALTER TABLE orders RENAME TO elsewhere").await;
        let mut lines = Vec::new();
        for (tool, arguments) in [
            ("query", json!({"model": "Order"})),
            ("update", json!({"model": "Order", "id": 1, "data": {"status": "x"}})),
        ] {
            let result = ormai.tools().call(&RunContext::new(acme()), tool, &arguments).await;
            assert!(!result.success());
            lines.push(line(&store, closed(&store).last().unwrap()));
        }
        assert_eq!(closed(&store).len(), 2);
        assert_eq!(lines, [
            "query (read) noted refused INTERNAL: the request could not be run",
            "update (update) intended refused INTERNAL: the request could not be run",
        ]);
    }

    async fn what_an_operator_does_is_recorded(test: &TestDatabase) {
        let (ormai, store) = shop(test).await;
        let query = || Request::from_value(Tool::Query, &json!({"model": "Order"})).unwrap();
        let who = RunContext::new(acme());
        ormai.tools().explain_row(&who, query(), &json!(1), Operator::acknowledged()).await.unwrap();
        ormai.tools().explain_row(&who, query(), &json!("x"), Operator::acknowledged()).await.unwrap_err();
        ormai.reload_text(POLICY, Format::Yaml).await.unwrap();
        ormai.reload_text("version: 1\nmodels: {Nothing: {allowed: true}}", Format::Yaml).await.unwrap_err();
        ormai.forget_idempotency("2020-01-01T00:00:00Z".parse().unwrap()).await.unwrap();
        let lines: Vec<String> = closed(&store).iter().map(|record| line(&store, record)).collect();
        insta::assert_snapshot!("operators", lines.join("\n"));
    }

    async fn a_request_that_waits_is_followed_from_its_call_to_its_write(test: &TestDatabase) {
        let (ormai, store) = shop(test).await;
        let agent = RunContext::new(acme());
        let manager = RunContext::new(Principal::new("acme-corp").user("boss").role("manager"));
        let mut ids = Vec::new();
        let user = json!({"id": "user-900", "name": "N", "email": "n@x.example"});
        ormai.tools().call(&agent, "create", &json!({"model": "User", "data": user})).await;
        for _ in 0..2 {
            let result = ormai.tools().call(&agent, "delete", &json!({"model": "User", "id": "user-900"})).await;
            let told = serde_json::to_value(&result).unwrap();
            ids.push(told["data"]["approval_id"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned());
        }
        let approvals = ormai.approvals();
        approvals.list(&manager, &ormai::approvals::ApprovalFilter::new()).await.unwrap();
        approvals.show(&manager, &ids[0]).await.unwrap();
        approvals.show(&RunContext::new(Principal::new("globex").user("g")), &ids[0]).await.unwrap_err();
        approvals.approve(&agent, &ids[0], None).await.unwrap_err();
        approvals.approve(&manager, &ids[0], Some("gone for good")).await.unwrap();
        approvals.approve(&manager, &ids[0], None).await.unwrap_err();
        approvals.resume(&ids[0]).await.unwrap();
        approvals.reject(&manager, &ids[1], Some("once is enough")).await.unwrap();
        approvals.resume(&ids[1]).await.unwrap_err();
        let records = closed(&store);
        let lines: Vec<String> = records.iter().map(|record| line(&store, record)).collect();
        insta::assert_snapshot!("approvals", lines.join("\n"));
        // The write was made for the approver's call, in the requester's name.
        let made = records.iter().find(|record| record.parent.is_some()).unwrap();
        let word = records.iter().find(|record| Some(&record.id) == made.parent.as_ref()).unwrap();
        assert_eq!((made.tool_name.as_str(), made.user_id.as_str()), ("delete", Some("user-123")));
        assert_eq!((word.tool_name.as_str(), word.user_id.as_str()), ("approve", Some("boss")));
        assert_eq!(word.reason.as_deref(), Some("gone for good"));
        for record in [made, word] {
            assert_eq!(record.approval_id.as_ref(), Some(&ids[0]));
        }
    }

    async fn a_whole_record_of_each_kind(test: &TestDatabase) {
        let (ormai, store) = shop(test).await;
        let user = json!({"id": "user-900", "name": "N", "email": "new@x.example", "ssn": "000-00-0000"});
        let by_email = json!([{"field": "id", "op": "eq", "value": "user-900"}]);
        for (who, tool, arguments) in [
            (acme(), "create", json!({"model": "User", "data": user, "reason": "a new one"})),
            (acme(), "query", json!({"model": "User", "filters": by_email, "select": ["id", "email"]})),
            (admin(), "get", json!({"model": "Order", "id": 1})),
            (acme(), "update", json!({"model": "User", "id": "user-900", "data": {"ssn": "111-11-1111", "name": "M"}})),
            (acme(), "bulk_update", json!({"model": "Order", "ids": [1], "data": {"status": "seen"}})),
            (acme(), "delete", json!({"model": "Order", "id": 1})),
            (acme(), "query", json!({"model": "User", "filters": [{"field": "ssn", "op": "eq", "value": "1"}]})),
        ] {
            let ctx = RunContext::new(who).trace_id("trace-1").request_id("req-1");
            ormai.tools().call(&ctx, tool, &arguments).await;
        }
        let mut records: Vec<Json> = closed(&store).iter().map(|record| serde_json::to_value(record).unwrap()).collect();
        for record in records.iter_mut().filter_map(Json::as_object_mut) {
            for name in ["id", "timestamp", "execution_time_ms", "chain", "prev_hash", "hash", "policy_version"] {
                record.insert(name.to_owned(), json!("…")).unwrap();
            }
        }
        insta::assert_json_snapshot!("whole_records", records);
    }
}
