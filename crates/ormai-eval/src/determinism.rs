//! Whether calls are answered the same each time, byte for byte.

use std::io;

use ormai::CallResult;
use ormai::prelude::*;
use serde::Serialize;
use serde_json::Value as Json;

use crate::record::{FileError, Line, Who};
use crate::replay::{ReplayError, make, own};

/// What differs from call to call by its nature.
pub const IGNORED: [&str; 3] = ["metadata.request_id", "metadata.execution_time_ms", "metadata.audit_id"];

/// Makes calls several times, and compares what they are answered.
///
/// Cursors are compared too: within one process they are the same for the same page.
#[derive(Clone, Debug)]
pub struct Determinism {
    tools: Toolset,
    runs: u32,
    ignored: Vec<String>,
    writes: bool,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DeterminismReport {
    /// The calls in the file.
    pub calls: u64,
    /// That were made, each so many times.
    pub made: u64,
    /// Of these: that were refused each time.
    pub refused: u64,
    /// How many times.
    pub runs: u32,
    /// Calls that were not answered the same each time.
    pub differing: u64,
    /// The first difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<FirstDifference>,
}

/// Where an answer differs from the one before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FirstDifference {
    /// The line of the call in its file.
    pub line: u64,
    /// The tool.
    pub tool: String,
    /// Who called.
    pub principal: Who,
    /// In which run, from 2.
    pub run: u32,
    /// Where in the result: `$.data.rows[3].total`.
    pub path: String,
    /// What stood there in the first run; null where nothing did.
    pub first: Json,
    /// What stands there in this one.
    pub other: Json,
}

impl Determinism {
    /// Makes each call so many times; less than twice is twice.
    pub fn new(tools: Toolset, runs: u32) -> Self {
        Self { tools, runs: runs.max(2), ignored: IGNORED.map(str::to_owned).to_vec(), writes: false }
    }

    /// Ignores one more part of results: names behind each other, `data.next_cursor`. Of a list all items
    /// are meant: `data.rows.updated_at`.
    #[must_use]
    pub fn ignore(mut self, path: impl Into<String>) -> Self {
        self.ignored.push(path.into());
        self
    }

    /// Makes writes too, each in a transaction that is rolled back. Numbers that the database gives may
    /// go on all the same: ignore them.
    #[must_use]
    pub fn with_writes(mut self) -> Self {
        self.writes = true;
        self
    }

    /// Makes the calls.
    ///
    /// # Errors
    ///
    /// [`ReplayError`], when the file cannot be read.
    pub async fn run(
        &self,
        calls: impl Iterator<Item = Result<Line, FileError>>,
    ) -> Result<DeterminismReport, ReplayError> {
        self.run_on(&own(), calls).await
    }

    /// As [`Determinism::run`], on the connection of a context or in its transaction.
    ///
    /// # Errors
    ///
    /// [`ReplayError`], when the file cannot be read.
    pub async fn run_on(
        &self,
        ctx: &RunContext<'_>,
        calls: impl Iterator<Item = Result<Line, FileError>>,
    ) -> Result<DeterminismReport, ReplayError> {
        let mut report = DeterminismReport { runs: self.runs, ..DeterminismReport::default() };
        for line in calls {
            let Line { number, call } = line?;
            report.calls += 1;
            if !call.is_whole() || (call.writes() && !self.writes) {
                continue;
            }
            let mut first: Option<Json> = None;
            let mut refused = 0;
            for run in 1..=self.runs {
                let result = make(&self.tools, ctx, &call, None).await.result;
                // A call whose transaction never began came to nothing that could be compared.
                if result.is_none() && first.is_none() {
                    break;
                }
                refused += u32::from(!result.as_ref().is_some_and(CallResult::success));
                let mut result = serde_json::to_value(&result).map_err(io::Error::other)?;
                for path in &self.ignored {
                    remove(&mut result, path.split('.'));
                }
                let Some(first) = &first else {
                    report.made += 1;
                    first = Some(result);
                    continue;
                };
                let Some((path, first, other)) = difference(first, &result, "$") else { continue };
                report.differing += 1;
                let (tool, principal) = (call.tool.clone(), call.principal.clone());
                report.first.get_or_insert(FirstDifference {
                    line: number,
                    tool,
                    principal,
                    run,
                    path,
                    first: first.clone(),
                    other: other.clone(),
                });
                break;
            }
            report.refused += u64::from(refused == self.runs);
        }
        Ok(report)
    }
}

fn remove<'p>(json: &mut Json, mut path: impl Iterator<Item = &'p str> + Clone) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| remove(item, path.clone())),
        Json::Object(entries) => {
            let Some(name) = path.next() else { return };
            if path.clone().next().is_none() {
                entries.remove(name);
            } else if let Some(inner) = entries.get_mut(name) {
                remove(inner, path);
            }
        }
        _ => {}
    }
}

/// The first place where two differ, with what stands there.
fn difference<'j>(old: &'j Json, new: &'j Json, path: &str) -> Option<(String, &'j Json, &'j Json)> {
    static NOTHING: Json = Json::Null;
    match (old, new) {
        (Json::Object(old), Json::Object(new)) => {
            let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
            names.into_iter().find_map(|name| match (old.get(name), new.get(name)) {
                (Some(old), Some(new)) => difference(old, new, &member(path, name)),
                (old, new) => Some((member(path, name), old.unwrap_or(&NOTHING), new.unwrap_or(&NOTHING))),
            })
        }
        (Json::Array(old), Json::Array(new)) => (0..old.len().max(new.len())).find_map(|at| {
            let path = format!("{path}[{at}]");
            match (old.get(at), new.get(at)) {
                (Some(old), Some(new)) => difference(old, new, &path),
                (old, new) => Some((path, old.unwrap_or(&NOTHING), new.unwrap_or(&NOTHING))),
            }
        }),
        (old, new) => (old != new).then(|| (path.to_owned(), old, new)),
    }
}

/// A name behind a path, quoted where it is no plain word.
fn member(path: &str, name: &str) -> String {
    let is_word = !name.is_empty() && name.chars().all(|char| char.is_alphanumeric() || char == '_');
    if is_word { format!("{path}.{name}") } else { format!("{path}[{}]", Json::from(name)) }
}
