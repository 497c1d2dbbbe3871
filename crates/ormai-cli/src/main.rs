//! The `ormai` command line.
//!
//! Exit codes: 0 fine, 1 refused or failed, 2 misuse.

mod age;
mod args;
mod commands;
mod config;
mod failure;
mod log;
#[cfg(feature = "otlp")]
mod otlp;
mod output;
mod part_file;
mod starter;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};
use failure::Failure;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let as_json = arguments.json;
    let level = if matches!(arguments.command, Command::Eval(_)) { "error" } else { "warn" };
    let outcome = log::begin(&arguments.log, level).and_then(|log| {
        let ran = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::failed(format!("no runtime could be started: {error}")))
            .and_then(|runtime| runtime.block_on(run(arguments)));
        log.end();
        ran
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(as_json),
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { config, json, log: _, command } = arguments;
    match command {
        Command::Demo => commands::demo::run(json).await,
        Command::Init(init) => commands::init::run(init, json).await,
        Command::Check(check) => commands::check::run(&config, &check, json).await,
        Command::Describe(describe) => commands::describe::run(&config, describe, json).await,
        Command::Call(call) => commands::call::run(&config, call, json).await,
        Command::Explain(explain) => commands::explain::run(&config, explain, json).await,
        Command::Rls(rls) => commands::rls::run(&config, rls, json).await,
        Command::Install => commands::install::run(&config, json).await,
        Command::Approvals(approvals) => commands::approvals::run(&config, approvals.command, json).await,
        Command::Idempotency(idempotency) => commands::idempotency::run(&config, idempotency.command, json).await,
        Command::Audit(audit) => commands::audit::run(&config, audit, json).await,
        Command::Eval(eval) => commands::eval::run(&config, eval, json).await,
    }
}
