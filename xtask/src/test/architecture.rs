//! The step that holds what neither the compiler nor clippy can.

use std::path::Path;

use serde_json::Value as Json;

use super::Found;
use super::rules::{
    ARROWS, FEATURES_FOR_TESTS, FOR_TESTS, IO, MACHINE_PATHS, MOST_LINES, SHIPPED, TEXT_TO_DRIVER, TEXT_TO_DRIVER_FILE,
    THIS_FILE, WITHOUT_IO,
};
use super::tally::Tally;
use crate::{Failure, project};

/// Checks everything, and names every violation at once.
pub(super) fn check() -> Found {
    let sources = sources(&project::root())?;
    let checks = [
        arrows(&metadata()?),
        trees()?,
        closed_features()?,
        long_files(&sources),
        text_to_driver(&sources),
        machine_paths(&sources),
    ];
    for violation in checks.iter().flatten() {
        eprintln!("error: {violation}");
    }
    let failed = checks.iter().filter(|violations| !violations.is_empty()).count();
    Ok(Tally { passed: checks.len() - failed, failed })
}

/// A file of the project.
struct Source {
    /// From the root, with `/`.
    path: String,
    text: String,
}

fn metadata() -> Result<Json, Failure> {
    let text = project::output(&mut project::cargo(["metadata", "--format-version", "1", "--no-deps"]))?;
    serde_json::from_str(&text).map_err(|error| format!("cannot read what `cargo metadata` prints: {error}"))
}

/// The dependencies among the workspace's own crates.
fn arrows(metadata: &Json) -> Vec<String> {
    let mut violations = Vec::new();
    let list = |json: &Json, key: &str| json.get(key).and_then(Json::as_array).cloned().unwrap_or_default();
    let text = |json: &Json, key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let packages = list(metadata, "packages");
    if packages.is_empty() {
        violations.push("`cargo metadata` names no packages".to_owned());
    }
    for package in packages {
        let name = text(&package, "name");
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == name) else {
            violations.push(format!("`{name}` has no place in the architecture: give it one in `{THIS_FILE}`"));
            continue;
        };
        for dependency in list(&package, "dependencies") {
            let (target, kind) = (text(&dependency, "name"), text(&dependency, "kind"));
            let own = ARROWS.iter().any(|(crate_name, _)| *crate_name == target);
            let for_its_tests = kind == "dev" && (target == FOR_TESTS || target == name);
            if own && !allowed.contains(&target.as_str()) && !for_its_tests {
                violations.push(format!("`{name}` must not depend on `{target}`; it may depend on {allowed:?}"));
            }
        }
    }
    violations
}

/// What the program is built with, looked through for what only tests may turn on.
fn closed_features() -> Result<Vec<String>, Failure> {
    let mut violations = Vec::new();
    for name in SHIPPED {
        let arguments = ["tree", "--package", name, "--edges", "normal,build,features", "--prefix", "none"];
        violations.extend(opened_features(name, &project::output(&mut project::cargo(arguments))?));
    }
    Ok(violations)
}

fn opened_features(name: &str, tree: &str) -> Vec<String> {
    let closed =
        |line: &&str| FEATURES_FOR_TESTS.iter().any(|feature| line.contains(&format!("feature \"{feature}\"")));
    let own = |line: &&str| line.starts_with("ormai");
    let mut found: Vec<&str> = tree.lines().filter(own).filter(closed).collect();
    found.sort_unstable();
    found.dedup();
    found.iter().map(|line| format!("`{name}` is built with what only tests may turn on: {line}")).collect()
}

/// The whole trees of the crates without I/O.
fn trees() -> Result<Vec<String>, Failure> {
    let mut violations = Vec::new();
    for name in WITHOUT_IO {
        let arguments = ["tree", "--package", name, "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
        violations.extend(io_in_tree(name, &project::output(&mut project::cargo(arguments))?));
    }
    Ok(violations)
}

fn io_in_tree(name: &str, tree: &str) -> Vec<String> {
    let mut found: Vec<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    found.retain(|dependency| IO.contains(dependency));
    found.sort_unstable();
    found.dedup();
    found
        .iter()
        .map(|dependency| {
            format!("`{name}` does no I/O, but `{dependency}` is in its tree (`cargo tree -p {name} -i {dependency}`)")
        })
        .collect()
}

fn long_files(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| source.path.ends_with(".rs"))
        .map(|source| (source, source.text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(source, lines)| {
            format!("`{}` has {lines} lines, {MOST_LINES} are the most: split it by idea", source.path)
        })
        .collect()
}

/// One file of the code that ships hands text to a driver. Tests may, to set up their data.
fn text_to_driver(sources: &[Source]) -> Vec<String> {
    let ships = |path: &str| {
        path.contains("/src/") && !path.starts_with("crates/ormai-testkit/") && !path.starts_with("xtask/")
    };
    let code = |line: &&str| !line.trim_start().starts_with("//");
    let files: Vec<&str> = sources
        .iter()
        .filter(|source| source.path.ends_with(".rs") && ships(&source.path))
        .filter(|source| source.text.lines().filter(code).any(|line| line.contains(TEXT_TO_DRIVER)))
        .map(|source| source.path.as_str())
        .collect();
    files
        .into_iter()
        .filter(|file| *file != TEXT_TO_DRIVER_FILE)
        .map(|file| format!("`{TEXT_TO_DRIVER}` belongs in `{TEXT_TO_DRIVER_FILE}`, but stands in `{file}`"))
        .collect()
}

fn machine_paths(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| source.path != THIS_FILE) {
        for (number, line) in source.text.lines().enumerate() {
            if let Some(path) = MACHINE_PATHS.iter().find(|path| line.contains(**path)) {
                violations.push(format!("`{}:{}` names a path of one machine, `{path}…`", source.path, number + 1));
            }
        }
    }
    violations
}

/// All text files that git tracks or would.
fn sources(root: &Path) -> Result<Vec<Source>, Failure> {
    let mut command = std::process::Command::new("git");
    command.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let listing = project::output(&mut command)?;
    let read = |path: &str| {
        let text = std::fs::read_to_string(root.join(path)).ok()?;
        Some(Source { path: path.to_owned(), text })
    };
    let sources: Vec<Source> = listing.lines().filter_map(read).collect();
    if sources.is_empty() {
        return Err("git names no files of the project".to_owned());
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn package(name: &str, dependency: &str, kind: Option<&str>) -> Json {
        json!({"packages": [{"name": name, "dependencies": [{"name": dependency, "kind": kind}]}]})
    }

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn arrows_point_down() {
        assert!(arrows(&package("ormai-sql", "ormai-core", None)).is_empty());
        assert_eq!(arrows(&package("ormai-core", "ormai-sql", None)).len(), 1);
        assert_eq!(arrows(&package("ormai-cli", "ormai-core", None)).len(), 1);
    }

    #[test]
    fn the_testkit_is_for_tests_only() {
        assert!(arrows(&package("ormai-db", "ormai-testkit", Some("dev"))).is_empty());
        assert_eq!(arrows(&package("ormai-db", "ormai-testkit", None)).len(), 1);
    }

    #[test]
    fn every_crate_has_a_place() {
        assert_eq!(arrows(&package("ormai-misc", "serde", None)).len(), 1);
        assert_eq!(arrows(&json!({})).len(), 1);
    }

    #[test]
    fn a_runtime_in_a_tree_is_found() {
        assert!(io_in_tree("ormai-core", "ormai-core v0.1.0 (path)\nserde v1.0.0\n").is_empty());
        assert_eq!(io_in_tree("ormai-core", "ormai-core v0.1.0 (path)\ntokio v1.0.0\ntokio v1.0.0 (*)\n").len(), 1);
    }

    #[test]
    fn a_feature_for_tests_that_ships_is_found() {
        assert!(
            opened_features("ormai-cli", "ormai-core feature \"default\"\nproptest feature \"testing\"\n").is_empty()
        );
        assert_eq!(opened_features("ormai-cli", "ormai-core feature \"faults\"\nserde v1.0.0\n").len(), 1);
    }

    #[test]
    fn a_long_file_is_found() {
        assert!(long_files(&[source("a.rs", &"x\n".repeat(600))]).is_empty());
        assert_eq!(long_files(&[source("a.rs", &"x\n".repeat(601))]).len(), 1);
    }

    #[test]
    fn a_second_door_to_the_driver_is_found() {
        let one = source(TEXT_TO_DRIVER_FILE, "use sqlx::AssertSqlSafe;");
        let two = source("crates/b/src/x.rs", "sqlx::query(AssertSqlSafe(text))");
        let words = source("crates/b/src/y.rs", "// AssertSqlSafe is elsewhere");
        let test = source("crates/b/tests/it/x.rs", "AssertSqlSafe");
        let check = source("xtask/src/test/architecture.rs", "AssertSqlSafe");
        assert!(text_to_driver(&[source(TEXT_TO_DRIVER_FILE, &one.text), words, test, check]).is_empty());
        assert_eq!(text_to_driver(&[one, two]).len(), 1);
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        let line = format!("see {}x", MACHINE_PATHS[0]);
        assert_eq!(machine_paths(&[source("README.md", &line)]).len(), 1);
        assert!(machine_paths(&[source("README.md", "see docs/x")]).is_empty());
    }
}
