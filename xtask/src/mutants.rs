//! `cargo xtask mutants`: switches one deliberate fault after another on, and shows that the
//! laws notice each.

mod isolation;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use serde_json::Value as Json;

use crate::engines::{self, ENGINES, Engine};
use crate::services::Services;
use crate::{Failure, project};

/// The tests that count: laws that hold for whatever is generated.
const LAWS: &str = "laws::";

/// Examples among them, which do not count: one that met a fault by chance proves that one case.
const EXAMPLES: &str = "laws::found::";

/// Lists the faults; see `crates/ormai/tests/it/faults.rs`.
const LISTING: &str = "faults::the_list_is_long_enough";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this fault; may be repeated
    #[arg(long = "fault", value_name = "NAME")]
    faults: Vec<String>,
    /// How many cases each law is given on each engine
    #[arg(long, value_name = "N", default_value_t = 1_200)]
    cases: u32,
    /// Have `ormai eval isolation` look for the faults instead of the laws, on every engine
    #[arg(long, conflicts_with = "cases")]
    isolation: bool,
}

/// How a run of the laws ended.
struct Verdict {
    /// The first law that failed; `None` when all held.
    killed: Option<Kill>,
    seconds: f64,
}

/// A law that noticed a fault.
struct Kill {
    engine: &'static str,
    test: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    if arguments.isolation {
        return isolation::run(&arguments.faults);
    }
    let binary = build("ormai")?;
    let faults = listed(&binary, &arguments.faults)?;
    let mut services = Services::start()?;
    let sound = verdict(&mut services, &binary, None, arguments.cases)?;
    if let Some(Kill { engine, test }) = sound.killed {
        return Err(format!("without any fault, `{test}` fails on {engine}: mend that first"));
    }
    let (number, cases) = (faults.len(), arguments.cases);
    println!("{number} faults, {cases} cases each; without a fault every law holds ({:.0} s)", sound.seconds);
    println!("\n{:<32} {:<9} {:>6}  {:<60} what the fault does", "fault", "killed on", "s", "by");
    let mut survivors = Vec::new();
    for (name, says) in faults {
        let verdict = verdict(&mut services, &binary, Some(&name), cases)?;
        println!("{}", verdict.line(&name, &says));
        if verdict.killed.is_none() {
            survivors.push(name);
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

impl Verdict {
    /// A row of the table.
    fn line(&self, fault: &str, says: &str) -> String {
        let (engine, test) = match &self.killed {
            Some(Kill { engine, test }) => (*engine, test.strip_prefix(LAWS).unwrap_or(test)),
            None => ("SURVIVED", ""),
        };
        format!("{fault:<32} {engine:<9} {:>6.1}  {test:<60} {says}", self.seconds)
    }
}

/// Builds the tests with the faults in them, as the step of the tests does, and says where those of
/// a crate are.
fn build(crate_name: &str) -> Result<PathBuf, Failure> {
    let arguments = ["test", "--workspace", "--all-features", "--test", "it", "--no-run", "--message-format", "json"];
    let messages = project::output(project::cargo(arguments).stderr(Stdio::inherit()))?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Json>(line).ok())
        .filter(|message| {
            let package = message.get("package_id").and_then(Json::as_str).unwrap_or_default();
            package.contains(&format!("/crates/{crate_name}#"))
        })
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
        .ok_or_else(|| format!("cargo names no test binary of `{crate_name}`"))
}

/// The faults and what they do, as the binary itself lists them.
fn listed(binary: &Path, wanted: &[String]) -> Result<Vec<(String, String)>, Failure> {
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

/// Runs the laws, engine by engine until one of them notices.
fn verdict(services: &mut Services, binary: &Path, fault: Option<&str>, cases: u32) -> Result<Verdict, Failure> {
    let began = Instant::now();
    for Engine { suffix: engine, .. } in ENGINES {
        let mut command = Command::new(binary);
        command.args([LAWS, "--skip", EXAMPLES, "--test-threads", "2", "--nocapture"]).args(engines::only(engine));
        command.env("ORMAI_CASES", cases.to_string());
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
            Some(test) => {
                return Ok(Verdict { killed: Some(Kill { engine, test }), seconds: began.elapsed().as_secs_f64() });
            }
            None if !status.success() => return Err(format!("the laws ended without a verdict on {engine}: {status}")),
            None => {}
        }
    }
    Ok(Verdict { killed: None, seconds: began.elapsed().as_secs_f64() })
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
