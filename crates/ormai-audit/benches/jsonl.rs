//! What a line costs in files: appended by one or many, flushed, read back and asked for.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot begin has to stop")]

use std::sync::atomic::{AtomicUsize, Ordering};

use divan::Bencher;
use divan::counter::ItemsCount;
use ormai_audit::verify::{VerifyOptions, verify};
use ormai_audit::{
    AuditStore, Body, Chain, Filter, JsonlOptions, JsonlStore, Kind, Line, Outcome, Place, Record, TrailKeys,
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

fn main() {
    divan::main();
}

/// How many lines there are to read.
const MANY: usize = 100_000;

fn record(tenant: &str) -> Record {
    let mut record = Record::begin("2026-01-02T03:04:05Z".parse().unwrap(), "req-1", "query");
    record.tenant_id = tenant.into();
    record.user_id = "user-123".into();
    record.model = Some("Order".to_owned());
    record.scopes_injected = vec![format!("tenant_id = '{tenant}'")];
    record.outcome = Outcome::Answered;
    record.success = true;
    record
}

fn line(chain: &mut Chain, tenant: &str) -> Line {
    chain.link(&Body::new(Kind::Record, &record(tenant)).unwrap(), &TrailKeys::default())
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn store() -> (TempDir, JsonlStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = JsonlStore::open(directory.path().join("audit.jsonl"), JsonlOptions::default()).unwrap();
    (directory, store)
}

/// A store with lines, one in a thousand of them of the tenant `rare`.
fn filled() -> (TempDir, JsonlStore) {
    let (directory, store) = store();
    let mut chain = Chain::new(Uuid::now_v7());
    for _ in 0..MANY / 1_000 {
        let lines: Vec<Line> = (0..1_000).map(|at| line(&mut chain, if at == 0 { "rare" } else { "acme" })).collect();
        store.append_now(&lines).unwrap();
    }
    (directory, store)
}

/// Some threads append through one store.
#[divan::bench(threads = [1, 2, 16], sample_count = 1_000, sample_size = 50)]
fn append(bencher: Bencher) {
    let (_directory, store) = store();
    let line = line(&mut Chain::new(Uuid::now_v7()), "acme");
    bencher.counter(ItemsCount::new(1_usize)).bench(|| store.append_now(std::slice::from_ref(&line)).unwrap());
}

/// Each thread appends through a store of its own, as processes do.
#[divan::bench(threads = [2, 16], sample_count = 1_000, sample_size = 50)]
fn append_as_processes(bencher: Bencher) {
    let (directory, _) = store();
    let open = |_| JsonlStore::open(directory.path().join("audit.jsonl"), JsonlOptions::default()).unwrap();
    let stores: Vec<JsonlStore> = (0..16).map(open).collect();
    let next = AtomicUsize::new(0);
    let line = line(&mut Chain::new(Uuid::now_v7()), "acme");
    thread_local!(static OWN: std::cell::Cell<Option<usize>> = const { std::cell::Cell::new(None) });
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        let at = OWN.get().unwrap_or_else(|| next.fetch_add(1, Ordering::Relaxed) % 16);
        OWN.set(Some(at));
        stores.get(at).unwrap().append_now(std::slice::from_ref(&line)).unwrap();
    });
}

/// A line that is on stable storage.
#[divan::bench(sample_count = 20, sample_size = 10)]
fn append_and_sync(bencher: Bencher) {
    let (_directory, store) = store();
    let (runtime, line) = (runtime(), line(&mut Chain::new(Uuid::now_v7()), "acme"));
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        store.append_now(std::slice::from_ref(&line)).unwrap();
        runtime.block_on(store.sync()).unwrap();
    });
}

/// All lines, with their places read and their digests computed.
#[divan::bench(args = [false, true], sample_count = 5, sample_size = 1)]
fn scan(bencher: Bencher, with_digests: bool) {
    let (_directory, store) = filled();
    let runtime = runtime();
    bencher.counter(ItemsCount::new(MANY)).bench_local(|| {
        let (mut lines, mut after) = (0, None);
        loop {
            let page = runtime.block_on(store.scan(after.as_ref(), 4_096)).unwrap();
            for end in page.text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                lines += 1;
                if with_digests {
                    divan::black_box(Place::digest(Place::read(end).unwrap().1));
                }
            }
            after = page.next;
            if after.is_none() {
                assert_eq!(lines, MANY);
                return;
            }
        }
    });
}

/// A page of fifty, of all tenants and of one of which few records are.
#[divan::bench(args = [None, Some("rare")], sample_count = 5, sample_size = 1)]
fn query(bencher: Bencher, tenant: Option<&str>) {
    let (_directory, store) = filled();
    let runtime = runtime();
    let filter = tenant.map_or_else(Filter::new, Filter::tenant);
    bencher.counter(ItemsCount::new(MANY)).bench_local(|| {
        assert_eq!(runtime.block_on(store.query(&filter, 50, None)).unwrap().entries.len(), 50);
    });
}

/// Both passes over all lines.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn verify_all(bencher: Bencher) {
    let (_directory, store) = filled();
    let runtime = runtime();
    bencher.counter(ItemsCount::new(MANY)).bench_local(|| {
        let report = runtime.block_on(verify(&store, &VerifyOptions::default(), &|_| ())).unwrap();
        assert_eq!(report.records, MANY as u64);
    });
}

/// Where the chains end, as the next writer asks when it begins.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn heads_without_a_checkpoint(bencher: Bencher) {
    let (_directory, store) = filled();
    let runtime = runtime();
    bencher.bench_local(|| assert_eq!(runtime.block_on(store.heads(None)).unwrap().0.len(), 1));
}
