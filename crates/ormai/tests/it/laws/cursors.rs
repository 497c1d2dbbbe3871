//! A cursor goes on with the one answer that it was made in: whoever else sends it, with whatever
//! other request or under whatever other policy, is told that it is none of theirs.

use std::cell::RefCell;

use ormai::prelude::*;
use ormai_testkit::every_engine;
use ormai_testkit::world::{Ask, Asked, Case, Cases, Query, Request, Who};
use proptest::test_runner::TestCaseError;
use serde_json::json;

use super::under_test::{Checked, Loaded, Size, call, prove};

const CASES: Cases = Cases { trials: 3, asks: 5, of_one: false, of: Asked::Reads };

const SIZE: Size = Size { cases: CASES, asks_per_case: CASES.trials * CASES.asks, asks: 450 };

/// What a run has met.
#[derive(Debug, Default)]
struct Met {
    /// Pages with another one behind them.
    cursors: usize,
    /// Cursors that were refused to somebody else, for another request, and under another policy.
    principals: usize,
    requests: usize,
    policies: usize,
}

every_engine! {
    async fn a_cursor_serves_nobody_and_nothing_else(test: &TestDatabase) {
        prove(test, "cursors", SIZE, async |loaded, case, met| all_refused(loaded, case, met).await, |met: &Met| {
            let Met { cursors, principals, requests, policies } = met;
            let enough = [cursors, principals, requests, policies].iter().all(|count| **count > 5);
            assert!(enough, "too few cursors: {met:?}");
        });
    }
}

async fn all_refused(loaded: &Loaded<'_>, case: &Case, met: &RefCell<Met>) -> Checked {
    for (index, trial) in case.trials.iter().enumerate() {
        let ormai = loaded.under(&trial.policy).await?;
        let next = case.trials.get((index + 1) % case.trials.len());
        let other = next.filter(|other| other.policy != trial.policy);
        let other = match other {
            Some(other) => Some(loaded.under(&other.policy).await?),
            None => None,
        };
        for ask in &trial.asks {
            let Request::Query(query) = &ask.request else { continue };
            let page = call(&ormai, ask, None).await;
            let Some(cursor) = page["data"]["next_cursor"].as_str() else { continue };
            met.borrow_mut().cursors += 1;
            let others_of_the_trial = trial.asks.iter().map(|ask| &ask.who).filter(|who| **who != ask.who).cloned();
            for who in others_of_the_trial.chain(nearly(&ask.who)) {
                let theirs = Ask { who, request: ask.request.clone() };
                met.borrow_mut().principals += refused(&ormai, &theirs, cursor).await?;
            }
            for query in others(query) {
                let theirs = Ask { who: ask.who.clone(), request: Request::Query(query) };
                met.borrow_mut().requests += refused(&ormai, &theirs, cursor).await?;
            }
            if let Some(ormai) = &other {
                met.borrow_mut().policies += refused(ormai, ask, cursor).await?;
            }
        }
    }
    Ok(())
}

/// Whether the cursor was what was refused: 1, or 0 where there is no answer without it either,
/// and any of the reasons may be told.
async fn refused(ormai: &OrmAi, ask: &Ask, cursor: &str) -> Result<usize, TestCaseError> {
    let without = call(ormai, ask, None).await;
    let with = call(ormai, ask, Some(cursor)).await;
    let answered = without["success"] == true;
    let refused = if answered { with["error"]["code"] == "INVALID_CURSOR" } else { with["success"] != true };
    if refused { Ok(usize::from(answered)) } else { Err(TestCaseError::fail(format!("not refused: {with}\n{ask}"))) }
}

/// Somebody else by one thing, which most policies make nothing of.
fn nearly(who: &Who) -> [Who; 3] {
    let (mut user, mut role, mut metadata) = (who.clone(), who.clone(), who.clone());
    user.user = json!("somebody else");
    role.roles.push("a role of no meaning".to_owned());
    metadata.metadata.insert("of_no_meaning".to_owned(), json!(1));
    [user, role, metadata]
}

/// The query with one thing changed that its pages depend on.
fn others(query: &Query) -> Vec<Query> {
    let mut others = vec![
        Query { filters: Vec::new(), ..query.clone() },
        Query { order: Vec::new(), ..query.clone() },
        Query { include: Vec::new(), ..query.clone() },
        Query { select: None, ..query.clone() },
    ];
    let mut turned = query.clone();
    turned.order.iter_mut().take(1).for_each(|key| key.descending = !key.descending);
    others.push(turned);
    others.retain(|other| other != query);
    others
}
