//! Native row-level security from the same policy: what it admits, what it refuses, and how a
//! database that was changed by hand is told from one that was not.

mod check;
mod hostile;
mod installed;
mod script;
mod world;

use std::sync::Arc;

use ormai::Dialect;
use ormai::catalog::Catalog;
use ormai::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai::prelude::*;
use ormai::rls::{self, Script};
use ormai_testkit::{Engine, TestDatabase, run_on};
use serde_json::json;

use crate::support::{ask, column};

/// One body on PostgreSQL, which alone has row-level security.
fn on_postgres(body: impl AsyncFnOnce(&TestDatabase)) {
    run_on(Engine::Postgres, body);
}

/// A policy as a script for a role.
pub(crate) fn script(policy: &str, catalog: Catalog, agent: &str) -> Script {
    let document = PolicyDocument::parse(policy, Format::Yaml).unwrap();
    let options = CompileOptions { has_hash_key: true };
    let policy = CompiledPolicy::compile(&document, Arc::new(catalog), options).unwrap();
    rls::script(&policy, Dialect::Postgres, agent).unwrap()
}

/// What a principal's statement gives as the agents' role.
pub(crate) async fn seen(test: &TestDatabase, who: &Principal, sql: &str) -> Result<Vec<Option<String>>, String> {
    test.as_role(&test.role(), &rls::principal_setting(who), sql).await
}

/// The same as the role of bypasses.
pub(crate) async fn seen_passing(
    test: &TestDatabase,
    who: &Principal,
    sql: &str,
) -> Result<Vec<Option<String>>, String> {
    test.as_role(&format!("{}_bypass", test.role()), &rls::principal_setting(who), sql).await
}

/// The keys that OrmAI answers, page by page; none where it refuses. Refusals are for the
/// principal or the model, never for the database.
pub(crate) async fn answered(ormai: &OrmAi, who: &Principal, model: &str) -> Vec<String> {
    let (mut keys, mut cursor) = (Vec::new(), serde_json::Value::Null);
    loop {
        let mut query = json!({"model": model, "select": ["id"], "limit": 100});
        if cursor.is_string() {
            query["cursor"] = cursor;
        }
        let answer = ask(ormai, who, "query", query).await;
        if let Some(code) = answer["error"]["code"].as_str() {
            let known = ["TENANT_SCOPE_REQUIRED", "PRINCIPAL_INCOMPLETE", "MODEL_NOT_ALLOWED"];
            assert!(known.contains(&code), "{who:?} {model}: {answer}");
            return Vec::new();
        }
        keys.extend(column(&answer, "id").iter().map(|id| id.as_str().map_or(id.to_string(), str::to_owned)));
        cursor = answer["data"]["next_cursor"].clone();
        if !cursor.is_string() {
            keys.sort();
            return keys;
        }
    }
}
