//! Writes that somebody else approves.

mod attack_20;
mod crash;
mod failing;
mod parking;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ormai::answer::Written;
use ormai::approvals::{Approval, ApprovalStore, MemoryApprovals};
use ormai::policy::Format;
use ormai::prelude::*;
use ormai::request::{Request, Update};
use ormai_testkit::{Dataset, TestDatabase, guide_catalog};
use serde_json::{Value as Json, json};

use crate::support::{CURSOR_KEY, database};

/// Orders are written after approval; what each of several roles changes about that.
pub(crate) const POLICY: &str = "
version: 1
models:
  User: {fields: {id: allow, name: allow}, scoping: {tenant_id: principal.tenant_id}}
  Order:
    fields: {id: allow, tenant_id: allow, user_id: allow, status: allow, total: allow, note: allow}
    scoping: {tenant_id: principal.tenant_id}
    row_policies:
      - {name: admin_bypass, condition: \"'super_admin' IN principal.roles\", bypass: true}
    write_policy:
      create: require_approval
      update: require_approval
      delete: require_approval
      bulk_update: require_approval
      auto_set: {tenant_id: principal.tenant_id, created_at: now()}
      immutable_fields: [tenant_id]
      approver_roles: [manager]
      approval_ttl_s: 3600
";

/// When everything is asked for.
pub(crate) const ASKED: &str = "2026-05-01T12:00:00Z";

pub(crate) fn after(seconds: u64) -> Timestamp {
    ASKED.parse::<Timestamp>().unwrap() + Duration::from_secs(seconds)
}

pub(crate) fn by(principal: Principal) -> RunContext<'static> {
    RunContext::new(principal).now(after(60))
}

pub(crate) fn agent() -> Principal {
    Principal::new("acme-corp").user("user-123").role("support")
}

pub(crate) fn manager() -> Principal {
    Principal::new("acme-corp").user("boss").role("manager")
}

pub(crate) async fn with_store(test: &TestDatabase, policy: &str, store: Arc<dyn ApprovalStore>) -> OrmAi {
    let ormai = OrmAi::builder()
        .database(database(test))
        .policy_text(policy, Format::Yaml)
        .catalog(guide_catalog())
        .cursor_key(CURSOR_KEY)
        .approvals(store)
        .build()
        .await
        .unwrap();
    ormai.install().await.unwrap();
    ormai
}

pub(crate) async fn shop(test: &TestDatabase) -> OrmAi {
    test.load(&Dataset::demo()).await;
    with_store(test, POLICY, Arc::new(MemoryApprovals::new())).await
}

/// Asks for a write, and gives the name of what waits.
pub(crate) async fn ask(ormai: &OrmAi, who: Principal, request: impl Into<Request>) -> String {
    let ctx = RunContext::new(who).now(after(0));
    let request = request.into();
    let result = ormai.tools().call(&ctx, request.tool().name(), &request.arguments().unwrap()).await;
    let answer = serde_json::to_value(&result).unwrap();
    assert_eq!(answer["data"]["status"], "pending_approval", "{answer}");
    answer["data"]["approval_id"].as_str().unwrap().to_owned()
}

/// An order is noted as its number: what every test asks for.
pub(crate) fn note(text: &str) -> Update {
    Update::new("Order", 1).set("note", text)
}

/// What an order's note is now.
pub(crate) async fn noted(ormai: &OrmAi, id: i64) -> Json {
    let get = Get::model("Order", id).select(["note"]);
    let row = ormai.tools().get(&RunContext::new(agent()), get).await.unwrap();
    serde_json::to_value(&row.data).unwrap()["note"].clone()
}

/// The code of a refusal, with the status that it tells of.
pub(crate) fn refused(outcome: Result<Approval, ormai::Refused>) -> (ErrorCode, Json) {
    let error = outcome.unwrap_err();
    crate::support::tells_nothing(&json!({"error": error}), "");
    (error.code, error.details.get("status").cloned().unwrap_or_default())
}

pub(crate) fn is_pending(written: &Written) -> bool {
    matches!(written, Written::Pending(_))
}
