//! `cargo xtask prove`: the laws, in any size.

use std::hash::{BuildHasher, RandomState};
use std::process::{ExitCode, Stdio};

use crate::engines::{self, ENGINES};
use crate::services::Services;
use crate::{Failure, project};

/// How much to prove, and where.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many asks each law tries on each engine
    #[arg(long, value_name = "N")]
    cases: usize,
    /// Where chance begins; another one each time unless it is given
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// One engine only
    #[arg(long, value_parser = ENGINES.map(|engine| engine.suffix))]
    engine: Option<String>,
}

/// Runs the laws and shows what they met: how many answers were empty, partial, full and refused,
/// by code, and every feature that took part.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let seed = arguments.seed.unwrap_or_else(|| RandomState::new().hash_one(std::process::id()));
    let engine = arguments.engine.as_deref();
    println!("{} cases of each law on {}, seed {seed}", arguments.cases, engine.unwrap_or("every engine"));
    let mut cargo = project::cargo(["test", "-p", "ormai", "--test", "it", "--", "laws::", "--nocapture"]);
    // Most of the time a law waits for its server, so all of them run at once.
    cargo.args(["--test-threads", "32"]).args(engine.map(engines::only).unwrap_or_default());
    cargo.env("ORMAI_CASES", arguments.cases.to_string()).env("ORMAI_SEED", seed.to_string()).stdin(Stdio::null());
    let status = Services::start()?.run(&mut cargo)?;
    if !status.success() {
        println!("to see it again: cargo xtask prove --cases {} --seed {seed}", arguments.cases);
    }
    Ok(project::exit_code(status))
}
