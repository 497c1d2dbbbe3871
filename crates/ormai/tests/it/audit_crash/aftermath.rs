//! What must hold after all lives: the trail tells of every write, and of nothing else.
#![expect(clippy::disallowed_methods, reason = "what is stored is read past everything that is tested")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ormai::audit::verify::{Report, VerifyOptions, verify};
use ormai::audit::{Action, AuditStore, Entry, Kind, Line, Outcome, Record};
use ormai::sqlx;
use ormai_testkit::{Pool, TestDatabase};

use super::kills::{Lived, Lives};
use super::life::{self, COPIES, Order};
use super::met::Met;
use super::tables::{DELETED, MARKS};
use crate::stress::aftermath::nothing_is_open;

/// What was committed: the rows that each mark was put into.
type Kept = BTreeMap<Write, usize>;

/// By what a write is known, in the database and in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Write {
    Mark(i64),
    Deleted(i64),
}

pub(super) async fn check(test: &TestDatabase, lives: &Lives) -> Met {
    assert!(nothing_is_open(test).await, "a transaction of a program that was killed is still open");
    let kept = kept(test).await;
    let made = kept.keys().filter(|write| matches!(write, Write::Mark(_))).count();
    let told = lives.lived.iter().map(|lived| lived.told.len()).sum();
    let mut met = Met { kills: lives.kills.clone(), told, kept: kept.len(), ..Met::default() };
    assert!(made > 0, "something was written");
    let mut wrong = Vec::new();
    let last = lives.lived.last().unwrap();
    let (jsonl, sqlite) = (life::jsonl(&last.order), life::sqlite(&last.order).await);
    let stores: [(&dyn AuditStore, bool); 2] = [(&jsonl, true), (&sqlite, false)];
    for (store, is_files) in stores {
        let is_used = |order: &Order| if is_files { order.jsonl } else { order.sqlite };
        let lived: Vec<&Lived> = lives.lived.iter().filter(|lived| is_used(&lived.order)).collect();
        let of_lives: BTreeSet<i64> = lived.iter().map(|lived| lived.order.first).collect();
        let is_of_store = |write: &Write| of_lives.contains(&(write.number() / MARKS * MARKS));
        let kept: Kept =
            kept.iter().filter(|(write, _)| is_of_store(write)).map(|(write, rows)| (*write, *rows)).collect();
        let trail = Trail::read(store).await;
        trail.compare(&kept, &mut wrong);
        trail.compare_told(&lived, &mut wrong);
        let report = verified(store, &last.order.directory).await;
        trust(&report, store, &mut wrong);
        trail.count(&kept, &mut met);
        met.records += report.records;
        met.chains += report.chains.len();
        met.checkpoints += report.checkpoints;
    }
    files(&last.order.directory, lives, &mut met, &mut wrong);
    sqlite.close().await;
    let first = wrong.get(..20).unwrap_or(&wrong);
    assert!(wrong.is_empty(), "seed {}, {} wrong: {first:#?}", lives.lived[0].order.seed, wrong.len());
    met
}

impl Write {
    fn number(self) -> i64 {
        match self {
            Self::Mark(number) | Self::Deleted(number) => number,
        }
    }

    /// The write that a record is of.
    fn of(record: &Record) -> Option<Self> {
        match record.action {
            Action::Create | Action::Update => record.inputs["data"]["mark"].as_i64().map(Self::Mark),
            Action::Delete => record.inputs["id"].as_i64().map(Self::Deleted),
            _ => None,
        }
    }
}

async fn kept(test: &TestDatabase) -> Kept {
    let sql = "SELECT note, mark FROM kept";
    let rows: Vec<(i64, i64)> = match test.pool() {
        Pool::Sqlite(pool) => sqlx::query_as(sql).fetch_all(pool).await.unwrap(),
        Pool::Postgres(pool) => sqlx::query_as(sql).fetch_all(pool).await.unwrap(),
        Pool::MySql(pool) => sqlx::query_as(sql).fetch_all(pool).await.unwrap(),
    };
    let mut kept = Kept::new();
    for (note, mark) in rows {
        let write = if mark == DELETED { Write::Deleted(note) } else { Write::Mark(mark) };
        *kept.entry(write).or_default() += 1;
    }
    kept
}

/// The closed records of a store, by name.
struct Trail {
    name: String,
    records: BTreeMap<String, Record>,
    twice: Vec<String>,
}

impl Trail {
    async fn read(store: &dyn AuditStore) -> Self {
        let (mut trail, mut after) = (Self { name: store.name(), records: BTreeMap::new(), twice: Vec::new() }, None);
        loop {
            let scanned = store.scan(after.as_ref(), 4_096).await.unwrap();
            for text in String::from_utf8(scanned.text).unwrap().lines() {
                let line = Line::read(text).unwrap_or_else(|| panic!("a line without a place: {text}"));
                if line.place().kind != Kind::Record {
                    continue;
                }
                let record = Entry::read(&line).unwrap_or_else(|| panic!("a record in another form: {text}")).record;
                if let Some(first) = trail.records.insert(record.id.clone(), record) {
                    trail.twice.push(first.id);
                }
            }
            match scanned.next {
                Some(next) => after = Some(next),
                None => return trail,
            }
        }
    }

    /// What was committed has its record, and what a record says was done is there.
    fn compare(&self, kept: &Kept, wrong: &mut Vec<String>) {
        let name = &self.name;
        wrong.extend(self.twice.iter().map(|id| format!("{name}: {id} was closed twice")));
        let mut of_writes: BTreeMap<Write, Vec<&Record>> = BTreeMap::new();
        let mut of_transactions: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
        for record in self.records.values() {
            let Some(write) = Write::of(record) else { continue };
            if self.may_be_kept(record) {
                of_writes.entry(write).or_default().push(record);
            }
            if record.outcome != Outcome::Answered {
                continue;
            }
            let rows = kept.get(&write).copied().unwrap_or_default();
            let is_there = rows > 0 && record.row_count == Some(rows as u64);
            match &record.transaction {
                Some(transaction) => of_transactions.entry(transaction).or_default().push(is_there),
                None if !is_there => wrong.push(format!("{name}: {record:?} was answered, and {rows} rows are there")),
                None => {}
            }
        }
        for write in kept.keys() {
            let found = of_writes.get(write).map_or(0, Vec::len);
            if found != 1 {
                wrong.push(format!("{name}: {write:?} was committed, and {found} records tell of it"));
            }
        }
        for (transaction, are_there) in of_transactions {
            let outcome = self.records.get(transaction).map(|record| record.outcome);
            let (all, none) = (are_there.iter().all(|is| *is), are_there.iter().all(|is| !*is));
            let is_right = match outcome {
                Some(Outcome::Answered) => all,
                Some(Outcome::Unknown) => all || none,
                _ => none,
            };
            if !is_right {
                wrong.push(format!("{name}: of {transaction}, which ended {outcome:?}, {are_there:?} is there"));
            }
        }
    }

    /// Whether a record and that of its transaction say that the write was made, or may have been.
    fn may_be_kept(&self, record: &Record) -> bool {
        let may_be = |record: &Record| matches!(record.outcome, Outcome::Answered | Outcome::Unknown);
        let around = record.transaction.as_ref();
        may_be(record) && around.is_none_or(|around| self.records.get(around).is_some_and(may_be))
    }

    /// What somebody was told of is there.
    fn compare_told(&self, lived: &[&Lived], wrong: &mut Vec<String>) {
        for id in lived.iter().flat_map(|lived| &lived.told) {
            if !self.records.contains_key(id) {
                wrong.push(format!("{}: somebody was told of {id}, and there is no such record", self.name));
            }
        }
    }

    fn count(&self, kept: &Kept, met: &mut Met) {
        for record in self.records.values() {
            let is_left_open =
                record.error.as_ref().is_some_and(|error| error.message.starts_with("the process ended"));
            match record.outcome {
                Outcome::Dropped => met.dropped += 1,
                Outcome::Unknown if is_left_open => match Write::of(record) {
                    Some(write) if kept.contains_key(&write) => met.open_done += 1,
                    Some(_) => met.open_undone += 1,
                    None if record.action == Action::Transaction => met.open_transactions += 1,
                    None => {}
                },
                _ => {}
            }
        }
    }
}

async fn verified(store: &dyn AuditStore, directory: &Path) -> Report {
    let mut options = VerifyOptions::default();
    options.mac = life::keys().mac;
    options.public_keys = vec![life::public_key()];
    // The copies are of both stores.
    let report = verify(store, &options, &|_| ()).await.unwrap();
    let chains: BTreeSet<_> = report.chains.iter().map(|chain| chain.chain).collect();
    let copies = fs::read_to_string(directory.join(COPIES)).unwrap();
    let copies = copies.lines().filter_map(Line::read).filter(|line| chains.contains(&line.place().chain));
    options.checkpoints = copies.map(|line| line.text().to_owned()).collect();
    verify(store, &options, &|_| ()).await.unwrap()
}

/// The whole store verifies, signed and keyed, and nothing is open in it.
fn trust(report: &Report, store: &dyn AuditStore, wrong: &mut Vec<String>) {
    let name = store.name();
    wrong.extend(report.problems.iter().map(|problem| format!("{name}: {problem}")));
    wrong.extend(report.open.iter().map(|open| format!("{name}: {open:?} is open")));
    wrong.extend(report.caveats.iter().map(|caveat| format!("{name}: {caveat}")));
    let signed = report.signed_by.get(&life::public_key().to_string()).copied();
    if report.checkpoints == 0 || signed != Some(report.checkpoints) {
        wrong.push(format!("{name}: of {} checkpoints {signed:?} are signed", report.checkpoints));
    }
    let unsealed = report.chains.last().map(|chain| chain.unsealed);
    if unsealed != Some(0) {
        wrong.push(format!("{name}: the program that ended in order left {unsealed:?} lines unsealed"));
    }
}

/// What was cut off is nothing that anybody was told of, and no writer counts as alive.
fn files(directory: &Path, lives: &Lives, met: &mut Met, wrong: &mut Vec<String>) {
    let torn = fs::read(directory.join("audit.jsonl.torn")).unwrap_or_default();
    let torn = String::from_utf8_lossy(&torn);
    met.torn = torn.lines().count();
    let told: BTreeSet<&str> = lives.lived.iter().flat_map(|lived| &lived.told).map(String::as_str).collect();
    for line in torn.lines() {
        let id = line.strip_prefix("{\"id\":\"").and_then(|rest| rest.split('"').next());
        if let Some(id) = id.filter(|id| told.contains(id)) {
            wrong.push(format!("somebody was told of {id}, of which a line was cut off"));
        }
    }
    for entry in fs::read_dir(directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        met.rotations += usize::from(name.starts_with("audit.0"));
    }
    let writers = fs::read_dir(directory.join("audit.jsonl.writers")).unwrap();
    let writers: Vec<String> = writers.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    if writers != ["door"] {
        wrong.push(format!("writers that are gone count as alive: {writers:?}"));
    }
}
