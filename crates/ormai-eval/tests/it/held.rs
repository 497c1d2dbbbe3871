//! Everything that is evaluated can be evaluated inside of a transaction that somebody else holds, by tools
//! that have no connection of their own: it sees what is not committed yet, and leaves it as it was.

use std::sync::Arc;

use ormai::audit::MemoryStore;
use ormai::db::Database;
use ormai::policy::{Format, PolicyDocument};
use ormai::prelude::*;
use ormai_eval::diff::{RowsOptions, Versions};
use ormai_eval::harness::Case;
use ormai_eval::invariants::Invariants;
use ormai_eval::record::Recorder;
use ormai_eval::replay::Replay;
use ormai_eval::{Determinism, EvalHarness, Isolation, IsolationVerdict, Row, Witness};
use ormai_testkit::{Dataset, Engine, Open, TestDatabase, every_engine, guide_catalog, guide_policy, writes_policy};
use serde_json::{Value as Json, json};

use crate::guide::{NOW, ann, calls, changed, kept};

/// Tools without connections of their own.
async fn tools(test: &TestDatabase, policy: &str) -> (OrmAi, PolicyDocument) {
    let document = PolicyDocument::parse(policy, Format::Yaml).unwrap();
    let builder = OrmAi::builder().database(of_hosts(test)).catalog(guide_catalog()).policy(document.clone());
    let ormai = builder.audit(Arc::new(MemoryStore::new())).hash_key([7; 32]).build().await.unwrap();
    (ormai, document)
}

fn of_hosts(test: &TestDatabase) -> Database {
    Database::of_hosts(match test.engine() {
        Engine::Sqlite => ormai::Dialect::Sqlite,
        Engine::Postgres => ormai::Dialect::Postgres,
        Engine::MySql => ormai::Dialect::MySql,
    })
}

/// Does something in a transaction of the test's own with an order that nobody else sees, whose rows must be
/// the same behind it.
async fn within(test: &TestDatabase, ormai: &OrmAi, work: impl AsyncFnOnce(&RunContext<'_>)) {
    test.load(&Dataset::demo()).await;
    let mut open = test.open().await;
    let ctx = RunContext::new(ann());
    let ctx = match &mut open {
        Open::Sqlite(transaction) => ctx.within(transaction),
        Open::Postgres(transaction) => ctx.within(transaction),
        Open::MySql(transaction) => ctx.within(transaction),
    };
    let witness = Witness::of(ormai.tools()).await.unwrap();
    let owner = ctx.for_principal(Principal::new("the owner of the database"));
    let mut order: Row = witness.rows(&ctx, "Order", 1_000).await.unwrap().remove(0);
    order.extend([("id".to_owned(), json!(900)), ("note".to_owned(), json!("not committed"))]);
    let planted = witness.tools().call(&owner, "create", &json!({"model": "Order", "data": order})).await;
    assert!(planted.success(), "{planted:?}");
    let before = all(&witness, &ctx).await;
    work(&ctx).await;
    assert_eq!(all(&witness, &ctx).await, before);
    drop((ctx, owner));
    open.undo().await;
}

async fn all(witness: &Witness, ctx: &RunContext<'_>) -> Vec<Vec<Row>> {
    let mut all = Vec::new();
    for model in ["Order", "OrderItem", "User"] {
        all.push(witness.rows(ctx, model, 10_000).await.unwrap());
    }
    all
}

every_engine! {
    async fn calls_are_held_to_every_invariant_inside_of_a_transaction(test: &TestDatabase) {
        let (ormai, document) = tools(test, writes_policy()).await;
        let harness = EvalHarness::new(ormai.tools(), &document).unwrap();
        within(test, &ormai, async |ctx| {
            let case = |tool: &str, arguments: Json| Case::new(tool, ann(), tool, arguments).invariants(Invariants::all());
            let asked = [
                case("query", json!({"model": "Order", "limit": 50})),
                case("get", json!({"model": "Order", "id": 900})).answered(),
                case("get", json!({"model": "Order", "id": 4})).refused(ErrorCode::RecordNotFound),
                case("create", json!({"model": "Order", "data": {"id": 901, "status": "pending", "user_id": "user-123", "total": "1.50"}}))
                    .answered(),
                case("update", json!({"model": "Order", "id": 900, "data": {"status": "paid"}})),
                case("delete", json!({"model": "Order", "id": 900})),
            ];
            let suite = harness.run_suite_on(ctx, asked).await;
            assert!(suite.passed(), "{suite}");
            assert!(suite.results.iter().filter(|result| result.answered).count() >= 3, "{suite}");
        })
        .await;
    }

    async fn the_isolation_suite_runs_inside_of_a_transaction(test: &TestDatabase) {
        let (ormai, document) = tools(test, guide_policy()).await;
        within(test, &ormai, async |ctx| {
            let report = Isolation::new(ormai.tools(), &document).requests(150).run_on(ctx, &|_| ()).await.unwrap();
            assert_eq!(report.verdict, IsolationVerdict::Isolated, "{:?} {:?}", report.leaks, report.undecided);
            assert!(report.requests >= 150 && report.planted_rows > 0, "{report:?}");
        })
        .await;
    }

    async fn calls_are_recorded_and_made_again_inside_of_a_transaction(test: &TestDatabase) {
        let (ormai, document) = tools(test, guide_policy()).await;
        within(test, &ormai, async |ctx| {
            let recorder = Recorder::with_data(ormai.tools().clone(), Vec::new()).unwrap();
            for arguments in [json!({"model": "Order"}), json!({"model": "Order", "select": ["id", "note"]})] {
                recorder.call(&ctx.shared().now(NOW.parse().unwrap()), "query", &arguments).await;
            }
            let (_, text) = recorder.end().unwrap();

            let mut changes = Vec::new();
            let replay = Replay::new(ormai.tools().clone());
            let summary = replay.run_on(ctx, calls(&text), |change| kept(&mut changes, change)).await.unwrap();
            assert_eq!((summary.made, summary.same_whole, summary.changed), (2, 2, 0), "{changes:?}");
            let again = Determinism::new(ormai.tools().clone(), 2).run_on(ctx, calls(&text)).await.unwrap();
            assert_eq!((again.made, again.differing), (2, 0), "{again:?}");

            // The new policy shows others' orders.
            let permit = "condition: tenant_id IN principal.metadata.tenant_hierarchy";
            let wider = changed(permit, "condition: \"status <> ''\"\n        effect: permit\n        field: tenant_id");
            let wider = PolicyDocument::parse(&wider, Format::Yaml).unwrap();
            let versions = Versions::new(document.clone(), wider, guide_catalog()).unwrap();
            let mut diff = versions.diff(&[]);
            let database = of_hosts(test);
            versions.compare_rows_on(ctx, &mut diff, &database, RowsOptions::default(), |_| ()).await.unwrap();
            versions.compare_calls_on(ctx, &mut diff, &database, calls(&text)).await.unwrap();
            assert!(diff.is_wider() && diff.rows.iter().any(|rows| rows.newly > 0), "{diff:?}");
            assert_eq!(diff.calls.as_ref().unwrap().made, 2);
        })
        .await;
    }
}
