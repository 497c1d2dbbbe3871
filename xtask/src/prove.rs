//! `cargo xtask prove`: the laws, in any size.

use std::process::ExitCode;

use crate::Failure;
use crate::chance::{Chance, Sized};

/// How much to prove, and where.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many asks each law tries on each engine
    #[arg(long, value_name = "N")]
    cases: usize,
    #[command(flatten)]
    chance: Chance,
}

/// Runs the laws and shows what they met: how many answers were empty, partial, full and refused,
/// by code, and every feature that took part.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let cases = arguments.cases;
    arguments.chance.run(&Sized {
        says: format!("{cases} cases of each law"),
        tests: "laws::",
        // Most of the time a law waits for its server, so all of them run at once.
        threads: "32",
        size: ("ORMAI_CASES", cases.to_string()),
        called: format!("prove --cases {cases}"),
    })
}
