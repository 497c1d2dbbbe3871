//! The programs of servers: where they are, and how they come onto a machine.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::account::is_root;
use super::server::Kind;
use crate::Failure;
use crate::project::{environment, output};

const INSTALL: &str = include_str!("install.sh");

/// Sees to it that the programs of all kinds are there; installs them where that is possible.
pub(super) fn provide(kinds: &[&Kind]) -> Result<(), Failure> {
    let missing: Vec<&Kind> = kinds.iter().copied().filter(|kind| (kind.find)().is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let complaint = missing.iter().map(|kind| kind.missing()).collect::<Vec<String>>().join("\n");
    // All at once: two installations at a time would wait for each other's lock, or fail.
    let packages: Vec<&str> = missing.iter().map(|kind| kind.package).collect();
    install(&packages, complaint)
}

/// Installs Debian's packages where this user may; fails with a complaint where not.
pub(crate) fn install(packages: &[&str], complaint: String) -> Result<(), Failure> {
    if !is_root()? || on_path("apt-get").is_none() {
        return Err(complaint);
    }
    eprintln!("installing the packages {packages:?}");
    let mut install = Command::new("sh");
    install.args(["-c", INSTALL, "install"]).args(packages).stdin(Stdio::null());
    output(&mut install).map(|_| ()).map_err(|failure| format!("{complaint} ({failure})"))
}

/// The directory on the path that holds a program.
pub(super) fn on_path(program: &str) -> Option<PathBuf> {
    let path = environment("PATH")?;
    std::env::split_paths(&path).find(|directory| directory.join(program).is_file())
}
