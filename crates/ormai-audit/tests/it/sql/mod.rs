//! The store in a database keeps what it is given, gives it back to the byte, and refuses to
//! change the past; on each engine.
#![expect(clippy::disallowed_methods, reason = "a test changes by hand what nobody may change")]

mod find;
mod refusing;
mod writers;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use ormai_audit::{
    AuditStore, Body, Chain, Entry, Filter, Hash, Kind, Line, MemoryStore, Outcome, Place, Record, SqlStore,
    StoreError, Stub, TrailKeys,
};
use ormai_testkit::{Engine, Pool, TestDatabase, every_engine};
use serde_json::{Value as Json, json};
use uuid::Uuid;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn record(tenant: impl Into<Json>) -> Record {
    let mut record = Record::begin(time("2026-01-02T03:04:05.678901Z"), "req-1", "query");
    record.tenant_id = tenant.into();
    record.outcome = Outcome::Answered;
    record.success = true;
    record
}

fn line(chain: &mut Chain, kind: Kind, record: &Record) -> Line {
    chain.link(&Body::new(kind, record).unwrap(), &TrailKeys::default())
}

fn lines(chain: &mut Chain, many: usize) -> Vec<Line> {
    (0..many).map(|_| line(chain, Kind::Record, &record("acme"))).collect()
}

async fn installed(database: &TestDatabase) -> SqlStore {
    let store = SqlStore::connect(database.url()).await.unwrap();
    store.install().await.unwrap();
    store
}

/// All lines and all that is wrong, read in small pages.
async fn scanned(store: &SqlStore) -> (Vec<Line>, Vec<String>) {
    let (mut lines, mut wrong, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let scanned = store.scan(after.as_ref(), 7).await.unwrap();
        assert_eq!(scanned.first, lines.len() as u64 + 1);
        let text = String::from_utf8(scanned.text).unwrap();
        lines.extend(text.lines().map(|line| Line::read(line).unwrap()));
        wrong.extend(scanned.wrong.into_iter().map(|wrong| format!("{}: {}", wrong.line, wrong.what)));
        after = scanned.next;
        if after.is_none() {
            return (lines, wrong);
        }
    }
}

/// Tries a statement by hand.
async fn by_hand(database: &TestDatabase, sql: &'static str) -> Result<u64, String> {
    let done = match database.pool() {
        Pool::Sqlite(pool) => sqlx::raw_sql(sql).execute(pool).await.map(|done| done.rows_affected()),
        Pool::Postgres(pool) => sqlx::raw_sql(sql).execute(pool).await.map(|done| done.rows_affected()),
        Pool::MySql(pool) => sqlx::raw_sql(sql).execute(pool).await.map(|done| done.rows_affected()),
    };
    done.map_err(|error| error.to_string())
}

/// Lifts what keeps rows from being changed, as only the owner can.
async fn lift(database: &TestDatabase) {
    match database.engine() {
        Engine::Postgres => by_hand(database, "ALTER TABLE ormai_audit DISABLE TRIGGER ormai_audit_append_only").await,
        _ => by_hand(database, "DROP TRIGGER ormai_audit_no_update").await,
    }
    .unwrap();
}

every_engine! {
    async fn lines_come_back_to_the_byte(database: &TestDatabase) {
        let store = installed(database).await;
        let mut chain = Chain::new(Uuid::now_v7());
        let mut appended = Vec::new();
        for inputs in [
            json!("Grüße, 東京, 🦀, e\u{301}"),
            json!("nothing \0 and a quote ' and \" and a backslash \\ and a break \r\n"),
            json!("x".repeat(1 << 20)),
            json!({"b": 1.0, "a": [null, true, 1e300]}),
        ] {
            let mut record = record("acme");
            record.tool_name = "tool\0name".to_owned();
            record.user_id = json!("🦀".repeat(500));
            record.inputs = inputs;
            appended.push(line(&mut chain, Kind::Record, &record));
        }
        store.append(&appended).await.unwrap();
        assert_eq!(scanned(&store).await, (appended, Vec::new()));
    }

    async fn many_lines_are_appended_whole_or_not_at_all(database: &TestDatabase) {
        let store = installed(database).await;
        let mut chain = Chain::new(Uuid::now_v7());
        let first = lines(&mut chain, 600);
        store.append(&first).await.unwrap();

        // Among the last of them is a record that is there already.
        let mut other = Chain::new(Uuid::now_v7());
        let mut second = lines(&mut other, 600);
        second.push(line(&mut other, Kind::Record, &Entry::read(&first[0]).unwrap().record));
        let refused = store.append(&second).await;
        assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
        assert_eq!(scanned(&store).await.0, first);
    }

    async fn what_was_appended_without_an_answer_is_appended_once(database: &TestDatabase) {
        let store = installed(database).await;
        let mut chain = Chain::new(Uuid::now_v7());
        let appended = lines(&mut chain, 3);
        store.append(&appended).await.unwrap();
        store.append(&appended).await.unwrap();
        assert_eq!(scanned(&store).await.0, appended);

        // Others at the same places mean that the chain went on unseen.
        let mut other = Chain::new(chain.id());
        let doubtful = store.append(&lines(&mut other, 3)).await;
        assert!(matches!(doubtful, Err(StoreError::Doubtful(_))), "{doubtful:?}");
        assert_eq!(scanned(&store).await.0, appended);
    }

    async fn nobody_changes_or_deletes_a_row(database: &TestDatabase) {
        let store = installed(database).await;
        let appended = lines(&mut Chain::new(Uuid::now_v7()), 3);
        store.append(&appended).await.unwrap();
        let mut tried = vec![
            "UPDATE ormai_audit SET tenant_id = 'globex'",
            "UPDATE ormai_audit SET entry = '' WHERE seq = 2",
            "DELETE FROM ormai_audit",
            "DELETE FROM ormai_audit WHERE seq = 3",
        ];
        tried.extend(match database.engine() {
            Engine::Sqlite => vec![
                "INSERT OR REPLACE INTO ormai_audit (n, chain, seq, kind, entry) VALUES (1, 'x', 1, 'begin', '')",
                "INSERT OR REPLACE INTO ormai_audit (chain, seq, kind, entry)
                 SELECT chain, seq, 'begin', '' FROM ormai_audit WHERE n = 1",
                "REPLACE INTO ormai_audit (chain, seq, kind, id, entry)
                 SELECT 'x', 1, kind, id, '' FROM ormai_audit WHERE n = 1",
                "INSERT INTO ormai_audit (chain, seq, kind, entry) SELECT chain, seq, kind, '' FROM ormai_audit
                 WHERE n = 1 ON CONFLICT (chain, seq) DO UPDATE SET entry = ''",
            ],
            Engine::Postgres => vec![
                "TRUNCATE ormai_audit",
                "SET session_replication_role = replica; DELETE FROM ormai_audit",
                "INSERT INTO ormai_audit (chain, seq, kind, entry) SELECT chain, seq, kind, '' FROM ormai_audit
                 WHERE n = 1 ON CONFLICT (chain, seq) DO UPDATE SET entry = ''",
            ],
            Engine::MySql => vec![
                "TRUNCATE ormai_audit",
                "REPLACE INTO ormai_audit (chain, seq, kind, entry)
                 SELECT chain, seq, 'begin', '' FROM ormai_audit WHERE n = 1",
                "INSERT INTO ormai_audit (chain, seq, kind, entry)
                 SELECT * FROM (SELECT chain, seq, kind, '' AS e FROM ormai_audit WHERE n = 1) one
                 ON DUPLICATE KEY UPDATE entry = ''",
                // What pruning says lets nothing else through.
                "SET @ormai_audit_prunes = 'records'; UPDATE ormai_audit SET entry = ''",
                "SET @ormai_audit_prunes = 'records'; UPDATE ormai_audit SET kind = 'pruned', seq = 9 WHERE seq = 2",
            ],
        });
        for sql in tried {
            let refused = by_hand(database, sql).await;
            assert!(refused.is_err(), "{sql}: {refused:?}");
        }
        assert_eq!(scanned(&store).await, (appended, Vec::new()));
    }

    async fn a_column_that_does_not_say_what_its_line_says_is_told(database: &TestDatabase) {
        let store = installed(database).await;
        store.append(&lines(&mut Chain::new(Uuid::now_v7()), 12)).await.unwrap();
        lift(database).await;
        for sql in [
            "UPDATE ormai_audit SET tenant_id = '\"globex\"' WHERE seq = 3",
            "UPDATE ormai_audit SET model = 'orders' WHERE seq = 5",
            "UPDATE ormai_audit SET at = at + 1 WHERE seq = 8",
            "UPDATE ormai_audit SET seq = 100 WHERE seq = 10",
            "UPDATE ormai_audit SET bypass = NOT bypass WHERE seq = 12",
        ] {
            assert_eq!(by_hand(database, sql).await, Ok(1), "{sql}");
        }
        let wrong = scanned(&store).await.1;
        insta::allow_duplicates! {
            insta::assert_snapshot!(wrong.join("\n"), @r"
            3: the column `tenant_id` of the row with `n` = 3 does not say what its line says
            5: the column `model` of the row with `n` = 5 does not say what its line says
            8: the column `at` of the row with `n` = 8 does not say what its line says
            11: the column `bypass` of the row with `n` = 12 does not say what its line says
            12: the column `seq` of the row with `n` = 10 does not say what its line says
            ");
        }
    }

    async fn a_line_that_is_no_line_any_more_is_read_as_it_is(database: &TestDatabase) {
        let store = installed(database).await;
        store.append(&lines(&mut Chain::new(Uuid::now_v7()), 2)).await.unwrap();
        lift(database).await;
        by_hand(database, "UPDATE ormai_audit SET entry = 'gone' WHERE seq = 1").await.unwrap();
        if database.engine() == Engine::Sqlite {
            by_hand(database, "UPDATE ormai_audit SET entry = x'ff00fe', seq = 'two' WHERE seq = 2").await.unwrap();
        }
        let scanned = store.scan(None, 10).await.unwrap();
        assert!(scanned.text.starts_with(b"gone\n"));
        assert_eq!(scanned.next, None);
    }

    async fn the_heads_are_those_that_moved_since_the_last_checkpoint(database: &TestDatabase) {
        let store = installed(database).await;
        let (heads, none) = store.heads(None).await.unwrap();
        assert!(heads.is_empty());
        let mut chain = Chain::new(Uuid::now_v7());
        store.append(&lines(&mut chain, 2)).await.unwrap();
        for since in [None, Some(&none)] {
            let (heads, _) = store.heads(since).await.unwrap();
            let heads: Vec<_> = heads.iter().map(|head| (head.chain, head.seq, head.hash)).collect();
            assert_eq!(heads, [(chain.id(), 2, chain.last())]);
        }
        let (_, now) = store.heads(None).await.unwrap();
        assert!(store.heads(Some(&now)).await.unwrap().0.is_empty(), "nothing moved");
        store.append(&[line(&mut chain, Kind::Checkpoint, &record("acme"))]).await.unwrap();
        // Its own chain may end with it, and nobody else would tell of that.
        let (heads, _) = store.heads(None).await.unwrap();
        assert_eq!(heads.iter().map(|head| (head.chain, head.seq)).collect::<Vec<_>>(), [(chain.id(), 3)]);
    }

    async fn lines_are_pruned_as_in_memory_and_nothing_else_is(database: &TestDatabase) {
        let store = installed(database).await;
        let memory = MemoryStore::new();
        let mut chain = Chain::new(Uuid::now_v7());
        let mut appended = lines(&mut chain, 5);
        appended.push(line(&mut chain, Kind::Checkpoint, &record("acme")));
        appended.extend(lines(&mut chain, 4));
        let kept = lines(&mut Chain::new(Uuid::now_v7()), 2);
        for lines in [&appended, &kept] {
            store.append(lines).await.unwrap();
            memory.append(lines).await.unwrap();
        }
        let stub = |from, to| stub(chain.id(), from, to);
        for refused in [[stub(2, 3), stub(5, 6)], [stub(2, 3), stub(9, 11)], [stub(2, 3), stub(12, 12)]] {
            let refused = store.prune("ormai_audit", &refused).await;
            assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
            assert_eq!(scanned(&store).await, (memory.lines(), Vec::new()), "nothing is done by halves");
        }
        let stubs = [stub(1, 1), stub(3, 5), stub(7, 10)];
        store.prune("ormai_audit", &stubs).await.unwrap();
        memory.prune("memory", &stubs).await.unwrap();
        assert_eq!(scanned(&store).await, (memory.lines(), Vec::new()));
        assert_eq!(
            store.query(&Filter::new(), 100, None).await.unwrap(),
            memory.query(&Filter::new(), 100, None).await.unwrap()
        );
        for sql in ["UPDATE ormai_audit SET entry = ''", "DELETE FROM ormai_audit"] {
            assert!(by_hand(database, sql).await.is_err(), "{sql}: it refuses again");
        }
    }

    async fn nothing_goes_before_the_tables_are_made(database: &TestDatabase) {
        let store = SqlStore::connect(database.url()).await.unwrap();
        let line = lines(&mut Chain::new(Uuid::now_v7()), 1);
        let said = [
            store.enter(Uuid::now_v7()).await.map(drop),
            store.append(&line).await,
            store.heads(None).await.map(drop),
            store.scan(None, 1).await.map(drop),
            store.query(&Filter::new(), 1, None).await.map(drop),
        ];
        for said in said {
            assert!(matches!(said, Err(StoreError::NotInstalled)), "{said:?}");
        }
    }

    async fn tables_are_made_once_whoever_makes_them_at_the_same_time(database: &TestDatabase) {
        let made = (0..4).map(|_| {
            let url = database.url().to_owned();
            tokio::spawn(async move { SqlStore::connect(&url).await.unwrap().install().await.unwrap() })
        });
        let mut names = Vec::new();
        for made in made.collect::<Vec<_>>() {
            names.extend(made.await.unwrap());
        }
        assert_eq!(names.iter().filter(|name| **name == "ormai_audit").count(), 1);
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        assert_eq!(installed(database).await.install().await.unwrap(), Vec::<&str>::new());
    }

    async fn a_pool_of_somebody_elses_is_a_store(database: &TestDatabase) {
        let store = match database.pool().clone() {
            Pool::Sqlite(pool) => SqlStore::from(pool),
            Pool::Postgres(pool) => SqlStore::from(pool),
            Pool::MySql(pool) => SqlStore::from(pool),
        };
        store.install().await.unwrap();
        let appended = lines(&mut Chain::new(Uuid::now_v7()), 2);
        store.enter(Uuid::now_v7()).await.unwrap();
        store.append(&appended).await.unwrap();
        assert_eq!(scanned(&store).await.0, appended);
    }
}

/// A stub in the place of some lines.
fn stub(chain: Uuid, from: u64, to: u64) -> Stub {
    let mut before = Chain::new(chain);
    (1..from).for_each(|_| drop(line(&mut before, Kind::Record, &record("acme"))));
    let line = before.link(&Body::new(Kind::Pruned, &json!({"to": to})).unwrap(), &TrailKeys::default());
    Stub::new(line, to).unwrap()
}

/// Where each chain ends; each of its lines has to follow the one before.
fn linked(lines: &[Line]) -> BTreeMap<Uuid, (u64, Hash)> {
    let mut ends = BTreeMap::new();
    for Place { chain, seq, prev_hash, hash, .. } in lines.iter().map(|line| *line.place()) {
        let (last, end) = ends.get(&chain).copied().unwrap_or((0, Hash::ZERO));
        assert_eq!((seq, prev_hash), (last + 1, end));
        ends.insert(chain, (seq, hash));
    }
    ends
}

#[tokio::test]
async fn a_line_that_becomes_visible_late_is_neither_skipped_nor_forgotten() {
    for is_older in [true, false] {
        let database = TestDatabase::postgres().await;
        let store = installed(&database).await;
        let (older, younger) = (Chain::new(Uuid::now_v7()), Chain::new(Uuid::now_v7()));
        let (mut late, mut early) = if is_older { (older, younger) } else { (younger, older) };
        let mut writing = database.postgres_pool().unwrap().begin().await.unwrap();
        // Two lines at once, with those of the other between them.
        for slow in lines(&mut late, 2) {
            sqlx::query("INSERT INTO ormai_audit (chain, seq, kind, entry) VALUES ($1, $2, 'record', $3)")
                .bind(late.id().to_string())
                .bind(i64::try_from(slow.place().seq).unwrap())
                .bind(slow.text())
                .execute(&mut *writing)
                .await
                .unwrap();
            store.append(&lines(&mut early, 2)).await.unwrap();
        }
        let (heads, now) = store.heads(None).await.unwrap();
        assert_eq!(heads.len(), 1);
        let mut pages = vec![store.scan(None, 2).await.unwrap()];

        writing.commit().await.unwrap();
        store.append(&lines(&mut early, 1)).await.unwrap();
        let (heads, _) = store.heads(Some(&now)).await.unwrap();
        assert!(heads.iter().any(|head| head.chain == late.id()), "{heads:?}");
        // A scan that began before goes on to where the store ended then, each chain without a gap.
        while let Some(next) = pages.last().unwrap().next.clone() {
            pages.push(store.scan(Some(&next), 1).await.unwrap());
        }
        let text = String::from_utf8(pages.into_iter().flat_map(|page| page.text).collect()).unwrap();
        let read: Vec<Line> = text.lines().map(|line| Line::read(line).unwrap()).collect();
        assert_eq!(linked(&read).get(&early.id()).unwrap().0, 4);
        let read = linked(&scanned(&store).await.0);
        assert_eq!((read[&late.id()].0, read[&early.id()].0), (2, 5));
    }
}

#[tokio::test]
async fn a_database_in_memory_is_a_store() {
    let store: Arc<dyn AuditStore> = Arc::new(SqlStore::connect("sqlite::memory:").await.unwrap());
    store.install().await.unwrap();
    let (mut dead, other) = (Chain::new(Uuid::now_v7()), Uuid::now_v7());
    assert_eq!(store.enter(dead.id()).await.unwrap(), []);
    store.append(&[line(&mut dead, Kind::Intent, &record("acme"))]).await.unwrap();
    assert_eq!(store.enter(other).await.unwrap(), [], "it has one process");
    assert!(store.query(&Filter::tenant("acme"), 1, None).await.unwrap().entries.is_empty(), "an intent is no record");
}
