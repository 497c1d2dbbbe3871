//! How much the laws try, and from which seed: the one place where the environment is asked.
#![expect(clippy::disallowed_methods, reason = "the environment says how long a test may take, and nothing else")]

use std::time::Duration;

use ormai_core::fault::Fault;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Names how many asks a law tries on each engine.
const CASES_VARIABLE: &str = "ORMAI_CASES";

/// Names the seed.
const SEED_VARIABLE: &str = "ORMAI_SEED";

/// Names for how many seconds something goes on that is not done at an end.
const SECONDS_VARIABLE: &str = "ORMAI_SECONDS";

/// Names how often something is killed.
const KILLS_VARIABLE: &str = "ORMAI_KILLS";

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Asks on each engine.
    pub asks: usize,
    /// Where chance begins.
    pub seed: u64,
}

impl Scale {
    /// What the environment says, or else a default that a few seconds suffice for.
    ///
    /// # Panics
    ///
    /// When a variable is set and is no number: a misspelt size must not pass for a run.
    pub fn from_environment(asks: usize) -> Self {
        Self { asks: number(CASES_VARIABLE).unwrap_or(asks), seed: number(SEED_VARIABLE).unwrap_or(2_026) }
    }

    /// A runner that tries enough cases of so many asks each.
    pub fn runner(self, asks_per_case: usize) -> TestRunner {
        let cases = self.asks.div_ceil(asks_per_case.max(1));
        let config = Config {
            cases: u32::try_from(cases).unwrap_or(u32::MAX),
            // What failed once is kept as a test that can be read, not as a seed.
            failure_persistence: None,
            // Under a deliberate fault the failure is expected, and nobody reads it.
            max_shrink_iters: if Fault::ALL.iter().any(|fault| fault.is_on()) { 0 } else { 50_000 },
            max_shrink_time: 120_000,
            max_global_rejects: 0,
            ..Config::default()
        };
        let mut seed = [0; 32];
        seed.iter_mut().zip(self.seed.to_le_bytes()).for_each(|(place, byte)| *place = byte);
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
    }
}

/// For how long something goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// How long.
    pub duration: Duration,
    /// Where chance begins.
    pub seed: u64,
}

impl Stretch {
    /// What the environment says, or else a default.
    ///
    /// # Panics
    ///
    /// When a variable is set and is no number.
    pub fn from_environment(duration: Duration) -> Self {
        let duration = number(SECONDS_VARIABLE).map_or(duration, Duration::from_secs);
        Self { duration, seed: number(SEED_VARIABLE).unwrap_or(2_026) }
    }
}

/// How often something is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kills {
    /// How often.
    pub kills: usize,
    /// Where chance begins.
    pub seed: u64,
}

impl Kills {
    /// What the environment says, or else a default.
    ///
    /// # Panics
    ///
    /// When a variable is set and is no number.
    pub fn from_environment(kills: usize) -> Self {
        Self { kills: number(KILLS_VARIABLE).unwrap_or(kills), seed: number(SEED_VARIABLE).unwrap_or(2_026) }
    }
}

#[expect(clippy::panic, reason = "a run of a size that nobody asked for has failed")]
fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    let text = std::env::var(variable).ok()?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => panic!("{variable} is no number: {text}"),
    }
}
