//! The Python package: built as a wheel, installed, and tested as its users have it.

mod environment;
mod interpreter;

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use super::Found;
use super::tally::{Tally, TestRun};
use crate::Failure;
use crate::services::Services;
use environment::Environment;

/// Runs everything, so that one round shows all there is to mend; with arguments for pytest, that alone.
pub(super) fn check(services: &mut Services, arguments: &[OsString]) -> Found {
    let environment = Environment::provide()?;
    environment.install_package()?;
    if !arguments.is_empty() {
        let mut python = environment.python();
        python.args(["-m", "pytest"]).args(arguments);
        return one_check(services, python);
    }
    let checks = [
        ("types", one_check(services, mypy(&environment))),
        ("stubs", one_check(services, stubtest(&environment))),
        ("pytest", pytest(services, &environment, "pytest", environment.python(), &[])),
        ("pytest with SQLAlchemy 2.0", with_older_sqlalchemy(services, &environment)),
    ];
    let mut tally = Tally::default();
    for (name, found) in checks {
        let found = found.unwrap_or_else(|failure| {
            eprintln!("error: {name}: {failure}");
            Tally { passed: 0, failed: 1 }
        });
        println!("   {name}: {} passed, {} failed", found.passed, found.failed);
        tally += found;
    }
    Ok(tally)
}

fn mypy(environment: &Environment) -> Command {
    let mut command = environment.python();
    command.args(["-m", "mypy", "--no-error-summary", "--cache-dir"]).arg(environment.directory.join("mypy"));
    command
}

/// Holds the stubs against the extension as it is installed.
fn stubtest(environment: &Environment) -> Command {
    let mut command = environment.python();
    // Elsewhere than among the sources, whose package has no extension in it.
    command.args(["-m", "mypy.stubtest", "--concise", "ormai._ormai"]).current_dir(&environment.directory);
    command
}

fn one_check(services: &mut Services, mut command: Command) -> Found {
    let status = services.run(&mut command)?;
    if status.success() { Ok(Tally::one_passed()) } else { Err("see above".to_owned()) }
}

/// The tests that ask something of SQLAlchemy, by the names of their files; on sessions, with one driver of each database.
const OF_SQLALCHEMY: &str = "catalog or guide or ((mount or session) and (aiosqlite or psycopg_async or mysqlclient))";

fn with_older_sqlalchemy(services: &mut Services, environment: &Environment) -> Found {
    let mut python = environment.python();
    python.env("PYTHONPATH", environment.older_sqlalchemy());
    let script = "import sqlalchemy; assert sqlalchemy.__version__.startswith('2.0.'), sqlalchemy.__version__";
    if !services
        .run(environment.python().env("PYTHONPATH", environment.older_sqlalchemy()).args(["-c", script]))?
        .success()
    {
        return Err("the older SQLAlchemy is not the one that is imported".to_owned());
    }
    pytest(services, environment, "pytest-sqlalchemy-2.0", python, &["-k", OF_SQLALCHEMY])
}

/// A test that was skipped counts as failed: there is a server for each database, and a driver for each server.
fn pytest(
    services: &mut Services,
    environment: &Environment,
    word: &str,
    mut python: Command,
    arguments: &[&str],
) -> Found {
    let report = environment.directory.join(format!("{word}.xml"));
    let _ = std::fs::remove_file(&report);
    // On all cores: most tests wait for a server, which works for them.
    python.args(["-m", "pytest", "--quiet", "--numprocesses", "auto", "--junit-xml"]).arg(&report).args(arguments);
    python.arg("-o").arg(format!("cache_dir={}", environment.directory.join("pytest-cache").display()));
    let status = services.run(&mut python)?;
    let run = read(&report)?;
    for name in run.skipped() {
        eprintln!("error: the test `{name}` was skipped");
    }
    let Tally { passed, failed } = run.tally();
    if !status.success() && failed == 0 {
        return Err("pytest failed; see above".to_owned());
    }
    Ok(Tally { passed, failed: failed + run.skipped().len() })
}

fn read(report: &Path) -> Result<TestRun, Failure> {
    let text = std::fs::read_to_string(report);
    text.map(|text| TestRun::from_junit(&text)).map_err(|_| "the tests could not be collected; see above".to_owned())
}
