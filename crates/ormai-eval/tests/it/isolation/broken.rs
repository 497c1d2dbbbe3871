//! Faults that are switched on one at a time, each in a process of its own: all of them are tried by
//! `cargo xtask mutants --isolation`, and a few here.

use std::process::{Command, Stdio};

use ormai_testkit::{Engine, every_engine};

/// One of each kind, found soon: of views, scopes, requests, answers, pages, statements and records.
const FAULTS: [&str; 7] = [
    "unlisted-field-shown",
    "include-without-scope",
    "hidden-field-filtered",
    "mask-forgotten",
    "total-without-restrictions",
    "null-ordered-first",
    "audit-shows-unknown",
];

/// Runs the suite of the sound toolset under a fault, and tells what it prints.
fn under(fault: &str, engine: Engine) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("isolation::a_sound_toolset_leaks_nothing::{engine}"), "--nocapture"]);
    // What is rarely asked takes as many requests as are made when nothing is said.
    if fault == "audit-shows-unknown" {
        command.env("ORMAI_CASES", "3000");
    }
    let output = command.env("ORMAI_FAULT", fault).stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success(), "{fault} was not found on {engine}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

every_engine! {
    async fn each_kind_of_fault_is_found(test: &TestDatabase) {
        for fault in FAULTS {
            let said = under(fault, test.engine());
            assert!(said.lines().any(|line| line.contains("found by: ")) && !said.contains("undecided: "), "{fault}: {said}");
        }
    }
}
