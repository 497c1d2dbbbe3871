//! `cargo xtask stress`: many writers at once, for as long as wanted.

use std::hash::{BuildHasher, RandomState};
use std::process::{ExitCode, Stdio};

use crate::engines::{self, ENGINES};
use crate::services::Services;
use crate::{Failure, project};

/// How long to write, and where.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many seconds each engine is written to, once on connections of our own and once on a
    /// caller's pool
    #[arg(long, value_name = "N", default_value_t = 30)]
    seconds: u64,
    /// Where chance begins; another one each time unless it is given
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// One engine only
    #[arg(long, value_parser = ENGINES.map(|engine| engine.suffix))]
    engine: Option<String>,
}

/// Runs the writers, one engine after the other, and shows what they met.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let seed = arguments.seed.unwrap_or_else(|| RandomState::new().hash_one(std::process::id()));
    let engine = arguments.engine.as_deref();
    println!("{} s of writing on {}, seed {seed}", arguments.seconds, engine.unwrap_or("every engine"));
    let mut cargo = project::cargo(["test", "-p", "ormai", "--test", "it", "--", "stress::", "--nocapture"]);
    cargo.args(["--test-threads", "1"]).args(engine.map(engines::only).unwrap_or_default());
    cargo.env("ORMAI_SECONDS", arguments.seconds.to_string()).env("ORMAI_SEED", seed.to_string()).stdin(Stdio::null());
    let status = Services::start()?.run(&mut cargo)?;
    if !status.success() {
        println!("to see it again: cargo xtask stress --seconds {} --seed {seed}", arguments.seconds);
    }
    Ok(project::exit_code(status))
}
