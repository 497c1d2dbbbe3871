//! Attack 22: the audit store is full, read-only or out of reach, at any moment of a call.

use std::sync::Arc;

use ormai::CallResult;
use ormai::approvals::Status;
use ormai::audit::{AuditStore, MemoryStore, Outcome};
use ormai::prelude::*;
use ormai_testkit::{Contents, Dataset, TestDatabase, every_engine};
use serde_json::{Value as Json, json};

use super::double::{Double, Fails};
use super::{POLICY, closed, read, recorded};
use crate::support::{acme, admin, database};

/// Calls that change something or show something, each of them possible once under a number.
fn calls(number: usize) -> Vec<(Principal, &'static str, Json)> {
    let (created, deleted) = (3_000 + number, 2_000 + number);
    let order = json!({"id": created, "user_id": "user-123", "status": "new", "total": "1.00"});
    let status = format!("s{number}");
    vec![
        (acme(), "query", json!({"model": "Order"})),
        (acme(), "describe_schema", json!({})),
        (acme(), "get", json!({"model": "Order", "id": 9_999})),
        (admin(), "query", json!({"model": "Order"})),
        (admin(), "update", json!({"model": "Order", "id": 1, "data": {"status": "dry"}, "dry_run": true})),
        (acme(), "create", json!({"model": "Order", "data": order})),
        (acme(), "update", json!({"model": "Order", "id": 1, "data": {"status": status}})),
        (acme(), "bulk_update", json!({"model": "Order", "ids": [1], "data": {"note": status}})),
        (acme(), "delete", json!({"model": "Order", "id": deleted})),
        (acme(), "update", json!({"model": "Order", "id": 9_999, "data": {"status": "x"}})),
        (acme(), "update", json!({"model": "Order", "id": 1, "data": {"total": "3.00"}, "idempotency_key": status})),
    ]
}

/// More than a call takes steps.
const STEPS: usize = 12;

async fn stocked(test: &TestDatabase) {
    test.load(&Dataset::demo()).await;
    let rows: Vec<String> = (0..STEPS * 4)
        .map(|number| {
            format!("({}, 'acme-corp', 'user-123', 'old', 1.00, NULL, '2026-01-01 00:00:00')", 2_000 + number)
        })
        .collect();
    let columns = "id, tenant_id, user_id, status, total, note, created_at";
    test.execute(&format!("INSERT INTO orders ({columns}) VALUES {}", rows.join(", "))).await;
}

/// Fails at one step of each call after another, once or from there on.
async fn no_failure_is_passed_over(test: &TestDatabase, is_immediate: bool) {
    stocked(test).await;
    let double = Arc::new(Double::new(is_immediate));
    let ormai = recorded(test, vec![double.clone()]).await;
    let mut number = 0;
    for call in 0..calls(0).len() {
        for lasts in [false, true] {
            for step in 0..STEPS {
                number += usize::from(call > 4);
                let (who, tool, arguments) = calls(number % (STEPS * 4)).swap_remove(call);
                let before = test.contents().await;
                double.fails(Some(if lasts { Fails::From(step) } else { Fails::At(step) }));
                let result = ormai.tools().call(&RunContext::new(who), tool, &arguments).await;
                let (taken, log) = (double.taken(), double.log());
                double.fails(None);
                // What was owed comes before what comes next.
                assert!(
                    ormai
                        .tools()
                        .call(&RunContext::new(acme()), "get", &json!({"model": "Order", "id": 1}))
                        .await
                        .success()
                );
                closed(&double.lines);
                if taken <= step {
                    assert!(taken >= 1, "{tool} {arguments} was answered without a record");
                    break;
                }
                let told = format!("{tool} {arguments}, failing at {step} of {log:?}: {result:?}");
                unanswered(&result, &log[..=step], before == test.contents().await, &told);
            }
        }
    }
}

fn unanswered(result: &CallResult, log: &[String], is_unchanged: bool, told: &str) {
    let CallResult::Refused { error, .. } = result else { panic!("answered: {told}") };
    assert_eq!(error.code, ErrorCode::AuditUnavailable, "{told}");
    crate::support::tells_nothing(&json!({"error": error}), "");
    let was_closing = log.iter().any(|step| step.contains("record"));
    if !was_closing {
        assert!(is_unchanged, "done without an intent: {told}");
        assert_eq!(error.message, "the audit trail cannot be written, so nothing was done", "{told}");
    } else if is_unchanged {
        assert_eq!(error.message, "the audit trail cannot be written, so nothing is answered", "{told}");
    } else {
        assert_eq!(error.message, "the audit trail cannot be written, so what was asked has been done", "{told}");
        assert!(!error.retryable, "{told}");
    }
}

/// The steps of a store while a call is made, each with the connections in use.
async fn steps(
    ormai: &OrmAi,
    double: &Double,
    test: &TestDatabase,
    who: Principal,
    tool: &str,
    arguments: Json,
) -> Vec<String> {
    let handle = database(test);
    while handle.pool_status().in_use > 0 {
        tokio::task::yield_now().await;
    }
    double.fails(None);
    let result = ormai.tools().call(&RunContext::new(who), tool, &arguments).await;
    assert!(result.success(), "{result:?}");
    double.log()
}

fn contents_without_audit(contents: Contents) -> Contents {
    contents.into_iter().filter(|(name, _)| !name.starts_with("ormai_audit")).collect()
}

every_engine! {
    async fn attack_22_a_store_of_files_that_fails_at_any_step_is_not_passed_over(test: &TestDatabase) {
        no_failure_is_passed_over(test, true).await;
    }

    async fn attack_22_a_store_in_a_database_that_fails_at_any_step_is_not_passed_over(test: &TestDatabase) {
        no_failure_is_passed_over(test, false).await;
    }

    async fn attack_22_an_intent_is_on_stable_storage_before_a_connection_is_taken(test: &TestDatabase) {
        stocked(test).await;
        let double = Arc::new(Double::new(true));
        let ormai = recorded(test, vec![double.clone()]).await;
        double.watches(database(test));
        let write = json!({"model": "Order", "id": 1, "data": {"status": "x"}});
        for (who, tool, arguments) in [(acme(), "update", write), (admin(), "query", json!({"model": "Order"}))] {
            let steps = steps(&ormai, &double, test, who, tool, arguments).await;
            assert_eq!(steps[..2], ["intent with 0 connections in use", "sync with 0 connections in use"], "{tool}");
            let rest: Vec<&str> = steps[2..].iter().filter_map(|step| step.split(' ').next()).collect();
            // The record of a bypass is on stable storage before the answer leaves.
            assert_eq!(rest, ["record", "sync"], "{tool}");
        }
        let steps = steps(&ormai, &double, test, acme(), "query", json!({"model": "Order"})).await;
        assert_eq!(steps.len(), 1, "an ordinary read waits for no disk: {steps:?}");
    }

    async fn attack_22_of_several_stores_each_has_to_take_it(test: &TestDatabase) {
        stocked(test).await;
        let (memory, double) = (Arc::new(MemoryStore::new()), Arc::new(Double::new(true)));
        let stores: [Vec<Arc<dyn AuditStore>>; 2] =
            [vec![memory.clone(), double.clone()], vec![double.clone(), memory.clone()]];
        for stores in stores {
            let ormai = recorded(test, stores).await;
            let before = test.contents().await;
            double.fails(Some(Fails::From(0)));
            for (tool, arguments) in [
                ("query", json!({"model": "Order"})),
                ("update", json!({"model": "Order", "id": 1, "data": {"status": "x"}})),
            ] {
                let result = ormai.tools().call(&RunContext::new(acme()), tool, &arguments).await;
                let CallResult::Refused { error, .. } = result else { panic!("answered") };
                assert_eq!(error.code, ErrorCode::AuditUnavailable);
            }
            double.fails(None);
            assert_eq!(test.contents().await, before);
            // The store that took the intent has its end too.
            let records = closed(&memory);
            assert_eq!(records.last().unwrap().outcome, Outcome::Refused);
        }
    }

    /// It says that it was done, so nobody sends it again; the record comes as soon as it can.
    async fn attack_22_a_write_whose_record_is_not_taken_is_recorded_later(test: &TestDatabase) {
        stocked(test).await;
        for is_immediate in [true, false] {
            let double = Arc::new(Double::new(is_immediate));
            let ormai = recorded(test, vec![double.clone()]).await;
            let write = json!({"model": "Order", "id": 1, "data": {"status": "done"}});
            // The intent and its sync pass.
            double.fails(Some(Fails::From(2)));
            let result = ormai.tools().call(&RunContext::new(acme()), "update", &write).await;
            let CallResult::Refused { error, .. } = result else { panic!("answered") };
            let (records, open) = read(&double.lines);
            assert_eq!((records.len(), open.len()), (0, 1));
            double.fails(None);
            ormai.trail().unwrap().end().await.unwrap();
            let records = closed(&double.lines);
            assert_eq!(records.len(), 1);
            assert_eq!(Some(records[0].id.as_str()), error.audit_id());
            assert_eq!((records[0].outcome, records[0].row_count), (Outcome::Answered, Some(1)));
        }
    }

    async fn attack_22_an_approved_write_whose_record_is_not_taken_counts_as_made(test: &TestDatabase) {
        stocked(test).await;
        let double = Arc::new(Double::new(true));
        let ormai = recorded(test, vec![double.clone()]).await;
        let (agent, manager) = (RunContext::new(acme()), RunContext::new(Principal::new("acme-corp").user("boss").role("manager")));
        let user = json!({"id": "user-900", "name": "N", "email": "n@x.example"});
        assert!(ormai.tools().call(&agent, "create", &json!({"model": "User", "data": user})).await.success());
        let asked = ormai.tools().call(&agent, "delete", &json!({"model": "User", "id": "user-900"})).await;
        let id = serde_json::to_value(&asked).unwrap()["data"]["approval_id"].as_str().unwrap().to_owned();
        // The approver's intent, the write's intent, each with its sync; then the record of the write.
        double.fails(Some(Fails::At(4)));
        let refused = ormai.approvals().approve(&manager, &id, None).await.unwrap_err();
        assert_eq!((refused.code, refused.retryable), (ErrorCode::AuditUnavailable, false), "{refused} {:?}", double.log());
        double.fails(None);
        let shown = ormai.approvals().show(&manager, &id).await.unwrap();
        assert_eq!(shown.status, Status::Executed, "it was made, and must not be asked for again");
        assert_eq!(ormai.approvals().resume(&id).await.unwrap().status, Status::Executed);
        closed(&double.lines);
    }

    async fn attack_22_a_policy_that_cannot_be_recorded_is_not_put_in_force(test: &TestDatabase) {
        stocked(test).await;
        let double = Arc::new(Double::new(true));
        let ormai = recorded(test, vec![double.clone()]).await;
        let (before, other) = (ormai.tools().engine().policy().version().to_owned(), POLICY.replace("note: allow", "note: mask"));
        let format = ormai::policy::Format::Yaml;
        double.fails(Some(Fails::From(0)));
        ormai.reload_text(&other, format).await.unwrap_err();
        assert_eq!(ormai.tools().engine().policy().version(), before);
        double.fails(None);
        assert!(ormai.tools().call(&RunContext::new(acme()), "describe_schema", &json!({})).await.success());
        double.fails(Some(Fails::From(2)));
        let told = ormai.reload_text(&other, format).await.unwrap_err().to_string();
        assert!(told.contains("has been done"), "{told}");
        assert_ne!(ormai.tools().engine().policy().version(), before);
    }

    /// Not the trail's own database: what is asked of it there changes nothing for the rows.
    async fn attack_22_a_store_that_was_never_installed_lets_nothing_begin(test: &TestDatabase) {
        stocked(test).await;
        let before = contents_without_audit(test.contents().await);
        let store = ormai::audit::SqlStore::connect(test.url()).await.unwrap();
        let built = OrmAi::builder()
            .database(database(test))
            .policy_text(POLICY, ormai::policy::Format::Yaml)
            .catalog(ormai_testkit::guide_catalog())
            .audit(Arc::new(store))
            .build()
            .await;
        assert!(matches!(built, Err(ormai::BuildError::Audit(_))), "{built:?}");
        assert_eq!(contents_without_audit(test.contents().await), before);
    }
}
