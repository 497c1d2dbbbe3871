//! The generated suite finds nothing in a sound toolset, and faults in a broken one.

#[cfg(feature = "faults")]
mod broken;

use ormai::policy::{Format, PolicyDocument};
use ormai::prelude::*;
use ormai_eval::{Isolation, IsolationReport, IsolationVerdict, Witness};
use ormai_testkit::Engine;
use ormai_testkit::{
    Dataset, Scale, Size, TestDatabase, every_engine, guide_catalog, guide_policy, teams, teams_policy,
};

/// The suite over tables that use every feature of policies.
async fn suite(test: &TestDatabase) -> Isolation {
    test.execute(&teams(test.engine())).await;
    let document = PolicyDocument::parse(teams_policy(), Format::Yaml).unwrap();
    let builder = OrmAi::builder().database_url(test.url()).hash_key(*b"sixteen bytes or more");
    let ormai = builder.policy(document.clone()).build().await.unwrap();
    // With a ledger writes are parked that need an approval.
    ormai.install().await.unwrap();
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
        let document = PolicyDocument::parse("version: 1\nmodels: {}\n", Format::Yaml).unwrap();
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
        assert!(report.stored_rows > 20_000);
        let left_out = "filters on related rows, of a principal who sees all rows of a large database: they take minutes";
        assert!(report.not_covered.iter().all(|what| what == left_out), "{:?}", report.not_covered);
        assert_eq!(test.count("orders").await, 7_000);
    }

    /// What MariaDB and MySQL have counted up to stays so, whatever is rolled back.
    async fn counters_move_by_no_more_than_the_rows_that_were_made(test: &TestDatabase) {
        let key = match test.engine() {
            Engine::Sqlite => "integer PRIMARY KEY AUTOINCREMENT",
            Engine::Postgres => "bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
            Engine::MySql => "bigint AUTO_INCREMENT PRIMARY KEY",
        };
        test.execute(&format!(
            "CREATE TABLE tenants (id {key}, name varchar(100));
             CREATE TABLE orders (id {key}, tenant_id bigint NOT NULL, note varchar(100), FOREIGN KEY (tenant_id) REFERENCES tenants (id));
             INSERT INTO tenants (name) VALUES ('one'), ('two');
             INSERT INTO orders (tenant_id, note) VALUES (1, 'a'), (2, 'b');"
        ))
        .await;
        let document = PolicyDocument::parse(
            "version: 1
default_field_action: allow
models:
  Tenant: {allowed: true, scoping: {id: principal.tenant_id}}
  Order:
    allowed: true
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow}
",
            Format::Yaml,
        )
        .unwrap();
        let builder = OrmAi::builder().database_url(test.url()).policy(document.clone());
        let ormai = builder.build().await.unwrap();
        let report = Isolation::new(ormai.tools(), &document).requests(200).run(&|_| ()).await.unwrap();
        assert!(report.is_isolated, "{} {:?}", told(&report), report.undecided);
        let created = report.tools.iter().find(|tool| tool.model == "Order" && tool.tool == "create").unwrap();
        assert!(created.answered > 0, "{created:?}");
        test.execute("INSERT INTO tenants (name) VALUES ('three'); INSERT INTO orders (tenant_id) VALUES (1);").await;
        for (model, owned) in [("Tenant", 40), ("Order", created.answered + created.refused)] {
            let witness = Witness::of(ormai.tools()).await.unwrap();
            let ctx = RunContext::new(Principal::without_tenant());
            let rows = witness.rows(&ctx, model, 100).await.unwrap();
            let next = rows.iter().filter_map(|row| row["id"].as_u64()).max().unwrap();
            let most = 3 + report.planted_rows + owned;
            assert!(next <= u64::try_from(most).unwrap(), "{model}: the next id is {next}, of {most}");
        }
    }

    /// A rule that every row satisfies, and a role that changes nothing, never decide.
    async fn rules_decide_only_where_they_make_a_difference(test: &TestDatabase) {
        test.execute(
            "CREATE TABLE orders (id varchar(64) PRIMARY KEY, tenant_id varchar(64) NOT NULL, note varchar(100));
             CREATE TABLE vaults (id integer PRIMARY KEY, tenant_id varchar(64) NOT NULL, CHECK (id < 0));",
        )
        .await;
        let document = PolicyDocument::parse(
            "version: 1
default_field_action: allow
models:
  Order:
    allowed: true
    scoping: {tenant_id: principal.tenant_id}
    row_policies: [{name: idle, condition: id IS NOT NULL}]
    roles:
      clerk: {fields: {note: allow}}
      guest: {fields: {note: deny}}
  Vault: {allowed: true, scoping: {tenant_id: principal.tenant_id}}
",
            Format::Yaml,
        )
        .unwrap();
        let builder = OrmAi::builder().database_url(test.url()).policy(document.clone());
        let ormai = builder.build().await.unwrap();
        let report = Isolation::new(ormai.tools(), &document).requests(200).run(&|_| ()).await.unwrap();
        assert!(report.leaks.is_empty(), "{}", told(&report));
        for idle in ["Order: row policy `idle`", "Order: overlay `clerk`"] {
            assert!(report.never_decided.iter().any(|rule| rule == idle), "{idle}: {:?}", report.never_decided);
        }
        assert!(!report.never_decided.iter().any(|rule| rule.contains("guest")), "{:?}", report.never_decided);
        // In a model of which no row can be planted nothing was proved.
        assert_eq!(report.verdict, IsolationVerdict::Undecided);
        assert!(matches!(&report.undecided[..], [why] if why.contains("planted in `Vault`")), "{:?}", report.undecided);
    }
}
