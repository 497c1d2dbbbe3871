//! The invariants hold of the engine whatever the schema, rows, policy, principal and request are: an
//! invariant that finds what is not there would be of no use.

use std::sync::Arc;

use ormai::audit::MemoryStore;
use ormai::policy::Format;
use ormai::policy::document::PolicyDocument;
use ormai::prelude::*;
use ormai_eval::invariants::Invariants;
use ormai_eval::{Call, EvalHarness};
use ormai_testkit::world::{AsCatalog as _, AsDocument as _, AsPrincipal as _, AsTables as _, Asked, Case, Cases};
use ormai_testkit::{Scale, TestDatabase, every_engine};

/// Asks of one world.
const READS: Cases = Cases { trials: 2, asks: 10, of_one: false, of: Asked::Reads };
const WRITES: Cases = Cases { trials: 2, asks: 5, of_one: false, of: Asked::Writes };

every_engine! {
    async fn every_generated_read_holds(test: &TestDatabase) {
        all_hold(test, READS, 60).await;
    }

    async fn every_generated_write_holds(test: &TestDatabase) {
        all_hold(test, WRITES, 20).await;
    }
}

async fn all_hold(test: &TestDatabase, cases: Cases, asks: usize) {
    let scale = Scale::from_environment(asks);
    let worlds = u64::try_from(scale.asks.div_ceil(cases.trials * cases.asks)).unwrap();
    let mut found = Vec::new();
    for number in 0..worlds {
        let case = cases.draw(scale.seed + number);
        let prefix = format!("w{number}_");
        test.execute(&case.world.statements(test.engine(), &prefix)).await;
        let catalog = case.world.catalog(test.engine(), &prefix).unwrap();
        for trial in &case.trials {
            let text = trial.policy.to_yaml();
            let document = PolicyDocument::parse(&text, Format::Yaml).unwrap();
            let ormai = OrmAi::builder().database_url(test.url()).catalog(catalog.clone()).policy(document.clone());
            let ormai = ormai.audit(Arc::new(MemoryStore::new())).hash_key([7; 32]).build().await.unwrap();
            let harness = EvalHarness::new(ormai.tools(), &document).unwrap();
            for ask in &trial.asks {
                let ctx = RunContext::new(ask.who.principal()).now(Case::now().parse().unwrap());
                let (tool, arguments) = (ask.request.tool(), ask.request.to_json());
                let result = harness.run(&ctx, tool, arguments, Invariants::all()).await;
                if !result.passed() {
                    let call = serde_json::to_string(&Call::new("", ().into(), ask.who.principal())).unwrap();
                    found.push(format!(
                        "seed {}\n{result}\n{call}\n{ask}\n{}",
                        scale.seed + number,
                        result.observed.result
                    ));
                }
            }
        }
        test.execute(&case.world.drop_statements(&prefix)).await;
    }
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), scale.asks, found.join("\n\n"));
}
