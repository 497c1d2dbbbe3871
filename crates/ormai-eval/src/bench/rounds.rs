//! Measuring, round by round.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use ormai::CallResult;
use ormai::prelude::*;
use serde_json::Value as Json;

use super::report::{BenchReport, Measured};
use super::{Amount, Bench, BenchError};
use crate::record::RecordedCall;
use crate::replay::own;

/// What one caller is to do.
#[derive(Clone, Copy)]
enum Until {
    Calls(u64),
    Time(Duration),
}

pub(super) async fn run(bench: &Bench, mut heard: impl FnMut(u32)) -> Result<BenchReport, BenchError> {
    let mut measured: Vec<Measured> = bench.variants.iter().map(|variant| Measured::new(&variant.name)).collect();
    for variant in &bench.variants {
        let mut unheeded = Measured::new("");
        round(bench, &variant.tools, Until::Time(bench.warm_up), &mut unheeded).await?;
    }
    let rounds = bench.rounds.get();
    let count = bench.variants.len();
    for number in 0..rounds {
        let until = match bench.amount {
            Amount::Calls(calls) => Until::Calls(share(calls, u64::from(rounds), u64::from(number))),
            Amount::For(duration) => Until::Time(duration / rounds),
        };
        // Each begins in its turn: the first of a round may find the machine in another state.
        for turn in 0..count {
            let at = (turn + usize::try_from(number).unwrap_or(0)) % count;
            if let (Some(variant), Some(measured)) = (bench.variants.get(at), measured.get_mut(at)) {
                round(bench, &variant.tools, until, measured).await?;
            }
        }
        heard(number + 1);
    }
    Ok(BenchReport::of(bench.calls.len(), bench.callers.get(), rounds, measured))
}

/// One of so many shares of a number; they add up to it.
fn share(whole: u64, shares: u64, at: u64) -> u64 {
    whole / shares + u64::from(at < whole % shares)
}

async fn round(bench: &Bench, tools: &Toolset, until: Until, measured: &mut Measured) -> Result<(), BenchError> {
    let callers = u64::try_from(bench.callers.get()).unwrap_or(u64::MAX);
    let begun = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (tools, calls) = (tools.clone(), Arc::clone(&bench.calls));
            let until = match until {
                Until::Calls(calls) => Until::Calls(share(calls, callers, caller)),
                time => time,
            };
            let first = usize::try_from(caller).unwrap_or(0) * calls.len() / bench.callers.get();
            tokio::spawn(async move { call(&tools, &calls, first, until).await })
        })
        .collect();
    let (mut all, mut refused): (Option<Histogram<u64>>, u64) = (None, 0);
    for task in tasks {
        let (latencies, refusals) = task.await.map_err(|error| BenchError::Caller(error.to_string()))?;
        refused += refusals;
        match &mut all {
            // They are all of one kind, so none is left out.
            Some(all) => {
                let _ = all.add(latencies);
            }
            None => all = Some(latencies),
        }
    }
    if let Some(all) = all {
        measured.add(&all, refused, begun.elapsed());
    }
    Ok(())
}

/// Calls, one after the other, from one of them on.
async fn call(tools: &Toolset, calls: &[RecordedCall], first: usize, until: Until) -> (Histogram<u64>, u64) {
    let (mut latencies, mut refused, mut made) = (super::report::histogram(), 0, 0);
    let (own, begun) = (own(), Instant::now());
    for call in calls.iter().cycle().skip(first) {
        let goes_on = match until {
            Until::Calls(calls) => made < calls,
            Until::Time(time) => begun.elapsed() < time,
        };
        if !goes_on {
            break;
        }
        let ctx = call.context(&own, None);
        let at = Instant::now();
        let result = one(tools, &ctx, call).await;
        let taken = u64::try_from(at.elapsed().as_nanos()).unwrap_or(u64::MAX);
        latencies.saturating_record(taken.max(1));
        refused += u64::from(!result.success());
        made += 1;
    }
    (latencies, refused)
}

async fn one(tools: &Toolset, ctx: &RunContext<'_>, call: &RecordedCall) -> CallResult {
    match &call.arguments {
        Json::String(text) => tools.call_json(ctx, &call.tool, text.as_bytes()).await,
        arguments => tools.call(ctx, &call.tool, arguments).await,
    }
}
