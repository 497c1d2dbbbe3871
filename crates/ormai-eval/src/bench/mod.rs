//! How long calls take, and how variants compare.
//!
//! Variants (two policies, two databases, with a trail and without) take turns, round by round, so that
//! whatever else the machine does meets all of them. They are compared by the ratio of the medians of
//! each round, of which the median stands for all.

mod report;
mod rounds;

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use ormai::prelude::*;

pub use report::{BenchReport, Latency, Ratio, VariantReport};

use crate::record::RecordedCall;

/// Something that is measured: a toolset with a name.
#[derive(Clone, Debug)]
pub struct Variant {
    /// What to call it.
    pub name: String,
    /// What is called.
    pub tools: Toolset,
}

/// How much is measured of each variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many calls, in all rounds together.
    Calls(u64),
    /// So long, in all rounds together.
    For(Duration),
}

/// Measures calls.
#[derive(Clone, Debug)]
pub struct Bench {
    variants: Vec<Variant>,
    calls: Arc<[RecordedCall]>,
    warm_up: Duration,
    amount: Amount,
    callers: NonZeroUsize,
    rounds: NonZeroU32,
}

/// Why nothing can be measured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// Nothing to call.
    #[error("there is no call that can be measured: only reads that are known as they were are made")]
    NoCalls,
    /// Nothing is called.
    #[error("there is no variant to be measured")]
    NoVariant,
    /// A caller ended early.
    #[error("a caller ended early: {0}")]
    Caller(String),
}

impl Bench {
    /// Measures calls, one after the other and from the start again. Writes, and calls that cannot be made
    /// as they were, are left out.
    pub fn new(variants: Vec<Variant>, calls: impl IntoIterator<Item = RecordedCall>) -> Self {
        let calls = calls.into_iter().filter(|call| call.is_whole() && !call.writes()).collect();
        Self {
            variants,
            calls,
            warm_up: Duration::from_secs(1),
            amount: Amount::For(Duration::from_secs(5)),
            callers: NonZeroUsize::MIN,
            rounds: NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN),
        }
    }

    /// How long each variant is called before anything is measured.
    #[must_use]
    pub fn warm_up(mut self, warm_up: Duration) -> Self {
        self.warm_up = warm_up;
        self
    }

    /// How much is measured.
    #[must_use]
    pub fn amount(mut self, amount: Amount) -> Self {
        self.amount = amount;
        self
    }

    /// How many call at once; no more than the pool has connections, or they wait for each other.
    #[must_use]
    pub fn callers(mut self, callers: NonZeroUsize) -> Self {
        self.callers = callers;
        self
    }

    /// In how many rounds.
    #[must_use]
    pub fn rounds(mut self, rounds: NonZeroU32) -> Self {
        self.rounds = rounds;
        self
    }

    /// Measures. `heard` is told of each round that is done with, from 1.
    ///
    /// # Errors
    ///
    /// [`BenchError`]
    pub async fn run(&self, heard: impl FnMut(u32)) -> Result<BenchReport, BenchError> {
        if self.calls.is_empty() {
            return Err(BenchError::NoCalls);
        }
        if self.variants.is_empty() {
            return Err(BenchError::NoVariant);
        }
        rounds::run(self, heard).await
    }
}
