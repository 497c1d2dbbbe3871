//! What is counted and timed. Without the feature `opentelemetry` nothing is, and it costs nothing.

use std::time::Duration;

use ormai_core::error::ErrorCode;

#[cfg(feature = "opentelemetry")]
use super::meter::Instruments;

/// The instruments of one database with its policy; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    #[cfg(feature = "opentelemetry")]
    instruments: Option<std::sync::Arc<Instruments>>,
}

/// How a call ended, as a word of few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was answered.
    Ok,
    /// It was refused, or failed.
    Refused(ErrorCode),
    /// Its caller went away.
    Dropped,
}

impl Outcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused(code) => code.as_str(),
            Self::Dropped => "dropped",
        }
    }
}

/// A call, by words of which there are few: each combination is a series.
#[derive(Debug)]
#[cfg_attr(not(feature = "opentelemetry"), expect(dead_code, reason = "read by the instruments alone"))]
pub(crate) struct Call<'a> {
    pub(crate) tool: Option<&'a str>,
    pub(crate) model: Option<&'a str>,
    pub(crate) outcome: Outcome,
}

#[cfg(feature = "opentelemetry")]
impl Metrics {
    /// Instruments of a meter, for calls and for the connections of a database.
    pub(crate) fn of(meter: &opentelemetry::metrics::Meter, database: ormai_db::Database) -> Self {
        Self { instruments: Some(Instruments::new(meter, database)) }
    }

    /// Whether anything is counted.
    pub(crate) fn is_on(&self) -> bool {
        self.instruments.is_some()
    }

    /// A call has ended; `elapsed` is `None` when nobody waited for it to the end.
    pub(crate) fn call(&self, call: &Call<'_>, rows: u64, elapsed: Option<Duration>) {
        if let Some(instruments) = &self.instruments {
            instruments.call(call, rows, elapsed);
        }
    }

    /// A record of the audit trail was accepted this long after the work of its call had ended.
    pub(crate) fn audit_lag(&self, lag: Duration) {
        if let Some(instruments) = &self.instruments {
            instruments.audit_lag(lag);
        }
    }
}

#[cfg(not(feature = "opentelemetry"))]
#[expect(clippy::unused_self, reason = "the facade is the same with instruments behind it")]
impl Metrics {
    pub(crate) fn is_on(&self) -> bool {
        false
    }

    pub(crate) fn call(&self, _: &Call<'_>, _: u64, _: Option<Duration>) {}

    pub(crate) fn audit_lag(&self, _: Duration) {}
}
