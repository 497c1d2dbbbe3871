//! What OrmAI costs beside hand-written SQL: `cargo xtask bench`.
//!
//! Variants run in turn, round by round, on one connection pool, so that a machine whose
//! speed drifts slows all of them alike. Medians are printed, and the ratio of medians.

#![expect(clippy::disallowed_methods, reason = "the comparison is with SQL written by hand")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise and prints")]

mod decide;
mod end_to_end;
mod timing;

use ormai_testkit::{Dataset, Engine, Size, TestDatabase};

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("(a) authorize + compile + bind, the guide's order query");
    decide::run();
    for engine in [Engine::Postgres, Engine::Sqlite] {
        runtime.block_on(async {
            let database = TestDatabase::on(engine).await;
            database.load(&Dataset::generated(Size::LARGE)).await;
            end_to_end::run(&database).await;
            database.close().await;
        });
    }
}
