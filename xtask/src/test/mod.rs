//! `cargo xtask test`: one step after another, stopping at the first that fails.

mod architecture;
mod python;
mod rules;
mod steps;
mod tally;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Instant;

use crate::Failure;
use crate::services::Services;
use tally::Tally;

/// What a step found. A step that is not made of tests counts as one check.
pub(crate) type Found = Result<Tally, Failure>;

pub(crate) fn run(fast: bool) -> Result<ExitCode, Failure> {
    Ok(reported(|report| all_steps(report, fast)))
}

/// The step of the Python package alone.
pub(crate) fn python(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let mut services = Services::start()?;
    Ok(reported(|report| report.step("python", || python::check(&mut services, arguments))))
}

fn reported(steps: impl FnOnce(&mut Report) -> Option<()>) -> ExitCode {
    let began = Instant::now();
    let mut report = Report { steps: 0, total: Tally::default() };
    let passed = steps(&mut report);
    println!();
    println!("steps: {}, in {}", report.steps, seconds(began));
    println!("{} passed, {} failed", report.total.passed, report.total.failed);
    if passed.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// `None` when a step failed.
fn all_steps(report: &mut Report, fast: bool) -> Option<()> {
    report.step("formatting", steps::formatting)?;
    report.step("architecture", architecture::check)?;
    if !fast {
        report.step("lints", steps::lints)?;
        report.step("fuzz targets", steps::fuzz_targets)?;
    }
    let mut services = None;
    report.step("services", || {
        services = Some(Services::start()?);
        Ok(Tally::one_passed())
    })?;
    let services = services.as_mut()?;
    report.step("tests", || steps::tests(services))?;
    report.step("python", || python::check(services, &[]))?;
    if !fast {
        report.step("doctests", || steps::doctests(services))?;
    }
    Some(())
}

struct Report {
    steps: usize,
    total: Tally,
}

impl Report {
    /// Runs one step. `None` when something in it failed.
    fn step(&mut self, heading: &str, step: impl FnOnce() -> Found) -> Option<()> {
        println!("\n── {heading}");
        let began = Instant::now();
        self.steps += 1;
        let tally = step().unwrap_or_else(|failure| {
            eprintln!("error: {failure}");
            Tally { passed: 0, failed: 1 }
        });
        self.total.passed += tally.passed;
        self.total.failed += tally.failed;
        let outcome = if tally.failed == 0 { "passed" } else { "failed" };
        println!("   {outcome} in {} ({} passed, {} failed)", seconds(began), tally.passed, tally.failed);
        (tally.failed == 0).then_some(())
    }
}

fn seconds(began: Instant) -> String {
    format!("{:.1} s", began.elapsed().as_secs_f64())
}
