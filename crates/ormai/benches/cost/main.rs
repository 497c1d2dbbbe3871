//! What OrmAI costs beside hand-written SQL: `cargo xtask bench`.
//!
//! `--rounds N` changes how often a write is made, and `--writes` leaves the reads out;
//! `--engine E` takes one engine. `--audit` measures the audit trail instead, in so many rounds.
//!
//! Variants run in turn, round by round, on one connection pool, so that a machine whose
//! speed drifts slows all of them alike. Medians are printed, and the ratio of medians.

#![expect(clippy::disallowed_methods, reason = "the comparison is with SQL written by hand")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise and prints")]

mod audit;
mod decide;
mod end_to_end;
mod timing;
mod writes;

use std::sync::Arc;

use ormai::Dialect;
use ormai::catalog::CatalogBuilder;
use ormai::db::{ConnectOptions, Database, IntrospectOptions, introspect};
use ormai_testkit::{Dataset, Engine, Size, TestDatabase};

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let asked = Asked::of(std::env::args().skip(1));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for engine in [Engine::Postgres, Engine::MySql, Engine::Sqlite] {
        if asked.engine.as_ref().is_some_and(|name| *name != engine.to_string()) {
            continue;
        }
        runtime.block_on(async {
            let database = TestDatabase::on(engine).await;
            database.load(&Dataset::generated(Size::LARGE)).await;
            let catalog = read(&database).await;
            let catalog = catalog.build().unwrap();
            if asked.is_of_audit {
                audit::run(&database, &catalog, asked.rounds.unwrap_or(40)).await;
                database.close().await;
                return;
            }
            decide::run(dialect(engine), &Arc::new(catalog.clone()));
            if !asked.only_writes {
                end_to_end::run(&database, catalog.clone()).await;
            }
            writes::run(&database, &catalog, asked.rounds.unwrap_or(2_000)).await;
            database.close().await;
        });
    }
}

/// What to measure.
struct Asked {
    rounds: Option<usize>,
    only_writes: bool,
    is_of_audit: bool,
    engine: Option<String>,
}

impl Asked {
    fn of(arguments: impl Iterator<Item = String>) -> Self {
        let mut asked = Self { rounds: None, only_writes: false, is_of_audit: false, engine: None };
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--rounds" => asked.rounds = Some(arguments.next().unwrap().parse().unwrap()),
                "--engine" => asked.engine = arguments.next(),
                "--writes" => asked.only_writes = true,
                "--audit" => asked.is_of_audit = true,
                // Cargo adds arguments of its own.
                _ => {}
            }
        }
        asked
    }
}

fn dialect(engine: Engine) -> Dialect {
    match engine {
        Engine::Postgres => Dialect::Postgres,
        Engine::MySql => Dialect::MySql,
        Engine::Sqlite => Dialect::Sqlite,
    }
}

/// The guide's models as OrmAI reads them from the database, with its collations.
async fn read(database: &TestDatabase) -> CatalogBuilder {
    let options = IntrospectOptions {
        relation_names: [("Order.order_items".to_owned(), "items".to_owned())].into(),
        ..IntrospectOptions::default()
    };
    let connected = Database::connect(database.url(), &ConnectOptions::default()).await.unwrap();
    introspect(&connected, &options).await.unwrap()
}
