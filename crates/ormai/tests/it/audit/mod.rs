//! The audit trail: every call leaves one closed record, before its answer; no store that fails is passed
//! over, nobody changes the past unseen, and what is hidden stands nowhere in it.

mod attack_22;
mod attack_29;
mod crash;
pub(crate) mod double;
mod dropped;
mod each_call;
mod groups;
mod secrets;

use std::collections::BTreeSet;
use std::sync::Arc;

use ormai::approvals::MemoryApprovals;
use ormai::audit::{AuditStore, Entry, Kind, MemoryStore, Outcome, Record};
use ormai::policy::Format;
use ormai::prelude::*;
use ormai_testkit::{Dataset, TestDatabase, guide_catalog};

use crate::support::{CURSOR_KEY, database};

/// Users and orders are open to writes; users are deleted by somebody else's word, and something of a user
/// is hidden in each way.
pub(crate) const POLICY: &str = "
version: 1
models:
  User:
    fields: {id: allow, tenant_id: allow, name: allow, email: mask, ssn: redact}
    scoping: {tenant_id: principal.tenant_id}
    write_policy:
      create: allow
      update: allow
      delete: require_approval
      approver_roles: [manager]
      auto_set: {tenant_id: principal.tenant_id, created_at: now()}
      immutable_fields: [tenant_id]
  Order:
    fields: {id: allow, tenant_id: allow, user_id: allow, status: allow, total: allow, note: allow}
    relations: {user: {allowed: true}}
    scoping: {tenant_id: principal.tenant_id}
    row_policies:
      - {name: admin_bypass, condition: \"'super_admin' IN principal.roles\", bypass: true}
    aggregations: {count: true}
    write_policy:
      create: allow
      update: allow
      delete: allow
      bulk_update: allow
      auto_set: {tenant_id: principal.tenant_id, created_at: now()}
      immutable_fields: [tenant_id]
";

/// The demo rows, with calls recorded in memory.
pub(crate) async fn shop(test: &TestDatabase) -> (OrmAi, Arc<MemoryStore>) {
    test.load(&Dataset::demo()).await;
    let store = Arc::new(MemoryStore::new());
    (recorded(test, vec![store.clone()]).await, store)
}

/// What the database holds under the policy, with calls recorded in some stores.
pub(crate) async fn recorded(test: &TestDatabase, stores: Vec<Arc<dyn AuditStore>>) -> OrmAi {
    let mut builder = OrmAi::builder()
        .database(database(test))
        .policy_text(POLICY, Format::Yaml)
        .catalog(guide_catalog())
        .cursor_key(CURSOR_KEY)
        .approvals(Arc::new(MemoryApprovals::new()));
    for store in stores {
        builder = builder.audit(store);
    }
    let ormai = builder.build().await.unwrap();
    ormai.install().await.unwrap();
    ormai
}

/// The records of a store, in order: each of them closed once, and every intent closed by a record that
/// comes after it.
pub(crate) fn closed(store: &MemoryStore) -> Vec<Entry> {
    let (closed, open) = read(store);
    assert!(open.is_empty(), "open: {open:?}");
    closed
}

/// Waits until all is written that callers left behind: what is said last is written last.
pub(crate) async fn settled(ormai: &OrmAi) {
    let mut last = Record::begin("2026-01-02T03:04:05Z".parse().unwrap(), "", SETTLED);
    last.outcome = Outcome::Answered;
    ormai.trail().unwrap().note(&last).await.unwrap();
}

/// The tool of a record that no call left.
const SETTLED: &str = "settled";

/// The records of a store, and the names of the intents that are open.
pub(crate) fn read(store: &MemoryStore) -> (Vec<Entry>, BTreeSet<String>) {
    let (mut closed, mut open, mut names) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for line in store.lines() {
        let Some(entry) = Entry::read(&line).filter(|entry| entry.tool_name != SETTLED) else { continue };
        match entry.place.kind {
            Kind::Intent => {
                assert!(!names.contains(&entry.id), "an intent after its record: {entry:?}");
                assert!(open.insert(entry.id.clone()), "intended twice: {entry:?}");
            }
            _ => {
                assert!(names.insert(entry.id.clone()), "closed twice: {entry:?}");
                open.remove(&entry.id);
                closed.push(entry);
            }
        }
    }
    (closed, open)
}

/// Whether there was an intent before a record.
pub(crate) fn is_intended(store: &MemoryStore, id: &str) -> bool {
    let entries: Vec<Entry> = store.lines().iter().filter_map(Entry::read).collect();
    entries.iter().any(|entry| entry.id == id && entry.place.kind == Kind::Intent)
}

/// A record as a line of a table: what was called, and how it is told.
pub(crate) fn line(store: &MemoryStore, entry: &Entry) -> String {
    let intent = if is_intended(store, &entry.id) { "intended" } else { "noted" };
    let action = serde_json::to_value(entry.action).unwrap();
    let outcome = serde_json::to_value(entry.outcome).unwrap();
    let mut line = format!("{} ({}) {intent} {}", entry.tool_name, action.as_str().unwrap(), outcome.as_str().unwrap());
    if let Some(error) = &entry.error {
        line.push_str(&format!(" {}: {}", error.code, error.message));
    }
    if let Some(rows) = entry.row_count {
        line.push_str(&format!(" rows={rows}"));
    }
    for (is_there, what) in [
        (entry.replayed, "replayed"),
        (entry.before_snapshot.is_some(), "before"),
        (entry.after_snapshot.is_some(), "after"),
        (entry.approval_id.is_some(), "approval"),
        (entry.parent.is_some(), "parent"),
        (entry.transaction.is_some(), "transaction"),
        (!entry.bypass.is_empty(), "bypass"),
    ] {
        if is_there {
            line.push_str(&format!(" +{what}"));
        }
    }
    assert_eq!(entry.success, entry.error.is_none(), "{entry:?}");
    line
}
