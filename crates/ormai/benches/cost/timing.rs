//! Medians of interleaved runs.

use std::time::{Duration, Instant};

/// The samples of one variant.
#[derive(Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    /// Times one run.
    pub(crate) fn time<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = run();
        self.0.push(begun.elapsed());
        result
    }

    /// Times one asynchronous run.
    pub(crate) async fn time_async<T>(&mut self, run: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let result = run.await;
        self.0.push(begun.elapsed());
        result
    }

    /// Forgets the runs of the first tenth, once it is over: connections are opened in it, and
    /// statements prepared.
    pub(crate) fn forget_before(&mut self, round: usize, rounds: usize) {
        if round == rounds / 10 {
            self.0.clear();
        }
    }

    /// Adds those of another one.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// A quantile in microseconds; `0.5` is the median.
    pub(crate) fn quantile(&self, at: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a position in a list")]
        let position = ((sorted.len() as f64 - 1.0) * at) as usize;
        sorted.get(position).map_or(f64::NAN, |sample| sample.as_secs_f64() * 1e6)
    }

    /// Prints the samples on a line.
    pub(crate) fn print(&self, name: &str) {
        println!(
            "    {name:<34} median {:>9.2} µs   p10 {:>9.2}   p90 {:>9.2}   ({} runs)",
            self.quantile(0.5),
            self.quantile(0.1),
            self.quantile(0.9),
            self.0.len()
        );
    }
}

/// Prints the ratio of two medians.
pub(crate) fn print_ratio(name: &str, ours: &Samples, theirs: &Samples) {
    println!("    {name:<34} ratio  {:>9.3}", ours.quantile(0.5) / theirs.quantile(0.5));
}

/// Prints the median of ratios, and how far they are spread.
pub(crate) fn print_spread(name: &str, mut ratios: Vec<f64>) {
    ratios.sort_unstable_by(f64::total_cmp);
    let at = |percent: usize| ratios.get(ratios.len() * percent / 100).copied().unwrap_or(f64::NAN);
    println!(
        "    {name:<34} ratio  {:>9.3}   p10 {:.3}   p90 {:.3}   ({} rounds)",
        at(50),
        at(10),
        at(90),
        ratios.len()
    );
}
