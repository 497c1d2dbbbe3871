//! Which calls change.

use std::collections::BTreeMap;

use ormai::db::Database;
use ormai::{CallResult, RunContext};
use serde::Serialize;
use serde_json::Value as Json;

use super::{DiffError, Direction, PolicyDiff, Versions, Which};
use crate::record::{FileError, Line, Outcome, RecordedCall};
use crate::replay::{Change, Difference, make, own};

/// How many changed calls are kept; the others are counted.
const MOST_CHANGES: usize = 10_000;

/// What becomes of calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CallsDiff {
    /// The calls in the file.
    pub calls: u64,
    /// That were made under both policies.
    pub made: u64,
    /// That cannot be made again as they were.
    pub not_exact: u64,
    /// Writes, which are not made here: what is said of writing stands in the policies.
    pub writes_left_out: u64,
    /// That end otherwise.
    pub changed: u64,
    /// Those of them that show or allow more, or may do so.
    pub wider: u64,
    /// Each, in the order of the file; at most ten thousand.
    pub changes: Vec<CallChange>,
}

/// A call that ends otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallChange {
    /// Which way.
    pub direction: Direction,
    /// Rows of the answer that it did not have, as far as their common fields tell.
    pub newly: u64,
    /// Rows that it has no more.
    pub no_longer: u64,
    /// The call.
    #[serde(flatten)]
    pub change: Change,
}

impl Versions {
    /// Makes calls under both, and adds what changes to a diff. Only reads are made.
    ///
    /// # Errors
    ///
    /// [`DiffError::Calls`] when they cannot be read, and [`DiffError::Database`].
    pub async fn compare_calls(
        &self,
        diff: &mut PolicyDiff,
        database: &Database,
        calls: impl Iterator<Item = Result<Line, FileError>>,
    ) -> Result<(), DiffError> {
        self.compare_calls_on(&own(), diff, database, calls).await
    }

    /// As [`Versions::compare_calls`], on the connection of a context or in its transaction.
    ///
    /// # Errors
    ///
    /// As [`Versions::compare_calls`].
    pub async fn compare_calls_on(
        &self,
        ctx: &RunContext<'_>,
        diff: &mut PolicyDiff,
        database: &Database,
        calls: impl Iterator<Item = Result<Line, FileError>>,
    ) -> Result<(), DiffError> {
        let old = self.tools(database, Which::Old, self.old.document.clone()).await?;
        let new = self.tools(database, Which::New, self.new.document.clone()).await?;
        let found = diff.calls.get_or_insert_default();
        for line in calls {
            let Line { number, call } = line.map_err(|error| DiffError::Calls(error.to_string()))?;
            found.calls += 1;
            if !call.is_whole() {
                found.not_exact += 1;
                continue;
            }
            if call.writes() {
                found.writes_left_out += 1;
                continue;
            }
            found.made += 1;
            let (was, is) = (make(&old, ctx, &call, None).await, make(&new, ctx, &call, None).await);
            let differences = Difference::between(&was.outcome, &is.outcome, true);
            if differences.is_empty() {
                continue;
            }
            let (old_rows, new_rows) = (rows(was.result.as_ref()), rows(is.result.as_ref()));
            let (newly, no_longer) = beyond(&old_rows, &new_rows);
            let direction = direction(&call, (&was.outcome, &is.outcome), &differences, (newly, no_longer));
            found.changed += 1;
            found.wider += u64::from(direction != Direction::Narrower);
            if found.changes.len() < MOST_CHANGES {
                let (model, principal) = (call.model().map(str::to_owned), call.principal.clone());
                let (old, new) = (was.outcome, is.outcome);
                let change = Change { line: number, tool: call.tool, model, principal, old, new, differences };
                found.changes.push(CallChange { direction, newly, no_longer, change });
            }
        }
        Ok(())
    }
}

fn direction(
    call: &RecordedCall,
    outcomes: (&Outcome, &Outcome),
    differences: &[Difference],
    (newly, no_longer): (u64, u64),
) -> Direction {
    match outcomes {
        (Outcome::Refused { .. }, Outcome::Refused { .. }) => return Direction::Narrower,
        (Outcome::Refused { .. }, _) => return Direction::Wider,
        (_, Outcome::Refused { .. }) => return Direction::Narrower,
        _ => {}
    }
    let fields = differences.iter().find_map(|difference| match difference {
        Difference::Fields { added, removed } => Some((added.is_empty(), removed.is_empty())),
        _ => None,
    });
    match fields {
        Some((false, true)) => return Direction::Wider,
        Some((false, false)) => return Direction::Either,
        Some((true, _)) | None => {}
    }
    match (newly, no_longer) {
        // Figures over other rows, masks, a row behind an include: only the policies tell.
        (0, 0) => Direction::Either,
        (0, _) => Direction::Narrower,
        // The rows of a page that is cut off move up where others go.
        (_, 1..) => Direction::Either,
        (_, 0) if call.tool == "query" => Direction::Wider,
        (_, 0) => Direction::Either,
    }
}

/// The rows at the root of an answer.
fn rows(result: Option<&CallResult>) -> Vec<Json> {
    let Some(CallResult::Answered { data, .. }) = result else { return Vec::new() };
    match serde_json::to_value(data) {
        Ok(Json::Object(mut answer)) => match answer.remove("rows") {
            Some(Json::Array(rows)) => rows,
            _ => vec![Json::Object(answer)],
        },
        _ => Vec::new(),
    }
}

/// How many rows of the new are not in the old, and the other way around, by the names that both have.
fn beyond(old: &[Json], new: &[Json]) -> (u64, u64) {
    let names = |rows: &[Json]| rows.first().and_then(Json::as_object).cloned().unwrap_or_default();
    let (old_names, new_names) = (names(old), names(new));
    let common: Vec<&String> = old_names.keys().filter(|name| new_names.contains_key(*name)).collect();
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    let mut add = |rows: &[Json], step: i64| {
        for row in rows {
            let values: Vec<&Json> = match (old_names.is_empty() || new_names.is_empty(), row) {
                (false, Json::Object(_)) => common.iter().filter_map(|name| row.get(name.as_str())).collect(),
                (_, row) => vec![row],
            };
            *counts.entry(Json::from_iter(values.into_iter().cloned()).to_string()).or_default() += step;
        }
    };
    add(new, 1);
    add(old, -1);
    counts.values().fold((0, 0), |(newly, no_longer), count| {
        (newly + u64::try_from(*count).unwrap_or(0), no_longer + u64::try_from(-count).unwrap_or(0))
    })
}
