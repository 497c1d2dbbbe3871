//! A private PostgreSQL server, from the programs that Debian installs.
//!
//! A small shell script owns the server, not this process: whatever ends this process,
//! even SIGKILL, closes the script's standard input, and then the script ends the server
//! and removes its directory.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::Failure;
use crate::project::{environment, output};

/// Names the server that the tests use.
pub(crate) const URL_VARIABLE: &str = "ORMAI_TEST_POSTGRES_URL";

const SUPERVISE: &str = include_str!("supervise.sh");

/// The first word after the script in its process's arguments, by which it is known.
pub(crate) const SUPERVISOR_NAME: &str = "ormai-services";

/// A server that ends with this value.
pub(crate) struct Attached {
    server: Server,
    standard_input: Option<ChildStdin>,
}

/// A running server.
pub(crate) struct Server {
    pub(crate) supervisor: Child,
    pub(crate) directory: String,
    pub(crate) url: String,
}

impl Attached {
    pub(crate) fn start() -> Result<Self, Failure> {
        let mut server = Server::start("attached")?;
        let standard_input = server.supervisor.stdin.take();
        Ok(Self { server, standard_input })
    }

    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    /// Names the process that is to end when this one is killed.
    pub(crate) fn watch(&mut self, process: Option<u32>) {
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
    pub(crate) fn start(mode: &str) -> Result<Self, Failure> {
        let programs = find_programs()?;
        let account = Account::of_server()?;
        // Another process may take the port between our looking and the server's binding it.
        Self::start_once(mode, &programs, &account).or_else(|_| Self::start_once(mode, &programs, &account))
    }

    fn start_once(mode: &str, programs: &Path, account: &Account) -> Result<Self, Failure> {
        let port = free_port()?;
        let mut supervisor = Command::new("sh")
            .args(["-c", SUPERVISE, SUPERVISOR_NAME, mode])
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
            Some(directory) => Ok(Self {
                supervisor,
                directory: directory.to_owned(),
                url: format!("postgres://ormai@127.0.0.1:{port}/postgres"),
            }),
            None => {
                let _ = supervisor.wait();
                Err(format!("PostgreSQL cannot be started: {answer}"))
            }
        }
    }
}

/// The user that the server runs as, and how to become it. PostgreSQL refuses to run as root.
struct Account {
    owner: String,
    run_as: Vec<String>,
}

impl Account {
    fn of_server() -> Result<Self, Failure> {
        if !is_root()? {
            return Ok(Self { owner: String::new(), run_as: Vec::new() });
        }
        let (owner, group) = ["postgres", "nobody"]
            .into_iter()
            .find_map(|user| Some((user.to_owned(), output(Command::new("id").args(["-g", user])).ok()?)))
            .ok_or("PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`")?;
        let group = group.trim();
        let run_as = if on_path("setpriv").is_some() {
            ["setpriv".to_owned(), format!("--reuid={owner}"), format!("--regid={group}"), "--clear-groups".to_owned()]
                .to_vec()
        } else if on_path("runuser").is_some() {
            ["runuser", "-u", &owner, "--"].map(str::to_owned).to_vec()
        } else if on_path("su").is_some() {
            ["su", &owner, "-s", "/bin/sh", "-c", "exec \"$@\"", "--", "sh"].map(str::to_owned).to_vec()
        } else {
            return Err("PostgreSQL does not run as root, and there is no `setpriv`, `runuser` or `su`".to_owned());
        };
        Ok(Self { owner, run_as })
    }
}

fn is_root() -> Result<bool, Failure> {
    Ok(output(Command::new("id").arg("-u"))?.trim() == "0")
}

/// The directory of PostgreSQL's programs; installs them where that is possible.
fn find_programs() -> Result<PathBuf, Failure> {
    if let Some(found) = look_for_programs() {
        return Ok(found);
    }
    let missing = "PostgreSQL's programs (`initdb`, `postgres`) are missing: install the package `postgresql`, \
                   or name another server in ORMAI_TEST_POSTGRES_URL";
    if !is_root()? || on_path("apt-get").is_none() {
        return Err(missing.to_owned());
    }
    eprintln!("PostgreSQL is missing; installing the package `postgresql`");
    for arguments in [&["update"][..], &["install", "-y", "--no-install-recommends", "postgresql"][..]] {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        output(&mut command).map_err(|failure| format!("{missing} ({failure})"))?;
    }
    look_for_programs().ok_or_else(|| missing.to_owned())
}

/// The newest version under Debian's directory, else what is on the path, else what
/// `pg_config` names.
fn look_for_programs() -> Option<PathBuf> {
    let complete =
        |directory: &PathBuf| ["initdb", "postgres", "pg_isready"].iter().all(|p| directory.join(p).is_file());
    let version = |directory: &PathBuf| -> Option<u32> { directory.parent()?.file_name()?.to_str()?.parse().ok() };
    let debian = std::fs::read_dir("/usr/lib/postgresql").ok().and_then(|versions| {
        versions.flatten().map(|entry| entry.path().join("bin")).filter(complete).max_by_key(version)
    });
    let named = || output(Command::new("pg_config").arg("--bindir")).ok().map(|line| PathBuf::from(line.trim()));
    debian.or_else(|| on_path("initdb").filter(complete)).or_else(|| named().filter(complete))
}

/// The directory on the path that holds a program.
fn on_path(program: &str) -> Option<PathBuf> {
    let path = environment("PATH")?;
    std::env::split_paths(&path).find(|directory| directory.join(program).is_file())
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
