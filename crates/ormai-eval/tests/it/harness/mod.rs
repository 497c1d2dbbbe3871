//! Calls, held to the invariants.

#[cfg(feature = "faults")]
mod faults;
mod laws;
mod sound;
mod tampered;

use std::sync::Arc;

use ormai::audit::MemoryStore;
use ormai::policy::document::PolicyDocument;
use ormai::prelude::*;
use ormai_eval::EvalHarness;
use ormai_testkit::{Dataset, TestDatabase, guide_catalog, guide_policy, writes_policy};

/// A harness for a policy over the guide's models with a handful of rows.
async fn harness_of(test: &TestDatabase, policy: &str) -> EvalHarness {
    test.load(&Dataset::demo()).await;
    let document = PolicyDocument::parse(policy, ormai::policy::Format::Yaml).unwrap();
    let ormai = OrmAi::builder().database_url(test.url()).catalog(guide_catalog()).policy(document.clone());
    let ormai = ormai.audit(Arc::new(MemoryStore::new())).hash_key([7; 32]).build().await.unwrap();
    EvalHarness::new(ormai.tools(), &document).unwrap()
}

async fn guide(test: &TestDatabase) -> EvalHarness {
    harness_of(test, guide_policy()).await
}

async fn writes(test: &TestDatabase) -> EvalHarness {
    harness_of(test, writes_policy()).await
}

fn acme() -> Principal {
    Principal::new("acme-corp").user("user-123").role("support")
}
