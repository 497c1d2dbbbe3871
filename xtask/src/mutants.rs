//! `cargo xtask mutants`: switches one deliberate fault after another on, and shows that the
//! laws notice each.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use serde_json::Value as Json;

use crate::services::Services;
use crate::{Failure, project};

/// The engines by the last part of a test's name, the quickest first.
const ENGINES: &[&str] = &["sqlite", "postgres", "mysql"];

/// The tests that count: laws that hold for whatever is generated, not examples.
const LAWS: &str = "laws::";

/// Lists the faults; see `crates/ormai/tests/it/faults.rs`.
const LISTING: &str = "faults::the_list_is_long_enough";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this fault; may be repeated
    #[arg(long = "fault", value_name = "NAME")]
    faults: Vec<String>,
    /// How many cases each law is given on each engine
    #[arg(long, value_name = "N", default_value_t = 600)]
    cases: u32,
}

/// A fault, and what noticed it.
struct Outcome {
    name: String,
    says: String,
    /// The engine and the first test that failed.
    killed: Option<(&'static str, String)>,
    seconds: f64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let binary = build()?;
    let faults = listed(&binary, &arguments.faults)?;
    let mut services = Services::start()?;
    let sound = verdict(&mut services, &binary, None, arguments.cases)?;
    if let (Some((engine, test)), _) = sound {
        return Err(format!("without any fault, `{test}` fails on {engine}: mend that first"));
    }
    println!(
        "{} faults, {} cases each; without a fault every law holds ({:.0} s)",
        faults.len(),
        arguments.cases,
        sound.1
    );
    println!("\n{:<32} {:<9} {:>6}  {:<60} what the fault does", "fault", "killed on", "s", "by");
    let mut survivors = Vec::new();
    for (name, says) in faults {
        let (killed, seconds) = verdict(&mut services, &binary, Some(&name), arguments.cases)?;
        let outcome = Outcome { name, says, killed, seconds };
        println!("{}", outcome.line());
        if outcome.killed.is_none() {
            survivors.push(outcome.name);
        }
    }
    println!();
    if survivors.is_empty() {
        println!("every fault was killed");
        return Ok(ExitCode::SUCCESS);
    }
    println!("survived, so a test is missing: {}", survivors.join(", "));
    Ok(ExitCode::FAILURE)
}

impl Outcome {
    fn line(&self) -> String {
        let (engine, test) = match &self.killed {
            Some((engine, test)) => (*engine, test.strip_prefix(LAWS).unwrap_or(test)),
            None => ("SURVIVED", ""),
        };
        format!("{:<32} {engine:<9} {:>6.1}  {test:<60} {}", self.name, self.seconds, self.says)
    }
}

/// Builds the tests of `ormai` with the faults in them, as the step of the tests does, and
/// says where they are.
fn build() -> Result<PathBuf, Failure> {
    let arguments = ["test", "--workspace", "--all-features", "--test", "it", "--no-run", "--message-format", "json"];
    let messages = project::output(project::cargo(arguments).stderr(Stdio::inherit()))?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Json>(line).ok())
        .filter(|message| {
            let package = message.get("package_id").and_then(Json::as_str).unwrap_or_default();
            package.contains("/crates/ormai#")
        })
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
        .ok_or_else(|| "cargo names no test binary of `ormai`".to_owned())
}

/// The faults and what they do, as the binary itself lists them.
fn listed(binary: &PathBuf, wanted: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let listing = project::output(Command::new(binary).args(["--exact", LISTING, "--nocapture"]))?;
    let mut faults: Vec<(String, String)> = listing
        .lines()
        .filter_map(|line| line.strip_prefix("fault ")?.split_once(": "))
        .map(|(name, says)| (name.to_owned(), says.to_owned()))
        .collect();
    if let Some(unknown) = wanted.iter().find(|name| !faults.iter().any(|(known, _)| known == *name)) {
        return Err(format!("there is no fault `{unknown}`"));
    }
    if !wanted.is_empty() {
        faults.retain(|(name, _)| wanted.contains(name));
    }
    if faults.is_empty() { Err("the test binary lists no faults".to_owned()) } else { Ok(faults) }
}

/// The engine and the test that failed first, and how long it took to tell.
fn verdict(
    services: &mut Services,
    binary: &PathBuf,
    fault: Option<&str>,
    cases: u32,
) -> Result<(Option<(&'static str, String)>, f64), Failure> {
    let began = Instant::now();
    for engine in ENGINES {
        let mut command = Command::new(binary);
        // One after the other, so that the first that fails ends the run.
        command.args([LAWS, "--test-threads", "2", "--nocapture"]).args(skipped(engine));
        command.env("ORMAI_CASES", cases.to_string()).env("ORMAI_SHRINK", "0");
        if let Some(fault) = fault {
            command.env("ORMAI_FAULT", fault);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut failed = None;
        let status = services.run_reading(&mut command, |output| {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(test) = failed_test(&line) {
                    failed.get_or_insert(test);
                }
            }
        })?;
        match failed {
            Some(test) => return Ok((Some((engine, test)), began.elapsed().as_secs_f64())),
            None if !status.success() => return Err(format!("the laws ended without a verdict on {engine}: {status}")),
            None => {}
        }
    }
    Ok((None, began.elapsed().as_secs_f64()))
}

/// Leaves the tests of other engines out, and the listing.
fn skipped(engine: &str) -> Vec<String> {
    let others = ENGINES.iter().filter(|other| **other != engine).map(|other| format!("::{other}"));
    others.chain([LISTING.to_owned()]).flat_map(|name| ["--skip".to_owned(), name]).collect()
}

/// The name in a line such as `test laws::x::sqlite ... FAILED`.
fn failed_test(line: &str) -> Option<String> {
    let (name, _) = line.strip_prefix("test ")?.rsplit_once(" ... FAILED")?;
    Some(name.trim_end_matches(" - should panic").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_test_is_named() {
        assert_eq!(failed_test("test laws::one::sqlite ... FAILED"), Some("laws::one::sqlite".to_owned()));
        assert_eq!(failed_test("test laws::one::sqlite ... ok"), None);
        assert_eq!(failed_test("FAILED"), None);
    }
}
