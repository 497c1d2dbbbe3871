//! How many recorded calls are made again in a second, on SQLite: `cargo bench -p ormai-eval --bench replay -- 10000`.
//!
//! It fails below the rate that is promised.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement that cannot be made has failed, and prints"
)]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::num::NonZeroUsize;

use ormai::policy::Format;
use ormai::prelude::*;
use ormai_eval::record::{Calls, Recorder};
use ormai_eval::replay::Replay;
use ormai_testkit::{Dataset, Size, TestDatabase, guide_catalog, guide_policy};
use serde_json::{Value as Json, json};

/// Calls in a second.
const PROMISED: f64 = 5_000.0;

const SIZE: Size =
    Size { tenants: 20, users_per_tenant: 10, orders_per_tenant: 500, items_per_order: 2, documents_per_tenant: 10 };

fn main() {
    let calls = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(10_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let slowest = runtime.block_on(measured(calls));
    assert!(slowest >= PROMISED, "{slowest:.0} calls a second, and {PROMISED:.0} are promised");
}

async fn measured(count: usize) -> f64 {
    let test = TestDatabase::sqlite().await;
    test.load(&Dataset::generated(SIZE)).await;
    let under = async |policy: &str| {
        let ormai = OrmAi::builder().database_url(test.url()).catalog(guide_catalog());
        ormai.policy_text(policy, Format::Yaml).build().await.expect("a policy that fits")
    };
    let old = under(guide_policy()).await;
    let new = under(&guide_policy().replace("      note: {action: allow}\n", "      note: {action: deny}\n")).await;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("calls.jsonl");
    let file = BufWriter::new(File::create(&path).expect("a file"));
    let recorder = Recorder::new(old.tools().clone(), file).expect("a recording");
    for number in 0..count {
        let tenant = number % SIZE.tenants;
        let ctx = RunContext::new(Principal::new(format!("tenant-{tenant:03}")).user(format!("user-{tenant:03}-00")));
        let (tool, arguments) = asked(number, tenant);
        assert!(recorder.call(&ctx, tool, &arguments).await.success(), "{tool} {arguments}");
    }
    recorder.end().expect("a recording that was written");
    let mut slowest = f64::INFINITY;
    for (name, ormai) in [("the same policy", &old), ("another policy", &new)] {
        for concurrency in [1, 2, 4, 8] {
            let calls = Calls::open(&path).expect("the recording");
            let mut out = BufWriter::new(File::create(directory.path().join("changes.txt")).expect("a file"));
            let replay = Replay::new(ormai.tools().clone()).concurrency(NonZeroUsize::new(concurrency).expect("some"));
            let summary = replay.run(calls, |change| writeln!(out, "{change}")).await.expect("a replay");
            println!(
                "{name}, {concurrency} at once: {} calls, {} changed, {:.2} s, {:.0} calls a second",
                summary.calls, summary.changed, summary.seconds, summary.calls_per_second
            );
            // What is promised is promised of the default.
            if concurrency == 4 {
                slowest = slowest.min(summary.calls_per_second);
            }
        }
    }
    test.close().await;
    slowest
}

/// What agents ask: lists, single rows, related rows, figures.
fn asked(number: usize, tenant: usize) -> (&'static str, Json) {
    let id = (number / SIZE.tenants % SIZE.orders_per_tenant) * SIZE.tenants + tenant + 1;
    match number % 5 {
        0 => (
            "query",
            json!({"model": "Order", "select": ["id", "status", "total"], "limit": 20,
                              "filters": [{"field": "status", "op": "eq", "value": "pending"}]}),
        ),
        1 => ("get", json!({"model": "Order", "id": id})),
        2 => (
            "query",
            json!({"model": "Order", "select": ["id", "note"], "limit": 10, "order": [{"field": "id", "direction": "desc"}]}),
        ),
        3 => (
            "query",
            json!({"model": "Order", "select": ["id"], "limit": 5,
                              "include": [{"relation": "items", "select": ["sku", "quantity"]}]}),
        ),
        _ => ("get", json!({"model": "User", "id": format!("user-{tenant:03}-00")})),
    }
}
