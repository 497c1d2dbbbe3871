//! What each write does, and attacks 15 to 19 and 21, with those of the attacks on reads that have
//! a twin among the writes.

mod bulk_update;
mod connections;
mod constraints;
mod create;
mod delete;
mod dry_run;
mod hidden;
mod hostile_values;
mod keys;
mod locks;
mod lookalikes;
mod move_away;
mod permits;
mod references;
mod rules;
mod shop;
mod strangers;
mod taken;
mod transactions;
mod triggers;
mod undone;
mod update;
mod who;

use ormai::policy::Format;
use ormai::prelude::*;
use ormai_testkit::{Dataset, TestDatabase, guide_catalog, writes_policy};
use serde_json::{Value as Json, json};

use crate::support::{ask, database, outcome, with_policy};

/// The guide's models with the demo rows, opened to be written.
async fn writable(test: &TestDatabase) -> OrmAi {
    test.load(&Dataset::demo()).await;
    with_policy(test, writes_policy(), guide_catalog()).await
}

/// The guide's models with the demo rows, under a policy.
async fn under(test: &TestDatabase, policy: &str) -> OrmAi {
    test.load(&Dataset::demo()).await;
    with_policy(test, policy, guide_catalog()).await
}

/// A policy over the tables of the test's own, as the database describes them.
async fn introspected(test: &TestDatabase, policy: &str) -> OrmAi {
    OrmAi::builder().database(database(test)).policy_text(policy, Format::Yaml).build().await.unwrap()
}

/// The answer to a write that is refused, which leaves every byte as it was.
async fn refused(test: &TestDatabase, ormai: &OrmAi, who: &Principal, tool: &str, arguments: Json) -> Json {
    let before = test.contents().await;
    let answer = ask(ormai, who, tool, arguments.clone()).await;
    assert!(answer.get("error").is_some(), "{tool} {arguments}: {answer}");
    assert_eq!(test.contents().await, before, "{tool} {arguments} changed something: {answer}");
    answer
}

/// The data of a write that is done, at a time that is always the same.
async fn done(ormai: &OrmAi, who: &Principal, tool: &str, arguments: Json) -> Json {
    let ctx = RunContext::new(who.clone()).now("2026-03-01T00:00:00Z".parse().unwrap());
    let answer = outcome(&ctx, ormai, tool, &arguments).await;
    assert!(answer.get("data").is_some(), "{tool} {arguments}: {answer}");
    answer["data"].clone()
}

/// A filter on a field.
fn filter(field: &str, op: &str, value: impl Into<Json>) -> Json {
    json!({"field": field, "op": op, "value": value.into()})
}
