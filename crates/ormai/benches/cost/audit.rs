//! The same calls with the audit trail and without it, by many callers at once and by one.
//!
//! Rounds with and without take turns on one pool. The store is a file as it comes: default
//! options, lines keyed and checkpoints signed, on the disk that cargo builds to.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ormai::audit::{AuditStore as _, JsonlOptions, JsonlStore, MacKey, SigningKey, TrailKeys};
use ormai::catalog::Catalog;
use ormai::policy::Format;
use ormai::prelude::*;
use ormai_testkit::{Engine, TestDatabase, writes_policy};
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::timing::{Samples, print_spread};

/// How many call at once, each with a connection.
const CALLERS: usize = 16;
const CONNECTIONS: u32 = 16;

/// Calls of all callers together in a round.
const READS: usize = 800;
const WRITES: usize = 160;

/// Tenants of the rows that the benchmark has loaded.
const TENANTS: usize = 100;

/// The first key of a new row; those that are loaded have lower ones.
const FIRST: usize = 20_000_000;

/// What is called.
#[derive(Clone, Copy)]
enum What {
    /// The guide's order query: 10 rows of 100,000.
    Query,
    /// One row by its key.
    Get,
    /// A new item of an order.
    Create,
}

pub(crate) async fn run(database: &TestDatabase, catalog: &Catalog, rounds: usize) {
    let engine = database.engine();
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let pool: ormai::db::Database = match engine {
        Engine::Postgres => {
            let options = PgConnectOptions::from_str(database.url()).unwrap();
            PgPoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await.unwrap().into()
        }
        Engine::MySql => {
            let options = MySqlConnectOptions::from_str(database.url()).unwrap();
            MySqlPoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await.unwrap().into()
        }
        Engine::Sqlite => {
            let options = SqliteConnectOptions::from_str(database.url()).unwrap();
            SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await.unwrap().into()
        }
    };
    let builder = || {
        let builder = OrmAi::builder().database(pool.clone()).catalog(catalog.clone());
        builder.policy_text(writes_policy(), Format::Yaml)
    };
    let store = JsonlStore::open(directory.path().join("audit.jsonl"), JsonlOptions::default()).unwrap();
    store.install().await.unwrap();
    let keys = TrailKeys { mac: MacKey::new([7; 32]), signing: Some(SigningKey::from_seed([8; 32])) };
    let with = Arc::new(builder().audit(Arc::new(store)).audit_keys(keys).build().await.unwrap());
    let without = Arc::new(builder().build().await.unwrap());
    let mut runs = Runs { with, without, rounds, next: FIRST };
    for (what, says, calls, limit) in [
        (What::Query, "the order query", READS, "limit 1.10"),
        (What::Get, "one row by its key", READS, "no limit"),
        (What::Create, "a new item of an order", WRITES, "no limit"),
    ] {
        for (callers, calls, limit) in [(CALLERS, calls, limit), (1, calls / 4, "no limit")] {
            println!("(f) {says} with audit and without: {engine}, {callers} at once ({limit})");
            runs.compare(what, callers, calls).await;
        }
    }
    runs.with.close().await.unwrap();
}

struct Runs {
    with: Arc<OrmAi>,
    without: Arc<OrmAi>,
    rounds: usize,
    next: usize,
}

impl Runs {
    async fn compare(&mut self, what: What, callers: usize, calls: usize) {
        let [mut ours, mut theirs] = [Calls::default(), Calls::default()];
        let mut ratios = Vec::with_capacity(self.rounds);
        // The first one opens connections, prepares statements, and makes views.
        for round in 0..=self.rounds {
            let (with, without) = (Arc::clone(&self.with), Arc::clone(&self.without));
            let (left, right) = if round % 2 == 0 {
                let left = self.round(with, what, callers, calls).await;
                (left, self.round(without, what, callers, calls).await)
            } else {
                let right = self.round(without, what, callers, calls).await;
                (self.round(with, what, callers, calls).await, right)
            };
            if round > 0 {
                ratios.push(left.took.as_secs_f64() / right.took.as_secs_f64());
                ours.add(left);
                theirs.add(right);
            }
        }
        ours.print("with audit");
        theirs.print("without");
        print_spread("with audit / without, per round", ratios);
    }

    /// So many calls by so many callers: how long all of it took, and each call.
    async fn round(&mut self, ormai: Arc<OrmAi>, what: What, callers: usize, calls: usize) -> Round {
        let each = calls / callers;
        let first = self.next;
        self.next += calls;
        let begun = Instant::now();
        let callers: Vec<_> = (0..callers)
            .map(|caller| {
                let ormai = Arc::clone(&ormai);
                tokio::spawn(async move {
                    let mut samples = Samples::default();
                    for call in 0..each {
                        samples.time_async(one(&ormai, what, first + caller * each + call)).await;
                    }
                    samples
                })
            })
            .collect();
        let mut samples = Samples::default();
        for caller in callers {
            samples.append(caller.await.unwrap());
        }
        Round { took: begun.elapsed(), samples }
    }
}

struct Round {
    took: Duration,
    samples: Samples,
}

/// The rounds of one variant.
#[derive(Default)]
struct Calls {
    took: Duration,
    samples: Samples,
}

impl Calls {
    fn add(&mut self, round: Round) {
        self.took += round.took;
        self.samples.append(round.samples);
    }

    fn print(&self, name: &str) {
        let per_call = self.took.as_secs_f64() * 1e6 / self.samples.len() as f64;
        let (p50, p99) = (self.samples.quantile(0.5), self.samples.quantile(0.99));
        println!("    {name:<34} {per_call:>9.2} µs a call in all   each call p50 {p50:>9.2}   p99 {p99:>9.2}");
    }
}

async fn one(ormai: &OrmAi, what: What, number: usize) {
    let tenant = number % TENANTS;
    let ctx = RunContext::new(Principal::new(format!("tenant-{tenant:03}")).user("user-123"));
    let tools = ormai.tools();
    match what {
        What::Query => {
            let query = Query::model("Order").filter(field("status").eq("pending"));
            let query = query.select(["id", "tenant_id", "user_id", "status"]).limit(10);
            assert_eq!(tools.query(&ctx, query).await.unwrap().data.rows.len(), 10, "there are enough of them");
        }
        What::Get => {
            tools.get(&ctx, Get::model("Order", tenant + 1)).await.unwrap();
        }
        What::Create => {
            let item = Create::new("OrderItem").set("id", number).set("order_id", tenant + 1).set("sku", "A-17");
            tools.create(&ctx, item.set("quantity", 1).set("price", "12.34").reason("measured")).await.unwrap();
        }
    }
}
