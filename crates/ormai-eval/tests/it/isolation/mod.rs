//! The generated suite finds nothing in a sound toolset, and faults in a broken one.

#[cfg(feature = "faults")]
mod broken;

use ormai::policy::{Format, PolicyDocument};
use ormai::prelude::*;
use ormai_eval::{Isolation, IsolationReport, IsolationVerdict};
use ormai_testkit::{
    Dataset, Scale, Size, TestDatabase, every_engine, guide_catalog, guide_policy, teams, teams_policy,
};

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
        let report = match suite.run(&|_| ()).await {
            Ok(report) => report,
            Err(error) => {
                println!("undecided: the suite cannot run: {error}");
                panic!("the suite cannot run: {error}");
            }
        };
        if let Some(leak) = report.leaks.first() {
            println!("found by: {} after {} requests, {} ms", leak.violation, report.requests, report.milliseconds);
        }
        println!("{} requests, {} rows planted, {} principals, {} ms", report.requests, report.planted_rows, report.principals, report.milliseconds);
        assert!(report.leaks.is_empty(), "{}", told(&report));
        // What could not be tried is not sound, and nothing was found in it.
        if !report.is_isolated || !report.not_covered.is_empty() {
            println!("undecided: {:?}, not covered {:?}", report.undecided, report.not_covered);
        }
        assert!(report.is_isolated && report.not_covered.is_empty(), "{:?} {:?}", report.undecided, report.not_covered);
    }

    /// Where little was tested it means nothing that nothing leaked.
    async fn a_run_that_tests_little_is_undecided(test: &TestDatabase) {
        let report = suite(test).await.requests(0).run(&|_| ()).await.unwrap();
        assert!(report.leaks.is_empty(), "{}", told(&report));
        assert_eq!(report.verdict, IsolationVerdict::Undecided);
        assert_eq!(report.undecided, ["no request was made"]);
        let document = PolicyDocument::parse("version: nothing\n", Format::Yaml).unwrap();
        let builder = OrmAi::builder().database_url(test.url()).policy(document.clone());
        let report = Isolation::new(builder.build().await.unwrap().tools(), &document).run(&|_| ()).await.unwrap();
        assert_eq!((report.verdict, report.is_isolated), (IsolationVerdict::Undecided, false));
        assert!(report.undecided.iter().any(|why| why.contains("names no model")), "{:?}", report.undecided);
    }

    /// Of a large database the rows are read once, and writes are looked for by their keys.
    async fn a_large_database_leaks_nothing_either(test: &TestDatabase) {
        let size = Size { tenants: 5, users_per_tenant: 3, orders_per_tenant: 1_400, items_per_order: 2, documents_per_tenant: 4 };
        test.load(&Dataset::generated(size)).await;
        let document = PolicyDocument::parse(guide_policy(), Format::Yaml).unwrap();
        let builder = OrmAi::builder().database_url(test.url()).catalog(guide_catalog());
        let ormai = builder.policy(document.clone()).build().await.unwrap();
        let report = Isolation::new(ormai.tools(), &document).requests(120).run(&|_| ()).await.unwrap();
        assert!(report.is_isolated, "{}", told(&report));
        assert!(report.stored_rows > 20_000 && report.not_covered.is_empty(), "{:?}", report.not_covered);
        assert_eq!(test.count("orders").await, 7_000);
    }
}
