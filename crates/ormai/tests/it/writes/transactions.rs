//! Transactions: calls that are kept together, or not at all.

use std::sync::atomic::{AtomicUsize, Ordering};

use ormai::Retry;
use ormai::db::{ConnectOptions, Database};
use ormai::policy::Format;
use ormai::prelude::*;
use ormai::sqlx::{Connection as _, Executor as _};
use ormai_testkit::{Engine, Pool, TestDatabase, every_engine, run_on};
use serde_json::{Value as Json, json};
use tokio::sync::{Barrier, Notify};

use super::writable;
use crate::support::{acme, code, globex, outcome};

fn update(id: i64, status: &str) -> Update {
    Update::new("Order", id).set("status", status)
}

async fn statuses(ormai: &OrmAi) -> Vec<Json> {
    let page = outcome(&RunContext::new(acme()), ormai, "query", &json!({"model": "Order"})).await;
    crate::support::column(&page, "status")
}

const AS_BEFORE: [&str; 3] = ["pending", "paid", "pending"];

every_engine! {
    async fn transaction_keeps_all_of_its_calls(test: &TestDatabase) {
        let ormai = writable(test).await;
        let (tools, ctx) = (ormai.tools(), RunContext::new(acme()));
        let seen = tools.transaction(&ctx, async |tx| {
            tools.update(tx, update(1, "a")).await?;
            tools.create(tx, Create::new("Order").set("id", 9).set("user_id", "user-123").set("status", "b").set("total", 1)).await?;
            tools.create(tx, Create::new("OrderItem").set("id", 10).set("order_id", 9).set("sku", "A").set("quantity", 1).set("price", 1).reason("x")).await?;
            tools.delete(tx, Delete::new("Order", 3)).await?;
            // What is written is seen inside.
            let order = tools.get(tx, Get::model("Order", 9)).await?;
            Ok(order.data.value("status").cloned())
        }).await.unwrap();
        assert_eq!(seen, Some("b".into()));
        assert_eq!(statuses(&ormai).await, ["a", "paid", "b"]);
        assert_eq!(test.count("order_items").await, 10);
    }

    async fn transaction_that_fails_leaves_nothing(test: &TestDatabase) {
        let ormai = writable(test).await;
        let (tools, ctx) = (ormai.tools(), RunContext::new(acme()));
        let before = test.contents().await;
        let failed = tools.transaction(&ctx, async |tx| {
            tools.update(tx, update(1, "a")).await?;
            tools.delete(tx, Delete::new("Order", 3)).await?;
            tools.update(tx, update(4, "theirs")).await?;
            Ok(())
        }).await.unwrap_err();
        assert_eq!((failed.code, test.contents().await), (ErrorCode::RecordNotFound, before.clone()));
        let own = tools.transaction(&ctx, async |tx| {
            tools.update(tx, update(1, "a")).await?;
            Err::<(), _>(Error::new(ErrorCode::ValidationError, "the caller's own reason"))
        }).await.unwrap_err();
        assert_eq!((own.message.as_str(), test.contents().await), ("the caller's own reason", before));
    }

    async fn transaction_outlives_a_call_that_is_refused(test: &TestDatabase) {
        let ormai = writable(test).await;
        let (tools, ctx) = (ormai.tools(), RunContext::new(acme()));
        tools.transaction(&ctx, async |tx| {
            tools.update(tx, update(1, "a")).await?;
            for (refused, expected) in [
                // By the database, by the check, by the cap, by the policy, and for want of a row.
                (tools.create(tx, Create::new("Order").set("id", 2).set("user_id", "user-123").set("status", "x").set("total", 1)).await, ErrorCode::Conflict),
                (tools.delete(tx, Delete::new("Order", 2)).await, ErrorCode::Conflict),
                (tools.create(tx, Create::new("Document").set("id", 9).set("title", "x").set("body", "x").set("is_public", true)).await, ErrorCode::WriteNotAllowed),
                (tools.bulk_update(tx, BulkUpdate::new("Order").ids([1, 2, 3]).set("status", "x")).await, ErrorCode::MaxAffectedRowsExceeded),
                (tools.update(tx, Update::new("Order", 1).set("tenant_id", "globex")).await, ErrorCode::WriteNotAllowed),
                (tools.update(tx, update(4, "x")).await, ErrorCode::RecordNotFound),
                (tools.update(tx, Update::new("Order", 1).set("user_id", "user-201")).await, ErrorCode::ValidationError),
            ] {
                assert_eq!(refused.unwrap_err().code, expected);
            }
            tools.update(tx, update(3, "c")).await?;
            Ok(())
        }).await.unwrap();
        assert_eq!(statuses(&ormai).await, ["a", "paid", "c"]);
        assert_eq!((test.count("documents").await, test.count("orders").await), (5, 8));
    }

    async fn transaction_in_a_transaction_is_undone_alone(test: &TestDatabase) {
        let ormai = writable(test).await;
        let (tools, ctx) = (ormai.tools(), RunContext::new(acme()));
        tools.transaction(&ctx, async |tx| {
            tools.update(tx, update(1, "outer")).await?;
            let inner = tools.transaction(tx, async |inner| {
                tools.update(inner, update(2, "inner")).await?;
                let kept = tools.transaction(inner, async |innermost| Ok(tools.update(innermost, update(3, "innermost")).await?)).await;
                assert!(kept.is_ok());
                Ok(tools.update(inner, update(404, "x")).await?)
            }).await;
            assert_eq!(inner.unwrap_err().code, ErrorCode::RecordNotFound);
            tools.transaction(tx, async |inner| Ok(tools.update(inner, update(3, "second")).await?)).await?;
            Ok(())
        }).await.unwrap();
        assert_eq!(statuses(&ormai).await, ["outer", "paid", "second"]);
    }

    async fn transaction_whose_inner_one_is_kept_may_still_fail(test: &TestDatabase) {
        let ormai = writable(test).await;
        let (tools, ctx) = (ormai.tools(), RunContext::new(acme()));
        let before = test.contents().await;
        let failed = tools.transaction(&ctx, async |tx| {
            tools.transaction(tx, async |inner| Ok(tools.update(inner, update(3, "inner")).await?)).await?;
            Ok(tools.delete(tx, Delete::new("Order", 404)).await?)
        }).await;
        assert!(failed.is_err());
        assert_eq!(test.contents().await, before);
    }

    async fn transaction_refuses_the_context_around_it(test: &TestDatabase) {
        let ormai = writable(test).await;
        let (tools, ctx) = (ormai.tools(), RunContext::new(acme()));
        tools.transaction(&ctx, async |tx| {
            let inner = tools.transaction(tx, async |inner| {
                assert_eq!(tools.update(tx, update(1, "around")).await.unwrap_err().code, ErrorCode::Internal);
                assert_eq!(tools.get(tx, Get::model("Order", 1)).await.unwrap_err().code, ErrorCode::Internal);
                let second = tools.transaction(tx, async |_| Ok(())).await;
                assert_eq!(second.unwrap_err().code, ErrorCode::Internal);
                Ok(tools.update(inner, update(2, "inside")).await?)
            }).await;
            assert!(inner.is_ok());
            // When it has ended the context is free again.
            Ok(tools.update(tx, update(3, "after")).await?)
        }).await.unwrap();
        assert_eq!(statuses(&ormai).await, ["pending", "inside", "after"]);
    }

    async fn transaction_that_is_dropped_leaves_nothing(test: &TestDatabase) {
        let ormai = writable(test).await;
        let before = test.contents().await;
        let options = ConnectOptions { max_connections: 1, ..ConnectOptions::default() };
        let one = Database::connect(test.url(), &options).await.unwrap();
        let tools = ormai.tools();
        for nested in [false, true] {
            let ctx = RunContext::new(acme()).on(one.clone());
            let written = Notify::new();
            let halted = tools.transaction(&ctx, async |tx| {
                tools.update(tx, update(1, "a")).await?;
                if nested {
                    tools.transaction(tx, async |inner| {
                        tools.update(inner, update(2, "b")).await?;
                        written.notify_one();
                        std::future::pending::<Result<(), Error>>().await
                    }).await?;
                }
                written.notify_one();
                std::future::pending::<Result<(), Error>>().await
            });
            tokio::select! {
                _ = halted => panic!("it ended"),
                () = written.notified() => {}
            }
            // The connection is the next one's, who sees nothing of it.
            let page = outcome(&RunContext::new(acme()).on(one.clone()), &ormai, "query", &json!({"model": "Order"})).await;
            assert_eq!(crate::support::column(&page, "status"), AS_BEFORE);
            assert_eq!(test.contents().await, before);
            let theirs = outcome(&RunContext::new(globex()).on(one.clone()), &ormai, "update", &json!({"model": "Order", "id": 1, "data": {"status": "x"}})).await;
            assert_eq!(code(&theirs), "RECORD_NOT_FOUND");
        }
        outcome(&RunContext::new(acme()).on(one), &ormai, "update", &json!({"model": "Order", "id": 1, "data": {"status": "then"}})).await;
        assert_eq!(statuses(&ormai).await, ["then", "paid", "pending"]);
    }

    async fn writes_in_the_callers_transaction_are_the_callers(test: &TestDatabase) {
        let ormai = writable(test).await;
        let before = test.contents().await;
        macro_rules! joined {
            ($pool:expr) => {{
                for keep in [false, true] {
                    let mut transaction = $pool.begin().await.unwrap();
                    transaction.execute("UPDATE orders SET note = 'the caller''s' WHERE id = 2").await.unwrap();
                    {
                        let ctx = RunContext::new(acme()).within(&mut transaction);
                        let tools = ormai.tools();
                        tools.update(&ctx, update(1, "joined")).await.unwrap();
                        for (tool, arguments, expected) in [
                            ("update", json!({"model": "Order", "id": 4, "data": {"status": "x"}}), "RECORD_NOT_FOUND"), ("delete", json!({"model": "Order", "id": 1}), "CONFLICT"),
                            ("bulk_update", json!({"model": "Order", "ids": [1, 2, 3], "data": {"status": "x"}}), "MAX_AFFECTED_ROWS_EXCEEDED"),
                            ("create", json!({"model": "Document", "data": {"id": 9, "title": "x", "body": "x", "is_public": true}}), "WRITE_NOT_ALLOWED"),
                        ] {
                            assert_eq!(code(&outcome(&ctx, &ormai, tool, &arguments).await), expected);
                        }
                        let undone = tools.transaction(&ctx, async |tx| {
                            tools.update(tx, update(2, "undone")).await?;
                            Ok(tools.update(tx, update(404, "x")).await?)
                        }).await;
                        assert!(undone.is_err());
                        tools.transaction(&ctx, async |tx| Ok(tools.update(tx, update(3, "grouped")).await?)).await.unwrap();
                        let inside = outcome(&ctx, &ormai, "query", &json!({"model": "Order"})).await;
                        assert_eq!(crate::support::column(&inside, "status"), ["joined", "paid", "grouped"]);
                        assert_eq!(crate::support::column(&inside, "note")[1], "the caller's");
                    }
                    // Nothing is kept before the caller says so.
                    assert_eq!(statuses(&ormai).await, AS_BEFORE);
                    if keep { transaction.commit().await.unwrap() } else { transaction.rollback().await.unwrap() }
                    if !keep { assert_eq!(test.contents().await, before) }
                }
            }};
        }
        match test.pool() {
            Pool::Sqlite(pool) => joined!(pool),
            Pool::Postgres(pool) => joined!(pool),
            Pool::MySql(pool) => joined!(pool),
        }
        assert_eq!(statuses(&ormai).await, ["joined", "paid", "grouped"]);
        assert_eq!(test.count("documents").await, 5);
    }

    async fn writes_on_the_callers_connection_are_kept_one_by_one(test: &TestDatabase) {
        let ormai = writable(test).await;
        macro_rules! on {
            ($pool:expr) => {{
                let mut connection = $pool.acquire().await.unwrap();
                {
                    let ctx = RunContext::new(acme()).within(&mut *connection);
                    ormai.tools().update(&ctx, update(1, "kept")).await.unwrap();
                    assert_eq!(code(&outcome(&ctx, &ormai, "delete", &json!({"model": "Order", "id": 1})).await), "CONFLICT");
                    assert_eq!(statuses(&ormai).await, ["kept", "paid", "pending"]);
                }
                connection.ping().await.unwrap();
            }};
        }
        match test.pool() {
            Pool::Sqlite(pool) => on!(pool),
            Pool::Postgres(pool) => on!(pool),
            Pool::MySql(pool) => on!(pool),
        }
    }

    async fn two_principals_in_one_transaction_of_the_callers_stay_apart(test: &TestDatabase) {
        let ormai = writable(test).await;
        macro_rules! shared {
            ($pool:expr) => {{
                let mut transaction = $pool.begin().await.unwrap();
                for (who, id, other) in [(acme(), 1, 4), (globex(), 4, 1), (acme(), 2, 5)] {
                    let ctx = RunContext::new(who).within(&mut transaction);
                    ormai.tools().update(&ctx, update(id, "own")).await.unwrap();
                    assert_eq!(ormai.tools().update(&ctx, update(other, "x")).await.unwrap_err().code, ErrorCode::RecordNotFound);
                }
                transaction.commit().await.unwrap();
            }};
        }
        match test.pool() {
            Pool::Sqlite(pool) => shared!(pool),
            Pool::Postgres(pool) => shared!(pool),
            Pool::MySql(pool) => shared!(pool),
        }
        assert_eq!(statuses(&ormai).await, ["own", "own", "pending"]);
    }
}

/// Two transactions that each want what the other has, the first time. How often each was begun.
async fn deadlocked(ormai: &OrmAi, retry: Retry) -> ([Result<(), ormai::Refused>; 2], usize) {
    let (barrier, tries) = (Barrier::new(2), AtomicUsize::new(0));
    let one = async |first: i64, second: i64| {
        let (ctx, mine) = (RunContext::new(acme()).retry(retry), AtomicUsize::new(0));
        ormai
            .tools()
            .transaction(&ctx, async |tx| {
                tries.fetch_add(1, Ordering::SeqCst);
                ormai.tools().update(tx, update(first, "locked")).await?;
                if mine.fetch_add(1, Ordering::SeqCst) == 0 {
                    barrier.wait().await;
                }
                ormai.tools().update(tx, update(second, "both")).await?;
                Ok(())
            })
            .await
    };
    let (left, right) = tokio::join!(one(1, 2), one(2, 1));
    ([left, right], tries.load(Ordering::SeqCst))
}

async fn a_deadlock_is_tried_again(test: &TestDatabase) {
    let ormai = writable(test).await;
    let (outcomes, tries) = deadlocked(&ormai, Retry::default()).await;
    assert_eq!(tries, 2);
    let failed: Vec<&ormai::Refused> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].code, failed[0].retryable), (ErrorCode::Conflict, true));
    crate::support::tells_nothing(&json!({"error": failed[0]}), "");
    let (outcomes, tries) = deadlocked(&ormai, Retry::times(5)).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert!(tries > 2);
}

#[test]
fn a_deadlock_is_tried_again_on_postgres() {
    run_on(Engine::Postgres, a_deadlock_is_tried_again);
}

#[test]
fn a_deadlock_is_tried_again_on_mysql() {
    run_on(Engine::MySql, a_deadlock_is_tried_again);
}

#[test]
fn a_serialisation_failure_is_tried_again_on_postgres() {
    run_on(Engine::Postgres, async |test| {
        writable(test).await;
        test.execute("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation TO ''repeatable read''', current_database()); END $$").await;
        let database = Database::connect(test.url(), &ConnectOptions::default()).await.unwrap();
        let builder = OrmAi::builder().database(database).policy_text(ormai_testkit::writes_policy(), Format::Yaml);
        let ormai = builder.catalog(ormai_testkit::guide_catalog()).build().await.unwrap();
        let tools = ormai.tools();
        for (retry, expected) in [(Retry::default(), 1), (Retry::times(3), 2)] {
            let (ctx, tries) = (RunContext::new(acme()).retry(retry), AtomicUsize::new(0));
            let done = tools
                .transaction(&ctx, async |tx| {
                    tools.get(tx, Get::model("Order", 1)).await?;
                    if tries.fetch_add(1, Ordering::SeqCst) == 0 {
                        // Somebody else comes first, with another connection.
                        tools.update(&RunContext::new(acme()), update(1, "first")).await?;
                    }
                    tools.update(tx, update(1, "second")).await?;
                    Ok(())
                })
                .await;
            assert_eq!(tries.load(Ordering::SeqCst), expected);
            match done {
                Ok(()) => assert_eq!(expected, 2),
                Err(error) => assert_eq!((error.code, error.retryable, expected), (ErrorCode::Conflict, true, 1)),
            }
        }
        assert_eq!(statuses(&ormai).await[0], "second");
    });
}
