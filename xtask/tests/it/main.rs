//! Private servers end with the command that they were started for, however it ends.
#![expect(clippy::unwrap_used, reason = "these are tests and what they set up")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const URL_VARIABLE: &str = "ORMAI_TEST_POSTGRES_URL";

/// Starts `services run` with a shell script, which first prints where the server's
/// directory is.
fn run_beside_a_server(script: &str) -> (Child, BufReader<std::process::ChildStdout>, String) {
    let show = format!("psql \"${URL_VARIABLE}\" -Atc 'SHOW unix_socket_directories'; {script}");
    let mut child = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["services", "run", "--", "sh", "-c", &show])
        .env_remove(URL_VARIABLE)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut directory = String::new();
    output.read_line(&mut directory).unwrap();
    (child, output, directory.trim().to_owned())
}

#[test]
fn a_server_on_postgres_ends_with_its_command() {
    let (mut child, _, directory) = run_beside_a_server("exit 7");
    assert_eq!(child.wait().unwrap().code(), Some(7), "the exit code is the command's");
    assert!(directory.contains("ormai-postgres."), "{directory}");
    assert!(!Path::new(&directory).exists());
}

#[test]
fn a_server_on_postgres_ends_when_xtask_is_killed() {
    let (mut child, mut output, directory) = run_beside_a_server("echo started; exec sleep 600");
    let mut started = String::new();
    output.read_line(&mut started).unwrap();
    assert_eq!(started, "started\n");
    assert!(Path::new(&directory).is_dir());

    child.kill().unwrap();
    child.wait().unwrap();
    // Its output ends when the command, which holds the other end, was ended as well.
    output.read_to_string(&mut String::new()).unwrap();
    for _ in 0..200 {
        if !Path::new(&directory).exists() {
            return;
        }
        Command::new("sleep").arg("0.1").status().unwrap();
    }
    panic!("the server in {directory} was left behind");
}

#[test]
fn no_server_on_postgres_is_started_where_one_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["services", "run", "--", "sh", "-c", &format!("echo ${URL_VARIABLE}")])
        .env(URL_VARIABLE, "postgres://elsewhere/db")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "postgres://elsewhere/db\n");
}
