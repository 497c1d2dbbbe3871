//! `ormai eval bench`: how long calls take.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ormai::audit::MemoryStore;
use ormai_eval::bench::{Amount, BenchReport, Variant};
use ormai_eval::record::{Calls, Outcome, RecordedCall, Who};

use super::place::{open, policy};
use super::{progress, who};
use crate::args::eval::Bench;
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

/// The most different calls that are measured: they are kept in memory.
const MOST_CALLS: usize = 100_000;

pub(super) async fn run(config: &Path, bench: Bench, as_json: bool) -> Result<(), Failure> {
    let calls = calls(&bench)?;
    let path = config;
    let config = Config::read(path, as_json)?;
    let mut variants = Vec::new();
    let mut add = |name: String, ormai: &ormai::OrmAi| variants.push(Variant { name, tools: ormai.tools().clone() });
    add("as configured".to_owned(), &open(&config, &config.policy, None, as_json).await?);
    if let Some(file) = &bench.policy {
        add(format!("policy {}", file.display()), &open(&config, &policy(file)?, None, as_json).await?);
    }
    if bench.audit {
        let store = Arc::new(MemoryStore::new());
        add("with a trail in memory".to_owned(), &open(&config, &config.policy, Some(store), as_json).await?);
    }
    if let Some(url) = &bench.database {
        let other = Config::read(path, as_json)?.at(Some(url));
        // A URL may hold a password.
        add("the other database".to_owned(), &open(&other, &config.policy, None, as_json).await?);
    }
    let amount = match bench.count {
        Some(count) => Amount::Calls(count),
        None => Amount::For(Duration::from_secs(bench.duration)),
    };
    let progress = progress::rounds("measuring", u64::from(bench.rounds));
    let report = ormai_eval::bench::Bench::new(variants, calls)
        .warm_up(Duration::from_secs(bench.warm_up))
        .amount(amount)
        .callers(NonZeroUsize::new(usize::from(bench.callers)).unwrap_or(NonZeroUsize::MIN))
        .rounds(NonZeroU32::new(bench.rounds).unwrap_or(NonZeroU32::MIN))
        .run(|round| progress.set_position(u64::from(round)))
        .await;
    progress.finish_and_clear();
    let report = report.map_err(|error| Failure::failed(error.to_string()))?;
    if as_json { output::json(&report) } else { show(&report) }
}

fn calls(bench: &Bench) -> Result<Vec<RecordedCall>, Failure> {
    if let Some(path) = &bench.calls {
        let calls = Calls::open(path)?.take(MOST_CALLS).map(|line| line.map(|line| line.call));
        return Ok(calls.collect::<Result<_, _>>()?);
    }
    let principal = bench.principal.as_deref().map_or_else(|| Ok(Who::default()), |json| who("--as", json))?;
    bench
        .request
        .chunks(2)
        .map(|request| {
            let [tool, arguments] = request else { return Err(Failure::misuse("`--request` takes a tool and JSON")) };
            let arguments = serde_json::from_str(arguments)
                .map_err(|error| Failure::misuse(format!("the arguments of `{tool}` are no JSON: {error}")))?;
            let (principal, tool) = (principal.clone(), tool.clone());
            let (now, outcome) = (Timestamp::now(), Outcome::Unknown);
            Ok(RecordedCall { principal, tool, arguments, now, outcome, missing: Vec::new() })
        })
        .collect()
}

/// A report for people.
fn show(report: &BenchReport) -> Result<(), Failure> {
    output::line(format!(
        "{} different calls, {} callers, {} rounds",
        report.different_calls, report.callers, report.rounds
    ))?;
    let rows = report.variants.iter().map(|variant| {
        let latency = &variant.latency;
        let times = [latency.p50_us, latency.p90_us, latency.p99_us, latency.p999_us, latency.max_us];
        let counts =
            [variant.calls.to_string(), variant.refused.to_string(), format!("{:.0}", variant.calls_per_second)];
        std::iter::once(variant.name.clone()).chain(counts).chain(times.map(|us| format!("{us:.0}"))).collect()
    });
    output::table(
        &["variant", "calls", "refused", "calls/s", "p50 µs", "p90 µs", "p99 µs", "p99.9 µs", "max µs"],
        rows,
    )?;
    for ratio in &report.ratios {
        output::line(format!(
            "{} takes {:.3} times as long as {} (rounds from {:.3} to {:.3})",
            ratio.name, ratio.of_medians, ratio.to, ratio.lowest, ratio.highest
        ))?;
    }
    Ok(())
}
