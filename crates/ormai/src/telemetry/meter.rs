//! The instruments on an OpenTelemetry meter.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry::{Key, KeyValue};
use ormai_db::{Database, PoolStatus};

use super::metrics::{Call, Outcome};
use super::span::system_name;

/// Seconds: a row by its key takes tenths of a millisecond, and time limits are seconds.
const CALL_BUCKETS: [f64; 14] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Seconds: a line in a buffer, a durable line, a store that others use too.
const LAG_BUCKETS: [f64; 11] = [0.000_01, 0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];

#[derive(Debug)]
pub(crate) struct Instruments {
    calls: Counter<u64>,
    refusals: Counter<u64>,
    duration: Histogram<f64>,
    rows: Counter<u64>,
    audit_lag: Histogram<f64>,
    database: Database,
}

impl Instruments {
    pub(crate) fn new(meter: &Meter, database: Database) -> Arc<Self> {
        let instruments = Arc::new(Self {
            calls: meter
                .u64_counter("ormai.calls")
                .with_unit("{call}")
                .with_description("Calls of tools, however they ended")
                .build(),
            refusals: meter
                .u64_counter("ormai.refusals")
                .with_unit("{call}")
                .with_description("Calls that were refused or failed")
                .build(),
            duration: meter
                .f64_histogram("ormai.call.duration")
                .with_unit("s")
                .with_description("From the request to the answer or the refusal")
                .with_boundaries(CALL_BUCKETS.to_vec())
                .build(),
            rows: meter
                .u64_counter("ormai.rows")
                .with_unit("{row}")
                .with_description("Rows of answers, and rows that were written")
                .build(),
            audit_lag: meter
                .f64_histogram("ormai.audit.lag")
                .with_unit("s")
                .with_description("From the end of a call's work until its record was accepted")
                .with_boundaries(LAG_BUCKETS.to_vec())
                .build(),
            database,
        });
        observe(meter, &instruments);
        instruments
    }

    pub(crate) fn call(&self, call: &Call<'_>, rows: u64, elapsed: Option<Duration>) {
        let mut attributes = Vec::with_capacity(3);
        attributes.extend(call.tool.map(|tool| KeyValue::new("ormai.tool", tool.to_owned())));
        attributes.extend(call.model.map(|model| KeyValue::new("ormai.model", model.to_owned())));
        if rows > 0 {
            self.rows.add(rows, &attributes);
        }
        attributes.push(KeyValue::new("ormai.outcome", call.outcome.as_str()));
        self.calls.add(1, &attributes);
        if let Some(elapsed) = elapsed {
            self.duration.record(elapsed.as_secs_f64(), &attributes);
        }
        if let Outcome::Refused(code) = call.outcome {
            self.refusals.add(1, &[KeyValue::new("error.type", code.as_str())]);
        }
    }

    pub(crate) fn audit_lag(&self, lag: Duration) {
        self.audit_lag.record(lag.as_secs_f64(), &[]);
    }
}

/// Reads the pool whenever the metrics are collected. The meter keeps its callbacks, so they hold the
/// database only while somebody else does.
fn observe(meter: &Meter, instruments: &Arc<Instruments>) {
    let system = KeyValue::new("db.system.name", system_name(instruments.database.dialect()));
    let named = move |state: Option<&'static str>| {
        let pool = KeyValue::new(Key::from_static_str("db.client.connection.pool.name"), "ormai");
        let state = state.map(|state| KeyValue::new("db.client.connection.state", state));
        [pool, system.clone()].into_iter().chain(state).collect::<Vec<_>>()
    };
    let status = |instruments: &Arc<Instruments>| {
        let seen = Arc::downgrade(instruments);
        move || -> Option<PoolStatus> { seen.upgrade().map(|instruments| instruments.database.pool_status()) }
    };
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (used, idle, most) = (named(Some("used")), named(Some("idle")), named(None));
    let now = status(instruments);
    meter
        .i64_observable_up_down_counter("db.client.connection.count")
        .with_unit("{connection}")
        .with_description("Open connections of the pool")
        .with_callback(move |observer| {
            if let Some(now) = now() {
                observer.observe(signed(now.in_use), &used);
                observer.observe(signed(now.idle), &idle);
            }
        })
        .build();
    let now = status(instruments);
    meter
        .i64_observable_up_down_counter("db.client.connection.max")
        .with_unit("{connection}")
        .with_description("The most connections that the pool opens")
        .with_callback(move |observer| {
            if let Some(now) = now() {
                observer.observe(signed(now.max), &most);
            }
        })
        .build();
}
