//! What a tenant's transaction holds on to must not be another tenant's.

use ormai::db::{ConnectOptions, Database};
use ormai::prelude::*;
use ormai_testkit::{Engine, TestDatabase, run_on};
use serde_json::{Value as Json, json};

use super::shop::{OPEN, acme, globex, shop, stocked};
use super::{filter, introspected};
use crate::support::{code, outcome};

/// Everything of theirs: each row, and a place for each that is new.
fn theirs() -> Vec<(&'static str, Json)> {
    vec![
        ("update", json!({"model": "Task", "id": 3, "data": {"title": "x"}})),
        ("create", json!({"model": "Task", "data": {"id": 10, "team_id": 3, "code": "G-10", "title": "ten"}})),
        ("create", json!({"model": "Team", "data": {"id": 4, "slug": "grey"}})),
        ("bulk_update", json!({"model": "Task", "filters": [filter("share", "gt", 0)], "data": {"title": "y"}})),
        ("delete", json!({"model": "Task", "id": 10})),
        ("delete", json!({"model": "Team", "id": 4})),
    ]
}

/// What is refused of ours, or done to ours.
fn ours() -> Vec<(&'static str, Json)> {
    vec![
        ("update", json!({"model": "Task", "id": 3, "data": {"title": "x"}})),
        ("update", json!({"model": "Task", "id": 404, "data": {"title": "x"}})),
        ("delete", json!({"model": "Task", "id": 3})),
        ("delete", json!({"model": "Task", "id": 404})),
        ("bulk_update", json!({"model": "Task", "ids": [3, 404], "data": {"title": "x"}})),
        ("bulk_update", json!({"model": "Task", "filters": [filter("share", "lt", 50)], "data": {"title": "x"}})),
        ("bulk_update", json!({"model": "Task", "filters": [filter("title", "eq", "three")], "data": {"title": "x"}})),
        ("update", json!({"model": "Task", "id": 1, "data": {"title": "x"}})),
    ]
}

async fn nothing_of_theirs_is_locked(test: &TestDatabase) {
    let ormai = shop(test).await;
    let options = ConnectOptions { max_connections: 2, ..ConnectOptions::default() };
    let pool = Database::connect(test.url(), &options).await.unwrap();
    let (us, them) = (RunContext::new(acme()).on(pool.clone()), RunContext::new(globex()).on(pool.clone()));
    for (tool, arguments) in ours() {
        let undone = ormai
            .tools()
            .transaction(&us, async |tx| {
                let tried = outcome(tx, &ormai, tool, &arguments).await;
                for (theirs, of_them) in theirs() {
                    let answer = outcome(&them, &ormai, theirs, &of_them).await;
                    assert!(
                        answer.get("data").is_some(),
                        "after {tool} {arguments} ({tried}), {theirs} {of_them}: {answer}"
                    );
                }
                Err::<(), _>(Error::new(ErrorCode::ValidationError, "only to look"))
            })
            .await;
        assert_eq!(undone.unwrap_err().code, ErrorCode::ValidationError);
    }
    assert_eq!(code(&outcome(&us, &ormai, "get", &json!({"model": "Task", "id": 3})).await), "RECORD_NOT_FOUND");
}

/// SQLite has one writer at a time, whoever that is.
#[test]
fn law_2_what_a_tenant_tries_locks_no_row_of_another_on_postgres() {
    run_on(Engine::Postgres, nothing_of_theirs_is_locked);
}

#[test]
fn law_2_what_a_tenant_tries_locks_no_row_of_another_on_mysql() {
    run_on(Engine::MySql, nothing_of_theirs_is_locked);
}

/// The shop, where no statement may wait for long.
fn impatient() -> String {
    format!("budget: {{statement_timeout_ms: 2000}}\n{}", OPEN.trim_start())
}

/// A write of a task by its key or a filter: once of theirs, once of one that does not exist.
fn of(id: i64) -> Vec<(&'static str, Json)> {
    let data = || json!({"title": "x"});
    let named = || json!([filter("id", "eq", id)]);
    let mut calls = vec![
        ("update", json!({"model": "Task", "id": id, "data": data()})),
        ("delete", json!({"model": "Task", "id": id})),
        ("bulk_update", json!({"model": "Task", "ids": [id], "data": data()})),
        ("bulk_update", json!({"model": "Task", "ids": [1, id], "data": data()})),
        ("bulk_update", json!({"model": "Task", "filters": named(), "data": data()})),
        ("bulk_update", json!({"model": "Task", "filters": [filter("share", "gt", 0)], "data": data()})),
    ];
    let dry: Vec<_> = calls.iter().map(|(tool, call)| (*tool, with(call, "dry_run", true))).collect();
    calls.extend(dry);
    calls
}

fn with(call: &Json, name: &str, value: impl Into<Json>) -> Json {
    let mut call = call.clone();
    call[name] = value.into();
    call
}

async fn a_held_row_is_as_one_that_is_not_there(test: &TestDatabase) {
    stocked(test).await;
    let ormai = introspected(test, &impatient()).await;
    let options = ConnectOptions { max_connections: 2, ..ConnectOptions::default() };
    let pool = Database::connect(test.url(), &options).await.unwrap();
    let (us, them) = (RunContext::new(acme()).on(pool.clone()), RunContext::new(globex()).on(pool.clone()));
    let undone = ormai
        .tools()
        .transaction(&them, async |tx| {
            let held = json!({"model": "Task", "id": 3, "data": {"title": "held"}});
            let answer = outcome(tx, &ormai, "update", &held).await;
            assert!(answer.get("data").is_some(), "{answer}");
            for ((tool, theirs), (_, absent)) in of(3).into_iter().zip(of(404)) {
                let expected = untimed(outcome(&us, &ormai, tool, &absent).await);
                let found = untimed(outcome(&us, &ormai, tool, &theirs).await);
                assert_eq!(found, expected, "{tool} {theirs}");
                assert!(expected.get("data").is_some() || code(&expected) == "RECORD_NOT_FOUND", "{tool}: {expected}");
            }
            Err::<(), _>(Error::new(ErrorCode::ValidationError, "only to look"))
        })
        .await;
    assert_eq!(undone.unwrap_err().code, ErrorCode::ValidationError);
}

/// An answer without what differs from call to call.
fn untimed(mut answer: Json) -> Json {
    if let Some(answer) = answer.as_object_mut() {
        answer.remove("metadata");
    }
    answer
}

/// How long a write takes would tell otherwise that a row is there, and that it is being changed.
#[test]
fn law_2_a_row_that_another_tenant_holds_is_as_one_that_is_not_there_on_postgres() {
    run_on(Engine::Postgres, a_held_row_is_as_one_that_is_not_there);
}

#[test]
fn law_2_a_row_that_another_tenant_holds_is_as_one_that_is_not_there_on_mysql() {
    run_on(Engine::MySql, a_held_row_is_as_one_that_is_not_there);
}
