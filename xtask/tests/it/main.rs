//! Private servers end with the command that they were started for, however it ends.
#![expect(clippy::unwrap_used, reason = "these are tests and what they set up")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

const VARIABLES: [&str; 2] = ["ORMAI_TEST_POSTGRES_URL", "ORMAI_TEST_MYSQL_URL"];

/// A directory for servers alone, so that whatever is left behind is seen.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ormai-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// The names of the servers' directories, without their random ends.
    fn servers(&self) -> BTreeSet<String> {
        let names = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.map(|name| name.split('.').next().unwrap().to_owned()).collect()
    }

    /// Whether neither a file nor a process is left.
    fn is_empty(&self) -> bool {
        let here = self.0.to_str().unwrap();
        let mentions = |process: &Path| {
            let command_line = fs::read(process.join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command_line).contains(here)
        };
        let mut processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        self.servers().is_empty() && !processes.any(|process| mentions(&process))
    }

    /// Starts `services run` with a shell script, which first prints the servers' URLs.
    fn run_beside_servers(&self, script: &str) -> (Child, BufReader<ChildStdout>, Vec<String>) {
        let show = VARIABLES.map(|variable| format!("echo \"${variable}\"; ")).concat();
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["services", "run", "--", "sh", "-c", &format!("{show}{script}")]);
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        command.env("TMPDIR", &self.0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let urls = VARIABLES.map(|_| {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            line.trim().to_owned()
        });
        (child, output, urls.into())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether something takes connections at a URL's host and port.
fn is_listening(url: &str) -> bool {
    let (_, after) = url.split_once('@').unwrap();
    TcpStream::connect(after.split('/').next().unwrap()).is_ok()
}

#[test]
fn every_server_ends_with_the_command() {
    let place = Place::new("ends");
    let (mut child, _output, urls) = place.run_beside_servers("read -r _; exit 7");
    assert_eq!(place.servers(), ["ormai-mariadb", "ormai-postgres"].map(str::to_owned).into());
    for url in &urls {
        assert!(is_listening(url), "{url}");
    }
    drop(child.stdin.take()); // what the command waits for
    assert_eq!(child.wait().unwrap().code(), Some(7), "the exit code is the command's");
    assert!(place.is_empty(), "{:?}", place.servers());
}

#[test]
fn every_server_ends_when_xtask_is_killed() {
    let place = Place::new("killed");
    let (mut child, mut output, _) = place.run_beside_servers("echo started; exec sleep 600");
    let mut started = String::new();
    output.read_line(&mut started).unwrap();
    assert_eq!(started, "started\n");
    assert_eq!(place.servers().len(), 2);

    child.kill().unwrap();
    child.wait().unwrap();
    // Its output ends when the command, which holds the other end, was ended as well.
    output.read_to_string(&mut String::new()).unwrap();
    for _ in 0..200 {
        if place.is_empty() {
            return;
        }
        Command::new("sleep").arg("0.1").status().unwrap();
    }
    panic!("something was left behind: {:?}", place.servers());
}

#[test]
fn no_server_is_started_where_one_is_named() {
    let place = Place::new("named");
    let show = format!("ls \"$TMPDIR\"; echo ${} ${}", VARIABLES[0], VARIABLES[1]);
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["services", "run", "--", "sh", "-c", &show])
        .env("TMPDIR", &place.0)
        .env(VARIABLES[0], "postgres://elsewhere/db")
        .env(VARIABLES[1], "mysql://elsewhere/db")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "postgres://elsewhere/db mysql://elsewhere/db\n");
}
