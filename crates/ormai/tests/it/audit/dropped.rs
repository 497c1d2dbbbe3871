//! Callers who go away: at whatever place a call waits, it leaves one closed record.

use std::sync::Arc;

use ormai::audit::{Outcome, SqlStore};
use ormai::prelude::*;
use ormai::request::{Create, Request};
use ormai_testkit::{Dataset, TestDatabase, every_engine};
use serde_json::json;

use super::double::Double;
use super::{closed, recorded, settled};
use crate::given_up::given_up;
use crate::support::{acme, admin};

/// More often than any call is polled.
const POLLS: usize = 60;

fn create(number: usize) -> Create {
    Create::new("Order").set("id", number).set("user_id", "user-123").set("status", "new").set("total", "1.00")
}

async fn each_is_recorded(test: &TestDatabase, is_immediate: bool) {
    test.load(&Dataset::demo()).await;
    let double = Arc::new(Double::new(is_immediate));
    let ormai = recorded(test, vec![double.clone()]).await;
    let query = Request::from(Query::model("Order"));
    let (mut calls, mut ends) = (0, Vec::new());
    for kind in ["read", "bypass", "write", "transaction"] {
        for polls in 1..POLLS {
            let number = 1_000 + calls;
            calls += 1;
            let ctx = RunContext::new(if kind == "bypass" { admin() } else { acme() });
            let tools = ormai.tools();
            let done = match kind {
                "write" => given_up(tools.create(&ctx, create(number)), polls).await.map(|done| done.is_ok()),
                "transaction" => {
                    let group = tools.transaction(&ctx, async |tx| {
                        tools.create(tx, create(number)).await?;
                        Ok(())
                    });
                    calls += 1;
                    given_up(group, polls).await.map(|done| done.is_ok())
                }
                _ => given_up(tools.call(&ctx, "query", &query.arguments().unwrap()), polls)
                    .await
                    .map(|done| done.success()),
            };
            // Of a transaction whose call inside was never begun there is one.
            settled(&ormai).await;
            let records = closed(&double.lines);
            assert!(records.len() <= calls && records.len() + 1 >= calls, "{kind} after {polls} polls");
            calls = records.len();
            let record = records.last().unwrap();
            assert!(!matches!(record.outcome, Outcome::Open), "{record:?}");
            match done {
                Some(done) => {
                    assert_eq!((done, record.outcome), (true, Outcome::Answered), "{kind} after {polls} polls")
                }
                None => ends.push(record.outcome),
            }
            let is_there = test.count("orders").await;
            assert!(is_there > 0);
            if done.is_some() {
                break;
            }
        }
    }
    assert!(ends.contains(&Outcome::Dropped), "{ends:?}");
    // What is there was answered, or may have been: no record says of a row that it was not made.
    for record in closed(&double.lines).iter().filter(|record| record.tool_name == "create") {
        let id = &record.inputs["data"]["id"];
        let found =
            ormai.tools().call(&RunContext::new(acme()), "get", &json!({"model": "Order", "id": id})).await.success();
        let in_transaction = record.transaction.is_some();
        match record.outcome {
            Outcome::Answered if !in_transaction => assert!(found, "{record:?}"),
            Outcome::Dropped | Outcome::Refused => assert!(!found, "{record:?}"),
            _ => {}
        }
    }
}

every_engine! {
    async fn wherever_a_call_is_dropped_it_leaves_one_closed_record(test: &TestDatabase) {
        each_is_recorded(test, true).await;
    }

    /// A store that takes its time: the record itself may be under way when the caller goes.
    async fn wherever_a_call_is_dropped_a_slow_store_has_one_closed_record(test: &TestDatabase) {
        each_is_recorded(test, false).await;
    }

    async fn wherever_a_call_is_dropped_a_store_in_a_database_has_one_closed_record(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let store = SqlStore::connect(test.url()).await.unwrap();
        ormai::audit::AuditStore::install(&store).await.unwrap();
        let ormai = recorded(test, vec![Arc::new(store.clone())]).await;
        let mut calls = 0;
        for polls in 1..POLLS {
            let ctx = RunContext::new(acme());
            calls += 1;
            if given_up(ormai.tools().create(&ctx, create(1_000 + calls)), polls).await.is_some() {
                break;
            }
        }
        ormai.close().await.unwrap();
        let report = ormai::audit::verify::verify(&store, &ormai::audit::verify::VerifyOptions::default(), &|_| ()).await.unwrap();
        assert!(report.is_good(), "{report:?}");
        assert_eq!((report.records, report.open.len()), (calls as u64, 0), "{report:?}");
    }
}
