//! Two who say yes at once, and a process that ends between any two steps.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use ormai::approvals::{SqlApprovals, Status};
use ormai::prelude::*;
use ormai::request::Create;
use ormai_testkit::{Dataset, TestDatabase, every_engine};

use super::{POLICY, after, agent, ask, by, shop, with_store};

/// Drops a future after so many turns; what it came to, if it ended before.
async fn dropped_after<F: Future>(turns: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = turns;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

fn create(number: usize) -> Create {
    Create::new("Order").set("id", number).set("user_id", "user-123").set("status", "new").set("total", "1.00")
}

async fn orders(test: &TestDatabase) -> i64 {
    test.count("orders").await
}

every_engine! {
    async fn of_many_approvers_at_once_one_has_the_write_made(test: &TestDatabase) {
        let ormai = shop(test).await;
        let id = ask(&ormai, agent(), create(900)).await;
        let before = orders(test).await;
        let approvers = (0..8).map(|number| {
            let (ormai, id) = (ormai.clone(), id.clone());
            let ctx = by(Principal::new("acme-corp").user(format!("boss-{number}")).role("manager"));
            tokio::spawn(async move { ormai.approvals().approve(&ctx, &id, None).await })
        });
        let mut made = 0;
        for approver in approvers.collect::<Vec<_>>() {
            match approver.await.unwrap() {
                Ok(approval) => {
                    assert_eq!(approval.status, Status::Executed);
                    made += 1;
                }
                Err(error) => assert_eq!(error.code, ErrorCode::Conflict, "{error}"),
            }
        }
        assert_eq!(made, 1);
        assert_eq!(orders(test).await, before + 1);
    }

    /// The same approver twice is one approver.
    async fn of_one_approver_many_times_the_write_is_made_once(test: &TestDatabase) {
        let ormai = shop(test).await;
        let id = ask(&ormai, agent(), create(900)).await;
        let before = orders(test).await;
        let words = (0..8).map(|_| {
            let (ormai, id) = (ormai.clone(), id.clone());
            let ctx = by(Principal::new("acme-corp").user("boss").role("manager"));
            tokio::spawn(async move { ormai.approvals().approve(&ctx, &id, None).await })
        });
        let mut made = 0;
        for word in words.collect::<Vec<_>>() {
            match word.await.unwrap() {
                Ok(approval) => {
                    assert_eq!(approval.status, Status::Executed);
                    made += 1;
                }
                // It had been done already, or another transaction stood in the way for a moment.
                Err(error) => assert!(error.code == ErrorCode::Conflict || error.retryable, "{error}"),
            }
        }
        assert!(made >= 1);
        assert_eq!(orders(test).await, before + 1);
    }

    /// The call is dropped at each place where it waits; whoever goes on makes the write, and
    /// makes it once: a second time its key would be taken, and the request would fail. How often it waits is
    /// up to the server: what is answered at once is no place to drop it, so it is done over until each was one.
    async fn a_write_that_was_begun_is_made_once_wherever_it_was_dropped(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let store = Arc::new(SqlApprovals::connect(test.url()).await.unwrap());
        let ormai = with_store(test, POLICY, store).await;
        let before = orders(test).await;
        let ctx = by(Principal::new("acme-corp").user("boss").role("manager"));
        let mut dropped = Vec::new();
        let mut turns = 0;
        let each = [Status::Pending, Status::Approved, Status::Executed];
        for made in 1..200 {
            let id = ask(&ormai, agent(), create(1_000 + made)).await;
            let ended = dropped_after(turns, ormai.approvals().approve(&ctx, &id, None)).await;
            let left = ormai.approvals().show(&ctx, &id).await.unwrap().status;
            dropped.push(left);
            let done = match (left, &ended) {
                (Status::Pending, None) => ormai.approvals().approve(&ctx, &id, None).await.unwrap(),
                _ => ormai.approvals().resume_at(&id, after(60)).await.unwrap(),
            };
            assert_eq!(done.status, Status::Executed, "dropped after {turns} turns, {left}");
            assert_eq!(orders(test).await, before + i64::try_from(made).unwrap());
            turns = if ended.is_none() { turns + 1 } else { 0 };
            if ended.is_some() && each.iter().all(|status| dropped.contains(status)) {
                return;
            }
        }
        panic!("{dropped:?}");
    }
}
