//! The first law for writes: for any schema, rows, policy, principal and write, an interpreter that walks
//! all rows in plain Rust gives the same answer as the statements, and leaves the same database
//! behind, to the last value of the last row.
//!
//! What must not change anything runs in transactions of its own. What is done runs in a transaction
//! of the caller's, which is rolled back after it was looked at, and now and then in one of its own too.

use std::cell::RefCell;

use ormai::prelude::*;
use ormai_testkit::reference::{Ending, Hashes, Outcome, Row, View, Written, agrees, write};
use ormai_testkit::world::{AsPrincipal as _, Ask, Asked, Case, Cases, Request};
use ormai_testkit::{Open, Stored, WriteTally, every_engine};
use proptest::test_runner::TestCaseError;
use serde_json::Value as Json;

use super::differential::explained;
use super::under_test::{Checked, Loaded, Size, call, call_in, prove};

/// Writes to one world: enough to be worth its tables.
const CASES: Cases = Cases { trials: 4, asks: 15, of_one: false, of: Asked::Writes };

const SIZE: Size = Size { cases: CASES, asks_per_case: CASES.trials * CASES.asks, asks: 1_200 };

/// Every so many writes one is kept, and its world made anew.
const KEPT: usize = 8;

/// How many rows of each side a preview shows.
const SHOWN: usize = 20;

every_engine! {
    async fn law_1_a_write_leaves_what_the_interpreter_leaves(test: &TestDatabase) {
        prove(test, "law 1 of writes", SIZE, async |loaded, case, tally| all_agree(loaded, case, tally).await, |tally: &WriteTally| {
            let shortcomings = tally.shortcomings();
            assert!(shortcomings.is_empty(), "{}", shortcomings.join("\n"));
        });
    }
}

async fn all_agree(loaded: &mut Loaded<'_>, case: &Case, tally: &RefCell<WriteTally>) -> Checked {
    let mut hashes = Hashes::default();
    for (number, trial) in case.trials.iter().enumerate() {
        let ormai = loaded.under(&trial.policy).await?;
        for (index, ask) in trial.asks.iter().enumerate() {
            let Request::Write(asked) = &ask.request else { continue };
            let expected = write(&case.world, &trial.policy, &ask.who, Case::now(), asked);
            let kept = (number + index).is_multiple_of(KEPT);
            let outcome = one_agrees(loaded, &ormai, case, ask, &expected, kept, &mut hashes).await;
            if let Err(why) = outcome {
                let (sql, outcome) = (explained(&ormai, ask), &expected.outcome);
                return Err(TestCaseError::fail(format!("{why}\nexpected: {outcome:#?}\n{sql}\n{ask}")));
            }
            let view = View::of(&case.world, &trial.policy, &ask.who.roles);
            tally.borrow_mut().write(&case.world, &view, ask, asked, &expected);
        }
    }
    Ok(())
}

async fn one_agrees(
    loaded: &mut Loaded<'_>,
    ormai: &OrmAi,
    case: &Case,
    ask: &Ask,
    expected: &Written,
    kept: bool,
    hashes: &mut Hashes,
) -> Result<(), String> {
    let in_its_own = expected.ending != Ending::Done || kept;
    let mut open = None;
    let got = if in_its_own {
        call(ormai, ask, None).await
    } else {
        within(ormai, ask, open.insert(loaded.test.open().await)).await
    };
    let mut open = match open {
        Some(open) => open,
        None => loaded.test.open().await,
    };
    let stored = open.stored(&case.world, &loaded.prefix).await;
    open.undo().await;
    let engine = loaded.test.engine();
    let answered = compare(&expected.outcome, &got, ask, hashes);
    let should = Stored::expected(&expected.world, engine);
    let left = if stored == should { Ok(()) } else { Err(should.differences(&stored)) };
    if in_its_own && stored != Stored::expected(&case.world, engine) {
        loaded.refill(&case.world).await;
    }
    let got = || serde_json::to_string_pretty(&got).unwrap();
    answered.map_err(|why| format!("{why}\ngot: {}", got()))?;
    left.map_err(|why| format!("the database holds something else:\n{why}got: {}", got()))
}

/// Calls in a transaction of the caller's.
pub(super) async fn within(ormai: &OrmAi, ask: &Ask, open: &mut Open) -> Json {
    let ctx = RunContext::new(ask.who.principal());
    match open {
        Open::Sqlite(transaction) => call_in(ormai, ask, ctx.within(transaction)).await,
        Open::Postgres(transaction) => call_in(ormai, ask, ctx.within(transaction)).await,
        Open::MySql(transaction) => call_in(ormai, ask, ctx.within(transaction)).await,
    }
}

pub(super) fn compare(expected: &Outcome, got: &Json, ask: &Ask, hashes: &mut Hashes) -> Result<(), String> {
    let tenant = ask.who.tenant.to_string();
    let data = &got["data"];
    let mut same = |row: &Row, got: &Json| agrees(row, got, &tenant, hashes);
    match expected {
        Outcome::Refused(reasons) => match got["error"]["code"].as_str() {
            Some(code) if reasons.contains(code) => Ok(()),
            Some(code) => Err(format!("refused with {code}")),
            None => Err("not refused".to_owned()),
        },
        _ if got["success"] != true => Err("refused".to_owned()),
        Outcome::Row(row) if same(row, data) => Ok(()),
        Outcome::Row(_) => Err("the row differs".to_owned()),
        Outcome::Changed(count) if data["updated_count"] == *count => Ok(()),
        Outcome::Changed(_) => Err("the count differs".to_owned()),
        Outcome::Preview { before, after } => {
            let affected = before.len().max(after.len());
            if data["dry_run"] != true || data["affected_count"] != affected {
                return Err("the preview's count differs".to_owned());
            }
            for (name, rows) in [("before", before), ("after", after)] {
                let got = data[name].as_array().ok_or_else(|| format!("no `{name}`"))?;
                if got.len() != rows.len().min(SHOWN) || !rows.iter().zip(got).all(|(row, got)| same(row, got)) {
                    return Err(format!("`{name}` differs"));
                }
            }
            Ok(())
        }
        _ => Err("the answer to a read".to_owned()),
    }
}
