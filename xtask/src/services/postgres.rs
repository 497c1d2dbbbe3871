//! PostgreSQL, from the programs that Debian installs.

use std::path::PathBuf;
use std::process::Command;

use super::programs::on_path;
use super::server::Kind;
use crate::project::output;

pub(crate) const POSTGRES: Kind = Kind {
    name: "PostgreSQL",
    word: "postgres",
    variable: "ORMAI_TEST_POSTGRES_URL",
    package: "postgresql",
    find: programs,
    user: "postgres",
    script: include_str!("postgres.sh"),
    url: |port, _| format!("postgres://ormai@127.0.0.1:{port}/postgres"),
};

/// The newest version under Debian's directory, else what is on the path, else what
/// `pg_config` names.
fn programs() -> Option<PathBuf> {
    let complete =
        |directory: &PathBuf| ["initdb", "postgres", "pg_isready"].iter().all(|p| directory.join(p).is_file());
    let version = |directory: &PathBuf| -> Option<u32> { directory.parent()?.file_name()?.to_str()?.parse().ok() };
    let debian = std::fs::read_dir("/usr/lib/postgresql").ok().and_then(|versions| {
        versions.flatten().map(|entry| entry.path().join("bin")).filter(complete).max_by_key(version)
    });
    let named = || output(Command::new("pg_config").arg("--bindir")).ok().map(|line| PathBuf::from(line.trim()));
    debian.or_else(|| on_path("initdb").filter(complete)).or_else(|| named().filter(complete))
}
