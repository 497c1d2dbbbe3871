//! `ormai eval`: whether isolation holds, and what a policy does to calls, rows and times, for operators.
//!
//! Calls that are made here leave no record: whoever makes them owns the database.

mod bench;
mod determinism;
mod diff;
mod isolation;
mod place;
mod progress;
mod record;
mod replay;
mod run;

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use ormai_eval::record::{FileError, Who};
use ormai_eval::report::Report;

use crate::args::eval::{Eval, EvalCommand};
use crate::failure::Failure;

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
    let write = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        // One that was there before keeps its mode otherwise.
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        file.write_all(report.html().as_bytes())
    };
    write().map_err(|error| Failure::failed(format!("`{}` cannot be written: {error}", path.display())))
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::misuse(error.to_string())
    }
}
