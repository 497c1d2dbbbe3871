//! Recorded calls, made again.

use std::cell::RefCell;
use std::sync::Arc;

use ormai::RunContext;
use ormai::error::Error;
use ormai_eval::Determinism;
use ormai_eval::replay::{Change, Replay, ReplayError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;

use super::alone::{evaluating, on_one};
use super::mistaken;
use super::recording::Recording;
use crate::context::{Context, principal_of};
use crate::native::Native;
use crate::running::{Running, written};

/// Makes recorded calls again: `{"summary", "changes"}`, each change with its `text`.
#[pyfunction]
#[pyo3(signature = (native, context, recording, *, principal=None, writes=false))]
pub(crate) fn replay(
    native: &Bound<'_, Native>,
    context: &Context,
    recording: &Recording,
    principal: Option<&Bound<'_, PyDict>>,
    writes: bool,
) -> PyResult<Running> {
    let native = native.get();
    native.check(context)?;
    let mut replay = Replay::new(native.ormai.tools().clone());
    if let Some(principal) = principal {
        replay = replay.as_principal(principal_of(principal)?);
    }
    if writes {
        replay = replay.with_writes();
    }
    let (lines, run) = (recording.lines(), Arc::clone(&context.run));
    let tools = native.ormai.tools().clone();
    let work = async move {
        let changes = RefCell::new(Vec::new());
        let changed = |change: Change| {
            let text = change.to_string();
            let mut told = serde_json::to_value(change)?;
            if let Some(told) = told.as_object_mut() {
                told.insert("text".to_owned(), text.into());
            }
            changes.borrow_mut().push(told);
            Ok(())
        };
        let summary = match run.is_held() || writes {
            true => {
                let replayed = async |on: &RunContext<'static>| replay.clone().run_on(on, lines.clone(), changed).await;
                on_one(&tools, &run, false, replayed).await?
            }
            // On connections of its own several calls are made at once.
            false => replay.run(lines, changed).await,
        };
        let summary = summary.map_err(|error| failed(&error))?;
        Ok(written(json!({"summary": summary, "changes": changes.into_inner()})))
    };
    Ok(evaluating(native, context, work))
}

/// Makes recorded calls several times, and compares what they are answered.
#[pyfunction]
#[pyo3(signature = (native, context, recording, *, runs=2, ignore=Vec::new(), writes=false))]
pub(crate) fn determinism(
    native: &Bound<'_, Native>,
    context: &Context,
    recording: &Recording,
    runs: u32,
    ignore: Vec<String>,
    writes: bool,
) -> PyResult<Running> {
    let native = native.get();
    native.check(context)?;
    let mut work = Determinism::new(native.ormai.tools().clone(), runs);
    for path in ignore {
        work = work.ignore(path);
    }
    if writes {
        work = work.with_writes();
    }
    let (lines, run) = (recording.lines(), Arc::clone(&context.run));
    let tools = native.ormai.tools().clone();
    let work = async move {
        let report = match writes {
            true => on_one(&tools, &run, false, async |on| work.run_on(on, lines.clone()).await).await?,
            false => work.run_on(&run, lines).await,
        };
        Ok(written(report.map_err(|error| failed(&error))?))
    };
    Ok(evaluating(native, context, work))
}

fn failed(error: &ReplayError) -> Error {
    mistaken(error.to_string())
}
