//! `cargo xtask stress`: many writers at once, for as long as wanted.

use std::process::ExitCode;

use crate::Failure;
use crate::chance::{Chance, Sized};

/// How long to write, and where.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many seconds each engine is written to, once on connections of our own and once on a
    /// caller's pool
    #[arg(long, value_name = "N", default_value_t = 30)]
    seconds: u64,
    #[command(flatten)]
    chance: Chance,
}

/// Runs the writers, one engine after the other, and shows what they met.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let seconds = arguments.seconds;
    arguments.chance.run(&Sized {
        says: format!("{seconds} s of writing"),
        tests: "stress::",
        threads: "1",
        size: ("ORMAI_SECONDS", seconds.to_string()),
        called: format!("stress --seconds {seconds}"),
    })
}
