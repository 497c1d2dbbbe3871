//! What a trail promises holds without a runtime too, polled by whoever has a thread.

use std::collections::HashSet;
use std::fs::File;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use ormai_audit::verify::{VerifyOptions, verify};
use ormai_audit::{
    AuditStore, Disk, Entry, Filter, JsonlOptions, JsonlStore, Kind, MemoryStore, Outcome, Record, SqlStore,
    StoreError, Trail, TrailKeys, TrailOptions,
};

use crate::owed::{FULL, Failing, LOST, WORKS};

/// Polls a future to its end on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let (waker, mut future) = (Waker::from(Arc::new(Unpark(thread::current()))), pin!(future));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

/// Counts flushes, and fails them when it is told to.
#[derive(Debug, Default)]
struct Counting {
    flushes: AtomicUsize,
    fails: AtomicBool,
}

impl Disk for Counting {
    fn sync(&self, file: &File) -> io::Result<()> {
        self.flushes.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is gone"));
        }
        file.sync_data()
    }
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

fn named(record: &Record) -> Filter {
    let mut filter = Filter::new();
    filter.id = Some(record.id.clone());
    filter
}

fn opened(store: Arc<dyn AuditStore>, options: TrailOptions) -> Trail {
    block_on(store.install()).unwrap();
    block_on(Trail::open(vec![store], TrailKeys::default(), options)).unwrap()
}

fn is_good(store: &dyn AuditStore) {
    let report = block_on(verify(store, &VerifyOptions::default(), &|_| ())).unwrap();
    assert!(report.is_good() && report.open.is_empty(), "{report:?}");
}

/// The kinds of all lines, in order.
fn kinds(store: &JsonlStore) -> Vec<Kind> {
    let text = std::fs::read_to_string(store.path()).unwrap();
    text.lines().map(|line| ormai_audit::Place::read(line.as_bytes()).unwrap().0.kind).collect()
}

#[test]
fn records_in_files_are_written_sealed_and_found() {
    let place = tempfile::tempdir().unwrap();
    let store = Arc::new(JsonlStore::open(place.path().join("audit.jsonl"), JsonlOptions::default()).unwrap());
    let mut options = TrailOptions::default();
    options.checkpoint_copies = Some(place.path().join("copies.jsonl"));
    let trail = opened(store.clone(), options);
    let write = intent();
    block_on(async {
        trail.note(&done(&intent())).await.unwrap();
        trail.intend(&write).await.unwrap();
        trail.close(&done(&write)).await.unwrap();
        assert_eq!(trail.checkpoint().await.unwrap().len(), 1);
    });
    assert_eq!(kinds(&store), [Kind::Begin, Kind::Record, Kind::Intent, Kind::Record, Kind::Checkpoint]);
    assert_eq!(std::fs::read_to_string(place.path().join("copies.jsonl")).unwrap().lines().count(), 1);
    let found = block_on(trail.query(&named(&write), 5, None)).unwrap();
    assert_eq!(found.entries.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), [write.id]);
    block_on(trail.end()).unwrap();
    is_good(&*store);
}

/// An intent is flushed before it is told of, and one flush serves all who wait for one.
#[test]
fn an_intent_is_on_stable_storage_before_anything_is_done() {
    let place = tempfile::tempdir().unwrap();
    let disk = Arc::new(Counting::default());
    let path = place.path().join("audit.jsonl");
    let store = Arc::new(JsonlStore::open_on(path, JsonlOptions::default(), disk.clone()).unwrap());
    let trail = opened(store, TrailOptions::default());
    block_on(trail.intend(&intent())).unwrap();
    let before = disk.flushes.load(Ordering::SeqCst);
    assert!(before > 0);
    let together = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                together.wait();
                (0..50).for_each(|_| block_on(trail.intend(&intent())).unwrap());
            });
        }
    });
    let flushes = disk.flushes.load(Ordering::SeqCst) - before;
    assert!(flushes > 0 && flushes < 400, "{flushes} flushes for 400 intents");
    disk.fails.store(true, Ordering::SeqCst);
    let refused = block_on(trail.intend(&intent())).unwrap_err();
    assert!(matches!(refused.error, StoreError::Doubtful(_)), "{refused}");
}

#[test]
fn a_record_that_was_not_taken_comes_before_the_next_line() {
    for is_immediate in [true, false] {
        for fails in [FULL, LOST] {
            let store = Failing::new(is_immediate);
            let trail = opened(store.clone(), TrailOptions::default());
            let (one, other) = (intent(), intent());
            block_on(trail.intend(&one)).unwrap();
            block_on(trail.intend(&other)).unwrap();
            store.is(fails);
            block_on(trail.close(&done(&one))).unwrap_err();
            trail.leave_behind(&done(&other));
            block_on(trail.note(&done(&intent()))).unwrap_err();
            store.is(WORKS);
            block_on(trail.note(&done(&intent()))).unwrap();
            let records: Vec<String> =
                store.entries().into_iter().filter(|(kind, _)| *kind == Kind::Record).map(|(_, id)| id).collect();
            assert_eq!(records.get(..2).unwrap(), [one.id, other.id], "failing as {fails}, immediate: {is_immediate}");
            is_good(&*store);
        }
    }
}

/// Also when nothing comes behind it: by the thread that knows the time.
#[test]
fn lines_are_sealed_in_time_and_after_so_many() {
    for (every, after) in [(3, Duration::from_secs(600)), (1_000, Duration::from_millis(1))] {
        let place = tempfile::tempdir().unwrap();
        let store = Arc::new(JsonlStore::open(place.path().join("audit.jsonl"), JsonlOptions::default()).unwrap());
        let mut options = TrailOptions::default();
        (options.checkpoint_every, options.checkpoint_after) = (every, after);
        let trail = opened(store.clone(), options);
        (0..3).for_each(|_| block_on(trail.note(&done(&intent()))).unwrap());
        while kinds(&store).last() != Some(&Kind::Checkpoint) {
            thread::yield_now();
        }
        is_good(&*store);
    }
}

#[test]
fn what_a_process_left_open_is_closed_by_the_next_start() {
    let place = tempfile::tempdir().unwrap();
    let open = || Arc::new(JsonlStore::open(place.path().join("audit.jsonl"), JsonlOptions::default()).unwrap());
    let (lost, first) = (intent(), open());
    let trail = opened(first.clone(), TrailOptions::default());
    block_on(trail.intend(&lost)).unwrap();
    drop((trail, first));
    let next = open();
    let trail = opened(next.clone(), TrailOptions::default());
    let found = block_on(trail.query(&named(&lost), 1, None)).unwrap();
    assert_eq!(found.entries.iter().map(|entry| entry.outcome).collect::<Vec<_>>(), [Outcome::Unknown]);
    is_good(&*next);
}

#[test]
fn many_threads_write_one_chain() {
    for store in [Arc::new(MemoryStore::new()) as Arc<dyn AuditStore>, Failing::new(false)] {
        let trail = opened(store.clone(), TrailOptions::default());
        let ids: HashSet<String> = thread::scope(|scope| {
            let many: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let records: Vec<Record> = (0..100).map(|_| done(&intent())).collect();
                        for record in &records {
                            let _attending = trail.attend();
                            block_on(trail.note(record)).unwrap();
                        }
                        records.into_iter().map(|record| record.id).collect::<Vec<_>>()
                    })
                })
                .collect();
            many.into_iter().flat_map(|one| one.join().unwrap()).collect()
        });
        let scanned = block_on(store.scan(None, 10_000)).unwrap();
        let text = String::from_utf8(scanned.text).unwrap();
        let lines = text.lines().filter_map(ormai_audit::Line::read);
        let written: HashSet<String> =
            lines.filter_map(|line| Entry::read(&line)).map(|entry| entry.record.id).collect();
        assert_eq!((ids.len(), written == ids), (800, true));
        is_good(&*store);
    }
}

/// Drivers of databases do not do without a runtime; they say so, and do not panic.
#[test]
fn a_store_in_a_database_refuses() {
    let refused = block_on(SqlStore::connect("sqlite::memory:")).unwrap_err();
    assert!(refused.to_string().contains("needs a tokio runtime"), "{refused}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (store, trail) = runtime.block_on(async {
        let store = Arc::new(SqlStore::connect("sqlite::memory:").await.unwrap());
        store.install().await.unwrap();
        let trail = Trail::open(vec![store.clone()], TrailKeys::default(), TrailOptions::default()).await.unwrap();
        (store, trail)
    });
    let refused = [
        block_on(store.install()).err(),
        block_on(store.query(&Filter::new(), 1, None)).err(),
        block_on(store.heads(None)).err(),
        block_on(trail.note(&done(&intent()))).err().map(|error| error.error),
    ];
    for refused in refused {
        let refused = refused.unwrap();
        assert!(matches!(&refused, StoreError::Unavailable(said) if said.contains("runtime")), "{refused}");
    }
    drop(runtime);
}
