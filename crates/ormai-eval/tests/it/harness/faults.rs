//! Each invariant notices an engine that breaks what it is about.
//!
//! A fault is on in a whole process, so each is tried in one of its own: the calls of `sound`, which all hold
//! of the engine as it is.

use std::process::Command;

/// Faults, and the invariants that notice each.
const NOTICED: &[(&str, &[&str])] = &[
    ("page-without-scope", &["no_cross_tenant_data", "non_interference"]),
    ("get-without-scope", &["no_cross_tenant_data", "errors_reveal_nothing", "non_interference"]),
    ("include-without-scope", &["no_cross_tenant_data"]),
    ("aggregate-without-scope", &["no_cross_tenant_data", "non_interference"]),
    ("total-without-scope", &["no_cross_tenant_data", "non_interference"]),
    ("unlisted-field-shown", &["no_denied_fields"]),
    ("hidden-field-filtered", &["no_denied_fields"]),
    ("relation-opens-all-fields", &["no_denied_fields"]),
    ("mask-forgotten", &["masks_applied"]),
    ("written-row-unredacted", &["masks_applied"]),
    ("answer-without-record", &["audited_once"]),
    ("reference-without-scope", &["no_cross_tenant_data", "errors_reveal_nothing"]),
    ("dry-run-kept", &["no_cross_tenant_data"]),
];

#[test]
fn each_fault_is_noticed_by_the_invariants_that_are_about_it() {
    let mut missed = Vec::new();
    for (fault, invariants) in NOTICED {
        let said = under(fault);
        let unsaid = invariants.iter().filter(|invariant| !said.contains(&format!("\n     {invariant}: ")));
        missed.extend(unsaid.map(|invariant| format!("{invariant} does not notice {fault}")));
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// What the calls of `sound` say under a fault, on SQLite.
fn under(fault: &str) -> String {
    let mut tests = Command::new(std::env::current_exe().unwrap());
    tests.args(["harness::sound::every_read_holds::sqlite", "harness::sound::every_write_holds_and_is_undone::sqlite"]);
    let output = tests.args(["--exact"]).env("ORMAI_FAULT", fault).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
