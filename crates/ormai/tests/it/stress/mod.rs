//! Many writers of several tenants at once, who are refused, time out, meet in deadlocks and give
//! up half way: whatever a writer was told holds afterwards, and nothing else does.
//!
//! A short form is an ordinary test. `cargo xtask stress --seconds 30` takes as long as it is
//! told, and shows what the writers met.

pub(crate) mod aftermath;
mod journal;
mod refused;
mod steps;
mod tables;
mod writer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ormai::db::{ConnectOptions, Database};
use ormai::policy::Format;
use ormai::prelude::*;
use ormai_testkit::{Pool, Stretch, TestDatabase, every_engine};
use sqlx::mysql::MySqlPoolOptions;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use journal::Journal;
use writer::Writer;

/// How many write at once, and for how many tenants.
const WRITERS: usize = 64;
const TENANTS: usize = 8;

/// In the short form fewer write, and each makes so many calls however slow the machine is.
const SHORT: Duration = Duration::from_secs(1);
const FEW: usize = 16;
const CALLS: usize = 25;

/// How many connections they share.
const CONNECTIONS: u32 = 12;

/// As long as a writer may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(60);

every_engine! {
    async fn what_writers_were_told_holds_on_connections_of_our_own(test: &TestDatabase) {
        let options = ConnectOptions {
            max_connections: CONNECTIONS,
            acquire_timeout: PATIENCE,
            ..ConnectOptions::default()
        };
        let database = Database::connect(test.url(), &options).await.unwrap();
        all_write(test, database, "own connections").await;
    }

    async fn what_writers_were_told_holds_on_a_callers_pool(test: &TestDatabase) {
        let database = callers_pool(test).await;
        all_write(test, database, "a caller's pool").await;
    }
}

async fn callers_pool(test: &TestDatabase) -> Database {
    match test.pool() {
        Pool::Sqlite(pool) => {
            let options: SqliteConnectOptions = (*pool.connect_options()).clone();
            let shared = SqlitePoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
            shared.connect_with(options).await.unwrap().into()
        }
        Pool::Postgres(_) => {
            let shared = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
            shared.connect(test.url()).await.unwrap().into()
        }
        Pool::MySql(_) => {
            let shared = MySqlPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
            shared.connect(test.url()).await.unwrap().into()
        }
    }
}

async fn all_write(test: &TestDatabase, database: Database, on: &str) {
    let Stretch { duration, seed } = Stretch::from_environment(SHORT);
    test.execute(tables::TABLES).await;
    test.execute(&tables::entries(test.engine())).await;
    test.execute(tables::trigger(test.engine())).await;
    test.execute(&tables::shared_rows()).await;
    let ormai = OrmAi::builder().database(database.clone()).policy_text(tables::POLICY, Format::Yaml);
    let ormai = Arc::new(ormai.build().await.unwrap());
    ormai.install().await.unwrap();

    let (began, runtime) = (Instant::now(), tokio::runtime::Handle::current());
    let writers: Vec<_> = (0..if duration > SHORT { WRITERS } else { FEW })
        .map(|number| {
            let (ormai, runtime) = (Arc::clone(&ormai), runtime.clone());
            // A thread each: what a writer does in a transaction need not be fit to change threads.
            tokio::task::spawn_blocking(move || {
                let mut writer = Writer::new(number, seed, &ormai);
                runtime.block_on(writer.write_until(began + duration, CALLS));
                writer.journal
            })
        })
        .collect();
    let mut journals: Vec<Journal> = Vec::new();
    for writer in writers {
        let journal = writer.await;
        journals.push(journal.unwrap_or_else(|error| panic!("seed {seed}: a writer failed: {error}")));
    }
    let took = began.elapsed();
    aftermath::check(test, &database, &ormai, &journals, seed).await;
    journal::print(&journals, took, &format!("{} on {on}, seed {seed}", test.engine()));
}
