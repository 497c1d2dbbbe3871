//! What a host's connection answers is what a connection of our own does: for any schema, rows, policy,
//! principal and request, whichever way its driver takes parameters.

use std::cell::RefCell;

use ormai::prelude::*;
use ormai_testkit::reference::{Ending, Hashes, write};
use ormai_testkit::world::{AsPrincipal as _, Ask, Asked, Case, Cases, Request};
use ormai_testkit::{Stored, every_engine};
use proptest::test_runner::TestCaseError;

use super::differential::explained;
use super::under_test::{Checked, Loaded, Size, call_in, pages, pages_in, prove};
use super::writes::compare;
use crate::hosts::HostConnection;

const READS: Cases = Cases { trials: 3, asks: 15, of_one: false, of: Asked::Reads };
const WRITES: Cases = Cases { of: Asked::Writes, ..READS };

const fn size(cases: Cases) -> Size {
    Size { cases, asks_per_case: cases.trials * cases.asks, asks: 180 }
}

/// How many asks were answered, and how many of them with something.
#[derive(Debug, Default)]
struct Met {
    answered: usize,
    refused: usize,
}

impl Met {
    fn is_enough(&self) {
        assert!(self.answered > 30 && self.refused > 0, "{self:?}");
    }
}

every_engine! {
    async fn law_1_a_host_answers_as_a_pool_does(test: &TestDatabase) {
        let holds = async |loaded: &mut Loaded<'_>, case: &Case, met: &RefCell<Met>| reads_agree(loaded, case, met).await;
        prove(test, "law 1 over hosts", size(READS), holds, Met::is_enough);
    }

    async fn law_1_a_write_by_a_host_leaves_what_the_interpreter_leaves(test: &TestDatabase) {
        let holds = async |loaded: &mut Loaded<'_>, case: &Case, met: &RefCell<Met>| writes_agree(loaded, case, met).await;
        prove(test, "law 1 of writes over hosts", size(WRITES), holds, Met::is_enough);
    }
}

async fn reads_agree(loaded: &Loaded<'_>, case: &Case, met: &RefCell<Met>) -> Checked {
    let wires = HostConnection::wires(loaded.test.engine());
    for (trial, wire) in case.trials.iter().zip(wires.iter().cycle()) {
        let ormai = loaded.under(&trial.policy).await?;
        let host = HostConnection::open(loaded.test, *wire).await;
        for ask in &trial.asks {
            let expected = pages(&ormai, ask).await;
            let got = pages_in(&ormai, ask, || context(ask, &host)).await;
            if got != expected {
                let why =
                    format!("by {wire:?}\nexpected: {expected:#?}\ngot: {got:#?}\n{}\n{ask}", explained(&ormai, ask));
                return Err(TestCaseError::fail(why));
            }
            count(&got[0], met);
        }
        // Every statement left the transaction usable, and nothing of its own in it.
        host.execute("COMMIT").await;
    }
    Ok(())
}

async fn writes_agree(loaded: &mut Loaded<'_>, case: &Case, met: &RefCell<Met>) -> Checked {
    let engine = loaded.test.engine();
    let mut hashes = Hashes::default();
    for (trial, wire) in case.trials.iter().zip(HostConnection::wires(engine).iter().cycle()) {
        let ormai = loaded.under(&trial.policy).await?;
        for ask in &trial.asks {
            let Request::Write(asked) = &ask.request else { continue };
            let expected = write(&case.world, &trial.policy, &ask.who, Case::now(), asked);
            let host = HostConnection::open(loaded.test, *wire).await;
            let got = call_in(&ormai, ask, context(ask, &host)).await;
            // Whatever was refused, its user commits.
            host.execute("COMMIT").await;
            let mut open = loaded.test.open().await;
            let stored = open.stored(&case.world, &loaded.prefix).await;
            open.undo().await;
            let should = Stored::expected(&expected.world, engine);
            let mut outcome = compare(&expected.outcome, &got, ask, &mut hashes);
            if stored != should && outcome.is_ok() {
                outcome = Err(format!("the database holds something else:\n{}", should.differences(&stored)));
            }
            if let Err(why) = outcome {
                let (sql, outcome) = (explained(&ormai, ask), &expected.outcome);
                return Err(TestCaseError::fail(format!("{why} by {wire:?}\n{outcome:#?}\n{got:#}\n{sql}\n{ask}")));
            }
            if expected.ending == Ending::Done {
                loaded.refill(&case.world).await;
            }
            count(&got, met);
        }
    }
    Ok(())
}

fn context(ask: &Ask, host: &HostConnection) -> RunContext<'static> {
    RunContext::new(ask.who.principal()).on_host(host.session())
}

fn count(got: &serde_json::Value, met: &RefCell<Met>) {
    let mut met = met.borrow_mut();
    *(if got["success"] == true { &mut met.answered } else { &mut met.refused }) += 1;
}
