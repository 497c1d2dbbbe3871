//! How long the generated isolation suite takes, on SQLite, over the guide's models with 100,000 orders and
//! 200,000 items: `cargo bench -p ormai-eval --bench isolation`.
//!
//! It fails when it takes longer than is promised, and on any leak.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement that cannot be made has failed, and prints"
)]

use ormai::policy::{Format, PolicyDocument};
use ormai::prelude::*;
use ormai_eval::Isolation;
use ormai_testkit::{Dataset, Size, TestDatabase, guide_catalog, guide_policy};

/// Seconds.
const PROMISED: f64 = 20.0;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measured());
}

async fn measured() {
    let test = TestDatabase::sqlite().await;
    test.load(&Dataset::generated(Size::LARGE)).await;
    let document = PolicyDocument::parse(guide_policy(), Format::Yaml).expect("the guide's policy");
    let builder = OrmAi::builder().database_url(test.url()).catalog(guide_catalog());
    let ormai = builder.policy(document.clone()).build().await.expect("a policy that fits");
    let report = Isolation::new(ormai.tools(), &document).run(&|_| ()).await.expect("a run");
    #[expect(clippy::cast_precision_loss, reason = "a run takes less than a million years")]
    let seconds = report.milliseconds as f64 / 1_000.0;
    println!(
        "{} requests of {} principals beside {} canary rows among {}: {seconds:.1} s, {} leaks",
        report.requests,
        report.principals,
        report.planted_rows,
        report.stored_rows,
        report.leaks.len() + report.more_leaks
    );
    for leak in report.leaks.iter().take(5) {
        println!("{leak}");
    }
    println!(
        "never tested {:?}\nnever decided {:?}\nnot covered {:?}",
        report.never_tested, report.never_decided, report.not_covered
    );
    assert!(report.is_isolated, "something leaks");
    assert!(seconds < PROMISED, "{seconds:.1} s, and {PROMISED:.0} are promised");
}
