//! What was measured.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// What was measured of all variants.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BenchReport {
    /// How many different calls were made in turn.
    pub different_calls: usize,
    /// How many called at once.
    pub callers: usize,
    /// In how many rounds.
    pub rounds: u32,
    /// Each variant, in the order in which they were given.
    pub variants: Vec<VariantReport>,
    /// Each variant but the first, compared with it.
    pub ratios: Vec<Ratio>,
}

/// What was measured of one variant.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct VariantReport {
    /// What it is called.
    pub name: String,
    /// How many calls were measured.
    pub calls: u64,
    /// How many of them were refused or failed.
    pub refused: u64,
    /// How long they took together, in seconds.
    pub seconds: f64,
    /// Calls in a second, by all callers.
    pub calls_per_second: f64,
    /// How long each took.
    pub latency: Latency,
}

/// How long calls take, in microseconds: exact to a thousandth.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// The shortest.
    pub min_us: f64,
    /// The mean.
    pub mean_us: f64,
    /// The median.
    pub p50_us: f64,
    /// Nine in ten take no longer.
    pub p90_us: f64,
    /// 99 in 100 take no longer.
    pub p99_us: f64,
    /// 999 in 1000 take no longer.
    pub p999_us: f64,
    /// The longest.
    pub max_us: f64,
}

/// A variant compared with the first one: above 1 it takes longer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// The variant.
    pub name: String,
    /// The one that it is compared with.
    pub to: String,
    /// The median over all rounds of the ratio of the medians of a round.
    pub of_medians: f64,
    /// The lowest of these ratios.
    pub lowest: f64,
    /// The highest.
    pub highest: f64,
}

/// Latencies in nanoseconds: from one to an hour, in buckets of a thousandth.
#[expect(clippy::expect_used, reason = "the bounds are constants, and they are in order")]
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("bounds that are in order")
}

/// A variant while it is measured.
pub(super) struct Measured {
    name: String,
    all: Histogram<u64>,
    refused: u64,
    taken: Duration,
    /// The median of each round, in nanoseconds.
    medians: Vec<f64>,
}

impl Measured {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), all: histogram(), refused: 0, taken: Duration::ZERO, medians: Vec::new() }
    }

    pub(super) fn add(&mut self, round: &Histogram<u64>, refused: u64, taken: Duration) {
        if round.is_empty() {
            return;
        }
        // They are all of one kind, so nothing is left out.
        let _ = self.all.add(round);
        self.refused += refused;
        self.taken += taken;
        self.medians.push(float(round.value_at_quantile(0.5)));
    }

    fn report(&self) -> VariantReport {
        let us = |ns: f64| (ns / 10.0).round() / 100.0;
        let at = |quantile: f64| us(float(self.all.value_at_quantile(quantile)));
        let seconds = self.taken.as_secs_f64();
        VariantReport {
            name: self.name.clone(),
            calls: self.all.len(),
            refused: self.refused,
            seconds,
            calls_per_second: float(self.all.len()) / seconds.max(f64::MIN_POSITIVE),
            latency: Latency {
                min_us: us(float(self.all.min())),
                mean_us: us(self.all.mean()),
                p50_us: at(0.5),
                p90_us: at(0.9),
                p99_us: at(0.99),
                p999_us: at(0.999),
                max_us: us(float(self.all.max())),
            },
        }
    }
}

impl BenchReport {
    pub(super) fn of(different_calls: usize, callers: usize, rounds: u32, measured: Vec<Measured>) -> Self {
        let variants = measured.iter().map(Measured::report).collect();
        let mut ratios = Vec::new();
        if let Some((first, others)) = measured.split_first() {
            ratios.extend(others.iter().filter_map(|other| ratio(first, other)));
        }
        Self { different_calls, callers, rounds, variants, ratios }
    }
}

fn ratio(first: &Measured, other: &Measured) -> Option<Ratio> {
    let mut ratios: Vec<f64> =
        first.medians.iter().zip(&other.medians).map(|(first, other)| other / first.max(1.0)).collect();
    ratios.sort_by(f64::total_cmp);
    let middle = (ratios.len().checked_sub(1)? / 2, ratios.len() / 2);
    let of_medians = f64::midpoint(*ratios.get(middle.0)?, *ratios.get(middle.1)?);
    let (lowest, highest) = (*ratios.first()?, *ratios.last()?);
    Some(Ratio { name: other.name.clone(), to: first.name.clone(), of_medians, lowest, highest })
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people: it is not that exact")]
fn float(count: u64) -> f64 {
    count as f64
}
