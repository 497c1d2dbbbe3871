//! The Python that the environment is made of.

use std::path::Path;
use std::process::Command;

use crate::Failure;
use crate::project::output;
use crate::services::programs;

/// What the tests need. The package itself is content with 3.10; SQLAlchemy 2.1 is not.
const OLDEST: (u32, u32) = (3, 11);

/// The usual one, then the others, the newest first.
const NAMES: [&str; 5] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];

/// A Python that is new enough.
pub(super) struct Interpreter {
    name: &'static str,
    /// What it says of itself, by which an environment that was made of another one is known.
    pub(super) identity: String,
}

impl Interpreter {
    /// Looks for one, and installs it where that is possible.
    pub(super) fn provide() -> Result<Self, Failure> {
        if let Some(found) = Self::find() {
            return Ok(found);
        }
        let (major, minor) = OLDEST;
        let complaint = format!(
            "no Python of {major}.{minor} or later with its `venv` is on the path: \
             install the packages `python3` and `python3-venv`"
        );
        programs::install(&["python3", "python3-venv"], complaint.clone())?;
        Self::find().ok_or(complaint)
    }

    fn find() -> Option<Self> {
        NAMES.iter().find_map(|name| {
            // Debian ships `venv` without the `ensurepip` that it needs, as a package of its own.
            let script = "import ensurepip, sys, venv; print(*sys.version_info[:2]); print(sys.prefix, sys.version)";
            let printed = output(Command::new(name).args(["-c", script])).ok()?;
            let (version, identity) = printed.split_once('\n')?;
            new_enough(version).then(|| Self { name, identity: identity.trim().replace('\n', " ") })
        })
    }

    pub(super) fn command(&self) -> Command {
        Command::new(self.name)
    }

    /// One driver is built from source, which takes the headers of its client and of Python.
    pub(super) fn provide_headers(&self) -> Result<(), Failure> {
        let mut packages = Vec::new();
        let told = |name: &str| output(Command::new("pkg-config").args(["--exists", name])).is_ok();
        if !["mysqlclient", "mariadb", "libmariadb"].into_iter().any(told) {
            packages.extend(["libmariadb-dev", "pkg-config"]);
        }
        let script = "import sysconfig; print(sysconfig.get_path('include'))";
        let directory = output(self.command().args(["-c", script]))?;
        if !Path::new(directory.trim()).join("Python.h").is_file() {
            packages.push("python3-dev");
        }
        if packages.is_empty() {
            return Ok(());
        }
        programs::install(&packages, format!("the driver mysqlclient is built from source: install {packages:?}"))
    }
}

/// Whether two numbers, as in `3 11`, are a version that will do.
fn new_enough(version: &str) -> bool {
    let mut numbers = version.split_whitespace().map(str::parse::<u32>);
    matches!((numbers.next(), numbers.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_python_will_not_do() {
        assert!(!new_enough("2 7"));
        assert!(!new_enough("3 9"));
        assert!(!new_enough("3 10"));
        assert!(new_enough("3 11"));
        assert!(new_enough("3 14"));
        assert!(new_enough("4 0"));
        assert!(!new_enough("three"));
    }
}
