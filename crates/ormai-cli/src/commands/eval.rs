//! `ormai eval`: whether isolation holds, and what a policy does to calls, rows and times, for operators.
//!
//! Calls that are made here leave no record: whoever makes them owns the database.

mod bench;
mod determinism;
mod diff;
mod isolation;
mod place;
mod record;
mod replay;
mod run;

use std::io::Write as _;
use std::path::Path;

use ormai_eval::record::{FileError, Who};
use ormai_eval::report::Report;

use super::progress;
use crate::args::eval::{Eval, EvalCommand};
use crate::failure::Failure;
use crate::part_file::PartFile;

pub(crate) async fn run(config: &Path, eval: Eval, as_json: bool) -> Result<(), Failure> {
    match eval.command {
        EvalCommand::Run(run) => run::run(run, as_json).await,
        EvalCommand::Isolation(isolation) => isolation::run(config, isolation, as_json).await,
        EvalCommand::Record(record) => record::run(config, record, as_json).await,
        EvalCommand::Replay(replay) => replay::run(config, replay, as_json).await,
        EvalCommand::Diff(diff) => diff::run(config, diff, as_json).await,
        EvalCommand::Determinism(determinism) => determinism::run(config, determinism, as_json).await,
        EvalCommand::Bench(bench) => bench::run(config, bench, as_json).await,
    }
}

/// A principal as an option gives it.
fn who(option: &str, json: &str) -> Result<Who, Failure> {
    serde_json::from_str(json).map_err(|error| {
        Failure::misuse(format!(
            "`{option}` is no principal: {error}; write one such as '{{\"tenant_id\": \"acme-corp\", \"roles\": [\"support\"]}}'"
        ))
    })
}

/// Writes a page that only its owner may read: it names keys and tenants.
fn write_page(path: &Path, report: &Report) -> Result<(), Failure> {
    let file = PartFile::begin(path)?;
    file.file().write_all(report.html().as_bytes())?;
    file.end(path)
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::misuse(error.to_string())
    }
}
