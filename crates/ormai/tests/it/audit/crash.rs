//! A process that ends between an intent and its record: whoever starts next closes it, once.

use std::sync::Arc;

use ormai::audit::verify::{Report, VerifyOptions, verify};
use ormai::audit::{AuditStore, Filter, JsonlOptions, JsonlStore, Outcome, Record, SqlStore};
use ormai::prelude::*;
use ormai_testkit::{Dataset, TestDatabase, every_engine};

use super::recorded;
use crate::support::acme;

async fn verified(store: &dyn AuditStore) -> Report {
    let report = verify(store, &VerifyOptions::default(), &|_| ()).await.unwrap();
    assert!(report.is_good(), "{:?}", report.problems);
    report
}

/// What a process leaves that ends while a write is under way; the name of its intent.
async fn begun(test: &TestDatabase, store: Arc<dyn AuditStore>) -> String {
    let ormai = recorded(test, vec![store]).await;
    ormai.tools().get(&RunContext::new(acme()), Get::model("Order", 1)).await.unwrap();
    let mut intent = Record::begin("2026-01-02T03:04:05Z".parse().unwrap(), "req-1", "create");
    intent.tenant_id = "acme-corp".into();
    ormai.trail().unwrap().intend(&intent).await.unwrap();
    intent.id
}

async fn is_closed_as_unknown(store: &dyn AuditStore, id: &str) {
    let report = verified(store).await;
    assert_eq!((report.intents, report.open.len()), (1, 0), "{report:?}");
    // The call that ended well, and the one of which nobody knows.
    assert_eq!(report.records, 2, "{report:?}");
    let mut filter = Filter::new();
    filter.id = Some(id.to_owned());
    let found = store.query(&filter, 10, None).await.unwrap().entries;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].outcome, found[0].success), (Outcome::Unknown, false));
}

every_engine! {
    async fn a_crash_with_a_store_in_files_is_closed_once_also_by_two_who_start_at_once(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let directory = tempfile::tempdir().unwrap();
        let open = || Arc::new(JsonlStore::open(directory.path().join("audit.jsonl"), JsonlOptions::default()).unwrap());
        let id = begun(test, open()).await;
        let (one, other) = tokio::join!(recorded(test, vec![open()]), recorded(test, vec![open()]));
        is_closed_as_unknown(&*open(), &id).await;
        drop((one, other));
        drop(recorded(test, vec![open()]).await);
        is_closed_as_unknown(&*open(), &id).await;
    }

    async fn a_crash_with_a_store_in_a_database_is_closed_once_also_by_two_who_start_at_once(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let first = SqlStore::connect(test.url()).await.unwrap();
        first.install().await.unwrap();
        let id = begun(test, Arc::new(first.clone())).await;
        // Its process is gone.
        first.close().await;
        let (one, other) = (SqlStore::connect(test.url()).await.unwrap(), SqlStore::connect(test.url()).await.unwrap());
        let started = tokio::join!(recorded(test, vec![Arc::new(one.clone())]), recorded(test, vec![Arc::new(other)]));
        is_closed_as_unknown(&one, &id).await;
        drop(started);
        let third = SqlStore::connect(test.url()).await.unwrap();
        drop(recorded(test, vec![Arc::new(third.clone())]).await);
        is_closed_as_unknown(&third, &id).await;
    }
}
