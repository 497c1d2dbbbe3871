//! `cargo xtask services`: private database servers for the tests.

mod detached;
mod postgres;

use std::ffi::OsString;
use std::process::{ChildStdout, Command as Program, ExitCode, ExitStatus};

use crate::{Failure, project};

/// What to do with the servers.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Start them and leave them running
    Up,
    /// End what `up` started
    Down,
    /// Say what is running
    Status,
    /// Start them, run a command with their URLs in its environment, and end them
    Run {
        /// The command and its arguments
        #[arg(last = true, required = true, value_name = "CMD")]
        command: Vec<OsString>,
    },
}

pub(crate) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Up => detached::up(),
        Command::Down => detached::down(),
        Command::Status => detached::status(),
        Command::Run { command } => {
            let (program, arguments) = command.split_first().ok_or("no command is given")?;
            let status = Services::start()?.run(Program::new(program).args(arguments))?;
            Ok(project::exit_code(status))
        }
    }
}

/// Servers that live as long as this value, and no longer than this process.
pub(crate) struct Services {
    /// `None` when the environment names another server.
    postgres: Option<postgres::Attached>,
}

impl Services {
    /// Starts every server that the environment does not name.
    pub(crate) fn start() -> Result<Self, Failure> {
        if project::environment(postgres::URL_VARIABLE).is_some() {
            return Ok(Self { postgres: None });
        }
        Ok(Self { postgres: Some(postgres::Attached::start()?) })
    }

    /// Runs a command with the servers' URLs in its environment.
    pub(crate) fn run(&mut self, command: &mut Program) -> Result<ExitStatus, Failure> {
        self.run_reading(command, |_| {})
    }

    /// Runs a command as [`Services::run`] does, reading its standard output where that is piped.
    pub(crate) fn run_reading(
        &mut self,
        command: &mut Program,
        read: impl FnOnce(ChildStdout),
    ) -> Result<ExitStatus, Failure> {
        if let Some(postgres) = &self.postgres {
            command.env(postgres::URL_VARIABLE, postgres.url());
        }
        let name = command.get_program().display().to_string();
        let mut child = command.spawn().map_err(|error| format!("cannot run `{name}`: {error}"))?;
        self.watch(Some(child.id()));
        if let Some(output) = child.stdout.take() {
            read(output);
        }
        let status = child.wait().map_err(|error| format!("cannot wait for `{name}`: {error}"));
        self.watch(None);
        status
    }

    /// Names the process that is to end when this one is killed.
    fn watch(&mut self, process: Option<u32>) {
        if let Some(postgres) = &mut self.postgres {
            postgres.watch(process);
        }
    }
}
