//! The store in a database keeps what it is given, gives it back to the byte, and refuses to
//! change the past; on each engine.
#![expect(clippy::disallowed_methods, reason = "a test changes by hand what nobody may change")]

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use ormai_audit::{
    Action, AuditStore, Body, Chain, Entry, Filter, Hash, Kind, Line, MemoryStore, Orphan, Outcome, Place, Position,
    Record, RecordedError, SqlStore, StoreError, TrailKeys,
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
        let first = lines(&mut chain, 200);
        store.append(&first).await.unwrap();

        // Among the last of them is a record that is there already.
        let mut other = Chain::new(Uuid::now_v7());
        let mut second = lines(&mut other, 200);
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
            10: the column `seq` of the row with `n` = 10 does not say what its line says
            12: the column `bypass` of the row with `n` = 12 does not say what its line says
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

    async fn writers_at_once_do_not_hide_lines_from_each_other(database: &TestDatabase) {
        installed(database).await;
        let write = |many: usize| {
            let url = database.url().to_owned();
            tokio::spawn(async move {
                let store = SqlStore::connect(&url).await.unwrap();
                let mut chain = Chain::new(Uuid::now_v7());
                store.enter(chain.id()).await.unwrap();
                for _ in 0..many {
                    store.append(&lines(&mut chain, 3)).await.unwrap();
                }
                (store, chain)
            })
        };
        let writing: Vec<_> = (0..4).map(|_| write(10)).collect();
        // Somebody who reads meanwhile finds each chain without a gap.
        let reader = SqlStore::connect(database.url()).await.unwrap();
        let mut heads: BTreeMap<Uuid, (u64, Hash)> = BTreeMap::new();
        let mut seen = Position("0".to_owned());
        while writing.iter().any(|writing| !writing.is_finished()) {
            linked(&scanned(&reader).await.0);
            let (moved, now) = reader.heads(Some(&seen)).await.unwrap();
            heads.extend(moved.into_iter().map(|head| (head.chain, (head.seq, head.hash))));
            seen = now;
        }
        let mut ends = BTreeMap::new();
        for writing in writing {
            let (_store, chain) = writing.await.unwrap();
            ends.insert(chain.id(), (chain.seq(), chain.last()));
        }
        let (moved, _) = reader.heads(Some(&seen)).await.unwrap();
        heads.extend(moved.into_iter().map(|head| (head.chain, (head.seq, head.hash))));
        assert_eq!(heads, ends);
        assert_eq!(linked(&scanned(&reader).await.0), ends);
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
        assert!(store.heads(None).await.unwrap().0.is_empty(), "nothing moved since the checkpoint");
    }

    async fn a_writer_that_is_gone_leaves_its_open_intents_to_the_next_one(database: &TestDatabase) {
        let dead = installed(database).await;
        let mut chain = Chain::new(Uuid::now_v7());
        dead.enter(chain.id()).await.unwrap();
        let (open, closed, elsewhere) = (record("acme"), record("acme"), record("acme"));
        dead.append(&[
            line(&mut chain, Kind::Intent, &open),
            line(&mut chain, Kind::Intent, &closed),
            line(&mut chain, Kind::Record, &closed),
            line(&mut chain, Kind::Intent, &elsewhere),
        ]).await.unwrap();

        let alive = SqlStore::connect(database.url()).await.unwrap();
        let mut other = Chain::new(Uuid::now_v7());
        assert_eq!(alive.enter(other.id()).await.unwrap(), [], "its writer is alive");
        alive.append(&[
            line(&mut other, Kind::Record, &elsewhere),
            line(&mut other, Kind::Intent, &record("acme")),
        ]).await.unwrap();

        dead.close().await;
        let (next, orphans) = orphans(database).await;
        assert_eq!(orphans, [Orphan { chain: chain.id(), open: vec![open] }]);
        let third = SqlStore::connect(database.url()).await.unwrap();
        assert_eq!(third.enter(Uuid::now_v7()).await.unwrap(), [], "the one before is about to settle it");
        next.settle(chain.id()).await.unwrap();
        let fourth = SqlStore::connect(database.url()).await.unwrap();
        assert_eq!(fourth.enter(Uuid::now_v7()).await.unwrap(), [], "it is settled");
    }

    async fn a_writer_that_has_left_is_no_orphan(database: &TestDatabase) {
        let store = installed(database).await;
        let mut chain = Chain::new(Uuid::now_v7());
        store.enter(chain.id()).await.unwrap();
        store.append(&lines(&mut chain, 1)).await.unwrap();
        store.leave(chain.id()).await.unwrap();
        store.close().await;
        let next = SqlStore::connect(database.url()).await.unwrap();
        assert_eq!(next.enter(Uuid::now_v7()).await.unwrap(), []);
        assert_eq!(database.count("ormai_audit_writers").await, 1);
    }

    async fn whoever_is_killed_before_settling_leaves_it_to_the_next_one(database: &TestDatabase) {
        let dead = installed(database).await;
        let mut chain = Chain::new(Uuid::now_v7());
        dead.enter(chain.id()).await.unwrap();
        dead.append(&[line(&mut chain, Kind::Intent, &record("acme"))]).await.unwrap();
        dead.close().await;
        let (killed, found) = orphans(database).await;
        killed.close().await;
        let (_next, again) = orphans(database).await;
        assert!(again.contains(&found[0]), "{again:?}");
    }

    async fn it_finds_what_a_store_in_memory_finds(database: &TestDatabase) {
        let store = installed(database).await;
        let memory = MemoryStore::new();
        let mut chance = Chance(0x5eed);
        let mut chain = Chain::new(Uuid::now_v7());
        let records: Vec<Record> = (0..120).map(|_| random(&mut chance)).collect();
        for some in records.chunks(40) {
            let mut appended = Vec::new();
            for record in some {
                if chance.one_in(4) {
                    appended.push(line(&mut chain, Kind::Intent, record));
                }
                appended.push(line(&mut chain, Kind::Record, record));
            }
            store.append(&appended).await.unwrap();
            memory.append(&appended).await.unwrap();
        }
        let mut filters: Vec<Filter> = (0..100).map(|_| filter(&mut chance, &records)).collect();
        filters.push(Filter::new());
        let mut found = 0;
        for filter in filters {
            let limit = [3, 10, 100][chance.below(3)];
            let mut cursor: Option<String> = None;
            loop {
                let expected = memory.query(&filter, limit, cursor.as_deref()).await.unwrap();
                let records = store.query(&filter, limit, cursor.as_deref()).await.unwrap();
                assert_eq!(records, expected, "{filter:?}");
                found += records.entries.len();
                cursor = records.cursor;
                if cursor.is_none() {
                    break;
                }
            }
        }
        assert!(found > 500, "{found}");
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

/// A store that has entered, with what writers that are gone left: servers notice a moment later
/// that a connection is gone.
async fn orphans(database: &TestDatabase) -> (SqlStore, Vec<Orphan>) {
    loop {
        let store = SqlStore::connect(database.url()).await.unwrap();
        let chain = Uuid::now_v7();
        let orphans = store.enter(chain).await.unwrap();
        if !orphans.is_empty() {
            return (store, orphans);
        }
        store.leave(chain).await.unwrap();
    }
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

/// Numbers that are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn of<T: Clone>(&mut self, some: &[T]) -> T {
        some[self.below(some.len())].clone()
    }
}

/// Texts that are nearly the same, also where they are cut and where a collation calls them equal.
fn texts() -> Vec<String> {
    let long = "x".repeat(300);
    ["a", "A", "a ", "ä", "", "a\0", "a\0b"]
        .map(str::to_owned)
        .into_iter()
        .chain([long.clone(), format!("{long}y"), format!("{}é", "x".repeat(189))])
        .collect()
}

fn tenants() -> Vec<Json> {
    let mut tenants: Vec<Json> = texts().into_iter().map(Json::from).collect();
    tenants.extend([json!("7"), json!(7), json!(7.0), json!(-7), json!(null), json!(true), json!({"b": 1, "a": 2})]);
    tenants
}

fn random(chance: &mut Chance) -> Record {
    let mut record = record(chance.of(&tenants()));
    record.timestamp += SignedDuration::from_nanos(chance.below(5_000) as i64 - 2_500);
    let perhaps = |chance: &mut Chance| (!chance.one_in(3)).then(|| chance.of(&texts()));
    record.user_id = chance.of(&tenants());
    record.request_id = chance.of(&texts());
    record.trace_id = perhaps(chance);
    record.tool_name = chance.of(&texts());
    record.model = perhaps(chance);
    record.action = chance.of(&[Action::Read, Action::Create, Action::Administration]);
    record.outcome = chance.of(&[Outcome::Answered, Outcome::Refused, Outcome::Unknown]);
    record.success = chance.one_in(2);
    record.error = perhaps(chance).map(|code| RecordedError { code, message: String::new() });
    record.bypass = if chance.one_in(3) { vec!["admin".to_owned()] } else { Vec::new() };
    record.parent = perhaps(chance);
    record.transaction = perhaps(chance);
    record.approval_id = perhaps(chance);
    record
}

fn filter(chance: &mut Chance, records: &[Record]) -> Filter {
    let mut filter = Filter::new();
    // One or two conditions, most of them satisfied by some record.
    for _ in 0..=chance.below(2) {
        let one = chance.of(records);
        match chance.below(19) {
            0 => filter.tenant_id = Some(one.tenant_id),
            1 => filter.user_id = Some(one.user_id),
            2 => filter.id = Some(one.id),
            3 => filter.request_id = Some(one.request_id),
            4 => filter.trace_id = one.trace_id,
            5 => filter.approval_id = one.approval_id,
            6 => filter.transaction = one.transaction,
            7 => filter.parent = one.parent,
            8 => filter.tool_name = vec![one.tool_name, "none".to_owned()],
            9 => filter.model = one.model.into_iter().collect(),
            10 => filter.action = vec![one.action],
            11 => filter.outcome = vec![one.outcome, Outcome::Dropped],
            12 => filter.error_code = one.error.into_iter().map(|error| error.code).collect(),
            13 => filter.success = Some(one.success),
            14 => filter.bypass = Some(one.bypass.is_empty()),
            15 => filter.timestamp_gte = Some(one.timestamp),
            16 => filter.timestamp_gt = Some(one.timestamp),
            17 => filter.timestamp_lte = Some(one.timestamp),
            _ => filter.timestamp_lt = Some(one.timestamp),
        }
    }
    filter
}

#[tokio::test]
async fn a_file_that_may_only_be_read_is_not_available() {
    let database = TestDatabase::sqlite().await;
    let line = lines(&mut Chain::new(Uuid::now_v7()), 1);
    installed(&database).await.append(&line).await.unwrap();
    let store = SqlStore::connect(&format!("{}?mode=ro", database.url())).await.unwrap();
    let refused = store.append(&lines(&mut Chain::new(Uuid::now_v7()), 1)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(scanned(&store).await.0, line, "but it can be read");
}

#[tokio::test]
async fn a_user_that_may_not_write_or_make_tables_is_told_so() {
    let database = TestDatabase::postgres().await;
    let role = database.role();
    database.execute(&format!("CREATE ROLE \"{role}\" LOGIN")).await;
    let (_, server) = database.url().split_once("://").unwrap();
    let (_, place) = server.split_once('@').unwrap();
    let store = SqlStore::connect(&format!("postgres://{role}@{place}")).await.unwrap();
    let unmade = store.install().await.unwrap_err();
    assert!(
        matches!(&unmade, StoreError::Unavailable(said) if said.contains("`ormai_audit` could not be made")),
        "{unmade:?}"
    );

    let owner = installed(&database).await;
    let mut chain = Chain::new(Uuid::now_v7());
    let appended = lines(&mut chain, 2);
    let refused = store.append(&appended).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");

    // These are enough, and let it take nothing back.
    database.execute(&format!(
        "GRANT SELECT, INSERT ON ormai_audit TO \"{role}\"; GRANT SELECT, INSERT, DELETE ON ormai_audit_writers TO \"{role}\""
    )).await;
    store.enter(chain.id()).await.unwrap();
    store.append(&appended).await.unwrap();
    store.leave(chain.id()).await.unwrap();
    assert_eq!(store.install().await.unwrap(), Vec::<&str>::new(), "nothing is missing");
    assert_eq!(scanned(&owner).await.0, appended);
}

#[tokio::test]
async fn a_server_that_is_gone_is_not_available() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for url in [format!("postgres://nobody@127.0.0.1:{port}/none"), format!("mysql://nobody@127.0.0.1:{port}/none")] {
        let refused = SqlStore::connect(&url).await.map(drop);
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    for url in ["postgres://nobody:se:cret@@/", "oracle:secret", "mysql://nobody:secret@host:port/"] {
        let refused = SqlStore::connect(url).await.unwrap_err();
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
}

#[tokio::test]
async fn a_line_that_becomes_visible_late_is_neither_skipped_nor_forgotten() {
    let database = TestDatabase::postgres().await;
    let store = installed(&database).await;
    let (mut late, mut early) = (Chain::new(Uuid::now_v7()), Chain::new(Uuid::now_v7()));
    let slow = lines(&mut late, 1);
    let mut writing = database.postgres_pool().unwrap().begin().await.unwrap();
    sqlx::query("INSERT INTO ormai_audit (chain, seq, kind, entry) VALUES ($1, 1, 'record', $2)")
        .bind(late.id().to_string())
        .bind(slow[0].text())
        .execute(&mut *writing)
        .await
        .unwrap();
    store.append(&lines(&mut early, 4)).await.unwrap();
    let (heads, now) = store.heads(None).await.unwrap();
    assert_eq!(heads.len(), 1);
    let half = store.scan(None, 2).await.unwrap();

    writing.commit().await.unwrap();
    store.append(&lines(&mut early, 1)).await.unwrap();
    store.append(&lines(&mut late, 1)).await.unwrap();
    let (heads, _) = store.heads(Some(&now)).await.unwrap();
    assert!(heads.iter().any(|head| head.chain == late.id()), "{heads:?}");
    // A scan that began before goes on to where the store ended then, each chain without a gap.
    let rest = store.scan(half.next.as_ref(), 100).await.unwrap();
    let text = String::from_utf8([half.text, rest.text].concat()).unwrap();
    let read: Vec<Line> = text.lines().map(|line| Line::read(line).unwrap()).collect();
    assert_eq!(linked(&read).get(&early.id()).unwrap().0, 4);
    assert_eq!(linked(&scanned(&store).await.0).len(), 2);
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
