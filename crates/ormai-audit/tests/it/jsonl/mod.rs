//! What a store in files keeps, whatever happens to the files.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use ormai_audit::verify::{VerifyOptions, verify};
use ormai_audit::{
    AuditStore, Body, Chain, Disk, Filter, Hash, JsonlOptions, JsonlStore, Kind, Line, Outcome, Place, Position,
    Record, StoreError, Trail, TrailKeys, TrailOptions,
};
use tempfile::TempDir;
use uuid::Uuid;

mod doubt;
mod prunes;
mod queries;
mod writers;

fn record(tenant: &str) -> Record {
    let mut record = Record::begin("2026-01-02T03:04:05Z".parse().unwrap(), "req-1", "query");
    record.tenant_id = tenant.into();
    record.outcome = Outcome::Answered;
    record.success = true;
    record
}

fn body(kind: Kind, record: &Record) -> Body {
    Body::new(kind, record).unwrap()
}

/// A chain that links records without a trail.
fn chain() -> Chain {
    Chain::new(Uuid::now_v7())
}

fn line(chain: &mut Chain) -> Line {
    chain.link(&body(Kind::Record, &record("acme")), &TrailKeys::default())
}

fn unbounded() -> JsonlOptions {
    let mut options = JsonlOptions::default();
    (options.rotate_bytes, options.rotate_after) = (None, None);
    options
}

fn rotated_at(bytes: u64) -> JsonlOptions {
    let mut options = unbounded();
    options.rotate_bytes = Some(bytes);
    options
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    (directory, path)
}

fn open(path: &Path) -> JsonlStore {
    JsonlStore::open(path, unbounded()).unwrap()
}

/// All lines by pages of this size, each with the file and the number that the store says.
async fn scanned(store: &JsonlStore, most: usize) -> Vec<(String, u64, String)> {
    let (mut found, mut after): (_, Option<Position>) = (Vec::new(), None);
    loop {
        let page = store.scan(after.as_ref(), most).await.unwrap();
        let text = String::from_utf8(page.text).unwrap();
        assert!(text.lines().count() <= most);
        found.extend(text.lines().zip(page.first..).map(|(line, at)| (page.source.clone(), at, line.to_owned())));
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

/// Each chain counts from one, and each of its lines holds the hash of the one before.
fn assert_linked(lines: &[(String, u64, String)]) -> HashMap<Uuid, u64> {
    let mut ends: HashMap<Uuid, (u64, Hash)> = HashMap::new();
    for (source, at, text) in lines {
        let (place, hashed) = Place::read(text.as_bytes()).unwrap_or_else(|| panic!("{source}:{at}: {text}"));
        let end = ends.entry(place.chain).or_insert((0, Hash::ZERO));
        assert_eq!((place.seq, place.prev_hash), (end.0 + 1, end.1), "{source}:{at}");
        assert_eq!(place.hash, Place::digest(hashed));
        *end = (place.seq, place.hash);
    }
    ends.into_iter().map(|(chain, (seq, _))| (chain, seq)).collect()
}

fn closed_files(path: &Path) -> Vec<String> {
    let names = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.starts_with("audit.") && name.ends_with(".jsonl") && name != "audit.jsonl");
    names.sort();
    names
}

/// A disk of which a test decides what fails.
#[derive(Debug, Default)]
struct TestDisk {
    /// After how many bytes of an append it is full.
    full_after: Mutex<Option<usize>>,
    cannot_truncate: Mutex<bool>,
    cannot_sync: Mutex<bool>,
    syncs: AtomicUsize,
    /// Whether a flush waits until it is let through.
    is_shut: Mutex<bool>,
    moved: Condvar,
}

impl Disk for TestDisk {
    fn append(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        match *self.full_after.lock().unwrap() {
            Some(most) if most < bytes.len() => {
                file.write_all(&bytes[..most])?;
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => file.write_all(bytes),
        }
    }

    fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
        if *self.cannot_truncate.lock().unwrap() { Err(io::ErrorKind::Other.into()) } else { file.set_len(len) }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        self.moved.notify_all();
        let shut = self.is_shut.lock().unwrap();
        drop(self.moved.wait_while(shut, |shut| *shut).unwrap());
        if *self.cannot_sync.lock().unwrap() { Err(io::ErrorKind::Other.into()) } else { file.sync_data() }
    }
}

impl TestDisk {
    fn set_shut(&self, is_shut: bool) {
        *self.is_shut.lock().unwrap() = is_shut;
        self.moved.notify_all();
    }

    /// Waits until this many flushes have begun.
    fn wait_for_syncs(&self, many: usize) {
        let shut = self.is_shut.lock().unwrap();
        drop(self.moved.wait_while(shut, |_| self.syncs.load(Ordering::SeqCst) < many).unwrap());
    }
}

async fn trail(store: JsonlStore) -> Trail {
    Trail::open(vec![Arc::new(store)], TrailKeys::default(), TrailOptions::default()).await.unwrap()
}

fn on(path: &Path) -> (Arc<TestDisk>, JsonlStore) {
    let disk = Arc::new(TestDisk::default());
    (disk.clone(), JsonlStore::open_on(path, unbounded(), disk).unwrap())
}

#[tokio::test]
async fn a_torn_line_is_cut_off_and_kept_before_the_next_one_is_appended() {
    let (_directory, path) = place();
    let (one, two) = (open(&path), open(&path));
    let (mut first, mut second) = (chain(), chain());
    one.append_now(&[line(&mut first), line(&mut first)]).unwrap();
    let whole = fs::read(&path).unwrap();
    // A process that dies in the middle of its write.
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"id\":\"aud-").unwrap();

    let torn = one.scan(None, 10).await.unwrap();
    assert!(torn.text.ends_with(b"{\"id\":\"aud-"), "whoever reads sees the line as it stands");
    assert_eq!(torn.next, None);

    two.append_now(&[line(&mut second)]).unwrap();
    one.append_now(&[line(&mut first)]).unwrap();
    assert!(fs::read(&path).unwrap().starts_with(&whole));
    assert_eq!(fs::read_to_string(path.with_extension("jsonl.torn")).unwrap(), "{\"id\":\"aud-\n");
    let ends = assert_linked(&scanned(&one, 10).await);
    assert_eq!(ends, HashMap::from([(first.id(), 3), (second.id(), 1)]));
}

#[tokio::test]
async fn a_file_that_is_nothing_but_a_torn_line_begins_anew() {
    // The second one is what some file systems leave when the power fails.
    for torn in ["{\"id\":", "\0\0\0"] {
        let (_directory, path) = place();
        fs::write(&path, torn).unwrap();
        let store = open(&path);
        store.enter(Uuid::now_v7()).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        assert_eq!(fs::read_to_string(path.with_extension("jsonl.torn")).unwrap(), format!("{torn}\n"));
    }
}

#[tokio::test]
async fn several_processes_append_to_one_file_while_it_rotates_and_no_line_is_lost_or_torn() {
    const EACH: u64 = 1_000;
    let (_directory, path) = place();
    let chains: Vec<Uuid> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                // A store of its own has handles of its own, as another process has.
                let store = JsonlStore::open(&path, rotated_at(100_000)).unwrap();
                scope.spawn(move || {
                    let mut chain = chain();
                    (0..EACH).for_each(|_| store.append_now(&[line(&mut chain)]).unwrap());
                    chain.id()
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let lines = scanned(&open(&path), 333).await;
    let expected: HashMap<Uuid, u64> = chains.into_iter().map(|chain| (chain, EACH)).collect();
    assert_eq!(assert_linked(&lines), expected);
    assert!(closed_files(&path).len() > 10);
    assert!(!path.with_extension("jsonl.torn").exists());
}

#[tokio::test]
async fn lines_are_numbered_in_the_file_in_which_they_stand() {
    let (_directory, path) = place();
    let store = JsonlStore::open(&path, rotated_at(2_000)).unwrap();
    let mut chain = chain();
    (0..7).for_each(|_| store.append_now(&[line(&mut chain)]).unwrap());
    for most in [1, 2, 100] {
        let (mut source, mut expected) = (String::new(), 0);
        for (file, at, _) in scanned(&store, most).await {
            expected = if file == source { expected + 1 } else { 1 };
            assert_eq!(at, expected, "{file}");
            source = file;
        }
        assert_eq!(source, "audit.jsonl");
    }
}

#[tokio::test]
async fn closed_files_sort_by_name_in_the_order_of_their_lines() {
    let (_directory, path) = place();
    let store = JsonlStore::open(&path, rotated_at(1)).unwrap();
    let mut chain = chain();
    (0..4).for_each(|_| store.append_now(&[line(&mut chain)]).unwrap());
    let numbers: Vec<u64> = closed_files(&path)
        .iter()
        .map(|name| {
            let text = fs::read_to_string(path.with_file_name(name)).unwrap();
            Line::read(text.trim_end()).unwrap().place().seq
        })
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[tokio::test]
async fn a_file_is_closed_when_its_first_line_is_too_old() {
    let (_directory, path) = place();
    let mut options = unbounded();
    options.rotate_after = Some(std::time::Duration::from_hours(24));
    let mut chain = chain();
    // The record says that it is of January 2026.
    open(&path).append_now(&[line(&mut chain)]).unwrap();
    let store = JsonlStore::open(&path, options).unwrap();
    store.append_now(&[line(&mut chain)]).unwrap();
    store.append_now(&[line(&mut chain)]).unwrap();
    assert_eq!(closed_files(&path).len(), 1, "the new file begins now");
    assert_linked(&scanned(&store, 10).await);
}

#[tokio::test]
async fn a_full_disk_leaves_nothing_of_a_batch_and_takes_the_next_one_when_it_has_room() {
    let (_directory, path) = place();
    let (disk, store) = on(&path);
    let mut chain = chain();
    store.append_now(&[line(&mut chain)]).unwrap();
    let before = fs::read(&path).unwrap();
    let batch = {
        let mut lost = chain.clone();
        [line(&mut lost), line(&mut lost)]
    };
    for bytes in [0, 10, batch[0].text().len() + 1, batch[0].text().len() + 20] {
        *disk.full_after.lock().unwrap() = Some(bytes);
        let refused = store.append_now(&batch);
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        assert_eq!(fs::read(&path).unwrap(), before, "after {bytes} bytes");
    }
    *disk.full_after.lock().unwrap() = None;
    store.append_now(&[line(&mut chain)]).unwrap();
    assert_eq!(assert_linked(&scanned(&store, 10).await), HashMap::from([(chain.id(), 2)]));
}

#[tokio::test]
async fn what_could_not_be_cut_off_is_cut_off_before_the_next_line() {
    let (_directory, path) = place();
    let (disk, store) = on(&path);
    let mut chain = chain();
    store.append_now(&[line(&mut chain)]).unwrap();
    let lost = {
        let mut lost = chain.clone();
        [line(&mut lost), line(&mut lost)]
    };
    // The first line of two is whole.
    *disk.full_after.lock().unwrap() = Some(lost[0].text().len() + 7);
    *disk.cannot_truncate.lock().unwrap() = true;
    let refused = store.append_now(&lost);
    assert!(matches!(refused, Err(StoreError::Doubtful(_))), "{refused:?}");
    let refused = store.append_now(&lost[..1]);
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");

    *disk.full_after.lock().unwrap() = None;
    *disk.cannot_truncate.lock().unwrap() = false;
    store.append_now(&[line(&mut chain)]).unwrap();
    assert_eq!(assert_linked(&scanned(&store, 10).await), HashMap::from([(chain.id(), 2)]));
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_without_room_is_not_available() {
    let (_directory, path) = place();
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let refused = open(&path).append_now(&[line(&mut chain())]);
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_directory_that_is_gone_is_not_available_until_it_is_back() {
    let (directory, _) = place();
    let parent = directory.path().join("trail");
    let path = parent.join("audit.jsonl");
    let store = open(&path);
    assert!(matches!(store.enter(Uuid::now_v7()).await, Err(StoreError::NotInstalled)));
    assert_eq!(store.install().await.unwrap(), ["the directory of the audit file", "the audit file"]);
    assert!(store.install().await.unwrap().is_empty());

    let mut chain = chain();
    store.append_now(&[line(&mut chain)]).unwrap();
    fs::remove_dir_all(&parent).unwrap();
    let refused = store.append_now(&[line(&mut chain.clone())]);
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    store.install().await.unwrap();
    store.append_now(&[line(&mut chain)]).unwrap();
    assert_eq!(scanned(&store, 10).await.len(), 1);
}

#[tokio::test]
async fn after_a_file_that_was_removed_lines_go_to_a_new_one_and_the_gap_shows() {
    let (_directory, path) = place();
    let store = open(&path);
    let mut chain = chain();
    store.append_now(&[line(&mut chain)]).unwrap();
    let (_, seen) = store.heads(None).await.unwrap();
    fs::remove_file(&path).unwrap();
    let second = line(&mut chain);
    store.append_now(std::slice::from_ref(&second)).unwrap();
    let lines = scanned(&store, 10).await;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].2, second.text(), "its chain begins with its second line");
    let (heads, _) = store.heads(Some(&seen)).await.unwrap();
    assert_eq!(heads.iter().map(|head| head.seq).collect::<Vec<_>>(), [2], "checkpoints go on");
}

#[cfg(unix)]
#[tokio::test]
async fn what_the_store_makes_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_directory, path) = place();
    let store = open(&path);
    store.enter(Uuid::now_v7()).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&path.with_extension("jsonl.writers")), 0o700);

    let store = JsonlStore::open(&path, rotated_at(1)).unwrap();
    let mut chain = chain();
    store.append_now(&[line(&mut chain), line(&mut chain)]).unwrap();
    store.append_now(&[line(&mut chain)]).unwrap();
    assert_eq!(mode(&path.with_file_name(&closed_files(&path)[0])), 0o400, "and nobody writes to what is closed");
}

#[tokio::test]
async fn reading_touches_nothing() {
    let (directory, path) = place();
    let store = open(&path);
    assert!(matches!(store.scan(None, 10).await, Err(StoreError::NotInstalled)));
    assert!(matches!(store.query(&Filter::new(), 10, None).await, Err(StoreError::NotInstalled)));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn all_who_wait_share_one_flush() {
    let (_directory, path) = place();
    let (disk, store) = on(&path);
    let mut chain = chain();
    disk.set_shut(true);
    store.append_now(&[line(&mut chain)]).unwrap();
    let first = store.sync();
    disk.wait_for_syncs(1);
    // These come while the first flush is under way: it may have missed what they appended.
    let rest: Vec<_> = (0..50)
        .map(|_| {
            store.append_now(&[line(&mut chain)]).unwrap();
            store.sync()
        })
        .collect();
    disk.set_shut(false);
    first.await.unwrap();
    for one in rest {
        one.await.unwrap();
    }
    assert_eq!(disk.syncs.load(Ordering::SeqCst), 2);
    store.sync().await.unwrap();
    assert_eq!(disk.syncs.load(Ordering::SeqCst), 2, "nothing is new");
}

#[tokio::test]
async fn after_a_flush_that_failed_the_file_is_left_and_nobody_is_told_that_all_is_well() {
    let (_directory, path) = place();
    let (disk, store) = on(&path);
    let mut chain = chain();
    store.append_now(&[line(&mut chain)]).unwrap();
    *disk.cannot_sync.lock().unwrap() = true;
    assert!(matches!(store.sync().await, Err(StoreError::Doubtful(_))));
    *disk.cannot_sync.lock().unwrap() = false;
    assert!(matches!(store.sync().await, Err(StoreError::Doubtful(_))), "another attempt would mean nothing");
    store.append_now(&[line(&mut chain)]).unwrap();
    store.sync().await.unwrap();
    assert_eq!(closed_files(&path).len(), 1);
    assert_linked(&scanned(&store, 10).await);
}

#[tokio::test]
async fn chains_that_moved_are_told_once_whatever_rotates_in_between() {
    let (_directory, path) = place();
    let store = JsonlStore::open(&path, rotated_at(1)).unwrap();
    let (mut one, mut two) = (chain(), chain());
    store.append_now(&[line(&mut one)]).unwrap();
    let (_, seen) = store.heads(None).await.unwrap();
    let (none, same) = store.heads(Some(&seen)).await.unwrap();
    assert_eq!((none.len(), &same), (0, &seen));
    for _ in 0..3 {
        store.append_now(&[line(&mut two)]).unwrap();
    }
    let (heads, now) = store.heads(Some(&seen)).await.unwrap();
    let found: Vec<_> = heads.iter().map(|head| (head.chain, head.seq, head.hash)).collect();
    assert_eq!(found, [(two.id(), 3, two.last())]);
    assert!(store.heads(Some(&now)).await.unwrap().0.is_empty());
    // A place from there is one to read on from, too.
    let read = store.scan(Some(&seen), 10).await.unwrap();
    assert_eq!((read.text.iter().filter(|byte| **byte == b'\n').count(), read.first), (1, 1));
}

#[tokio::test]
async fn reading_goes_on_where_it_was_when_the_file_is_closed_meanwhile() {
    let (_directory, path) = place();
    let store = open(&path);
    let mut chain = chain();
    (0..5).for_each(|_| store.append_now(&[line(&mut chain)]).unwrap());
    let page = store.scan(None, 2).await.unwrap();
    assert_eq!((page.source.as_str(), page.first), ("audit.jsonl", 1));
    store.rotate().await.unwrap();
    store.append_now(&[line(&mut chain)]).unwrap();

    let next = store.scan(page.next.as_ref(), 10).await.unwrap();
    assert_eq!((next.source, next.first), (closed_files(&path).remove(0), 3));
    let last = store.scan(next.next.as_ref(), 10).await.unwrap();
    assert_eq!((last.source.as_str(), last.first, last.next), ("audit.jsonl", 1, None));
    let text = [page.text, next.text, last.text].concat();
    let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 6);
    let seqs = lines.iter().map(|line| Place::read(line.trim_ascii_end()).unwrap().0.seq);
    assert_eq!(seqs.collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn what_several_writers_leave_behind_verifies_whether_they_ended_in_order_or_not() {
    let (_directory, path) = place();
    for is_in_order in [true, false, false, true] {
        let store = Arc::new(JsonlStore::open(&path, rotated_at(4_000)).unwrap());
        let trail = Trail::open(vec![store], TrailKeys::default(), TrailOptions::default()).await.unwrap();
        let one = record("acme");
        trail.note(&record("globex")).await.unwrap();
        trail.intend(&one).await.unwrap();
        if is_in_order {
            trail.close(&one).await.unwrap();
            trail.end().await.unwrap();
        } else {
            drop(trail);
            OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"id\":").unwrap();
        }
    }
    assert!(!closed_files(&path).is_empty());
    let report = verify(&open(&path), &VerifyOptions::default(), &|_| ()).await.unwrap();
    assert!(report.is_good(), "{report:?}");
    assert_eq!(report.records, 8, "four notes, and four intents that are closed");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_may_only_be_read_is_read_and_not_appended_to() {
    use std::os::unix::fs::PermissionsExt as _;
    let (directory, path) = place();
    let mut chain = chain();
    open(&path).append_now(&[line(&mut chain)]).unwrap();
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&path, 0o400);
    set(directory.path(), 0o500);
    let store = open(&path);
    assert_eq!(scanned(&store, 10).await.len(), 1);
    // The superuser may.
    if OpenOptions::new().append(true).open(&path).is_err() {
        let refused = store.append_now(&[line(&mut chain.clone())]);
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    set(directory.path(), 0o700);
    set(&path, 0o600);
    store.append_now(&[line(&mut chain)]).unwrap();
    assert_linked(&scanned(&store, 10).await);
}

#[tokio::test]
async fn without_a_place_heads_are_those_from_the_last_checkpoint_on() {
    let (_directory, path) = place();
    let store = Arc::new(open(&path));
    let trail = Trail::open(vec![store.clone()], TrailKeys::default(), TrailOptions::default()).await.unwrap();
    store.append_now(&[line(&mut chain())]).unwrap();
    trail.note(&record("acme")).await.unwrap();
    let checkpoint = *trail.checkpoint().await.unwrap().pop().unwrap().place();
    let heads = store.heads(None).await.unwrap().0;
    assert_eq!(heads.iter().map(|head| head.hash).collect::<Vec<_>>(), [checkpoint.hash]);
    let mut late = chain();
    store.append_now(&[line(&mut late)]).unwrap();
    let heads = store.heads(None).await.unwrap().0;
    assert_eq!(heads.iter().map(|head| head.chain).collect::<Vec<_>>(), [late.id(), checkpoint.chain]);
}

#[tokio::test]
async fn a_place_of_another_store_is_refused() {
    let (_directory, path) = place();
    let store = open(&path);
    store.append_now(&[line(&mut chain())]).unwrap();
    for text in ["", "audit.jsonl", "1", "1:5:0", "1:99999:0", "7:0:0", "1:0:0:x", "1:0:7", "-1:0:0"] {
        let refused = store.scan(Some(&Position(text.to_owned())), 10).await;
        assert!(matches!(refused, Err(StoreError::Failed(_))), "{text}: {refused:?}");
    }
}
