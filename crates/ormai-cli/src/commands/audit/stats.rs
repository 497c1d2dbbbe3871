//! `ormai audit stats`: how many calls, how they ended, how long they took.

use ormai::audit::stats::{Bucket, Figures, Options, Ranking, Statistics};

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
    let progress = progress::lines("reading");
    let statistics = Statistics::of(&*store, &filter, options, &mut |lines| progress.set_position(lines)).await;
    progress.finish_and_clear();
    let report = statistics?.report();
    if as_json {
        return output::json(&report);
    }
    let (Some(from), Some(to)) = (report.from, report.to) else { return output::line("(no records)") };
    output::line(format!("{} calls from {from:.3} to {to:.3}", report.all.calls))?;
    let mut all = named(&report.times, "earlier");
    all.push(("all".to_owned(), &report.all));
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
            output::line(format!(
                "there were more groups by {heading} than are kept: some of their calls stand with the others"
            ))?;
        }
    }
    match report.unreadable {
        0 => Ok(()),
        lines => output::line(format!("{lines} lines could not be read; `ormai audit verify` tells where")),
    }
}

/// The groups with their names, and the rest of them.
fn named<'r>(ranking: &'r Ranking, others: &str) -> Vec<(String, &'r Figures)> {
    let groups = ranking.groups.iter().map(|group| (word(&group.name), &group.figures));
    groups.chain(ranking.others.iter().map(|figures| (others.to_owned(), figures))).collect()
}

/// A heading, whether it stands there without any, and how many.
type Count = (&'static str, bool, fn(&Figures) -> u64);

/// The seldom ones only where there are any.
const COUNTS: [Count; 7] = [
    ("calls", true, |figures| figures.calls),
    ("answered", true, |figures| figures.answered),
    ("pending", false, |figures| figures.pending),
    ("refused", true, |figures| figures.refused),
    ("failed", true, |figures| figures.failed),
    ("dropped", false, |figures| figures.dropped),
    ("unknown", false, |figures| figures.unknown),
];

fn table(heading: &str, rows: Vec<(String, &Figures)>) -> Result<(), Failure> {
    let counts: Vec<_> = COUNTS
        .iter()
        .filter(|(_, always, count)| *always || rows.iter().any(|(_, figures)| count(figures) > 0))
        .collect();
    let mut headings = vec![heading];
    headings.extend(counts.iter().map(|(heading, ..)| *heading));
    headings.extend(["p50 ms", "p90 ms", "p99 ms", "max ms"]);
    let row = |(name, figures): (String, &Figures)| {
        let latency = &figures.latency;
        let counts = counts.iter().map(|(.., count)| count(figures).to_string());
        let times = [latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.max_ms].map(|ms| format!("{ms:.1}"));
        std::iter::once(name).chain(counts).chain(times).collect()
    };
    output::table(&headings, rows.into_iter().map(row))
}
