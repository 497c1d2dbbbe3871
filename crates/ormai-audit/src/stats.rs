//! Figures about the records of a store: how many, how they ended, how long they took.

use std::collections::{BTreeMap, HashMap};

use hdrhistogram::Histogram;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value as Json;

use crate::filter::Filter;
use crate::reading::{Found, each_line};
use crate::record::{Outcome, Record};
use crate::store::{AuditStore, StoreError};

/// A span of time for which figures are added up, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// Sixty minutes.
    Hour,
    /// Twenty-four hours.
    Day,
}

/// What of the figures is kept.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The spans of time.
    pub bucket: Bucket,
    /// How many groups of each kind are told, the largest ones; the rest stands together. Of
    /// spans of time it is the latest ones.
    pub top: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { bucket: Bucket::Day, top: 20 }
    }
}

/// Figures that grow with each record, in bounded memory.
#[derive(Debug)]
pub struct Statistics {
    options: Options,
    all: Tally,
    tenants: Groups,
    tools: Groups,
    models: Groups,
    error_codes: Groups,
    times: Times,
    unreadable: u64,
}

/// The figures at a time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Of all records.
    pub all: Figures,
    /// The time of the earliest and of the latest record.
    pub from: Option<Timestamp>,
    /// See `from`.
    pub to: Option<Timestamp>,
    /// By tenant, as it was given.
    pub tenants: Ranking,
    /// By tool.
    pub tools: Ranking,
    /// By model; records about none are left out.
    pub models: Ranking,
    /// By error code; records without one are left out.
    pub error_codes: Ranking,
    /// By span of time, in its order; the name of each is its beginning.
    pub times: Ranking,
    /// Lines that could not be read, and so are not in the figures.
    pub unreadable: u64,
}

/// The groups of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Ranking {
    /// The groups that are told: the largest first, or in the order of time.
    pub groups: Vec<Group>,
    /// All others together; `None` where there are none.
    pub others: Option<Figures>,
    /// Whether there were so few groups that none was let go in between. Where it is false, some
    /// of the figures of a group may stand with the others.
    pub is_exact: bool,
}

/// The figures of a group.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Group {
    /// What its records have in common.
    pub name: Json,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// How many calls, how they ended, and how long they took. The outcomes add up to `calls`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Figures {
    /// All of them.
    pub calls: u64,
    /// That were answered.
    pub answered: u64,
    /// That wait for an approval.
    pub pending: u64,
    /// That were refused: for what was asked, or who asked.
    pub refused: u64,
    /// That failed: for the database, the time limit or the set-up.
    pub failed: u64,
    /// That their callers let go of.
    pub dropped: u64,
    /// Of which nobody knows how they ended.
    pub unknown: u64,
    /// How long they took.
    pub latency: Latency,
}

/// How long calls took, in milliseconds; to one part in a hundred, but for `max_ms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Latency {
    /// Half took at most so long.
    pub p50_ms: f64,
    /// Nine of ten.
    pub p90_ms: f64,
    /// Ninety-nine of a hundred.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Statistics {
    /// Without a record.
    pub fn new(options: Options) -> Self {
        let most = options.top.saturating_mul(4).clamp(256, 4_096);
        Self {
            options,
            all: Tally::default(),
            tenants: Groups::at_most(most),
            tools: Groups::at_most(most),
            models: Groups::at_most(most),
            error_codes: Groups::at_most(most),
            times: Times { spans: BTreeMap::new(), earlier: None, most: options.top.max(1), from: None, to: None },
            unreadable: 0,
        }
    }

    /// Reads the closed records of a store. `read` hears now and then how many lines were read.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn of(
        store: &dyn AuditStore,
        filter: &Filter,
        options: Options,
        read: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Self, StoreError> {
        let mut statistics = Self::new(options);
        let take = |line: &[u8]| {
            match Found::in_line(line) {
                Found::Record(entry) if filter.matches(&entry) => statistics.add(&entry),
                Found::Record(_) | Found::Other => {}
                Found::Unreadable => statistics.unreadable += 1,
            }
            Ok::<_, StoreError>(())
        };
        each_line(store, take, read).await?;
        Ok(statistics)
    }

    /// Adds a closed record.
    pub fn add(&mut self, record: &Record) {
        self.all.add(record);
        self.tenants.of(&record.tenant_id).add(record);
        self.tools.of(&Json::from(record.tool_name.as_str())).add(record);
        if let Some(model) = &record.model {
            self.models.of(&Json::from(model.as_str())).add(record);
        }
        if let Some(error) = &record.error {
            self.error_codes.of(&Json::from(error.code.as_str())).add(record);
        }
        self.times.add(record, self.options.bucket);
    }

    /// The figures until now.
    pub fn report(&self) -> Report {
        let top = self.options.top;
        Report {
            all: self.all.figures(),
            from: self.times.from,
            to: self.times.to,
            tenants: self.tenants.ranking(top),
            tools: self.tools.ranking(top),
            models: self.models.ranking(top),
            error_codes: self.error_codes.ranking(top),
            times: self.times.ranking(),
            unreadable: self.unreadable,
        }
    }
}

/// Figures that grow.
#[derive(Clone, Debug, Default)]
struct Tally {
    figures: Figures,
    /// Microseconds; `None` before the first call.
    latency: Option<Histogram<u32>>,
}

/// Two significant digits: one part in a hundred.
const DIGITS: u8 = 2;

impl Tally {
    fn add(&mut self, record: &Record) {
        let figures = &mut self.figures;
        figures.calls += 1;
        let counted = match record.outcome {
            Outcome::Answered => &mut figures.answered,
            Outcome::Pending => &mut figures.pending,
            Outcome::Dropped => &mut figures.dropped,
            Outcome::Refused if is_failure(record) => &mut figures.failed,
            Outcome::Refused => &mut figures.refused,
            Outcome::Unknown | Outcome::Open => &mut figures.unknown,
        };
        *counted += 1;
        figures.latency.max_ms = figures.latency.max_ms.max(record.execution_time_ms);
        if let Some(latency) = self.latency() {
            // It grows by itself to what it takes in.
            let _ = latency.record(microseconds(record.execution_time_ms));
        }
    }

    fn latency(&mut self) -> Option<&mut Histogram<u32>> {
        if self.latency.is_none() {
            let mut latency = Histogram::new(DIGITS).ok()?;
            latency.auto(true);
            self.latency = Some(latency);
        }
        self.latency.as_mut()
    }

    fn merge(&mut self, other: &Self) {
        let (figures, more) = (&mut self.figures, &other.figures);
        figures.calls += more.calls;
        figures.answered += more.answered;
        figures.pending += more.pending;
        figures.refused += more.refused;
        figures.failed += more.failed;
        figures.dropped += more.dropped;
        figures.unknown += more.unknown;
        figures.latency.max_ms = figures.latency.max_ms.max(more.latency.max_ms);
        if let (Some(more), Some(latency)) = (&other.latency, self.latency()) {
            // As above.
            let _ = latency.add(more);
        }
    }

    fn figures(&self) -> Figures {
        let mut figures = self.figures.clone();
        if let Some(latency) = &self.latency {
            let longest = figures.latency.max_ms;
            // What is rounded up must not be longer than the longest.
            let at = |quantile| milliseconds(latency.value_at_quantile(quantile)).min(longest);
            figures.latency = Latency { p50_ms: at(0.5), p90_ms: at(0.9), p99_ms: at(0.99), max_ms: longest };
        }
        figures
    }
}

/// Whether it was for the database, the time limit or the set-up, and not for the request.
fn is_failure(record: &Record) -> bool {
    let is_ours = |code: &str| {
        let known = ormai_core::error::ErrorCode::ALL.iter().find(|known| known.as_str() == code);
        known.is_some_and(|code| code.http_status() >= 500)
    };
    record.error.as_ref().is_some_and(|error| is_ours(&error.code))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
fn microseconds(milliseconds: f64) -> u64 {
    /// Eleven days: nothing takes as long.
    const LONGEST: f64 = 1e12;
    (milliseconds * 1_000.0).round().clamp(0.0, LONGEST) as u64
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1_000.0
}

/// As many groups as memory is given for; the smallest goes to the others for a new one.
#[derive(Debug)]
struct Groups {
    known: HashMap<Json, Tally>,
    others: Option<Tally>,
    most: usize,
}

impl Groups {
    fn at_most(most: usize) -> Self {
        Self { known: HashMap::new(), others: None, most }
    }

    fn of(&mut self, name: &Json) -> &mut Tally {
        if !self.known.contains_key(name) && self.known.len() >= self.most {
            let smallest = self.known.iter().min_by_key(|(_, tally)| tally.figures.calls);
            if let Some(tally) = smallest.map(|(name, _)| name.clone()).and_then(|name| self.known.remove(&name)) {
                self.others.get_or_insert_default().merge(&tally);
            }
        }
        self.known.entry(name.clone()).or_default()
    }

    fn ranking(&self, top: usize) -> Ranking {
        let mut groups: Vec<(&Json, &Tally)> = self.known.iter().collect();
        // Of equal size the names decide, so that the order is always the same.
        groups.sort_by_cached_key(|(name, tally)| (std::cmp::Reverse(tally.figures.calls), name.to_string()));
        let (told, rest) = groups.split_at(top.min(groups.len()));
        let mut others = self.others.clone();
        rest.iter().for_each(|(_, tally)| others.get_or_insert_default().merge(tally));
        Ranking {
            groups: told
                .iter()
                .map(|(name, tally)| Group { name: (*name).clone(), figures: tally.figures() })
                .collect(),
            others: others.map(|others| others.figures()),
            is_exact: self.others.is_none(),
        }
    }
}

/// The latest spans of time.
#[derive(Debug)]
struct Times {
    spans: BTreeMap<Timestamp, Tally>,
    earlier: Option<Tally>,
    most: usize,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Times {
    fn add(&mut self, record: &Record, bucket: Bucket) {
        let time = record.timestamp;
        self.from = Some(self.from.map_or(time, |from| from.min(time)));
        self.to = Some(self.to.map_or(time, |to| to.max(time)));
        self.spans.entry(begin(time, bucket)).or_default().add(record);
        if self.spans.len() > self.most
            && let Some((_, earliest)) = self.spans.pop_first()
        {
            self.earlier.get_or_insert_default().merge(&earliest);
        }
    }

    fn ranking(&self) -> Ranking {
        let group = |(begin, tally): (&Timestamp, &Tally)| Group {
            name: Json::from(begin.to_string()),
            figures: tally.figures(),
        };
        Ranking {
            groups: self.spans.iter().map(group).collect(),
            others: self.earlier.as_ref().map(Tally::figures),
            // Who comes late goes to the others, as all of its span did.
            is_exact: true,
        }
    }
}

fn begin(time: Timestamp, bucket: Bucket) -> Timestamp {
    let seconds = match bucket {
        Bucket::Hour => 3_600,
        Bucket::Day => 86_400,
    };
    let second = time.as_second();
    Timestamp::from_second(second - second.rem_euclid(seconds)).unwrap_or(time)
}
