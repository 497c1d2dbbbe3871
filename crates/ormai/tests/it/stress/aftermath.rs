//! What must hold after all writers have ended.
#![expect(clippy::disallowed_methods, reason = "what is stored is read past everything that is tested")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ormai::db::{Database, Session};
use ormai::prelude::*;
use ormai::sqlx::{self, Row as _};
use ormai_testkit::{Pool, TestDatabase};
use serde_json::json;

use super::journal::{Journal, Note};
use super::tables::{tenant_of, writer_of};
use super::{CONNECTIONS, TENANTS};
use crate::support::ask;

/// How long a server may take to notice that somebody is gone.
const NOTICED: Duration = Duration::from_secs(30);

pub(super) async fn check(test: &TestDatabase, database: &Database, ormai: &OrmAi, journals: &[Journal], seed: u64) {
    let mut wrong: Vec<String> = journals.iter().flat_map(|journal| &journal.wrong).cloned().collect();
    connections_are_free(database).await;
    if !nothing_is_open(test).await {
        wrong.push("a transaction is still open".to_owned());
    }
    let stored = stored(test).await;
    let mut of_writers: BTreeMap<usize, BTreeMap<i64, Note>> = BTreeMap::new();
    for (key, tenant, writer, note) in &stored.notes {
        let is_right = usize::try_from(*writer).is_ok_and(|writer| {
            let is_own = writer_of(*key) == Some(writer) && *tenant == tenant_of(writer);
            is_own && usize::try_from(note.shared_id / 2).is_ok_and(|shared| tenant_of(shared) == *tenant)
        });
        match usize::try_from(*writer) {
            Ok(writer) if is_right => drop(of_writers.entry(writer).or_default().insert(*key, note.clone())),
            _ => wrong.push(format!("row {key} of {tenant} by writer {writer} is misplaced: {note:?}")),
        }
    }
    for journal in journals {
        let is_there = of_writers.remove(&journal.writer).unwrap_or_default();
        compare(journal, is_there, &stored.marks, &mut wrong);
    }
    compare_marks(journals, &stored.marks, &mut wrong);
    compare_entries(journals, &stored.entries, &mut wrong);
    for tenant in (0..TENANTS).map(tenant_of) {
        let query = json!({"model": "Note", "limit": 1, "with_total": true});
        let page = ask(ormai, &Principal::new(tenant.as_str()), "query", query).await;
        let rows = stored.notes.iter().filter(|(_, of, ..)| *of == tenant).count();
        if page["data"]["total"] != rows {
            wrong.push(format!("{tenant} has {rows} rows and sees {page}"));
        }
    }
    assert!(wrong.is_empty(), "{} on seed {seed}, {} wrong: {:#?}", test.engine(), wrong.len(), first(&wrong));
}

fn first(wrong: &[String]) -> &[String] {
    wrong.get(..20).unwrap_or(wrong)
}

/// The rows of one writer: what was acknowledged is there, and of what was given up all or nothing.
fn compare(journal: &Journal, mut is_there: BTreeMap<i64, Note>, marks: &[(i64, i64)], wrong: &mut Vec<String>) {
    let writer = journal.writer;
    for open in &journal.open {
        let found = |key: &i64| (*key, is_there.get(key).cloned());
        let found: BTreeMap<i64, Option<Note>> = open.after.keys().map(found).collect();
        if found != open.before && found != open.after {
            wrong.push(format!("writer {writer}: a call that was given up is half done: {open:?}, found {found:?}"));
        }
        // With no row of its own changed, the shared ones are not either.
        if let Some(mark) = open.mark.filter(|_| found == open.before && found != open.after)
            && marks.iter().any(|(_, stored)| *stored == mark)
        {
            wrong.push(format!("writer {writer}: mark {mark} is there without its rows"));
        }
        for key in open.after.keys() {
            is_there.remove(key);
        }
    }
    let keys: BTreeSet<&i64> = is_there.keys().chain(journal.notes.keys()).collect();
    for key in keys {
        let (told, found) = (journal.notes.get(key), is_there.get(key));
        if told != found {
            wrong.push(format!("writer {writer}: row {key} should be {told:?} and is {found:?}"));
        }
    }
}

/// The shared rows of a tenant have one mark, which somebody of the tenant has set.
fn compare_marks(journals: &[Journal], marks: &[(i64, i64)], wrong: &mut Vec<String>) {
    for tenant in 0..TENANTS {
        let of_tenant: BTreeSet<i64> = marks
            .iter()
            .filter(|(id, _)| usize::try_from(*id / 2).is_ok_and(|of| of == tenant))
            .map(|(_, mark)| *mark)
            .collect();
        let is_set = |mark: &i64| {
            let mut writers = journals.iter().filter(|journal| journal.writer % TENANTS == tenant);
            *mark == 0 || writers.any(|journal| journal.marks.contains(mark) || journal.open_marks.contains(mark))
        };
        if of_tenant.len() != 1 || !of_tenant.iter().all(is_set) {
            wrong.push(format!("the shared rows of tenant {tenant} have the marks {of_tenant:?}"));
        }
    }
}

/// What was sent under a key was done once, however often it was sent.
fn compare_entries(journals: &[Journal], entries: &[(i64, String)], wrong: &mut Vec<String>) {
    let mut found: BTreeMap<i64, usize> = BTreeMap::new();
    for (token, tenant) in entries {
        *found.entry(*token).or_default() += 1;
        if writer_of(*token).map(tenant_of).as_ref() != Some(tenant) {
            wrong.push(format!("entry {token} is of {tenant}"));
        }
    }
    for token in journals.iter().flat_map(|journal| &journal.entries) {
        let times = found.remove(token).unwrap_or_default();
        if times != 1 {
            wrong.push(format!("entry {token} was acknowledged and is there {times} times"));
        }
    }
    let may_be = |token: &i64| journals.iter().any(|journal| journal.open_entries.contains(token));
    for (token, times) in found {
        if times > 1 || !may_be(&token) {
            wrong.push(format!("entry {token} is there {times} times, and was not acknowledged"));
        }
    }
}

/// As many connections as there may be are to be had at once: none has leaked.
async fn connections_are_free(database: &Database) {
    let mut sessions = Vec::new();
    for _ in 0..CONNECTIONS {
        sessions.push(Session::from_pool(database).await.unwrap());
    }
    for session in sessions {
        session.finish().await.unwrap();
    }
}

/// Whether the server has no transaction in this database, as soon as it has noticed who is gone.
pub(crate) async fn nothing_is_open(test: &TestDatabase) -> bool {
    let until = Instant::now() + NOTICED;
    loop {
        let open: i64 = match test.pool() {
            Pool::Sqlite(pool) => {
                let transaction = pool.begin_with("BEGIN IMMEDIATE").await;
                i64::from(transaction.is_err())
            }
            Pool::Postgres(pool) => {
                let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                           AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND backend_type = 'client backend'";
                sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
            }
            Pool::MySql(pool) => {
                let sql = "SELECT count(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p \
                           ON p.id = t.trx_mysql_thread_id WHERE p.db = DATABASE()";
                sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
            }
        };
        if open == 0 || Instant::now() > until {
            return open == 0;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// All rows, as they are in the database.
struct Stored {
    notes: Vec<(i64, String, i64, Note)>,
    marks: Vec<(i64, i64)>,
    entries: Vec<(i64, String)>,
}

async fn stored(test: &TestDatabase) -> Stored {
    macro_rules! stored {
        ($pool:expr) => {{
            let sql = "SELECT id, tenant_id, writer, shared_id, word, amount FROM notes ORDER BY id";
            let rows = sqlx::query(sql).fetch_all($pool).await.unwrap();
            let notes = rows.iter().map(|row| {
                let note = Note { shared_id: row.get(3), word: row.get(4), amount: row.get(5) };
                (row.get(0), row.get(1), row.get(2), note)
            });
            let marks = sqlx::query("SELECT id, mark FROM shared ORDER BY id").fetch_all($pool).await.unwrap();
            let entries = sqlx::query("SELECT token, tenant_id FROM entries").fetch_all($pool).await.unwrap();
            Stored {
                notes: notes.collect(),
                marks: marks.iter().map(|row| (row.get(0), row.get(1))).collect(),
                entries: entries.iter().map(|row| (row.get(0), row.get(1))).collect(),
            }
        }};
    }
    match test.pool() {
        Pool::Sqlite(pool) => stored!(pool),
        Pool::Postgres(pool) => stored!(pool),
        Pool::MySql(pool) => stored!(pool),
    }
}
