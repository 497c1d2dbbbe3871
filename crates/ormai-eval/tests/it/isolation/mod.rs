//! The generated suite finds nothing in a sound toolset, and faults in a broken one.

use ormai::policy::{Format, PolicyDocument};
use ormai::prelude::*;
use ormai_eval::{Isolation, IsolationReport};
use ormai_testkit::{TestDatabase, every_engine, teams, teams_policy};

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

every_engine! {
    /// `cargo xtask mutants --isolation` reads what this prints.
    async fn a_run_until_the_first_leak(test: &TestDatabase) {
        let report = match suite(test).await.stop_at_first().run(&|_| ()).await {
            Ok(report) => report,
            Err(error) => panic!("found by: the suite cannot run: {error}"),
        };
        if let Some(leak) = report.leaks.first() {
            println!("found by: {} after {} requests, {} ms", leak.violation, report.requests, report.milliseconds);
            println!("{leak}");
        }
        assert!(report.leaks.is_empty() && report.not_covered.is_empty(), "{:?}", report.not_covered);
    }

    async fn it_finds_nothing_where_nothing_is_wrong(test: &TestDatabase) {
        let report = suite(test).await.run(&|_| ()).await.unwrap();
        println!("{} requests, {} rows planted, {} principals, {} ms", report.requests, report.planted_rows, report.principals, report.milliseconds);
        println!("never decided {:?}\nnever tested {:?}\nnot covered {:?}", report.never_decided, report.never_tested, report.not_covered);
        assert!(report.is_isolated, "{}", told(&report));
    }
}
