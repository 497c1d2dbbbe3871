//! Servers that outlive the command that started them: `up`, `down` and `status`.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use super::postgres::{SUPERVISOR_NAME, Server, URL_VARIABLE};
use crate::{Failure, project};

/// What `up` writes down for `down`.
struct State {
    supervisor: u32,
    directory: String,
    url: String,
}

pub(super) fn up() -> Result<ExitCode, Failure> {
    let state = match State::read().filter(State::is_running) {
        Some(state) => state,
        None => {
            let server = Server::start("detached")?;
            let state = State { supervisor: server.supervisor.id(), directory: server.directory, url: server.url };
            state.write()?;
            state
        }
    };
    println!("export {URL_VARIABLE}={}", state.url);
    Ok(ExitCode::SUCCESS)
}

pub(super) fn down() -> Result<ExitCode, Failure> {
    match State::read() {
        Some(state) if state.is_running() => {
            state.end()?;
            println!("ended {}", state.url);
        }
        _ => println!("nothing is running"),
    }
    let _ = std::fs::remove_file(State::path());
    Ok(ExitCode::SUCCESS)
}

pub(super) fn status() -> Result<ExitCode, Failure> {
    match State::read().filter(State::is_running) {
        Some(state) => println!("running: {} in {}", state.url, state.directory),
        None => println!("nothing is running"),
    }
    if let Some(url) = project::environment(URL_VARIABLE) {
        println!("{URL_VARIABLE} names {url}");
    }
    Ok(ExitCode::SUCCESS)
}

impl State {
    fn path() -> PathBuf {
        project::target().join("services").join("postgres")
    }

    fn read() -> Option<Self> {
        let text = std::fs::read_to_string(Self::path()).ok()?;
        let mut lines = text.lines();
        Some(Self {
            supervisor: lines.next()?.parse().ok()?,
            directory: lines.next()?.to_owned(),
            url: lines.next()?.to_owned(),
        })
    }

    fn write(&self) -> Result<(), Failure> {
        let path = Self::path();
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
