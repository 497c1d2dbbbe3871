//! A private server of any kind.
//!
//! A small shell script owns the server, not this process: whatever ends this process,
//! even SIGKILL, closes the script's standard input, and then the script ends the server
//! and removes its directory.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::account::Account;
use crate::Failure;

const SUPERVISE: &str = include_str!("supervise.sh");

/// The first word after the script in its process's arguments, by which it is known.
pub(super) const SUPERVISOR_NAME: &str = "ormai-services";

/// What differs between servers.
pub(super) struct Kind {
    /// Its name among people.
    pub(super) name: &'static str,
    /// Its name in those of files.
    pub(super) word: &'static str,
    /// The variable that names the server that the tests use.
    pub(super) variable: &'static str,
    /// Debian's package.
    pub(super) package: &'static str,
    /// The directory of its programs, where they are complete.
    pub(super) find: fn() -> Option<PathBuf>,
    /// Debian's user for it.
    pub(super) user: &'static str,
    /// How it is made and run; `supervise.sh` says what must be in it.
    pub(super) script: &'static str,
    /// The URL of a server on a port.
    pub(super) url: fn(u16, &str) -> String,
}

impl Kind {
    pub(super) fn missing(&self) -> String {
        let Self { name, package, variable, .. } = self;
        format!("{name}'s programs are missing: install the package `{package}`, or name another server in {variable}")
    }
}

/// A server that ends with this value.
pub(super) struct Attached {
    pub(super) kind: &'static Kind,
    server: Server,
    standard_input: Option<ChildStdin>,
}

/// A running server.
pub(super) struct Server {
    pub(super) supervisor: Child,
    pub(super) directory: String,
    pub(super) url: String,
}

impl Attached {
    pub(super) fn start(kind: &'static Kind) -> Result<Self, Failure> {
        let mut server = Server::start(kind, "attached")?;
        let standard_input = server.supervisor.stdin.take();
        Ok(Self { kind, server, standard_input })
    }

    pub(super) fn url(&self) -> &str {
        &self.server.url
    }

    /// Names the process that is to end when this one is killed.
    pub(super) fn watch(&mut self, process: Option<u32>) {
        if let Some(pipe) = &mut self.standard_input {
            let line = process.map(|id| id.to_string()).unwrap_or_default();
            // A supervisor that is gone has nothing left to end.
            let _ = writeln!(pipe, "{line}").and_then(|()| pipe.flush());
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.standard_input = None;
        let _ = self.server.supervisor.wait();
    }
}

impl Server {
    /// Starts a server whose supervisor is `attached` to this process or `detached` from it.
    pub(super) fn start(kind: &Kind, mode: &str) -> Result<Self, Failure> {
        let programs = (kind.find)().ok_or_else(|| kind.missing())?;
        let account = Account::of_server(kind)?;
        // Another process may take the port between our looking and the server's binding it.
        let start = || Self::start_once(kind, mode, &programs, &account);
        start().or_else(|_| start())
    }

    fn start_once(kind: &Kind, mode: &str, programs: &Path, account: &Account) -> Result<Self, Failure> {
        let port = free_port()?;
        let mut supervisor = Command::new("sh")
            .args(["-c", &format!("{}\n{SUPERVISE}", kind.script), SUPERVISOR_NAME, kind.word, mode])
            .arg(parent_directory())
            .arg(port.to_string())
            .arg(&account.owner)
            .arg(programs)
            .args(&account.run_as)
            .stdin(if mode == "attached" { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0) // Ctrl-C is for the command that uses the server
            .spawn()
            .map_err(|error| format!("cannot run `sh`: {error}"))?;
        let mut answer = String::new();
        if let Some(pipe) = supervisor.stdout.take() {
            let mut lines = BufReader::new(pipe);
            let read = lines.read_line(&mut answer);
            if !answer.starts_with("ready ") {
                let _ = lines.read_to_string(&mut answer);
            }
            read.map_err(|error| format!("cannot read from the server's supervisor: {error}"))?;
        }
        match answer.trim_end().strip_prefix("ready ") {
            Some(directory) => {
                Ok(Self { supervisor, directory: directory.to_owned(), url: (kind.url)(port, directory) })
            }
            None => {
                let _ = supervisor.wait();
                Err(format!("{} cannot be started: {answer}", kind.name))
            }
        }
    }
}

/// Where servers' directories are made. A path to a socket has at most 107 bytes.
fn parent_directory() -> PathBuf {
    let usual = std::env::temp_dir();
    if usual.as_os_str().len() > 60 { PathBuf::from("/tmp") } else { usual }
}

fn free_port() -> Result<u16, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| format!("there is no free port on 127.0.0.1: {error}"))
}
