//! The project's own scenarios and guides come as they say, on every engine.

use std::path::Path;

use ormai::db::{ConnectOptions, Database};
use ormai_eval::scenario::{PageReport, Runner, Source};
use ormai_testkit::every_engine;

mod blessed;
mod found;
mod misplaced;
mod support;

/// A directory of pages, from the project's root.
fn pages(directory: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let pages = Source::below(&root.join(directory)).unwrap();
    assert!(!pages.is_empty(), "there are pages in {directory}");
    pages
}

fn told(report: &PageReport) -> String {
    let findings = report.findings.iter().map(|finding| format!("{:?}: {finding}\n", report.line_of(finding)));
    let failures =
        report.failures().map(|failure| format!("{}: {}\n{}", failure.line, failure.what, failure.difference(false)));
    format!("{}\n{}", report.name, findings.chain(failures).collect::<String>())
}

every_engine! {
    async fn every_page_of_the_manual_comes_as_it_says(test: &TestDatabase) {
        let database = Database::connect(test.url(), &ConnectOptions::default()).await.unwrap();
        let runner = Runner::on(database);
        let (mut scenarios, mut wrong) = (0, Vec::new());
        for page in pages("scenarios").iter().chain(&pages("docs/guides")) {
            let report = runner.run(page).await;
            scenarios += report.scenarios.len();
            wrong.extend((!report.passed()).then(|| told(&report)));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(scenarios >= 80, "only {scenarios} scenarios");
    }

    async fn nothing_is_left_in_the_database(test: &TestDatabase) {
        let database = Database::connect(test.url(), &ConnectOptions::default()).await.unwrap();
        for page in pages("scenarios") {
            Runner::on(database.clone()).run(&page).await;
        }
        let options = ormai::db::IntrospectOptions::default();
        let left = ormai::db::introspect(&database, &options).await.unwrap().build().unwrap();
        assert_eq!(left.models().count(), 0);
        assert!(!database.has(ormai::db::OwnTable::Idempotency).await.unwrap());
    }

    async fn a_table_that_is_there_is_not_touched(test: &TestDatabase) {
        test.execute("CREATE TABLE orders (id integer); INSERT INTO orders VALUES (7)").await;
        let database = Database::connect(test.url(), &ConnectOptions::default()).await.unwrap();
        let report = Runner::on(database).run(&Source::new("page.md", support::PAGE)).await;
        let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            findings,
            ["the tables cannot be made: the table `orders` is there already (scenarios need a database without these \
              tables, in which tables may be made)"]
        );
        assert!(report.scenarios.is_empty());
        assert_eq!(test.count("orders").await, 1);
    }
}
