//! `cargo xtask services`: private database servers for the tests.

mod account;
mod detached;
mod mariadb;
mod postgres;
pub(crate) mod programs;
mod server;

use std::ffi::OsString;
use std::process::{ChildStdout, Command as Program, ExitCode, ExitStatus};
use std::thread;

use crate::{Failure, project};
use server::{Attached, Kind};

/// Every server that tests need.
const KINDS: [&Kind; 2] = [&postgres::POSTGRES, &mariadb::MARIADB];

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
    servers: Vec<Attached>,
}

impl Services {
    /// Starts every server that the environment does not name.
    pub(crate) fn start() -> Result<Self, Failure> {
        let kinds = KINDS.into_iter().filter(|kind| project::environment(kind.variable).is_none()).collect();
        Ok(Self { servers: all_at_once(kinds, Attached::start)? })
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
        for server in &self.servers {
            command.env(server.kind.variable, server.url());
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
        for server in &mut self.servers {
            server.watch(process);
        }
    }
}

/// Starts servers side by side; each of them mostly waits. One that fails takes the others along.
fn all_at_once<S: Send>(
    kinds: Vec<&'static Kind>,
    start: impl Fn(&'static Kind) -> Result<S, Failure> + Sync,
) -> Result<Vec<S>, Failure> {
    programs::provide(&kinds)?;
    thread::scope(|scope| {
        let start = &start;
        let starting: Vec<_> = kinds.into_iter().map(|kind| scope.spawn(move || start(kind))).collect();
        let started = starting.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| Err("a thread that starts a server has panicked".to_owned()))
        });
        // All of them are waited for before the first failure is told.
        started.collect::<Vec<_>>().into_iter().collect()
    })
}
