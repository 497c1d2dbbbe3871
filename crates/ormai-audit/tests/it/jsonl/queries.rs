//! What is found when records are asked for.

use std::path::Path;

use ormai_audit::{Action, AuditStore, Filter, JsonlStore, Kind, Outcome, Record, RecordedError, TrailKeys};

use super::{body, chain, closed_files, line, place, record, rotated_at};

/// A store over several files with records that differ, and what they are.
async fn varied(path: &Path) -> (JsonlStore, Vec<Record>) {
    let store = JsonlStore::open(path, rotated_at(3_000)).unwrap();
    let mut chain = chain();
    let mut records = Vec::new();
    for at in 0..24_usize {
        let mut one = record(["acme", "globex", "ac\"me"][at % 3]);
        one.timestamp = format!("2026-01-{:02}T00:00:00Z", at + 1).parse().unwrap();
        one.user_id = (at % 4).into();
        one.request_id = format!("req-{}", at % 5);
        one.trace_id = (at % 2 == 0).then(|| format!("trace-{}", at % 6));
        one.approval_id = (at == 3).then(|| "apr-1".to_owned());
        one.transaction = (at % 7 == 0).then(|| "caller".to_owned());
        one.parent = (at == 5).then(|| "aud-parent".to_owned());
        one.tool_name = ["query", "create"][at % 2].to_owned();
        one.model = (at % 3 == 1).then(|| "Order".to_owned());
        one.action = if at % 2 == 0 { Action::Read } else { Action::Create };
        if at % 6 == 0 {
            (one.outcome, one.success) = (Outcome::Refused, false);
            one.error = Some(RecordedError { code: "DENIED".to_owned(), message: "no".to_owned() });
        }
        one.bypass = (at % 8 == 0).then(|| "support".to_owned()).into_iter().collect();
        // What other records say about themselves is no reason to find this one.
        one.reason = Some("\"tenant_id\":\"globex\"".to_owned());
        for kind in [Kind::Intent, Kind::Record] {
            store.append_now(&[chain.link(&body(kind, &one), &TrailKeys::default())]).unwrap();
        }
        records.push(one);
    }
    records.sort_by(|one, other| other.id.cmp(&one.id));
    (store, records)
}

#[tokio::test]
async fn records_are_found_by_everything_that_a_filter_says() {
    let (_directory, path) = place();
    let (store, records) = varied(&path).await;
    assert!(closed_files(&path).len() > 3);
    let filter = |set: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::new();
        set(&mut filter);
        filter
    };
    let day = |day: u32| Some(format!("2026-01-{day:02}T00:00:00Z").parse().unwrap());
    let filters = [
        Filter::new(),
        Filter::tenant("acme"),
        Filter::tenant("ac\"me"),
        Filter::tenant("ac"),
        Filter::tenant(7),
        filter(&|filter| filter.user_id = Some(3.into())),
        filter(&|filter| filter.user_id = Some("3".into())),
        filter(&|filter| filter.id = Some(records[4].id.clone())),
        filter(&|filter| filter.request_id = Some("req-2".to_owned())),
        filter(&|filter| filter.trace_id = Some("trace-4".to_owned())),
        filter(&|filter| filter.approval_id = Some("apr-1".to_owned())),
        filter(&|filter| filter.transaction = Some("caller".to_owned())),
        filter(&|filter| filter.parent = Some("aud-parent".to_owned())),
        filter(&|filter| filter.tool_name = vec!["create".to_owned(), "delete".to_owned()]),
        filter(&|filter| filter.model = vec!["Order".to_owned()]),
        filter(&|filter| filter.action = vec![Action::Create]),
        filter(&|filter| filter.outcome = vec![Outcome::Refused]),
        filter(&|filter| filter.error_code = vec!["DENIED".to_owned()]),
        filter(&|filter| filter.success = Some(false)),
        filter(&|filter| filter.bypass = Some(true)),
        filter(&|filter| filter.timestamp_gte = day(20)),
        filter(&|filter| filter.timestamp_gt = day(20)),
        filter(&|filter| filter.timestamp_lte = day(5)),
        filter(&|filter| filter.timestamp_lt = day(5)),
        filter(&|filter| (filter.timestamp_gt, filter.timestamp_lt) = (day(7), day(9))),
        filter(&|filter| (filter.tenant_id, filter.success) = (Some("globex".into()), Some(true))),
    ];
    for filter in &filters {
        let expected: Vec<&str> =
            records.iter().filter(|record| filter.matches(record)).map(|record| record.id.as_str()).collect();
        // The second time the store knows of which time its files are.
        for _ in 0..2 {
            let found = store.query(filter, 100, None).await.unwrap();
            let ids: Vec<&str> = found.entries.iter().map(|entry| entry.id.as_str()).collect();
            assert_eq!(ids, expected, "{filter:?}");
            assert_eq!(found.cursor, None);
        }
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_and_doubles_while_records_come() {
    let (_directory, path) = place();
    let (store, records) = varied(&path).await;
    let mut more = chain();
    for limit in [1, 2, 5, 24] {
        let (mut found, mut cursor): (_, Option<String>) = (Vec::new(), None);
        loop {
            let page = store.query(&Filter::new(), limit, cursor.as_deref()).await.unwrap();
            assert!(page.entries.len() <= limit);
            found.extend(page.entries.into_iter().map(|entry| entry.record));
            store.append_now(&[line(&mut more)]).unwrap();
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        let old: Vec<&Record> = found.iter().filter(|one| records.contains(one)).collect();
        assert!(found.is_sorted_by(|one, other| one.id > other.id));
        if limit < 24 {
            assert!(old.len() >= 24 - limit, "what came before the first page is newer");
        }
        assert_eq!(&old[old.len() - 20..], &records.iter().collect::<Vec<_>>()[4..]);
    }
}
