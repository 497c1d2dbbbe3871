//! Runs that chance decides: what can be said of every one of them, and how it is seen again.

use std::hash::{BuildHasher, RandomState};
use std::process::{ExitCode, Stdio};

use crate::engines::{self, ENGINES};
use crate::services::Services;
use crate::{Failure, project};

/// Where chance begins, and where it is tried.
#[derive(clap::Args)]
pub(crate) struct Chance {
    /// Where chance begins; another one each time unless it is given
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// One engine only
    #[arg(long, value_parser = ENGINES.map(|engine| engine.suffix))]
    engine: Option<String>,
}

/// Which tests are run, and in which size.
pub(crate) struct Sized<'a> {
    /// What is done, for the first line.
    pub(crate) says: String,
    /// Where the tests are.
    pub(crate) tests: &'a str,
    /// How many run at once.
    pub(crate) threads: &'a str,
    /// The variable that says the size, and the size.
    pub(crate) size: (&'a str, String),
    /// The command that was called, with its size.
    pub(crate) called: String,
}

impl Chance {
    /// Runs tests on the private servers, and says how a failure is seen again.
    pub(crate) fn run(&self, sized: &Sized<'_>) -> Result<ExitCode, Failure> {
        let seed = self.seed.unwrap_or_else(|| RandomState::new().hash_one(std::process::id()));
        let engine = self.engine.as_deref();
        println!("{} on {}, seed {seed}", sized.says, engine.unwrap_or("every engine"));
        let mut cargo = project::cargo(["test", "-p", "ormai", "--test", "it", "--", sized.tests, "--nocapture"]);
        cargo.args(["--test-threads", sized.threads]).args(engine.map(engines::only).unwrap_or_default());
        let (variable, size) = &sized.size;
        cargo.env(variable, size).env("ORMAI_SEED", seed.to_string()).stdin(Stdio::null());
        let status = Services::start()?.run(&mut cargo)?;
        if !status.success() {
            println!("to see it again: cargo xtask {} --seed {seed}", sized.called);
        }
        Ok(project::exit_code(status))
    }
}
