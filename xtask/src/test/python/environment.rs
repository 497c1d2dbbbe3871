//! The environment that the Python package is tested in: under `target`, and of pinned versions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::interpreter::Interpreter;
use crate::{Failure, project};

/// What the tests need, and the older SQLAlchemy that they run with as well.
const REQUIREMENTS: &str = "requirements-test.txt";
const OLDER_SQLALCHEMY: &str = "requirements-sqlalchemy-2.0.txt";
const MYSQLCLIENT: &str = "requirements-mysqlclient.txt";

/// Tells the tests which drivers they do without, by names with commas between.
const WITHOUT: &str = "ORMAI_TEST_WITHOUT_DRIVERS";

/// A virtual environment with everything but the package itself.
pub(super) struct Environment {
    /// `target/python`: what belongs to this step.
    pub(super) directory: PathBuf,
}

impl Environment {
    /// Makes the environment, or takes the one that was made of the same requirements.
    pub(super) fn provide() -> Result<Self, Failure> {
        let interpreter = Interpreter::provide()?;
        let environment = Self { directory: project::target().join("python") };
        let pinned = [REQUIREMENTS, OLDER_SQLALCHEMY, MYSQLCLIENT].map(pinned);
        let pinned = pinned.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        let made_of = format!("{}\n{pinned}", interpreter.identity);
        let stamp = environment.directory.join("made-of");
        if fs::read_to_string(&stamp).is_ok_and(|text| text == made_of) && environment.works() {
            environment.tell_what_is_missing();
            return Ok(environment);
        }
        println!("   making an environment with {}", interpreter.identity);
        // Last of all, so that one that was left half made is made again.
        environment.make(&interpreter)?;
        fs::write(&stamp, made_of).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
        Ok(environment)
    }

    fn make(&self, interpreter: &Interpreter) -> Result<(), Failure> {
        if self.directory.exists() {
            let removed = fs::remove_dir_all(&self.directory);
            removed.map_err(|error| format!("cannot remove {}: {error}", self.directory.display()))?;
        }
        run(interpreter.command().args(["-m", "venv"]).arg(self.directory.join("venv")))?;
        run(self.pip().arg("--requirement").arg(package().join(REQUIREMENTS)))?;
        let target = ["--no-deps", "--target"];
        run(self.pip().args(target).arg(self.older_sqlalchemy()).arg("-r").arg(package().join(OLDER_SQLALCHEMY)))?;
        let built = interpreter.provide_headers();
        let built = built.and_then(|()| run(self.pip().arg("-r").arg(package().join(MYSQLCLIENT))));
        // Nothing else is tested less for it, and a machine without a compiler's headers is no fault of the project.
        if let Err(why) = built {
            let note = self.directory.join("without-mysqlclient");
            fs::write(&note, why).map_err(|error| format!("cannot write {}: {error}", note.display()))?;
        }
        self.tell_what_is_missing();
        Ok(())
    }

    fn lacks_mysqlclient(&self) -> Option<String> {
        fs::read_to_string(self.directory.join("without-mysqlclient")).ok()
    }

    fn tell_what_is_missing(&self) {
        if let Some(why) = self.lacks_mysqlclient() {
            eprintln!("warning: the driver mysqlclient cannot be built here, and is not tested: {why}");
        }
    }

    fn works(&self) -> bool {
        project::output(self.python().args(["-c", "import pytest"])).is_ok()
    }

    /// Where the older SQLAlchemy is, to be put before the other.
    pub(super) fn older_sqlalchemy(&self) -> PathBuf {
        self.directory.join("sqlalchemy-2.0")
    }

    /// A program of the environment. It sees nothing of an environment that this runs in.
    pub(super) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.directory.join("venv/bin").join(name));
        command.current_dir(package()).stdin(Stdio::null());
        for variable in ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "CONDA_PREFIX"] {
            command.env_remove(variable);
        }
        if self.lacks_mysqlclient().is_some() {
            command.env(WITHOUT, "mysqlclient");
        }
        command
    }

    pub(super) fn python(&self) -> Command {
        self.program("python")
    }

    fn pip(&self) -> Command {
        let mut command = self.python();
        command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--prefer-binary"]);
        command
    }

    /// Builds the package as cargo's `dev` profile has it, into cargo's own directory, and installs it.
    pub(super) fn install_package(&self) -> Result<(), Failure> {
        let wheels = self.directory.join("wheels");
        let _ = fs::remove_dir_all(&wheels);
        let mut build = self.program("maturin");
        // Nothing is packed or relinked: the wheel goes no further than this machine.
        build.args(["build", "--quiet", "--locked", "--profile", "dev", "--auditwheel", "skip"]);
        build.args(["--compression-method", "stored", "--target-dir"]).arg(project::target());
        run(build.arg("--out").arg(&wheels).arg("--interpreter").arg(self.directory.join("venv/bin/python")))?;
        let built = fs::read_dir(&wheels).map_err(|error| format!("maturin has made no wheel: {error}"))?;
        let mut wheel = built.flatten().map(|entry| entry.path());
        let wheel = wheel.next().ok_or("maturin has made no wheel")?;
        run(self.pip().args(["--no-deps", "--no-index", "--force-reinstall"]).arg(wheel))
    }
}

/// The package's sources.
pub(super) fn package() -> PathBuf {
    project::root().join("bindings/python")
}

fn pinned(name: &str) -> Result<String, Failure> {
    let path: &Path = &package().join(name);
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn run(command: &mut Command) -> Result<(), Failure> {
    project::output(command.stdin(Stdio::null())).map(|_| ())
}
