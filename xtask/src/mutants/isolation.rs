//! `cargo xtask mutants --isolation`: which faults `ormai eval isolation` finds on each engine, with default settings
//! over tables that use every feature of policies, and that it finds nothing in a sound toolset.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use super::{build, listed};
use crate::Failure;
use crate::engines::{ENGINES, Engine};
use crate::services::Services;

/// The suite over a sound toolset, which a fault breaks.
const TEST: &str = "isolation::a_sound_toolset_leaks_nothing";

/// As many requests as `ormai eval isolation` makes when nothing is said.
const REQUESTS: &str = "3000";

/// How many of a hundred faults must be found on every engine: 28 of 30.
const PROMISED: f64 = 28.0 / 30.0;

/// What begins the line that tells how a fault was found: by a leak.
const FOUND: &str = "found by: ";

/// What begins the line that tells why a run has neither found a leak nor says that there is none.
const UNDECIDED: &str = "undecided: ";

/// What a run of the suite has come to.
enum Ran {
    /// Nothing leaks.
    Sound,
    /// Something leaked, as this tells.
    Leaked(String),
    /// It could not run, or not enough: nothing was found.
    Undecided(String),
}

pub(super) fn run(wanted: &[String]) -> Result<ExitCode, Failure> {
    let faults = listed(&build("ormai")?, wanted)?;
    let suite = build("ormai-eval")?;
    let mut services = Services::start()?;
    for Engine { suffix: engine, .. } in ENGINES {
        match found(&mut services, &suite, engine, None)? {
            (Ran::Sound, _) => {}
            (Ran::Leaked(by), seconds) => {
                return Err(format!("without any fault something is found on {engine} after {seconds:.0} s: {by}"));
            }
            (Ran::Undecided(why), seconds) => {
                return Err(format!("without any fault the run on {engine} is undecided after {seconds:.0} s: {why}"));
            }
        }
    }
    println!("{} faults; without a fault nothing is found on any engine", faults.len());
    println!("\n{:<32} {:<9} {:>6}  by", "fault", "engine", "s");
    let mut is_enough = true;
    for Engine { suffix: engine, .. } in ENGINES {
        let (mut missed, mut undecided) = (Vec::new(), Vec::new());
        for (name, says) in &faults {
            let (ran, seconds) = found(&mut services, &suite, engine, Some(name))?;
            let told = match &ran {
                Ran::Sound => "NOT FOUND".to_owned(),
                Ran::Leaked(by) => by.clone(),
                Ran::Undecided(why) => format!("UNDECIDED: {why}"),
            };
            println!("{name:<32} {engine:<9} {seconds:>6.1}  {told}");
            match ran {
                Ran::Sound => missed.push(format!("{name} ({says})")),
                Ran::Leaked(_) => {}
                Ran::Undecided(why) => undecided.push(format!("{name} ({says}): {why}")),
            }
        }
        let many = faults.len() - missed.len() - undecided.len();
        println!("\n{many} of {} faults were found on {engine}", faults.len());
        missed.iter().for_each(|fault| println!("  not found: {fault}"));
        undecided.iter().for_each(|fault| println!("  undecided, and not counted: {fault}"));
        println!();
        is_enough &= share(many, faults.len()) >= PROMISED;
    }
    Ok(if is_enough { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::cast_precision_loss, reason = "there are a hundred faults or so")]
fn share(many: usize, of: usize) -> f64 {
    many as f64 / of.max(1) as f64
}

/// What the suite has come to, and after how many seconds.
fn found(services: &mut Services, suite: &Path, engine: &str, fault: Option<&str>) -> Result<(Ran, f64), Failure> {
    let began = Instant::now();
    let mut command = Command::new(suite);
    command.args(["--exact", &format!("{TEST}::{engine}"), "--nocapture"]).env("ORMAI_CASES", REQUESTS);
    if let Some(fault) = fault {
        command.env("ORMAI_FAULT", fault);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut said = String::new();
    let status = services.run_reading(&mut command, |mut output| {
        let mut bytes = Vec::new();
        // What cannot be read is not told, and then nothing was found.
        drop(output.read_to_end(&mut bytes));
        said = String::from_utf8_lossy(&bytes).into_owned();
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let told = |what: &str| said.lines().find_map(|line| line.split_once(what)).map(|(_, told)| told.to_owned());
    let ran = match (status.success(), told(FOUND)) {
        (true, _) => Ran::Sound,
        (false, Some(by)) => Ran::Leaked(by),
        (false, None) => Ran::Undecided(told(UNDECIDED).unwrap_or_else(|| "the suite could not run".to_owned())),
    };
    Ok((ran, seconds))
}
