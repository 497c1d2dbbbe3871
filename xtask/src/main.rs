//! The project's own commands: `cargo xtask --help`.
//!
//! Everything that continuous integration does is `cargo xtask test`, so that it can be
//! done on any machine.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks through these")]

mod bench;
mod chance;
mod crash;
mod engines;
mod mutants;
mod project;
mod prove;
mod services;
mod stress;
mod test;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check everything: formatting, lints, architecture, tests on all engines, doctests
    Test {
        /// Leave out lints and doctests
        #[arg(long)]
        fast: bool,
    },
    /// Build the Python package and test it, as one step of `test` does
    Python {
        /// Passed on to pytest, which is then all that runs
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Private database servers for the tests
    Services {
        #[command(subcommand)]
        command: services::Command,
    },
    /// Switch one deliberate fault after another on, and show that the laws notice each
    Mutants(mutants::Arguments),
    /// Run the laws in any size, and show what they met
    Prove(prove::Arguments),
    /// Have many write at once, and show that what each was told holds
    Stress(stress::Arguments),
    /// Kill a program over and over, and show that its audit trail tells of all that it wrote
    Crash(crash::Arguments),
    /// Measure what a request costs, against hand-written SQL
    Bench {
        /// Passed on to the benchmark
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Why a command failed, in words for the terminal.
type Failure = String;

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Test { fast } => test::run(fast),
        Command::Python { arguments } => test::python(&arguments),
        Command::Services { command } => services::run(command),
        Command::Mutants(arguments) => mutants::run(&arguments),
        Command::Prove(arguments) => prove::run(&arguments),
        Command::Stress(arguments) => stress::run(&arguments),
        Command::Crash(arguments) => crash::run(&arguments),
        Command::Bench { arguments } => bench::run(&arguments),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("error: {failure}");
        ExitCode::FAILURE
    })
}
