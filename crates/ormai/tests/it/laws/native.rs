//! The native oracle: for any world, policy and principal, PostgreSQL's own row-level security
//! admits the rows that OrmAI answers.
//!
//! Both read the same policy, and nothing else is the same: there the planner decides what the
//! principal decides and binds the rest, here an expression reads the principal while it runs.
//! Where OrmAI refuses a principal there are no rows here, of whatever code the refusal is.
//!
//! They may differ in three ways, and in none does the database show more of a row's owner than
//! the policy does:
//!
//! - a bypass works only for the role of bypasses; as the agents' role its principal stays scoped;
//! - a principal that `jsonb` cannot hold (text with a NUL) sees nothing here, and in OrmAI what
//!   needs none of its attributes;
//! - budgets are OrmAI's: a list longer than `max_list_length` is refused there and read here.
//!   So the law runs without budgets.

use std::cell::RefCell;

use ormai::prelude::*;
use ormai::rls;
use ormai_testkit::world::{
    Action, AsCatalog as _, AsDocument as _, AsPrincipal as _, AsTable as _, Asked, Budget, Case, Cases, FieldPolicy,
    ModelPolicy, Policy, RowEffect, World,
};
use ormai_testkit::{Engine, TestDatabase, run_on};
use proptest::test_runner::TestCaseError;
use serde_json::{Value as Json, json};

use super::under_test::{Checked, Loaded, Size, prove};
use crate::row_level_security::script;
use crate::support::build;

const CASES: Cases = Cases { trials: 3, asks: 6, of_one: false, of: Asked::Reads };

/// Each principal is asked about every model, of which a world has three on average.
const SIZE: Size = Size { cases: CASES, asks_per_case: CASES.trials * CASES.asks * 3, asks: 540 };

/// How many comparisons had no rows, some, and all.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    none: usize,
    some: usize,
    all: usize,
    /// Policies that did not load.
    not_loaded: usize,
}

/// The engine stands last in the name, as in the tests that every engine has.
mod law_1_native_row_level_security_admits_the_rows_that_ormai_answers {
    #[test]
    fn postgres() {
        super::run_on(super::Engine::Postgres, super::body);
    }
}

async fn body(test: &TestDatabase) {
    prove(
        test,
        "native row-level security",
        SIZE,
        async |loaded, case, counts| holds(loaded, case, counts).await,
        |counts: &Counts| {
            // Cases that admit nothing, or everything, tell nothing.
            let Counts { none, some, all, not_loaded } = counts;
            assert!(some * 5 > none + some + all, "{counts:?}");
            assert!(all * 50 > *some, "{counts:?}");
            assert!(not_loaded * 50 <= none + some + all, "{counts:?}");
        },
    );
}

async fn holds(loaded: &mut Loaded<'_>, case: &Case, counts: &RefCell<Counts>) -> Checked {
    let mut outcome = Ok(());
    for trial in &case.trials {
        let policy = telling_keys(&trial.policy, &case.world);
        let principals: Vec<Principal> = trial.asks.iter().map(|ask| ask.who.principal()).collect();
        outcome = compared(loaded.test, &case.world, &loaded.prefix, &policy, &principals, counts).await;
        if outcome.is_err() {
            break;
        }
    }
    // Policies, and so tables, are held by the functions.
    loaded.test.execute("DROP SCHEMA IF EXISTS ormai_rls CASCADE").await;
    outcome
}

async fn compared(
    test: &TestDatabase,
    world: &World,
    prefix: &str,
    policy: &Policy,
    principals: &[Principal],
    counts: &RefCell<Counts>,
) -> Checked {
    let yaml = policy.to_yaml();
    let catalog = || world.catalog(test.engine(), prefix).unwrap();
    // A policy that does not load is no trial: a key that was opened may be one too many for an
    // overlay, and that happens while a case is made simpler.
    let ormai = match build(test, &yaml, catalog()).await {
        Ok(ormai) => ormai,
        Err(ormai::BuildError::Policy(_)) => {
            counts.borrow_mut().not_loaded += 1;
            return Ok(());
        }
        Err(error) => return Err(TestCaseError::fail(error.to_string())),
    };
    let script = script(&yaml, catalog(), &test.role());
    test.execute(script.body()).await;
    let has_bypass = yaml.contains("bypass: true");
    for who in principals {
        for model in &world.models {
            let is_held = !rls::principal_setting(who).contains("\\u0000");
            let expected = if is_held { answered(&ormai, who, &model.name, &model.key).await } else { Vec::new() };
            let key: Vec<String> = model.key.iter().map(|column| format!("{column}::text")).collect();
            let sql = format!("SELECT json_build_array({})::text FROM {}", key.join(", "), model.table(prefix));
            let as_agent = stored(test, &test.role(), who, &sql).await;
            let passing = format!("{}_bypass", test.role());
            let found = if has_bypass && policy_passes(policy) {
                stored(test, &passing, who, &sql).await
            } else {
                as_agent.clone()
            };
            if found != expected || as_agent.iter().any(|key| !expected.contains(key)) {
                let (tenant, metadata) = (who.tenant_id(), who.all_metadata());
                return Err(TestCaseError::fail(format!(
                    "{}: OrmAI answers {expected:?}, PostgreSQL {found:?}, as the agents' role {as_agent:?}\n\
                     tenant {tenant}, user {}, roles {:?}, metadata {metadata:?}\n{yaml}\n{script}",
                    model.name,
                    who.user_id(),
                    who.roles(),
                )));
            }
            let mut counts = counts.borrow_mut();
            let count = match expected.len() {
                0 => &mut counts.none,
                all if all == model.rows.len() => &mut counts.all,
                _ => &mut counts.some,
            };
            *count += 1;
        }
    }
    Ok(())
}

/// Whether some open model has a bypass, so that there is a role for it.
pub(super) fn policy_passes(policy: &Policy) -> bool {
    let bypasses = |model: &ModelPolicy| model.rows.iter().any(|row| row.effect == RowEffect::Bypass);
    policy
        .models
        .iter()
        .any(|(_, model)| bypasses(model) || model.roles.iter().any(|(_, overlay)| bypasses(&overlay.says)))
}

/// Sorted keys as the role sees them; none where it may not read the table at all.
async fn stored(test: &TestDatabase, role: &str, who: &Principal, sql: &str) -> Vec<String> {
    let mut keys: Vec<String> = match test.as_role(role, &rls::principal_setting(who), sql).await {
        Ok(keys) => {
            keys.into_iter().flatten().map(|key| serde_json::from_str::<Json>(&key).unwrap().to_string()).collect()
        }
        Err(code) => {
            assert_eq!(code, "42501", "no error but that of a closed table");
            Vec::new()
        }
    };
    keys.sort();
    keys
}

/// Sorted keys of all pages; none where OrmAI refuses the principal or the model.
async fn answered(ormai: &OrmAi, who: &Principal, model: &str, key: &[String]) -> Vec<String> {
    let (mut keys, mut cursor) = (Vec::new(), Json::Null);
    loop {
        let mut query = json!({"model": model, "select": key, "limit": 100});
        if cursor.is_string() {
            query["cursor"] = cursor;
        }
        let answer = ormai.tools().call(&RunContext::new(who.clone()), "query", &query).await;
        let answer = serde_json::to_value(answer).unwrap();
        if let Some(code) = answer["error"]["code"].as_str() {
            let known = ["TENANT_SCOPE_REQUIRED", "PRINCIPAL_INCOMPLETE", "MODEL_NOT_ALLOWED"];
            assert!(known.contains(&code), "{answer}");
            return Vec::new();
        }
        for row in answer["data"]["rows"].as_array().unwrap() {
            let of_row = key.iter().map(|column| row[column].as_str().map_or(row[column].to_string(), str::to_owned));
            keys.push(Json::from(of_row.collect::<Vec<_>>()).to_string());
        }
        cursor = answer["data"]["next_cursor"].clone();
        if !cursor.is_string() {
            keys.sort();
            return keys;
        }
    }
}

/// The policy with the same rows, and without what would keep a page of keys from being asked.
fn telling_keys(policy: &Policy, world: &World) -> Policy {
    let mut policy = policy.clone();
    policy.budget = Budget::default();
    for (name, model) in &mut policy.models {
        let key = world.model(name).map(|model| model.key.clone()).unwrap_or_default();
        open(model, &key, true);
        for (_, overlay) in &mut model.roles {
            open(&mut overlay.says, &key, false);
        }
    }
    policy
}

fn open(model: &mut ModelPolicy, key: &[String], is_base: bool) {
    model.budget = Budget::default();
    model.aggregations = None;
    model.fields.retain(|(field, _)| !key.contains(field));
    if is_base {
        let shown = |field: &String| (field.clone(), FieldPolicy { action: Action::Allow, equality: false });
        model.fields.extend(key.iter().map(shown));
    }
}
