//! A cursor continues the page that it ended, and nothing else: with another principal, another
//! request or another policy it does not open, even where those could ask for themselves.

use std::cell::RefCell;

use ormai::prelude::*;
use ormai_testkit::world::{Ask, Case, Cases, Filter, Order, Policy, Query, Request};
use ormai_testkit::{Scale, TestDatabase, every_engine};
use proptest::test_runner::TestCaseError;
use serde_json::json;

use super::under_test::{Loaded, call, wait};

const CASES: Cases = Cases { trials: 3, asks: 10 };

/// Of `cargo xtask test`.
const ASKS: usize = 300;

/// What a run has met: cursors, and places in which each was tried and did not open.
#[derive(Debug, Default)]
struct Met {
    cursors: usize,
    elsewhere: usize,
}

every_engine! {
    async fn a_cursor_opens_for_whom_and_for_what_it_was_made(test: &TestDatabase) {
        let met = RefCell::new(Met::default());
        let scale = Scale::from_environment(ASKS);
        let outcome = scale.runner(CASES.trials * CASES.asks).run(&CASES, |case| wait(holds(test, &case, &met)));
        let met = met.into_inner();
        println!("cursors on {}, seed {}: {met:?}", test.engine(), scale.seed);
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
        assert!(met.cursors * 20 > scale.asks && met.elsewhere > met.cursors * 4, "too few cursors: {met:?}");
    }
}

async fn holds(test: &TestDatabase, case: &Case, met: &RefCell<Met>) -> Result<(), TestCaseError> {
    let loaded = Loaded::new(test, &case.world).await;
    let mut outcome = Ok(());
    for trial in &case.trials {
        let other = case.trials.iter().map(|other| &other.policy).find(|other| **other != trial.policy);
        outcome = all_hold(&loaded, &trial.policy, other, &trial.asks, met).await;
        if outcome.is_err() {
            break;
        }
    }
    loaded.leave().await;
    outcome
}

async fn all_hold(
    loaded: &Loaded<'_>,
    policy: &Policy,
    other: Option<&Policy>,
    asks: &[Ask],
    met: &RefCell<Met>,
) -> Result<(), TestCaseError> {
    let ormai = loaded.under(policy).await?;
    let elsewhere = match other {
        Some(other) => Some(loaded.under(other).await?),
        None => None,
    };
    for ask in asks {
        let Request::Query(query) = &ask.request else { continue };
        // The shortest page is the likeliest to have another after it.
        let ask = Ask { request: Request::Query(Query { limit: Some(1), ..query.clone() }), ..ask.clone() };
        let page = call(&ormai, &ask, None).await;
        let Some(cursor) = page["data"]["next_cursor"].as_str() else { continue };
        met.borrow_mut().cursors += 1;
        let next = call(&ormai, &ask, Some(cursor)).await;
        if next["success"] != true {
            return Err(TestCaseError::fail(format!("the next page is refused\n{next}\n{ask}")));
        }
        for stranger in principals(&ask).into_iter().chain(requests(&ask)) {
            stays_shut(&ormai, &stranger, cursor, met).await?;
        }
        if let Some(elsewhere) = &elsewhere {
            stays_shut(elsewhere, &ask, cursor, met).await?;
        }
    }
    Ok(())
}

async fn stays_shut(ormai: &OrmAi, ask: &Ask, cursor: &str, met: &RefCell<Met>) -> Result<(), TestCaseError> {
    let answer = call(ormai, ask, Some(cursor)).await;
    // What is refused without a cursor may be refused for that as well.
    let own = call(ormai, ask, None).await;
    let code = &answer["error"]["code"];
    met.borrow_mut().elsewhere += usize::from(code == "INVALID_CURSOR");
    if code == "INVALID_CURSOR" || (answer["success"] != true && *code == own["error"]["code"]) {
        Ok(())
    } else {
        Err(TestCaseError::fail(format!("a cursor opens elsewhere\n{answer}\n{ask}")))
    }
}

/// The same request of somebody who differs in one thing, most of which change nothing of what
/// may be seen.
fn principals(ask: &Ask) -> Vec<Ask> {
    let by = |change: fn(&mut Ask)| {
        let mut stranger = ask.clone();
        change(&mut stranger);
        stranger
    };
    let mut strangers = vec![
        by(|ask| ask.who.user = json!("somebody else")),
        by(|ask| ask.who.roles.push("a role of no meaning".to_owned())),
        by(|ask| drop(ask.who.metadata.insert("of_no_meaning".to_owned(), json!(1)))),
    ];
    for tenant in [json!("acme"), json!("globex"), json!(7)] {
        if tenant != ask.who.tenant {
            strangers.push(Ask { who: ormai_testkit::world::Who { tenant, ..ask.who.clone() }, ..ask.clone() });
        }
    }
    strangers
}

/// Another request of the same principal: narrower, or in another order.
fn requests(ask: &Ask) -> Vec<Ask> {
    let Request::Query(query) = &ask.request else { return Vec::new() };
    let with = |query: Query| Ask { request: Request::Query(query), ..ask.clone() };
    let mut narrower = query.clone();
    let all = query.filters.first().cloned().into_iter().chain(query.filters.iter().cloned());
    narrower.filters = vec![Filter::And(all.collect())];
    let mut turned = query.clone();
    let turn = |key: &Order| Order { descending: !key.descending, ..key.clone() };
    turned.order = query.order.iter().map(turn).collect();
    [(narrower, !query.filters.is_empty()), (turned, !query.order.is_empty())]
        .into_iter()
        .filter_map(|(other, differs)| differs.then(|| with(other)))
        .collect()
}
