//! The spans of calls.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use insta::assert_snapshot;
use ormai::prelude::*;
use ormai_testkit::{Pool, TestDatabase, every_engine};
use serde_json::json;
use tracing::instrument::WithSubscriber as _;

use super::recorder::Recorder;
use super::{principals, system, tells_nothing_of_anybody, with_secrets, writable};
use crate::support::{acme, code, demo, outcome};

/// The ids of a call, which its caller gave.
fn named(who: Principal) -> RunContext<'static> {
    RunContext::new(who).request_id("call-1").trace_id("trace-1").now("2026-03-01T00:00:00Z".parse().unwrap())
}

/// A tree without the version of the policy, which is a hash of it.
fn shown(recorder: &Recorder, test: &TestDatabase, ormai: &OrmAi) -> String {
    assert!(recorder.is_all_closed());
    recorder.tree(test).replace(ormai.tools().engine().policy().version(), "…")
}

every_engine! {
    async fn a_read_is_a_span_with_the_stages_as_its_children(test: &TestDatabase) {
        let (ormai, recorder) = (demo(test).await, Recorder::default());
        let query = Query::model("Order").limit(2).include(Include::relation("items")).with_total();
        ormai.tools().query(&named(acme()), query).with_subscriber(recorder.dispatch()).await.unwrap();
        assert_snapshot!("read", shown(&recorder, test, &ormai));
    }

    async fn a_write_is_a_span_with_the_stages_as_its_children(test: &TestDatabase) {
        let (ormai, recorder) = (writable(test, |builder| builder).await, Recorder::default());
        let update = Update::new("Order", 1).set("status", "shipped");
        let written = ormai.tools().update(&named(acme()), update).with_subscriber(recorder.dispatch()).await;
        written.unwrap();
        assert_snapshot!(format!("write_{}", system(test)), shown(&recorder, test, &ormai));
    }

    async fn a_refusal_is_a_span_with_its_code_and_without_the_callers_words(test: &TestDatabase) {
        let (ormai, recorder) = (demo(test).await, Recorder::default());
        for (tool, arguments) in [
            // Unknown to the catalog, and so not told.
            ("query", json!({"model": "Ordr"})),
            ("qery", json!({"model": "Order"})),
            ("get", json!({"model": "Order", "id": 4_444})),
            ("query", json!({"model": "Order", "filters": [{"field": "nothing", "op": "eq", "value": 1}]})),
        ] {
            let refused = outcome(&named(acme()), &ormai, tool, &arguments).with_subscriber(recorder.dispatch()).await;
            assert!(refused.get("error").is_some(), "{refused}");
        }
        assert_snapshot!("refused", shown(&recorder, test, &ormai));
    }

    async fn what_the_database_refuses_is_told_by_its_class_and_code(test: &TestDatabase) {
        let (ormai, recorder) = (writable(test, |builder| builder).await, Recorder::default());
        test.execute("DROP TABLE order_items").await;
        let (ctx, arguments) = (named(acme()), json!({"model": "OrderItem"}));
        let failed = outcome(&ctx, &ormai, "query", &arguments).with_subscriber(recorder.dispatch()).await;
        assert_eq!(code(&failed), "INTERNAL");
        let [run] = &recorder.spans("ormai.run")[..] else { panic!("{}", recorder.everything()) };
        assert_eq!(run["error.type"], "not_there");
        assert_eq!(run["otel.status_code"], "ERROR");
        // SQLite says by the same code that anything at all is wrong with a statement.
        let code = match system(test) { "sqlite" => "1", "mysql" => "1146", _ => "42P01" };
        assert_eq!(run["db.response.status_code"], code);
        let [call] = &recorder.spans("ormai.call")[..] else { panic!("{}", recorder.everything()) };
        assert_eq!((&*call["ormai.outcome"], &*call["otel.status_code"]), ("INTERNAL", "ERROR"));
    }

    async fn nothing_of_a_request_or_its_principal_stands_in_a_span_or_the_log(test: &TestDatabase) {
        let (ormai, recorder) = (writable(test, |builder| builder).await, Recorder::default());
        for who in principals() {
            for (tool, arguments) in with_secrets() {
                let ctx = RunContext::new(who.clone()).request_id("call-1");
                ormai.tools().call(&ctx, tool, &arguments).with_subscriber(recorder.dispatch()).await;
            }
        }
        assert_eq!(recorder.spans("ormai.call").len(), 2 * with_secrets().len());
        // Some get as far as the database, and some were answered.
        assert!(!recorder.spans("ormai.run").is_empty());
        assert!(recorder.spans("ormai.call").iter().any(|call| call["ormai.outcome"] == "ok"));
        tells_nothing_of_anybody(&recorder.everything());
    }
}

#[tokio::test]
async fn a_call_whose_caller_goes_away_is_told_as_dropped() {
    let test = TestDatabase::sqlite_in_memory().await;
    let (ormai, recorder) = (demo(&test).await, Recorder::default());
    let Pool::Sqlite(pool) = test.pool() else { panic!("another engine") };
    // Nobody gives the only connection back, so the call waits.
    let taken = pool.acquire().await.unwrap();
    {
        let (tools, ctx) = (ormai.tools(), named(acme()));
        let mut call = pin!(tools.query(&ctx, Query::model("Order")).with_subscriber(recorder.dispatch()));
        let waits = std::future::poll_fn(|task| Poll::Ready(call.as_mut().poll(task).is_pending())).await;
        assert!(waits);
    }
    drop(taken);
    let [call] = &recorder.spans("ormai.call")[..] else { panic!("{}", recorder.everything()) };
    assert_eq!(call["ormai.outcome"], "dropped");
    assert!(recorder.is_all_closed());
}
