//! Stores with records in them.

use std::sync::Arc;

use ormai_audit::{Action, MemoryStore, Outcome, Record, RecordedError, Trail, TrailKeys, TrailOptions};
use serde_json::json;

/// A record of the tenant `tenant` that took `ms` milliseconds.
pub(crate) fn record(tenant: &str, time: &str, ms: f64) -> Record {
    let mut record = Record::begin(time.parse().unwrap(), format!("req-{tenant}"), "query");
    record.tenant_id = tenant.into();
    record.model = Some("Order".to_owned());
    record.action = Action::Read;
    record.inputs = json!({"model": "Order", "limit": 5});
    record.scopes_injected = vec![format!("tenant_id = '{tenant}'")];
    record.outcome = Outcome::Answered;
    record.success = true;
    record.row_count = Some(2);
    record.execution_time_ms = ms;
    record
}

/// The same, refused with a code.
pub(crate) fn refused(mut record: Record, code: &str) -> Record {
    record.outcome = Outcome::Refused;
    record.success = false;
    record.row_count = None;
    record.error = Some(RecordedError { code: code.to_owned(), message: "it is not allowed".to_owned() });
    record
}

/// A store that holds these records between the lines of a trail.
pub(crate) async fn store_of(records: impl IntoIterator<Item = Record>) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let trail = Trail::open(vec![store.clone()], TrailKeys::default(), TrailOptions::default()).await.unwrap();
    for record in records {
        trail.note(&record).await.unwrap();
    }
    trail.checkpoint().await.unwrap();
    store
}
