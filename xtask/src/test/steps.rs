//! The steps that are calls of cargo.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::Found;
use super::tally::{Tally, TestRun};
use crate::services::Services;
use crate::{Failure, project};

pub(super) fn formatting() -> Found {
    one_check(project::cargo(["fmt", "--all", "--check"]), "run `cargo fmt --all`")
}

pub(super) fn lints() -> Found {
    let arguments = ["clippy", "--workspace", "--all-targets", "--all-features", "--quiet", "--", "-D", "warnings"];
    one_check(project::cargo(arguments), "run `cargo clippy --workspace --all-targets --all-features`")
}

/// The fuzz targets are a workspace of their own, which nothing else compiles. Without the
/// engine, which is C++ and takes longer than all of them.
pub(super) fn fuzz_targets() -> Found {
    let manifest = ["--manifest-path", "fuzz/Cargo.toml"];
    let format = ["fmt", "--check"].into_iter().chain(manifest);
    let check = ["clippy", "--no-default-features", "--locked", "--quiet"].into_iter().chain(manifest);
    let formatted = one_check(project::cargo(format), "run `cargo fmt --manifest-path fuzz/Cargo.toml`")?;
    let checked = one_check(
        project::cargo(check.chain(["--", "-D", "warnings"])),
        "run `cargo clippy --manifest-path fuzz/Cargo.toml --no-default-features`",
    )?;
    Ok(Tally { passed: formatted.passed + checked.passed, failed: 0 })
}

fn one_check(mut command: Command, hint: &str) -> Found {
    let status = command.status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() { Ok(Tally::one_passed()) } else { Err(format!("see above; to repeat it, {hint}")) }
}

/// Runs every test, and then asks whether those that need a server were among them.
pub(super) fn tests(services: &mut Services) -> Found {
    let has_nextest = project::output(&mut project::cargo(["nextest", "--version"])).is_ok();
    let run = if has_nextest { nextest(services)? } else { cargo_test(services)? };
    for complaint in run.missing_engines() {
        eprintln!("error: {complaint}");
    }
    let missing = run.missing_engines().len();
    Ok(Tally { passed: run.tally().passed, failed: run.tally().failed + missing })
}

fn nextest(services: &mut Services) -> Result<TestRun, Failure> {
    // Relative to the workspace wherever cargo builds to.
    let report = project::root().join("target/nextest/xtask/junit.xml");
    let _ = std::fs::remove_file(&report);
    let arguments = ["nextest", "run", "--workspace", "--all-features", "--profile", "xtask", "--cargo-quiet"];
    let status = services.run(project::cargo(arguments).stdin(Stdio::null()))?;
    let run = std::fs::read_to_string(&report)
        .map(|text| TestRun::from_junit(&text))
        .map_err(|_| "the tests could not be built or listed; see above".to_owned())?;
    if !status.success() && run.tally().failed == 0 {
        return Err("nextest failed; see above".to_owned());
    }
    Ok(run)
}

fn cargo_test(services: &mut Services) -> Result<TestRun, Failure> {
    println!("   cargo-nextest is not installed, so `cargo test` runs the tests, one binary after another");
    println!("   (`cargo install --locked cargo-nextest` makes this faster)");
    let arguments = ["test", "--workspace", "--all-features", "--lib", "--bins", "--tests", "--no-fail-fast"];
    libtest(services, project::cargo(arguments))
}

pub(super) fn doctests(services: &mut Services) -> Found {
    let run = libtest(services, project::cargo(["test", "--workspace", "--all-features", "--doc", "--no-fail-fast"]))?;
    Ok(run.tally())
}

/// Runs libtest's binaries, passing on their output and reading it.
fn libtest(services: &mut Services, mut command: Command) -> Result<TestRun, Failure> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut text = String::new();
    let status = services.run_reading(&mut command, |output| {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if !line.is_empty() && !line.ends_with("... ok") && !line.starts_with("running 0 tests") {
                println!("{line}");
            }
            text.push_str(&line);
            text.push('\n');
        }
    })?;
    let run = TestRun::from_libtest(&text);
    if !status.success() && run.tally().failed == 0 {
        return Err("cargo failed; see above".to_owned());
    }
    Ok(run)
}
