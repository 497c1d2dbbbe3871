//! What OrmAI costs beside hand-written SQL: `cargo xtask bench`.
//!
//! Variants run in turn, round by round, on one connection pool, so that a machine whose
//! speed drifts slows all of them alike. Medians are printed, and the ratio of medians.

#![expect(clippy::disallowed_methods, reason = "the comparison is with SQL written by hand")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise and prints")]

mod decide;
mod end_to_end;
mod timing;

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
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for engine in [Engine::Postgres, Engine::MySql, Engine::Sqlite] {
        runtime.block_on(async {
            let database = TestDatabase::on(engine).await;
            database.load(&Dataset::generated(Size::LARGE)).await;
            let catalog = read(&database).await;
            decide::run(dialect(engine), &Arc::new(catalog.clone().build().unwrap()));
            end_to_end::run(&database, catalog.build().unwrap()).await;
            database.close().await;
        });
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
