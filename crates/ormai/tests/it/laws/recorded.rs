//! Every call leaves one closed record, which says what its caller was told; also when the caller goes.
//! Over worlds drawn at random, on a store that takes its time.

use std::cell::RefCell;
use std::sync::Arc;

use ormai::CallResult;
use ormai::audit::{Entry, Outcome};
use ormai::prelude::*;
use ormai_testkit::every_engine;
use ormai_testkit::world::{AsPrincipal as _, Ask, Asked, Case, Cases};
use proptest::test_runner::TestCaseError;

use super::under_test::{Checked, Loaded, Size, prove};
use crate::audit::double::Double;
use crate::audit::{is_intended, read, settled};
use crate::given_up::given_up;

const READS: Cases = Cases { trials: 3, asks: 8, of_one: false, of: Asked::Reads };
const WRITES: Cases = Cases { of: Asked::Writes, ..READS };

const SIZE: Size = Size { cases: READS, asks_per_case: READS.trials * READS.asks, asks: 240 };

/// More often than a call is polled.
const POLLS: usize = 40;

/// What a run has met.
#[derive(Debug, Default)]
struct Met {
    answered: usize,
    refused: usize,
    bypassed: usize,
    changed: usize,
    dropped: usize,
}

every_engine! {
    async fn every_read_leaves_one_record_that_says_what_was_told(test: &TestDatabase) {
        prove(test, "records of reads", SIZE, async |loaded, case, met| holds(loaded, case, met).await, |met: &Met| {
            assert!(met.answered > 30 && met.refused > 10 && met.bypassed > 2 && met.dropped > 10, "{met:?}");
        });
    }

    async fn every_write_leaves_one_record_that_says_what_was_told(test: &TestDatabase) {
        let size = Size { cases: WRITES, ..SIZE };
        prove(test, "records of writes", size, async |loaded, case, met| holds(loaded, case, met).await, |met: &Met| {
            assert!(met.changed > 10 && met.refused > 10 && met.dropped > 10, "{met:?}");
        });
    }
}

async fn holds(loaded: &mut Loaded<'_>, case: &Case, met: &RefCell<Met>) -> Checked {
    for trial in &case.trials {
        let double = Arc::new(Double::new(false));
        let ormai = loaded.recorded(&trial.policy, double.clone()).await?;
        let mut records = 0;
        for (index, ask) in trial.asks.iter().enumerate() {
            let fail = |why: String| TestCaseError::fail(format!("{why}\n{ask}"));
            records += 1;
            let result = call(&ormai, ask).await;
            let record = last(&ormai, &double, records).await.map_err(fail)?;
            told(&double, ask, &result, &record, &mut met.borrow_mut()).map_err(fail)?;
            if index == 0 {
                let let_go = dropped(&ormai, &double, ask, records).await.map_err(fail)?;
                records += let_go.calls;
                met.borrow_mut().dropped += let_go.dropped;
            }
        }
    }
    Ok(())
}

async fn call(ormai: &OrmAi, ask: &Ask) -> CallResult {
    let ctx = RunContext::new(ask.who.principal()).now(Case::now().parse().unwrap());
    ormai.tools().call(&ctx, ask.request.tool(), &ask.request.to_json()).await
}

/// The last of so many records, all of them closed.
async fn last(ormai: &OrmAi, double: &Double, expected: usize) -> Result<Entry, String> {
    settled(ormai).await;
    let (records, open) = read(&double.lines);
    match (records.len() == expected, open.is_empty(), records.into_iter().last()) {
        (true, true, Some(last)) => Ok(last),
        (_, _, last) => {
            Err(format!("there are not {expected} closed records, {open:?} are open; the last is {last:?}"))
        }
    }
}

fn told(double: &Double, ask: &Ask, result: &CallResult, record: &Entry, met: &mut Met) -> Result<(), String> {
    let (audit_id, rows, code) = match result {
        CallResult::Answered { metadata, .. } => (metadata.audit_id(), Some(metadata.row_count as u64), None),
        CallResult::Refused { error, .. } => (error.audit_id(), None, Some(error.code.as_str())),
        _ => return Err("an outcome of a third kind".to_owned()),
    };
    let recorded = (Some(record.id.as_str()), record.row_count, record.error.as_ref().map(|error| error.code.as_str()));
    if (audit_id, rows, code) != recorded || record.success != result.success() {
        return Err(format!("told {:?}, and recorded {recorded:?}", (audit_id, rows, code)));
    }
    let is_intended = is_intended(&double.lines, &record.id);
    if !record.bypass.is_empty() {
        met.bypassed += 1;
        if !is_intended {
            return Err(format!("a bypass without an intent: {record:?}"));
        }
    }
    if result.success() {
        met.answered += 1
    } else {
        met.refused += 1
    }
    let is_write = matches!(ask.request.tool(), "create" | "update" | "delete" | "bulk_update");
    let is_dry = ask.request.to_json()["dry_run"] == true;
    // What is not found was looked for.
    let has_run = result.success() || code == Some("RECORD_NOT_FOUND");
    if is_write && !is_dry && has_run {
        if !is_intended {
            return Err(format!("a write without an intent: {record:?}"));
        }
        if result.success() {
            met.changed += 1;
            if record.before_snapshot.is_none() && record.after_snapshot.is_none() {
                return Err(format!("a write without the rows that it changed: {record:?}"));
            }
        }
    }
    Ok(())
}

/// Calls that were let go, and the one that came to its end.
struct LetGo {
    calls: usize,
    /// How many of them are recorded as that.
    dropped: usize,
}

/// Lets the call go at each place where it waits.
async fn dropped(ormai: &OrmAi, double: &Double, ask: &Ask, before: usize) -> Result<LetGo, String> {
    let mut dropped = 0;
    for calls in 1..POLLS {
        let done = given_up(call(ormai, ask), calls).await;
        let record = last(ormai, double, before + calls).await?;
        if done.is_some() {
            return Ok(LetGo { calls, dropped });
        }
        dropped += usize::from(record.outcome == Outcome::Dropped);
    }
    Err("the call never ends".to_owned())
}
