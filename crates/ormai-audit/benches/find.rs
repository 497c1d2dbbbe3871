//! How fast records are found in a database with a million of them, and what they cost there.
//!
//! `cargo bench -p ormai-audit --bench find -- sqlite postgres mysql [lines]`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that cannot begin has to stop, and prints")]
#![expect(clippy::disallowed_methods, reason = "asks databases for the size of a table")]

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use ormai_audit::{
    Action, AuditStore, Body, Chain, Filter, Kind, Line, Outcome, Record, RecordedError, SqlStore, TrailKeys,
};
use ormai_testkit::{Engine, Pool, TestDatabase};
use serde_json::json;
use uuid::Uuid;

const BATCH: usize = 512;
const ASKED: usize = 100;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let lines = asked.iter().find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for engine in Engine::ALL {
        if asked.contains(&engine.to_string()) {
            runtime.block_on(measure(engine, lines));
        }
    }
}

async fn measure(engine: Engine, lines: usize) {
    let database = TestDatabase::on(engine).await;
    let store = SqlStore::connect(database.url()).await.unwrap();
    store.install().await.unwrap();
    let mut chain = Chain::new(Uuid::now_v7());
    println!("{engine}: {lines} lines");
    let (mut bytes, mut at, mut appending) = (0, 0, Vec::new());
    while at < lines {
        let batch: Vec<Line> = (at..lines.min(at + BATCH)).map(|at| line(&mut chain, at, lines)).collect();
        bytes += batch.iter().map(|line| line.text().len()).sum::<usize>();
        let begun = Instant::now();
        store.append(&batch).await.unwrap();
        appending.push(begun.elapsed());
        at += batch.len();
    }
    let seconds = appending.iter().sum::<Duration>().as_secs_f64();
    println!("  append {BATCH} at once: {:.0} lines/s, {}", lines as f64 / seconds, spread(&mut appending));
    let mut alone = Vec::new();
    for at in 0..200 {
        let one = [line(&mut chain, at, lines)];
        let begun = Instant::now();
        store.append(&one).await.unwrap();
        alone.push(begun.elapsed());
    }
    println!("  append one: {}", spread(&mut alone));
    let stored = size(&database).await;
    println!("  {} bytes a line, of which {} are its text", stored / lines as u64, bytes / lines);

    let day = |day: i64| begin() + SignedDuration::from_hours(24 * day);
    let tenant = || Filter::tenant("tenant-42");
    let with = |change: &dyn Fn(&mut Filter)| {
        let mut filter = tenant();
        change(&mut filter);
        filter
    };
    let anybody = |change: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::new();
        change(&mut filter);
        filter
    };
    let questions = [
        ("a tenant with 1% of the records", tenant()),
        ("a tenant with four records", Filter::tenant("tiny")),
        ("a tenant with none", Filter::tenant("nobody")),
        ("… and a model", with(&|filter| filter.model = vec!["Order".to_owned()])),
        ("… and a model it never used", with(&|filter| filter.model = vec!["Nothing".to_owned()])),
        ("… and not answered", with(&|filter| filter.success = Some(false))),
        ("… and a rare error", with(&|filter| filter.error_code = vec!["CONFLICT".to_owned()])),
        (
            "… and a day long ago",
            with(&|filter| {
                filter.timestamp_gte = Some(day(2));
                filter.timestamp_lt = Some(day(3));
            }),
        ),
        ("… and a user", with(&|filter| filter.user_id = Some(json!("user-142")))),
        ("all tenants", Filter::new()),
        (
            "all, a day long ago",
            anybody(&|filter| {
                filter.timestamp_gte = Some(day(2));
                filter.timestamp_lt = Some(day(3));
            }),
        ),
        ("all, a rare error", anybody(&|filter| filter.error_code = vec!["CONFLICT".to_owned()])),
        ("all, a bypass", anybody(&|filter| filter.bypass = Some(true))),
        ("one call", anybody(&|filter| filter.request_id = Some(format!("req-{}", lines / 3)))),
        ("one trace", anybody(&|filter| filter.trace_id = Some(format!("trace-{}", lines / 10)))),
        ("an approval", anybody(&|filter| filter.approval_id = Some("apr-7".to_owned()))),
    ];
    for (name, filter) in questions {
        let mut took = Vec::new();
        let mut found = 0;
        for _ in 0..20 {
            let begun = Instant::now();
            found = store.query(&filter, ASKED, None).await.unwrap().entries.len();
            took.push(begun.elapsed());
        }
        println!("  {name}: {found} found, {}", spread(&mut took));
    }
    let mut took = Vec::new();
    let (mut after, mut scanned) = (None, 0);
    let begun = Instant::now();
    loop {
        let begun = Instant::now();
        let page = store.scan(after.as_ref(), 4_096).await.unwrap();
        took.push(begun.elapsed());
        assert!(page.wrong.is_empty());
        scanned += page.text.iter().filter(|byte| **byte == b'\n').count();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    println!("  scan: {:.0} lines/s, {}", scanned as f64 / begun.elapsed().as_secs_f64(), spread(&mut took));
    let begun = Instant::now();
    let heads = store.heads(None).await.unwrap().0;
    println!("  heads without a checkpoint: {} in {:.1?}", heads.len(), begun.elapsed());
    store.close().await;
}

fn begin() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// A hundred tenants, thirty days, five models; one in twenty is not answered.
fn line(chain: &mut Chain, at: usize, lines: usize) -> Line {
    let mut record = Record::begin(begin(), format!("req-{at}"), "query");
    let part = at as f64 / lines as f64;
    record.timestamp += SignedDuration::from_secs_f64(part * 30.0 * 86_400.0);
    let tenant = at * 7 % 100;
    record.tenant_id = match at {
        at if at % (lines / 3).max(1) == 5 => json!("tiny"),
        _ => json!(format!("tenant-{tenant}")),
    };
    record.user_id = json!(format!("user-{}", tenant + 100 * (at / 100 % 10)));
    record.trace_id = Some(format!("trace-{}", at / 5));
    let models = ["Order", "Customer", "Product", "Invoice", "Shipment"];
    record.model = models.iter().cycle().nth(at / 100 % 5).map(|model| (*model).to_owned());
    record.action = Action::Read;
    record.roles = vec!["support".to_owned()];
    record.inputs = json!({"model": record.model, "where": {"status": "open", "total": {"gt": at}}, "take": 25});
    record.policy_version = "3f2a9c".to_owned();
    record.policies_applied = vec!["orders.read".to_owned(), "orders.total.mask".to_owned()];
    record.scopes_injected = vec![format!("tenant_id = 'tenant-{tenant}'")];
    record.row_count = Some(25);
    record.execution_time_ms = 3.217;
    record.outcome = Outcome::Answered;
    record.success = true;
    if at / 100 % 20 == 3 {
        record.outcome = Outcome::Refused;
        record.success = false;
        let code = if at / 2_000 % 100 == 3 { "CONFLICT" } else { "FORBIDDEN" };
        record.error = Some(RecordedError { code: code.to_owned(), message: "the field is not allowed".to_owned() });
    }
    if at % 10_000 == 77 {
        record.bypass = vec!["operators".to_owned()];
        record.approval_id = Some(format!("apr-{}", at / 10_000));
    }
    chain.link(&Body::new(Kind::Record, &record).unwrap(), &TrailKeys::default())
}

fn spread(took: &mut [Duration]) -> String {
    took.sort_unstable();
    let at = |part: usize| took.get((took.len() * part / 100).min(took.len() - 1)).copied().unwrap_or_default();
    format!("p50 {:.2?}, p95 {:.2?}, max {:.2?}", at(50), at(95), at(100))
}

async fn size(database: &TestDatabase) -> u64 {
    let size: i64 = match database.pool() {
        Pool::Sqlite(pool) => {
            let size = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
            sqlx::query_scalar(size).fetch_one(pool).await.unwrap()
        }
        Pool::Postgres(pool) => {
            sqlx::query_scalar("SELECT pg_total_relation_size('ormai_audit')").fetch_one(pool).await.unwrap()
        }
        Pool::MySql(pool) => {
            sqlx::query("ANALYZE TABLE ormai_audit").execute(pool).await.unwrap();
            let size = "SELECT CAST(data_length + index_length AS SIGNED) FROM information_schema.tables
                        WHERE table_schema = DATABASE() AND table_name = 'ormai_audit'";
            sqlx::query_scalar(size).fetch_one(pool).await.unwrap()
        }
    };
    size.unsigned_abs()
}
