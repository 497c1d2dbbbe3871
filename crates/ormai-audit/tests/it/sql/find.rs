//! Records are found by what they say, whatever their columns can hold.

use jiff::SignedDuration;
use ormai_audit::{Action, AuditStore, Chain, Filter, Kind, MemoryStore, Outcome, Record, RecordedError};
use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{installed, line, record};

every_engine! {
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
