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
