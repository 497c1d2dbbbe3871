//! `cargo xtask bench`

use std::ffi::OsString;
use std::process::ExitCode;

use crate::services::Services;
use crate::{Failure, project};

/// Runs the benchmark `cost` of the `ormai` crate beside a private database server.
pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let mut services = Services::start()?;
    let mut command = project::cargo(["bench", "-p", "ormai", "--bench", "cost", "--"]);
    command.args(arguments);
    Ok(project::exit_code(services.run(&mut command)?))
}
