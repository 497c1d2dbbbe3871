//! `cargo xtask crash`: a program that is killed over and over, and what its audit trail tells.

use std::process::ExitCode;

use crate::Failure;
use crate::chance::{Chance, Sized};

/// How often to kill, and where.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often the program is killed on each engine
    #[arg(long, value_name = "N", default_value_t = 200)]
    kills: usize,
    #[command(flatten)]
    chance: Chance,
}

/// Kills the program, one engine after the other, and shows what the kills met.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let kills = arguments.kills;
    arguments.chance.run(&Sized {
        says: format!("{kills} kills"),
        tests: "audit_crash::",
        threads: "1",
        size: ("ORMAI_KILLS", kills.to_string()),
        called: format!("crash --kills {kills}"),
    })
}
