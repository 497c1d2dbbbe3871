//! Explaining a row, held to the interpreter: of all stored rows, exactly those are said to be
//! admitted that the interpreter admits.

use std::cell::RefCell;

use ormai::prelude::*;
use ormai::request::{Request, Tool};
use ormai::{Inspected, Operator, Verdict};
use ormai_testkit::every_engine;
use ormai_testkit::reference::admitted;
use ormai_testkit::world::{AsDocument as _, AsPrincipal as _, Ask, Asked, Case, Cases, Cell, Model};
use proptest::test_runner::TestCaseError;
use serde_json::{Map, Value as Json};

use super::under_test::{Checked, Loaded, Size, call, prove};

const CASES: Cases = Cases { trials: 2, asks: 5, of_one: false, of: Asked::Reads };

/// Each ask is put once for every stored row of its model: about so many.
const ROWS: usize = 16;

const SIZE: Size = Size { cases: CASES, asks_per_case: CASES.trials * CASES.asks * ROWS, asks: 2_400 };

/// How many rows were told of.
#[derive(Debug, Default)]
struct Told {
    admitted: usize,
    hidden: usize,
    refused: usize,
}

every_engine! {
    async fn law_1_the_rows_said_to_be_admitted_are_those_that_the_interpreter_admits(test: &TestDatabase) {
        prove(test, "explained", SIZE, async |loaded, case, told| all_agree(loaded, case, told).await, |told: &Told| {
            let enough = told.admitted > 50 && told.hidden > 50 && told.refused > 5;
            assert!(enough, "too little was told: {told:?}");
        });
    }
}

async fn all_agree(loaded: &Loaded<'_>, case: &Case, told: &RefCell<Told>) -> Checked {
    for trial in &case.trials {
        let ormai = loaded.under(&trial.policy).await?;
        for ask in &trial.asks {
            let Some(model) = case.world.model(ask.request.model()).filter(|model| !model.key.is_empty()) else {
                continue;
            };
            let answer = call(&ormai, ask, None).await;
            let code = answer["error"]["code"].as_str();
            let expected = match code {
                None => admitted(&case.world, &trial.policy, &ask.who, Case::now(), &ask.request),
                Some("RECORD_NOT_FOUND") => Vec::new(),
                Some(_) => {
                    told.borrow_mut().refused += 1;
                    continue;
                }
            };
            for row in &model.rows {
                let fail =
                    |why: String| TestCaseError::fail(format!("{why}\n{row:?}\n{ask}\n{}", trial.policy.to_yaml()));
                let inspected = inspect(&ormai, ask, model, row).await.map_err(|error| fail(error.to_string()))?;
                let is_admitted = match inspected.verdict {
                    Verdict::Admitted { .. } => true,
                    Verdict::Hidden { .. } => false,
                    other => return Err(fail(other.to_string())),
                };
                let key: Vec<Cell> = model.key_of(row).into_iter().cloned().collect();
                if is_admitted != expected.contains(&key) {
                    return Err(fail(format!("not as the interpreter has it: {}", inspected.verdict)));
                }
                let mut told = told.borrow_mut();
                *(if is_admitted { &mut told.admitted } else { &mut told.hidden }) += 1;
            }
        }
    }
    Ok(())
}

async fn inspect(ormai: &OrmAi, ask: &Ask, model: &Model, row: &[Cell]) -> Result<Inspected, Error> {
    let ctx = RunContext::new(ask.who.principal()).now(Case::now().parse().unwrap());
    let request = Request::from_value(Tool::from_name(ask.request.tool())?, &ask.request.to_json())?;
    let key: Map<String, Json> = model.key.iter().map(|part| (part.clone(), model.cell(row, part).to_json())).collect();
    Ok(ormai.tools().explain_row(&ctx, request, &Json::Object(key), Operator::acknowledged()).await?)
}
