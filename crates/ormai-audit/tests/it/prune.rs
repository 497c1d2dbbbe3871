//! Retention: what goes, what stays, and that nobody can use it to hide something.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ormai_audit::verify::{Report, Tampering, VerifyOptions, verify};
use ormai_audit::{
    AuditStore, Body, Chain, Filter, Head, JsonlOptions, JsonlStore, Kind, Line, MemoryStore, Orphan, Outcome, Place,
    Position, Record, Records, Retention, Scanned, StoreError, Storing, Stub, Tombstone, Trail, TrailKeys,
    TrailOptions, prove,
};
use serde_json::json;
use uuid::Uuid;

use crate::tamper::{keys, record, text, verified};

fn options() -> VerifyOptions {
    let mut options = VerifyOptions::default();
    options.mac = keys().mac;
    options.public_keys = keys().signing.iter().map(|key| key.public()).collect();
    options
}

async fn open(store: Arc<dyn AuditStore>) -> Trail {
    Trail::open(vec![store], keys(), TrailOptions::default()).await.unwrap()
}

async fn is_good(store: &dyn AuditStore) -> Report {
    let report = verify(store, &options(), &|_| ()).await.unwrap();
    assert!(report.is_good(), "{:?}", report.first());
    report
}

fn older_than(time: &str) -> Retention {
    Retention { older_than: Some(time.parse().unwrap()), ..Retention::default() }
}

/// The record with a number began in that minute.
fn at(minute: u64) -> Record {
    let mut record = record(minute);
    record.timestamp = format!("2026-01-02T03:{minute:02}:00Z").parse().unwrap();
    record
}

/// Two writers with 30 records each by turns, a checkpoint after every ten, of three tenants.
async fn filled(store: Arc<dyn AuditStore>) -> [Trail; 2] {
    let trails = [open(store.clone()).await, open(store).await];
    for minute in 0..60 {
        let trail = &trails[usize::from(minute % 2 == 1)];
        let mut record = at(minute);
        record.tenant_id = [json!("acme"), json!("globex"), json!(7)][usize::try_from(minute / 2 % 3).unwrap()].clone();
        trail.note(&record).await.unwrap();
        if minute % 20 >= 18 {
            trail.checkpoint().await.unwrap();
        }
    }
    trails
}

fn kinds(store: &MemoryStore, kind: Kind) -> Vec<Line> {
    store.lines().into_iter().filter(|line| line.place().kind == kind).collect()
}

#[tokio::test]
async fn old_records_go_and_the_chains_still_verify() {
    let store = Arc::new(MemoryStore::new());
    let [trail, _] = filled(store.clone()).await;
    let reports = trail.prune(&older_than("2026-01-02T03:25:00Z"), "an operator").await.unwrap();
    assert_eq!((reports[0].lines, reports[0].records), (25, 25));
    let report = is_good(&*store).await;
    assert_eq!((report.records, report.pruned, report.stubs), (35, 25, reports[0].stubs));
    assert!(report.unfinished.is_empty());
    let oldest = store.query(&Filter::new(), 100, None).await.unwrap().entries.pop().unwrap();
    assert_eq!(oldest.timestamp, "2026-01-02T03:25:00Z".parse().unwrap());

    let tombstone = Tombstone::read(&kinds(&store, Kind::Tombstone)[0]).unwrap();
    assert_eq!((tombstone.by.as_str(), tombstone.records), ("an operator", 25));
    assert_eq!(vec![tombstone.id], reports[0].tombstones);
}

#[tokio::test]
async fn of_a_store_in_files_those_that_are_closed_are_pruned() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = JsonlOptions::default();
    options.rotate_bytes = Some(20_000);
    let store = Arc::new(JsonlStore::open(directory.path().join("audit.jsonl"), options).unwrap());
    store.install().await.unwrap();
    let [trail, other] = filled(store.clone()).await;
    for round in 0..2 {
        let reports = trail.prune(&older_than("2026-01-02T03:25:00Z"), "an operator").await.unwrap();
        let report = is_good(&*store).await;
        assert_eq!(report.unfinished.len(), 0);
        assert_eq!((report.records, report.pruned), (35, 25));
        // A tombstone for each file of which something went, and none the second time.
        assert_eq!(reports[0].tombstones.is_empty(), round == 1, "{reports:?}");
    }
    other.end().await.unwrap();
    assert_eq!(store.query(&Filter::new(), 100, None).await.unwrap().entries.len(), 35);
}

#[tokio::test]
async fn only_records_of_the_tenant_go_and_its_newest_stay() {
    let store = Arc::new(MemoryStore::new());
    let [trail, _] = filled(store.clone()).await;
    let retention = Retention { tenant: Some(7.into()), keep: Some(4), ..Retention::default() };
    trail.prune(&retention, "an operator").await.unwrap();
    is_good(&*store).await;
    let of = async |tenant: serde_json::Value| store.query(&Filter::tenant(tenant), 100, None).await.unwrap().entries;
    assert_eq!(of(json!("acme")).await.len(), 20);
    assert_eq!(of(json!("7")).await.len(), 0);
    let times: Vec<String> = of(json!(7)).await.iter().map(|entry| entry.timestamp.to_string()).collect();
    assert_eq!(times, ["2026-01-02T03:59:00Z", "2026-01-02T03:58:00Z", "2026-01-02T03:53:00Z", "2026-01-02T03:52:00Z"]);
}

#[tokio::test]
async fn nothing_goes_where_fewer_are_there_than_are_kept() {
    let store = Arc::new(MemoryStore::new());
    let [trail, _] = filled(store.clone()).await;
    let before = store.lines();
    let retention = Retention { keep: Some(61), ..older_than("2030-01-01T00:00:00Z") };
    let reports = trail.prune(&retention, "an operator").await.unwrap();
    assert_eq!((reports[0].lines, reports[0].tombstones.len()), (0, 0));
    assert_eq!(store.lines()[..before.len()], before);
}

#[tokio::test]
async fn a_retention_that_says_nothing_is_refused() {
    let store = Arc::new(MemoryStore::new());
    let [trail, _] = filled(store.clone()).await;
    let before = store.lines();
    let retention = Retention { tenant: Some("acme".into()), ..Retention::default() };
    let error = trail.prune(&retention, "an operator").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "memory: the audit store failed: neither an age nor a number of records to keep is given: every record would go"
    );
    assert_eq!(store.lines(), before);
}

#[tokio::test]
async fn an_intent_goes_with_its_record_and_stays_while_it_is_open() {
    let store = Arc::new(MemoryStore::new());
    let trail = open(store.clone()).await;
    let (mut closed, open) = (at(1), at(2));
    closed.outcome = Outcome::Open;
    trail.intend(&closed).await.unwrap();
    trail.intend(&open).await.unwrap();
    closed.outcome = Outcome::Answered;
    trail.close(&closed).await.unwrap();
    trail.prune(&older_than("2030-01-01T00:00:00Z"), "an operator").await.unwrap();
    let report = is_good(&*store).await;
    assert_eq!((report.pruned, report.intents, report.records), (2, 1, 0));
    assert_eq!(report.open[0].id, open.id);
}

#[tokio::test]
async fn a_store_can_be_pruned_again_and_stubs_stay_as_they_are() {
    let store = Arc::new(MemoryStore::new());
    let [trail, other] = filled(store.clone()).await;
    let kept_elsewhere = other.checkpoint().await.unwrap();
    for (minute, trail) in [(13, &trail), (25, &other), (25, &trail), (47, &trail)] {
        let retention = older_than(&format!("2026-01-02T03:{minute}:00Z"));
        let stubs = kinds(&store, Kind::Pruned);
        trail.prune(&retention, "an operator").await.unwrap();
        let after = kinds(&store, Kind::Pruned);
        assert!(stubs.iter().all(|stub| after.contains(stub)));
        is_good(&*store).await;
    }
    let mut options = options();
    options.checkpoints = kept_elsewhere.iter().map(|line| line.text().to_owned()).collect();
    assert!(verify(&*store, &options, &|_| ()).await.unwrap().is_good());
    // What is left can still be proved.
    for entry in store.query(&Filter::new(), 8, None).await.unwrap().entries.iter().skip(4) {
        prove(&*store, &entry.id).await.unwrap().check(&options.public_keys[0]).unwrap();
    }
}

#[tokio::test]
async fn what_is_not_as_its_writer_left_it_is_not_pruned() {
    let store = Arc::new(MemoryStore::new());
    let other = TrailKeys { mac: ormai_audit::MacKey::new("another secret of enough bytes"), signing: None };
    let trail = Trail::open(vec![store.clone()], other, TrailOptions::default()).await.unwrap();
    trail.note(&at(1)).await.unwrap();
    let before = store.lines();
    let error = open(store.clone()).await.prune(&older_than("2030-01-01T00:00:00Z"), "an operator").await.unwrap_err();
    assert!(error.to_string().contains("verify the store first"), "{error}");
    assert_eq!(store.lines()[..before.len()], before);
}

#[tokio::test]
async fn more_stubs_than_go_at_once_are_told_of_by_several_tombstones() {
    let store = Arc::new(Breaking { keeps_positions: false, ..Breaking::default() });
    let trail = open(store.clone()).await;
    for number in 0..14_000 {
        let mut record = at(1);
        record.timestamp = if number % 2 == 0 { record.timestamp } else { "2030-01-01T00:00:00Z".parse().unwrap() };
        trail.note(&record).await.unwrap();
    }
    let reports = trail.prune(&older_than("2027-01-01T00:00:00Z"), "an operator").await.unwrap();
    assert_eq!((reports[0].records, reports[0].stubs), (7_000, 7_000));
    assert!(reports[0].tombstones.len() > 1);
    assert_eq!(is_good(&*store).await.records, 7_000);
}

#[tokio::test]
async fn a_pruning_that_ends_at_any_point_leaves_a_store_that_verifies() {
    for appends in 0..3 {
        for prunes in 0..2 {
            let store = Arc::new(Breaking::default());
            let [trail, _] = filled(store.clone()).await;
            store.appends.store(appends, Ordering::Relaxed);
            store.prunes.store(prunes, Ordering::Relaxed);
            let is_whole = trail.prune(&older_than("2026-01-02T03:25:00Z"), "an operator").await.is_ok();
            store.appends.store(usize::MAX, Ordering::Relaxed);
            store.prunes.store(usize::MAX, Ordering::Relaxed);
            let report = is_good(&*store).await;
            if !is_whole && prunes == 0 && appends > 1 {
                assert_eq!((report.unfinished.len(), report.pruned), (1, 0), "{appends}, {prunes}");
            }
            // Whoever prunes next takes what was left.
            trail.prune(&older_than("2026-01-02T03:25:00Z"), "an operator").await.unwrap();
            assert_eq!(is_good(&*store).await.pruned, 25);
        }
    }
}

/// A store that breaks after so many calls.
#[derive(Debug)]
struct Breaking {
    store: MemoryStore,
    appends: AtomicUsize,
    prunes: AtomicUsize,
    keeps_positions: bool,
}

impl Default for Breaking {
    fn default() -> Self {
        let unlimited = || AtomicUsize::new(usize::MAX);
        Self { store: MemoryStore::new(), appends: unlimited(), prunes: unlimited(), keeps_positions: true }
    }
}

fn spend(left: &AtomicUsize) -> Result<(), StoreError> {
    let one_less = |left: usize| left.checked_sub(1);
    match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less) {
        Ok(_) => Ok(()),
        Err(_) => Err(StoreError::Unavailable("broken".to_owned())),
    }
}

impl AuditStore for Breaking {
    fn name(&self) -> String {
        self.store.name()
    }
    fn install(&self) -> Storing<'_, Vec<&'static str>> {
        self.store.install()
    }
    fn enter(&self, chain: Uuid) -> Storing<'_, Vec<Orphan>> {
        self.store.enter(chain)
    }
    fn settle(&self, chain: Uuid) -> Storing<'_, ()> {
        self.store.settle(chain)
    }
    fn leave(&self, chain: Uuid) -> Storing<'_, ()> {
        self.store.leave(chain)
    }
    fn append<'a>(&'a self, lines: &'a [Line]) -> Storing<'a, ()> {
        self.store.append(lines)
    }
    fn is_immediate(&self) -> bool {
        true
    }
    fn append_now(&self, lines: &[Line]) -> Result<(), StoreError> {
        spend(&self.appends)?;
        self.store.append_now(lines)
    }
    fn sync(&self) -> Storing<'_, ()> {
        self.store.sync()
    }
    fn heads<'a>(&'a self, since: Option<&'a Position>) -> Storing<'a, (Vec<Head>, Position)> {
        self.store.heads(since)
    }
    fn scan<'a>(&'a self, after: Option<&'a Position>, most: usize) -> Storing<'a, Scanned> {
        self.store.scan(after, most)
    }
    fn prune<'a>(&'a self, source: &'a str, stubs: &'a [Stub]) -> Storing<'a, ()> {
        Box::pin(async move {
            spend(&self.prunes)?;
            self.store.prune(source, stubs).await
        })
    }
    fn keeps_positions(&self) -> bool {
        self.keeps_positions
    }
    fn query<'a>(&'a self, filter: &'a Filter, limit: usize, cursor: Option<&'a str>) -> Storing<'a, Records> {
        self.store.query(filter, limit, cursor)
    }
}

/// A store that was pruned, as lines.
async fn pruned() -> Vec<Line> {
    let store = Arc::new(MemoryStore::new());
    let [trail, _] = filled(store.clone()).await;
    trail.prune(&older_than("2026-01-02T03:25:00Z"), "an operator").await.unwrap();
    trail.note(&at(59)).await.unwrap();
    store.lines()
}

fn stubs(lines: &[Line]) -> Vec<usize> {
    lines.iter().enumerate().filter(|(_, line)| line.place().kind == Kind::Pruned).map(|(at, _)| at).collect()
}

fn first_of(lines: &[Line]) -> (Tampering, u64) {
    let report = verified(text(lines.iter().map(Line::text)), &options());
    let first = report.first().expect("not found");
    (first.kind, first.seq.unwrap())
}

/// A line in its place with other words, made by somebody who has the MAC key.
fn rewritten(line: &Line, by: impl Fn(&mut serde_json::Value)) -> Line {
    let mut value: serde_json::Value = serde_json::from_str(line.text()).unwrap();
    by(&mut value);
    let place = line.place();
    for member in ["kind", "chain", "seq", "prev_hash", "hash"] {
        value.as_object_mut().unwrap().remove(member);
    }
    let open = value.to_string();
    let hashed = format!(
        "{},\"kind\":\"{}\",\"chain\":\"{}\",\"seq\":{},\"prev_hash\":\"{}\"",
        open.strip_suffix('}').unwrap(),
        place.kind,
        place.chain,
        place.seq,
        place.prev_hash
    );
    let hash = keys().hash(&Place::digest(hashed.as_bytes()));
    Line::read(format!("{hashed},\"hash\":\"{hash}\"}}")).unwrap()
}

#[tokio::test]
async fn a_stub_that_is_removed_is_found() {
    let lines = pruned().await;
    for at in stubs(&lines) {
        let mut left = lines.clone();
        let stub = left.remove(at);
        assert_eq!(first_of(&left), (Tampering::Removed, stub.place().seq));
    }
}

#[tokio::test]
async fn a_stub_that_is_changed_without_the_key_is_found() {
    let lines = pruned().await;
    for at in stubs(&lines) {
        let mut left = lines.clone();
        left[at] = Line::read(lines[at].text().replacen("\"to\":", "\"to\":1", 1)).unwrap();
        assert_eq!(first_of(&left), (Tampering::Changed, lines[at].place().seq));
    }
}

#[tokio::test]
async fn a_stub_that_was_made_larger_with_the_key_is_found_by_its_tombstone() {
    let lines = pruned().await;
    let at = stubs(&lines)[1];
    let (chain, stub) = (lines[at].place().chain, lines[at].place().seq);
    // The line after it goes too, with what its place in the tree needs.
    let after = lines.iter().skip(at + 1).position(|line| line.place().chain == chain).unwrap() + at + 1;
    let gone = lines[after].clone();
    let (_, hashed) = Place::read(gone.text().as_bytes()).unwrap();
    let mut left = lines.clone();
    left[at] = rewritten(&lines[at], |value| {
        value["to"] = gone.place().seq.into();
        value["last_hash"] = gone.place().hash.to_string().into();
        value["nodes"].as_array_mut().unwrap().push(ormai_audit::tree::leaf(&Place::digest(hashed)).to_string().into());
    });
    left.remove(after);
    let (_, seq) = first_of(&left);
    assert_eq!(seq, stub);
}

#[tokio::test]
async fn a_stub_that_was_added_with_the_key_is_found() {
    let lines = pruned().await;
    let place = |kind: Kind, from: usize| lines.iter().skip(from).position(|line| line.place().kind == kind).unwrap();
    let tombstone = Tombstone::read(&lines[place(Kind::Tombstone, 0)]).unwrap();
    let at = lines.iter().rposition(|line| line.place().kind == Kind::Record).unwrap();
    let gone = *lines[at].place();
    let (_, hashed) = Place::read(lines[at].text().as_bytes()).unwrap();
    let open = json!({
        "tombstone": tombstone.id, "from": gone.seq, "to": gone.seq, "last_hash": gone.hash,
        "nodes": [ormai_audit::tree::leaf(&Place::digest(hashed))], "next": null,
    });
    let hashed = format!(
        "{},\"kind\":\"pruned\",\"chain\":\"{}\",\"seq\":{},\"prev_hash\":\"{}\"",
        open.to_string().strip_suffix('}').unwrap(),
        gone.chain,
        gone.seq,
        gone.prev_hash
    );
    let hash = keys().hash(&Place::digest(hashed.as_bytes()));
    let mut left = lines.clone();
    left[at] = Line::read(format!("{hashed},\"hash\":\"{hash}\"}}")).unwrap();
    assert_eq!(first_of(&left), (Tampering::Inserted, gone.seq));
}

#[tokio::test]
async fn a_tombstone_that_is_removed_or_rewritten_is_found() {
    let lines = pruned().await;
    let at = lines.iter().position(|line| line.place().kind == Kind::Tombstone).unwrap();
    let tombstone = *lines[at].place();
    let mut left = lines.clone();
    left.remove(at);
    // The first stub that lacks it comes before.
    assert_eq!(first_of(&left), (Tampering::Removed, lines[stubs(&lines)[0]].place().seq));
    let mut left = lines.clone();
    left[at] = rewritten(&lines[at], |value| value["by"] = "somebody else".into());
    assert_eq!(first_of(&left), (Tampering::Forged, tombstone.seq));
}

#[tokio::test]
async fn a_chain_that_was_cut_off_with_its_tombstone_is_found_by_its_stubs() {
    let lines = pruned().await;
    let at = lines.iter().position(|line| line.place().kind == Kind::Tombstone).unwrap();
    assert_eq!(first_of(&lines[..at]).0, Tampering::Removed);
}

#[test]
fn a_body_of_a_stub_is_no_record() {
    let mut chain = Chain::new(Uuid::now_v7());
    let body = Body::new(Kind::Record, &json!({"id": "aud-1"})).unwrap();
    let line = chain.link(&body, &keys());
    assert_eq!(Stub::new(line, 1), None);
}
