//! The generated suite finds nothing in a sound toolset, and faults in a broken one.

#[cfg(feature = "faults")]
mod broken;

use ormai::policy::{Format, PolicyDocument};
use ormai::prelude::*;
use ormai_eval::{Isolation, IsolationReport};
use ormai_testkit::{Scale, TestDatabase, every_engine, teams, teams_policy};

/// The suite over tables that use every feature of policies.
async fn suite(test: &TestDatabase) -> Isolation {
    test.execute(&teams(test.engine())).await;
    let document = PolicyDocument::parse(teams_policy(), Format::Yaml).unwrap();
    let builder = OrmAi::builder().database_url(test.url()).hash_key(*b"sixteen bytes or more");
    let ormai = builder.policy(document.clone()).build().await.unwrap();
    Isolation::new(ormai.tools(), &document)
}

fn told(report: &IsolationReport) -> String {
    let leaks = report.leaks.iter().map(|leak| format!("{leak}\n"));
    format!("{}and {} more", leaks.collect::<String>(), report.more_leaks)
}

/// Requests for which `cargo xtask test` has time; `cargo xtask mutants --isolation` has it for the default.
const REQUESTS: usize = 500;

every_engine! {
    /// `cargo xtask mutants --isolation` runs this under each fault, and reads what it prints.
    async fn a_sound_toolset_leaks_nothing(test: &TestDatabase) {
        let scale = Scale::from_environment(REQUESTS);
        let suite = suite(test).await.requests(scale.asks).stop_at_first();
        let report = suite.run(&|_| ()).await.unwrap_or_else(|error| panic!("found by: the suite cannot run: {error}"));
        if let Some(leak) = report.leaks.first() {
            println!("found by: {} after {} requests, {} ms", leak.violation, report.requests, report.milliseconds);
        }
        println!("{} requests, {} rows planted, {} principals, {} ms", report.requests, report.planted_rows, report.principals, report.milliseconds);
        assert!(report.leaks.is_empty(), "{}", told(&report));
        // What could not be tried is not sound.
        assert!(report.not_covered.is_empty(), "found by: {:?}", report.not_covered);
    }
}
