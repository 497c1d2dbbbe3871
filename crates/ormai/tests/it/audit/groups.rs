//! Transactions: each try has a record of its own, and the calls in it point there.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};

use ormai::Retry;
use ormai::audit::{Entry, Outcome};
use ormai::prelude::*;
use ormai::request::Update;
use ormai_testkit::{Pool, every_engine};

use super::{closed, shop};
use crate::support::acme;

fn update(status: &str) -> Update {
    Update::new("Order", 1).set("status", status)
}

fn on_purpose() -> Error {
    Error::new(ErrorCode::ValidationError, "on purpose")
}

/// The records of the transactions, and those of the calls in each.
fn groups(records: &[Entry]) -> Vec<(&Entry, Vec<&Entry>)> {
    let transactions = records.iter().filter(|record| record.tool_name == "transaction");
    let inside = |id: &str| records.iter().filter(|record| record.transaction.as_deref() == Some(id)).collect();
    transactions.map(|record| (record, inside(&record.id))).collect()
}

every_engine! {
    async fn a_transaction_has_a_record_and_its_calls_point_there(test: &TestDatabase) {
        let (ormai, store) = shop(test).await;
        let (tools, ctx) = (ormai.tools(), RunContext::new(acme()));
        tools.transaction(&ctx, async |tx| {
            tools.get(tx, Get::model("Order", 1)).await?;
            tools.update(tx, update("inside")).await?;
            let undone = tools.transaction(tx, async |tx| {
                tools.update(tx, update("deeper")).await?;
                Err::<(), _>(on_purpose())
            });
            undone.await.unwrap_err();
            Ok(())
        }).await.unwrap();
        tools.transaction(&ctx, async |tx| {
            tools.update(tx, update("undone")).await?;
            Err::<(), _>(on_purpose())
        }).await.unwrap_err();
        let records = closed(&store);
        assert_eq!(records.len(), 7);
        let groups = groups(&records);
        let outcomes: Vec<(Outcome, usize)> = groups.iter().map(|(record, inside)| (record.outcome, inside.len())).collect();
        // The inner one is closed first, and the outer one decides about it.
        assert_eq!(outcomes, [(Outcome::Refused, 1), (Outcome::Answered, 3), (Outcome::Refused, 1)]);
        assert_eq!(groups[0].0.transaction.as_ref(), Some(&groups[1].0.id));
        assert!(groups.iter().flat_map(|(_, inside)| inside).all(|call| call.success || call.tool_name == "transaction"));
        assert_eq!(groups[2].0.error.as_ref().unwrap().code, "VALIDATION_ERROR");
    }

    /// Otherwise the calls of a try that was undone would look as if they were kept.
    async fn each_try_of_a_transaction_has_a_record_of_its_own(test: &TestDatabase) {
        let (ormai, store) = shop(test).await;
        let (tools, tries) = (ormai.tools(), AtomicUsize::new(0));
        let ctx = RunContext::new(acme()).retry(Retry::times(3));
        tools.transaction(&ctx, async |tx| {
            tools.update(tx, update("tried")).await?;
            if tries.fetch_add(1, Ordering::SeqCst) == 0 {
                let mut in_the_way = Error::new(ErrorCode::Conflict, "another change was in the way");
                in_the_way.retryable = true;
                return Err(in_the_way);
            }
            Ok(())
        }).await.unwrap();
        let records = closed(&store);
        let outcomes: Vec<(Outcome, usize)> = groups(&records).iter().map(|(record, inside)| (record.outcome, inside.len())).collect();
        assert_eq!(outcomes, [(Outcome::Refused, 1), (Outcome::Answered, 1)]);
    }

    async fn a_panic_of_the_caller_leaves_a_record(test: &TestDatabase) {
        let (ormai, store) = shop(test).await;
        let before = test.contents().await;
        let tools = ormai.tools();
        let panicking = async {
            let ctx = RunContext::new(acme());
            tools.transaction(&ctx, async |tx| {
                tools.update(tx, update("undone")).await?;
                if tx.principal().user_id() == "user-123" {
                    panic!("on purpose");
                }
                Ok(())
            }).await
        };
        let mut panicking = Box::pin(panicking);
        let caught = std::future::poll_fn(|context| {
            match std::panic::catch_unwind(AssertUnwindSafe(|| panicking.as_mut().poll(context))) {
                Ok(polled) => polled.map(|_| false),
                Err(_) => std::task::Poll::Ready(true),
            }
        }).await;
        assert!(caught, "it has panicked");
        drop(panicking);
        let records = closed(&store);
        let groups = groups(&records);
        assert_eq!((records.len(), groups[0].0.outcome, groups[0].1.len()), (2, Outcome::Dropped, 1));
        // What the connection left behind is gone with its next use.
        tools.get(&RunContext::new(acme()), Get::model("Order", 1)).await.unwrap();
        assert_eq!(test.contents().await, before);
    }

    async fn a_call_in_a_transaction_of_the_callers_says_so(test: &TestDatabase) {
        let (ormai, store) = shop(test).await;
        macro_rules! within {
            ($pool:expr) => {{
                let mut transaction = $pool.begin().await.unwrap();
                {
                    let ctx = RunContext::new(acme()).within(&mut transaction);
                    ormai.tools().update(&ctx, update("callers")).await.unwrap();
                    ormai.tools().get(&ctx, Get::model("Order", 1)).await.unwrap();
                }
                transaction.rollback().await.unwrap();
            }};
        }
        match test.pool() {
            Pool::Sqlite(pool) => within!(pool),
            Pool::Postgres(pool) => within!(pool),
            Pool::MySql(pool) => within!(pool),
        }
        let records = closed(&store);
        let of: Vec<Option<&str>> = records.iter().map(|record| record.transaction.as_deref()).collect();
        assert_eq!(of, [Some("caller"), Some("caller")]);
    }
}
