//! `ormai audit stats`: how many calls, how they ended, how long they took.

use ormai::audit::stats::{Bucket, Figures, Options, Ranking, Statistics};
use serde_json::Value as Json;

use super::records::word;
use super::{Stores, progress};
use crate::args::audit::{Stats, StatsBucket};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(stores: &Stores<'_>, stats: Stats, as_json: bool) -> Result<(), Failure> {
    let filter = stats.filter.read()?;
    let mut options = Options::default();
    options.top = usize::from(stats.top);
    options.bucket = match stats.by {
        StatsBucket::Hour => Bucket::Hour,
        StatsBucket::Day => Bucket::Day,
    };
    let store = stores.one().await?;
    let progress = progress::counting("reading");
    let statistics = Statistics::of(&*store, &filter, options, &mut |lines| progress.set_position(lines)).await;
    progress.finish_and_clear();
    let report = statistics?.report();
    if as_json {
        return output::json(&report);
    }
    let (Some(from), Some(to)) = (report.from, report.to) else { return output::line("(no records)") };
    output::line(format!("{} calls from {from} to {to}", report.all.calls))?;
    let named = |ranking: &Ranking, others: &str| {
        let groups = ranking.groups.iter().map(|group| row(word(&group.name), &group.figures));
        let others = ranking.others.iter().map(|figures| row(others.to_owned(), figures));
        groups.chain(others).collect::<Vec<_>>()
    };
    let mut all = named(&report.times, "earlier");
    all.push(row("all".to_owned(), &report.all));
    table("time", all)?;
    for (heading, ranking) in [
        ("tenant", &report.tenants),
        ("tool", &report.tools),
        ("model", &report.models),
        ("error code", &report.error_codes),
    ] {
        if !ranking.groups.is_empty() {
            table(heading, named(ranking, "others"))?;
        }
        if !ranking.is_exact {
            output::line(format!("there were more groups by {heading} than are kept: some of their calls stand with the others"))?;
        }
    }
    match report.unreadable {
        0 => Ok(()),
        lines => output::line(format!("{lines} lines could not be read; `ormai audit verify` tells where")),
    }
}

fn table(heading: &str, rows: Vec<Vec<String>>) -> Result<(), Failure> {
    let headings = [
        heading, "calls", "answered", "pending", "refused", "failed", "dropped", "unknown", "p50 ms", "p90 ms", "p99 ms",
        "max ms",
    ];
    output::table(&headings, rows)
}

fn row(name: String, figures: &Figures) -> Vec<String> {
    let Figures { calls, answered, pending, refused, failed, dropped, unknown, latency, .. } = figures;
    let counts = [calls, answered, pending, refused, failed, dropped, unknown].map(|count| Json::from(*count).to_string());
    let times = [latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.max_ms].map(|ms| format!("{ms:.1}"));
    std::iter::once(name).chain(counts).chain(times).collect()
}
