//! Records that a store did not take, and takes later.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ormai_audit::verify::{VerifyOptions, verify};
use ormai_audit::{
    AuditStore, Entry, Filter, Head, Kind, Line, MemoryStore, Orphan, Outcome, Position, Record, Records, Scanned,
    StoreError, Storing, Trail, TrailKeys, TrailOptions,
};
use tokio::task::JoinSet;
use uuid::Uuid;

pub(crate) const WORKS: u8 = 0;
/// Takes nothing.
pub(crate) const FULL: u8 = 1;
/// Takes lines, and says that it does not know.
const DOUBTFUL: u8 = 2;
/// Takes nothing, and says that it does not know.
pub(crate) const LOST: u8 = 3;
/// Takes nothing, and never answers.
const STUCK: u8 = 4;
/// Lets nobody enter.
const SHUT: u8 = 5;

/// A store that fails as it is told.
#[derive(Debug)]
pub(crate) struct Failing {
    lines: MemoryStore,
    is_immediate: bool,
    state: AtomicU8,
    /// The chains it knows: nobody enters twice.
    entered: Mutex<HashSet<Uuid>>,
    /// How often something was appended.
    appends: AtomicUsize,
}

impl Failing {
    pub(crate) fn new(is_immediate: bool) -> Arc<Self> {
        Arc::new(Self {
            lines: MemoryStore::new(),
            is_immediate,
            state: AtomicU8::new(WORKS),
            entered: Mutex::default(),
            appends: AtomicUsize::new(0),
        })
    }

    pub(crate) fn is(&self, state: u8) {
        self.state.store(state, Ordering::SeqCst);
    }

    /// Each line that tells of a call.
    pub(crate) fn entries(&self) -> Vec<(Kind, String)> {
        let entries = self.lines.lines();
        entries.iter().filter_map(Entry::read).map(|entry| (entry.place.kind, entry.record.id)).collect()
    }
}

impl AuditStore for Failing {
    fn name(&self) -> String {
        "failing".to_owned()
    }

    fn install(&self) -> Storing<'_, Vec<&'static str>> {
        self.lines.install()
    }

    fn enter(&self, chain: Uuid) -> Storing<'_, Vec<Orphan>> {
        assert!(self.entered.lock().unwrap().insert(chain), "the chain is entered twice");
        match self.state.load(Ordering::SeqCst) {
            SHUT => Box::pin(async { Err(StoreError::Unavailable("nobody enters".to_owned())) }),
            _ => self.lines.enter(chain),
        }
    }

    fn settle(&self, chain: Uuid) -> Storing<'_, ()> {
        self.lines.settle(chain)
    }

    fn leave(&self, chain: Uuid) -> Storing<'_, ()> {
        self.lines.leave(chain)
    }

    fn append<'a>(&'a self, lines: &'a [Line]) -> Storing<'a, ()> {
        Box::pin(async {
            if self.state.load(Ordering::SeqCst) == STUCK {
                std::future::pending::<()>().await;
            }
            self.append_now(lines)
        })
    }

    fn is_immediate(&self) -> bool {
        self.is_immediate
    }

    fn append_now(&self, lines: &[Line]) -> Result<(), StoreError> {
        assert!(lines.iter().all(|line| self.entered.lock().unwrap().contains(&line.place().chain)));
        self.appends.fetch_add(1, Ordering::SeqCst);
        match self.state.load(Ordering::SeqCst) {
            FULL => Err(StoreError::Unavailable("it is full".to_owned())),
            LOST => Err(StoreError::Doubtful("it was lost".to_owned())),
            DOUBTFUL => {
                self.lines.append_now(lines)?;
                Err(StoreError::Doubtful("it was lost".to_owned()))
            }
            _ => self.lines.append_now(lines),
        }
    }

    fn sync(&self) -> Storing<'_, ()> {
        self.lines.sync()
    }

    fn heads<'a>(&'a self, since: Option<&'a Position>) -> Storing<'a, (Vec<Head>, Position)> {
        self.lines.heads(since)
    }

    fn scan<'a>(&'a self, after: Option<&'a Position>, most: usize) -> Storing<'a, Scanned> {
        self.lines.scan(after, most)
    }

    fn query<'a>(&'a self, filter: &'a Filter, limit: usize, cursor: Option<&'a str>) -> Storing<'a, Records> {
        self.lines.query(filter, limit, cursor)
    }
}

async fn opened(store: &Arc<Failing>) -> Trail {
    Trail::open(vec![store.clone()], TrailKeys::default(), TrailOptions::default()).await.unwrap()
}

fn intent() -> Record {
    Record::begin("2026-01-02T03:04:05Z".parse().unwrap(), "req-1", "create")
}

fn done(intent: &Record) -> Record {
    let mut record = intent.clone();
    record.outcome = Outcome::Answered;
    record.success = true;
    record
}

/// Two writes whose records are not taken, and a call after them.
async fn owed(store: &Arc<Failing>, fails: u8) -> [String; 3] {
    let trail = opened(store).await;
    let (one, other, last) = (intent(), intent(), done(&intent()));
    trail.intend(&one).await.unwrap();
    trail.intend(&other).await.unwrap();
    store.is(fails);
    trail.close(&done(&one)).await.unwrap_err();
    trail.leave_behind(&done(&other));
    trail.note(&last).await.unwrap_err();
    store.is(WORKS);
    trail.note(&last).await.unwrap();
    [one.id, other.id, last.id]
}

#[tokio::test]
async fn a_record_that_was_not_taken_comes_before_the_next_line() {
    for is_immediate in [true, false] {
        let store = Failing::new(is_immediate);
        let [one, other, last] = owed(&store, FULL).await;
        let records: Vec<String> =
            store.entries().into_iter().filter(|(kind, _)| *kind == Kind::Record).map(|(_, id)| id).collect();
        assert_eq!(records, [one, other, last]);
        let report = verify(&*store, &VerifyOptions::default(), &|_| ()).await.unwrap();
        assert!(report.is_good(), "{report:?}");
        assert!(report.open.is_empty(), "{report:?}");
    }
}

/// A store that answered nothing may have it all the same: it is asked, and nothing is there twice.
#[tokio::test]
async fn a_record_in_doubt_is_there_once() {
    for (fails, is_immediate) in [(DOUBTFUL, true), (LOST, true), (DOUBTFUL, false), (LOST, false)] {
        let store = Failing::new(is_immediate);
        let [one, other, _] = owed(&store, fails).await;
        for id in [one, other] {
            let times = store.entries().into_iter().filter(|entry| *entry == (Kind::Record, id.clone())).count();
            assert_eq!(times, 1, "failing as {fails}, immediate: {is_immediate}");
        }
        let report = verify(&*store, &VerifyOptions::default(), &|_| ()).await.unwrap();
        assert!(report.is_good() && report.open.is_empty(), "{report:?}");
    }
}

/// A store that did not take the first line of a chain after a doubt knows the chain already.
#[tokio::test]
async fn a_chain_is_entered_once_however_often_its_first_line_fails() {
    for is_immediate in [true, false] {
        let store = Failing::new(is_immediate);
        let trail = opened(&store).await;
        for fails in [LOST, FULL, FULL] {
            store.is(fails);
            trail.note(&done(&intent())).await.unwrap_err();
        }
        store.is(WORKS);
        trail.note(&done(&intent())).await.unwrap();
        assert_eq!(store.entries().len(), 1);
    }
}

/// A chain that could not be entered may be known all the same: the next try takes another one.
#[tokio::test]
async fn a_store_that_let_nobody_enter_takes_lines_afterwards() {
    for is_immediate in [true, false] {
        let store = Failing::new(is_immediate);
        let (trail, one) = (opened(&store).await, intent());
        trail.intend(&one).await.unwrap();
        for fails in [LOST, SHUT, SHUT] {
            store.is(fails);
            trail.close(&done(&one)).await.unwrap_err();
        }
        store.is(WORKS);
        trail.end().await.unwrap();
        assert_eq!(store.entries().iter().filter(|(kind, _)| *kind == Kind::Record).count(), 3);
        let report = verify(&*store, &VerifyOptions::default(), &|_| ()).await.unwrap();
        assert!(report.is_good() && report.open.is_empty(), "{report:?}");
    }
}

/// Whatever another store waits for.
#[tokio::test]
async fn a_store_that_appends_at_once_waits_for_no_other() {
    let (slow, fast) = (Failing::new(false), Failing::new(true));
    let stores: Vec<Arc<dyn AuditStore>> = vec![slow.clone(), fast.clone()];
    let trail = Trail::open(stores, TrailKeys::default(), TrailOptions::default()).await.unwrap();
    slow.is(STUCK);
    let record = done(&intent());
    let mut taking = Box::pin(trail.note(&record));
    let polled = std::future::poll_fn(|context| std::task::Poll::Ready(taking.as_mut().poll(context))).await;
    assert!(polled.is_pending());
    assert_eq!(fast.entries(), [(Kind::Record, record.id.clone())]);
}

/// What it had in hand is owed, and the trail goes on in the next one.
#[test]
fn a_runtime_that_ends_half_way_stops_nobody() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (store, one) = (Failing::new(false), intent());
    let first = runtime();
    let trail = first.block_on(async {
        let trail = opened(&store).await;
        trail.intend(&one).await.unwrap();
        store.is(STUCK);
        trail.leave_behind(&done(&one));
        tokio::task::yield_now().await;
        trail.leave_behind(&done(&intent()));
        trail
    });
    drop(first);
    store.is(WORKS);
    runtime().block_on(trail.end()).unwrap();
    let records = store.entries().into_iter().filter(|(kind, _)| *kind == Kind::Record).count();
    assert_eq!(records, 2);
}

/// One write serves all who say something at the same time, and each hears of its own line.
#[tokio::test]
async fn what_is_said_at_the_same_time_is_appended_together() {
    for is_immediate in [true, false] {
        let store = Failing::new(is_immediate);
        let trail = opened(&store).await;
        for state in [WORKS, FULL, WORKS] {
            store.is(state);
            let before = store.appends.load(Ordering::SeqCst);
            let records: Vec<Record> = (0..16).map(|_| done(&intent())).collect();
            let mut notes: JoinSet<_> = records
                .into_iter()
                .map(|record| {
                    let (trail, attending) = (trail.clone(), trail.attend());
                    async move {
                        let noted = trail.note(&record).await;
                        drop(attending);
                        noted.map(|()| record.id)
                    }
                })
                .collect();
            while let Some(noted) = notes.join_next().await {
                match noted.unwrap() {
                    Ok(id) => assert!(state == WORKS && store.entries().contains(&(Kind::Record, id))),
                    Err(_) => assert_eq!(state, FULL),
                }
            }
            assert_eq!(store.appends.load(Ordering::SeqCst) - before, 1);
        }
        assert_eq!(store.entries().len(), 32);
    }
}

#[tokio::test]
async fn the_end_of_a_trail_takes_what_is_owed() {
    for is_immediate in [true, false] {
        let store = Failing::new(is_immediate);
        let (trail, one) = (opened(&store).await, intent());
        trail.intend(&one).await.unwrap();
        trail.checkpoint().await.unwrap();
        store.is(FULL);
        trail.close(&done(&one)).await.unwrap_err();
        trail.end().await.unwrap_err();
        store.is(WORKS);
        trail.end().await.unwrap();
        assert_eq!(store.entries(), [(Kind::Intent, one.id.clone()), (Kind::Record, one.id.clone())]);
    }
}

/// So that a store that is away for long does not take the memory of the process.
#[tokio::test]
async fn no_more_than_a_thousand_records_are_owed() {
    let store = Failing::new(true);
    let trail = opened(&store).await;
    trail.note(&done(&intent())).await.unwrap();
    store.is(FULL);
    for _ in 0..1_010 {
        trail.close(&done(&intent())).await.unwrap_err();
    }
    store.is(WORKS);
    trail.note(&done(&intent())).await.unwrap();
    assert_eq!(store.entries().len(), 1_002);
}

/// Every store has begun to take a record before anything is waited for: who goes away leaves it in all
/// of them, or in none.
#[tokio::test]
async fn a_record_that_nobody_waits_for_is_in_every_store() {
    let (slow, fast) = (Failing::new(false), Failing::new(true));
    let stores: Vec<Arc<dyn AuditStore>> = vec![slow.clone(), fast.clone()];
    let trail = Trail::open(stores, TrailKeys::default(), TrailOptions::default()).await.unwrap();
    let record = done(&intent());
    {
        let mut taking = Box::pin(trail.note(&record));
        let polled = std::future::poll_fn(|context| std::task::Poll::Ready(taking.as_mut().poll(context))).await;
        assert!(polled.is_pending());
    }
    trail.end().await.unwrap();
    for store in [slow, fast] {
        assert_eq!(store.entries(), [(Kind::Record, record.id.clone())]);
    }
}
