//! What verifying costs: records a second, on one core.
//!
//! `cargo bench -p ormai-audit --bench verify -- 1000000`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark ends when something is wrong, and tells")]

use std::time::Duration;

use ormai_audit::verify::{Survey, VerifyOptions};
use ormai_audit::{Action, AuditStore, MacKey, MemoryStore, Outcome, Record, Scanned, SigningKey, Trail, TrailKeys};
use serde_json::json;

/// Lines in a chunk, as [`ormai_audit::verify::verify`] reads them.
const CHUNK: usize = 4_096;

fn record(number: u64) -> Record {
    let mut record = Record::begin("2026-01-02T03:04:05.678Z".parse().unwrap(), format!("req-{number}"), "query");
    record.tenant_id = "acme-corp".into();
    record.user_id = "user-123".into();
    record.roles = vec!["support".to_owned()];
    record.model = Some("Order".to_owned());
    record.action = Action::Read;
    record.inputs = json!({
        "model": "Order", "select": ["id", "status", "total", "created_at"],
        "filters": {"status": {"eq": "pending"}}, "limit": number % 50
    });
    record.policy_version = "sha256:5f0c".to_owned();
    record.policies_applied = vec!["Order.tenant".to_owned()];
    record.scopes_injected = vec!["tenant_id = 'acme-corp'".to_owned()];
    record.outcome = Outcome::Answered;
    record.success = true;
    record.row_count = Some(number % 20);
    record
}

/// A store of one writer, as chunks.
async fn chunks(records: u64) -> (Vec<Scanned>, VerifyOptions) {
    let keys =
        TrailKeys { mac: MacKey::new("a secret of enough bytes"), signing: Some(SigningKey::from_seed([7; 32])) };
    let mut options = VerifyOptions::default();
    options.mac = keys.mac.clone();
    options.public_keys = keys.signing.iter().map(SigningKey::public).collect();
    let store = std::sync::Arc::new(MemoryStore::new());
    let trail = Trail::open(vec![store.clone()], keys, ormai_audit::TrailOptions::default()).await.unwrap();
    for number in 1..=records {
        trail.note(&record(number)).await.unwrap();
        if number.is_multiple_of(1_000) {
            trail.checkpoint().await.unwrap();
        }
    }
    let (mut chunks, mut after) = (Vec::new(), None);
    loop {
        let scanned = store.scan(after.as_ref(), CHUNK).await.unwrap();
        after = scanned.next.clone();
        chunks.push(scanned);
        if after.is_none() {
            return (chunks, options);
        }
    }
}

/// The time that this thread has had on a core, so that others on the machine do not count.
fn now() -> Duration {
    let stated = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stated.split(' ').next().and_then(|time| time.parse().ok()).unwrap())
}

fn main() {
    let records = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (chunks, options) = runtime.block_on(chunks(records));
    let bytes: usize = chunks.iter().map(|chunk| chunk.text.len()).sum();
    for _ in 0..5 {
        let begun = now();
        let mut survey = Survey::new(options.clone());
        chunks.iter().for_each(|chunk| survey.read(chunk));
        let surveyed = now() - begun;
        let mut verifier = survey.verifier();
        chunks.iter().for_each(|chunk| verifier.read(chunk));
        let report = verifier.finish();
        assert!(report.is_good(), "{:?}", report.first());
        told(report.lines, bytes, surveyed, now() - begun);
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for reading")]
fn told(lines: u64, bytes: usize, surveyed: Duration, whole: Duration) {
    let (lines, bytes, seconds) = (lines as f64, bytes as f64, whole.as_secs_f64());
    println!(
        "{lines} lines of {:.0} bytes: {:.0} a second, {:.0} MB/s; of {:.0} ms the first pass took {:.0}",
        bytes / lines,
        lines / seconds,
        bytes / seconds / 1e6,
        seconds * 1e3,
        surveyed.as_secs_f64() * 1e3,
    );
}
