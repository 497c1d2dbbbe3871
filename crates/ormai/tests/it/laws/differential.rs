//! The first law: for any schema, rows, policy, principal and request, an interpreter that walks
//! all rows in plain Rust gives the same answer as the compiled SQL: the same rows in the same
//! order, the same related rows, counts and figures, the same refusals.

use std::cell::RefCell;

use ormai::prelude::*;
use ormai_testkit::reference::{Hashes, Outcome, Row, admitted, agrees, answer};
use ormai_testkit::world::{AsPrincipal as _, Ask, Asked, Case, Cases, Policy, Request, World};
use ormai_testkit::{Share, Tally, every_engine};
use proptest::test_runner::TestCaseError;
use serde_json::Value as Json;

use super::under_test::{Checked, Loaded, Size, pages, prove};

/// Asks of one world: enough to be worth its tables.
const CASES: Cases = Cases { trials: 4, asks: 15, of_one: false, of: Asked::Reads };

const SIZE: Size = Size { cases: CASES, asks_per_case: CASES.trials * CASES.asks, asks: 1_200 };

every_engine! {
    async fn law_1_the_statement_answers_as_the_interpreter_does(test: &TestDatabase) {
        prove(test, "law 1", SIZE, async |loaded, case, tally| all_agree(loaded, case, tally).await, |tally: &Tally| {
            let shortcomings = tally.shortcomings();
            assert!(shortcomings.is_empty(), "{}", shortcomings.join("\n"));
        });
    }
}

async fn all_agree(loaded: &Loaded<'_>, case: &Case, tally: &RefCell<Tally>) -> Checked {
    let mut hashes = Hashes::default();
    for trial in &case.trials {
        let ormai = loaded.under(&trial.policy).await?;
        for ask in &trial.asks {
            let expected = answer(&case.world, &trial.policy, &ask.who, Case::now(), &ask.request);
            let got = pages(&ormai, ask).await;
            if let Err(why) = compare(&expected, &got, ask, &mut hashes) {
                let (sql, got) = (explained(&ormai, ask), serde_json::to_string_pretty(&got).unwrap());
                return Err(TestCaseError::fail(format!("{why}\nexpected: {expected:#?}\ngot: {got}\n{sql}\n{ask}")));
            }
            count(&case.world, &trial.policy, ask, &expected, &got, &mut tally.borrow_mut());
        }
    }
    Ok(())
}

fn count(world: &World, policy: &Policy, ask: &Ask, expected: &Outcome, got: &[Json], tally: &mut Tally) {
    if let Some(code) = got.first().and_then(|answer| answer["error"]["code"].as_str()) {
        return tally.refusal(code);
    }
    let admitted = admitted(world, policy, &ask.who, Case::now(), &ask.request).len();
    let stored = world.model(ask.request.model()).map_or(0, |model| model.rows.len());
    let share = match admitted {
        0 => Share::Empty,
        all if all == stored => Share::Full,
        _ => Share::Partial,
    };
    tally.answer(world, policy, ask, expected, share);
}

/// What the engine does for the ask, for whoever reads a failure.
pub(super) fn explained(ormai: &OrmAi, ask: &Ask) -> String {
    let tool = ormai::request::Tool::from_name(ask.request.tool()).unwrap();
    let request = ormai::request::Request::from_value(tool, &ask.request.to_json());
    let explanation = request.map_err(|error| Box::new(error.into())).and_then(|request| {
        ormai.tools().explain(&RunContext::new(ask.who.principal()).now(Case::now().parse().unwrap()), request)
    });
    match explanation {
        Ok(explanation) => serde_json::to_string_pretty(&explanation).unwrap(),
        Err(error) => error.to_string(),
    }
}

fn compare(expected: &Outcome, got: &[Json], ask: &Ask, hashes: &mut Hashes) -> Result<(), String> {
    let tenant = ask.who.tenant.to_string();
    let first = got.first().ok_or("no answer")?;
    let data = &first["data"];
    let all_rows = |page: &Json| page["data"]["rows"].as_array().cloned().unwrap_or_default();
    match expected {
        Outcome::Refused(reasons) => match first["error"]["code"].as_str() {
            Some(code) if reasons.contains(code) => Ok(()),
            Some(code) => Err(format!("refused with {code}")),
            None => Err("not refused".to_owned()),
        },
        _ if first["success"] != true => Err("refused".to_owned()),
        Outcome::Row(row) => same_rows(std::slice::from_ref(row), std::slice::from_ref(data), &tenant, hashes),
        Outcome::Changed(_) | Outcome::Held | Outcome::Preview { .. } => Err("the answer to a write".to_owned()),
        Outcome::Groups { rows, limit } => {
            let more = rows.len() > *limit;
            if data["has_more"] != more {
                return Err(format!("has_more is not {more}"));
            }
            same_rows(&rows[..rows.len().min(*limit)], &all_rows(first), &tenant, hashes)
        }
        Outcome::Page { rows, limit, .. } => {
            let with_total = matches!(&ask.request, Request::Query(query) if query.with_total);
            for (index, page) in got.iter().enumerate() {
                let last = index + 1 == got.len();
                let on_page = all_rows(page).len();
                if page["success"] != true {
                    return Err(format!("page {index} is refused"));
                }
                if page["data"]["has_more"] == last || page["data"]["next_cursor"].is_null() != last {
                    return Err(format!("page {index} does not tell whether there are more"));
                }
                if on_page > *limit || !last && on_page != *limit {
                    return Err(format!("page {index} has {on_page} rows"));
                }
                let total = if with_total { Json::from(rows.len()) } else { Json::Null };
                if page["data"]["total"] != total {
                    return Err(format!("the total of page {index} is not {total}"));
                }
            }
            let got: Vec<Json> = got.iter().flat_map(all_rows).collect();
            same_rows(rows, &got, &tenant, hashes)
        }
    }
}

fn same_rows(expected: &[Row], got: &[Json], tenant: &str, hashes: &mut Hashes) -> Result<(), String> {
    if expected.len() != got.len() {
        return Err(format!("{} rows, and not {}", got.len(), expected.len()));
    }
    match expected.iter().zip(got).position(|(row, got)| !agrees(row, got, tenant, hashes)) {
        Some(different) => Err(format!("row {different} differs")),
        None => Ok(()),
    }
}
