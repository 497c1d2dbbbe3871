//! Finds records, the newest first, without reading the JSON of those that are not meant.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use memchr::memmem::Finder;
use serde::Serialize;
use uuid::Uuid;

use super::alive::id;
use super::files::{Files, Segment, unavailable};
use super::lines;
use super::read::{Opened, opened_from};
use crate::filter::Filter;
use crate::line::{Kind, Line, Place};
use crate::record::{Entry, Record};
use crate::store::{Records, StoreError};

/// From when to when the records of closed files are, as far as that was found.
#[derive(Debug, Default)]
pub(super) struct Times(Mutex<HashMap<u64, Spanned>>);

/// From when to when the records of a file are.
#[derive(Clone, Copy, Debug)]
struct Spanned {
    /// How long the file was.
    len: u64,
    /// The first and the last; `None` where it has no record.
    span: Option<(Timestamp, Timestamp)>,
}

/// How far a clock may have been set back between the making of a record's name and the closing
/// of its file.
const CLOCK_SET_BACK: SignedDuration = SignedDuration::from_hours(1);

/// A search that is under way.
struct Search<'a> {
    filter: &'a Filter,
    cursor: Option<&'a str>,
    /// What the line of a record that is meant holds.
    parts: Vec<Finder<'static>>,
    /// One more than asked for, so that it is known whether there is another page.
    most: usize,
    /// By name, and by place for those that share one.
    found: BTreeMap<(String, Uuid, u64), Entry>,
}

/// Closed records, the newest first.
pub(super) fn query(
    files: &Files,
    times: &Times,
    filter: &Filter,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Records, StoreError> {
    let view = files.view()?;
    let most = limit.saturating_add(1);
    let mut search = Search { filter, cursor, parts: parts(filter), most, found: BTreeMap::new() };
    // The files are opened from the newest on, those that are not needed never.
    let closed: HashMap<u64, &Segment> = view.closed.iter().map(|segment| (segment.number, segment)).collect();
    for number in closed_and_active(&view.closed, view.number) {
        let segment = closed.get(&number);
        if segment.is_some_and(|segment| search.is_over_before(segment.closed_at)) {
            // Those before were closed earlier still.
            break;
        }
        let Some(opened) = opened_from(files, &view, number).next() else { continue };
        let opened = opened?;
        if opened.number == number {
            search.file(&opened, times, segment.is_some())?;
        }
    }
    Ok(search.into_records(limit))
}

fn closed_and_active(closed: &[Segment], active: u64) -> impl Iterator<Item = u64> {
    std::iter::once(active).chain(closed.iter().rev().map(|segment| segment.number))
}

impl Search<'_> {
    /// Whether all is found that was named after a file was closed.
    fn is_over_before(&self, closed_at: Timestamp) -> bool {
        let Some(((oldest, ..), _)) = self.found.first_key_value().filter(|_| self.found.len() >= self.most) else {
            return false;
        };
        let made = oldest.strip_prefix(Record::PREFIX).and_then(|id| Uuid::try_parse(id).ok()).and_then(made);
        made.zip(closed_at.checked_add(CLOCK_SET_BACK).ok()).is_some_and(|(made, closed)| made > closed)
    }

    /// Looks through a file, unless none of its records can be meant.
    fn file(&mut self, opened: &Opened, times: &Times, is_closed: bool) -> Result<(), StoreError> {
        let asks_for_time = is_closed && bounds(self.filter).next().is_some();
        let known = times.get(opened);
        if asks_for_time && known.is_some_and(|spanned| !spanned.meets(self.filter)) {
            return Ok(());
        }
        let notes = asks_for_time && known.is_none();
        let (mut span, mut is_exact) = (None, true);
        let shown = lines::backward(&opened.file, 0, opened.len, |text| {
            if notes && Place::read(text).is_some_and(|(place, _)| place.kind == Kind::Record) {
                match timestamp(text) {
                    Some(time) => {
                        let (first, last) = span.unwrap_or((time, time));
                        span = Some((time.min(first), time.max(last)));
                    }
                    None => is_exact = false,
                }
            }
            self.line(text);
            ControlFlow::Continue(())
        });
        let _ = shown.map_err(|error: io::Error| unavailable(Path::new(&opened.name), &error))?;
        if notes && is_exact {
            times.note(opened, span);
        }
        Ok(())
    }

    fn line(&mut self, text: &[u8]) {
        if self.parts.iter().any(|part| part.find(text).is_none()) {
            return;
        }
        let id = id(text);
        if id.is_some_and(|id| !self.is_wanted(id)) {
            return;
        }
        if !Place::read(text).is_some_and(|(place, _)| place.kind == Kind::Record) {
            return;
        }
        let Some(entry) = std::str::from_utf8(text).ok().and_then(Line::read).as_ref().and_then(Entry::read) else {
            return;
        };
        if !self.is_wanted(&entry.id) || !self.filter.matches(&entry) {
            return;
        }
        self.found.insert((entry.id.clone(), entry.place.chain, entry.place.seq), entry);
        if self.found.len() > self.most {
            self.found.pop_first();
        }
    }

    /// Whether a record with this name comes before the cursor, and is newer than the oldest that
    /// was found where enough were.
    fn is_wanted(&self, id: &str) -> bool {
        let is_before = self.cursor.is_none_or(|cursor| id < cursor);
        is_before
            && (self.found.len() < self.most
                || self.found.first_key_value().is_some_and(|((oldest, ..), _)| id >= oldest.as_str()))
    }

    fn into_records(self, limit: usize) -> Records {
        let is_more = self.found.len() > limit;
        let mut entries: Vec<Entry> = self.found.into_values().rev().collect();
        entries.truncate(limit);
        let cursor = entries.last().filter(|_| is_more).map(|entry| entry.id.clone());
        Records { entries, cursor }
    }
}

impl Times {
    fn get(&self, opened: &Opened) -> Option<Spanned> {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.get(&opened.number).copied().filter(|spanned| spanned.len == opened.len)
    }

    fn note(&self, opened: &Opened, span: Option<(Timestamp, Timestamp)>) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.insert(opened.number, Spanned { len: opened.len, span });
    }
}

impl Spanned {
    /// Whether a record of this time may be meant.
    fn meets(&self, filter: &Filter) -> bool {
        let Some((first, last)) = self.span else { return false };
        filter.timestamp_gte.is_none_or(|from| last >= from)
            && filter.timestamp_gt.is_none_or(|from| last > from)
            && filter.timestamp_lte.is_none_or(|to| first <= to)
            && filter.timestamp_lt.is_none_or(|to| first < to)
    }
}

/// When the name of a record was made.
fn made(id: Uuid) -> Option<Timestamp> {
    let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
    Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanoseconds).ok()?).ok()
}

/// The time of a record, where it stands behind the name, as it does.
fn timestamp(text: &[u8]) -> Option<Timestamp> {
    let (_, rest) = text.split_at_checked(b"{\"id\":\"".len() + id(text)?.len())?;
    let rest = rest.strip_prefix(b"\",\"timestamp\":\"")?;
    let (time, _) = rest.split_at_checked(memchr::memchr(b'"', rest)?)?;
    std::str::from_utf8(time).ok()?.parse().ok()
}

fn bounds(filter: &Filter) -> impl Iterator<Item = &Timestamp> {
    [&filter.timestamp_gte, &filter.timestamp_gt, &filter.timestamp_lte, &filter.timestamp_lt].into_iter().flatten()
}

/// What stands in the line of every record that is meant: members are written in one way only.
fn parts(filter: &Filter) -> Vec<Finder<'static>> {
    let mut parts = Vec::new();
    let mut part = |name: &str, value: Option<String>| {
        parts.extend(value.map(|value| Finder::new(&format!("\"{name}\":{value}")).into_owned()));
    };
    part("tenant_id", written(filter.tenant_id.as_ref()));
    part("user_id", written(filter.user_id.as_ref()));
    part("id", written(filter.id.as_ref()));
    part("request_id", written(filter.request_id.as_ref()));
    part("trace_id", written(filter.trace_id.as_ref()));
    part("approval_id", written(filter.approval_id.as_ref()));
    part("transaction", written(filter.transaction.as_ref()));
    part("parent", written(filter.parent.as_ref()));
    parts
}

fn written(value: Option<&impl Serialize>) -> Option<String> {
    serde_json::to_string(value?).ok()
}
