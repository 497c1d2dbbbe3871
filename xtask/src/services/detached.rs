//! Servers that outlive the command that started them: `up`, `down` and `status`.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use super::server::{Kind, SUPERVISOR_NAME, Server};
use super::{KINDS, all_at_once};
use crate::{Failure, project};

/// What `up` writes down for `down`.
struct State {
    kind: &'static Kind,
    supervisor: u32,
    directory: String,
    url: String,
}

pub(super) fn up() -> Result<ExitCode, Failure> {
    let missing = KINDS.into_iter().filter(|kind| State::of_running(kind).is_none()).collect();
    all_at_once(missing, |kind| {
        let server = Server::start(kind, "detached")?;
        State { kind, supervisor: server.supervisor.id(), directory: server.directory, url: server.url }.write()
    })?;
    for state in KINDS.into_iter().filter_map(State::of_running) {
        println!("export {}={}", state.kind.variable, state.url);
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn down() -> Result<ExitCode, Failure> {
    let running: Vec<State> = KINDS.into_iter().filter_map(State::of_running).collect();
    if running.is_empty() {
        println!("nothing is running");
    }
    for state in running {
        state.end()?;
        println!("ended {}", state.url);
    }
    for kind in KINDS {
        let _ = std::fs::remove_file(State::path(kind));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn status() -> Result<ExitCode, Failure> {
    for kind in KINDS {
        match State::of_running(kind) {
            Some(state) => println!("{}: running, {} in {}", kind.name, state.url, state.directory),
            None => println!("{}: not running", kind.name),
        }
        if let Some(url) = project::environment(kind.variable) {
            println!("{}: {} names {url}", kind.name, kind.variable);
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl State {
    fn path(kind: &Kind) -> PathBuf {
        project::target().join("services").join(kind.word)
    }

    fn of_running(kind: &'static Kind) -> Option<Self> {
        let text = std::fs::read_to_string(Self::path(kind)).ok()?;
        let mut lines = text.lines();
        let state = Self {
            kind,
            supervisor: lines.next()?.parse().ok()?,
            directory: lines.next()?.to_owned(),
            url: lines.next()?.to_owned(),
        };
        state.is_running().then_some(state)
    }

    fn write(&self) -> Result<(), Failure> {
        let path = Self::path(self.kind);
        let text = format!("{}\n{}\n{}\n", self.supervisor, self.directory, self.url);
        path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, text)).map_err(
            |error| {
                let _ = self.end();
                format!("cannot write `{}`: {error}", path.display())
            },
        )
    }

    /// Whether the process is still the supervisor that we started: process ids are used again.
    fn is_running(&self) -> bool {
        let command_line = std::fs::read(format!("/proc/{}/cmdline", self.supervisor)).unwrap_or_default();
        command_line.split(|byte| *byte == 0).any(|argument| argument == SUPERVISOR_NAME.as_bytes())
            && PathBuf::from(&self.directory).is_dir()
    }

    fn end(&self) -> Result<(), Failure> {
        let kill = ["-c", "kill -TERM \"$1\"", "sh"];
        project::output(Command::new("sh").args(kill).arg(self.supervisor.to_string()))?;
        for _ in 0..300 {
            if !self.is_running() {
                return Ok(());
            }
            project::output(Command::new("sleep").arg("0.1"))?;
        }
        Err(format!("the server in `{}` does not end", self.directory))
    }
}
