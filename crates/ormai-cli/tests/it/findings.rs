//! `ormai check`: what it tells of a policy that loads, and what fails a build.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use ormai_testkit::{Dataset, Engine, TestDatabase, every_engine};
use serde_json::Value as Json;

use crate::command::{Ran, ormai, settled};

/// A directory with the demonstration's policy on a database.
async fn demonstration(database: &TestDatabase) -> tempfile::TempDir {
    database.load(&Dataset::demo()).await;
    let directory = tempfile::tempdir().unwrap();
    let configuration = format!(
        "database: {{url: '{}'}}\nmodels: {{Order: {{relations: {{order_items: items}}}}}}\npolicy: policy.yaml\n",
        database.url()
    );
    fs::write(directory.path().join("ormai.yaml"), configuration).unwrap();
    fs::write(directory.path().join("policy.yaml"), include_str!("../../demo/policy.yaml")).unwrap();
    directory
}

fn check(directory: &Path, arguments: &[&str], code: i32) -> Ran {
    let arguments: Vec<&str> = ["check"].iter().chain(arguments).copied().collect();
    let ran = ormai(directory, &arguments);
    assert_eq!(ran.code, code, "{arguments:?}\n{}{}", ran.out, ran.err);
    ran
}

fn told(directory: &Path, arguments: &[&str], code: i32) -> Json {
    let arguments: Vec<&str> = ["--json"].iter().chain(arguments).copied().collect();
    serde_json::from_str(&check(directory, &arguments, code).out).unwrap()
}

every_engine! {
    async fn the_demonstrations_policy_is_looked_at_as_a_whole(database: &TestDatabase) {
        let directory = demonstration(database).await;
        let told = told(directory.path(), &[], 0);
        let source = fs::read_to_string(directory.path().join("policy.yaml")).unwrap();
        let mut codes = Vec::new();
        for finding in told["findings"].as_array().unwrap() {
            let code = finding["code"].as_str().unwrap();
            codes.push(code);
            for label in finding["labels"].as_array().unwrap() {
                // Both ways of telling a place tell the same.
                let at = |key: &str| usize::try_from(label[key].as_u64().unwrap()).unwrap();
                let line = source.lines().nth(at("line") - 1).unwrap();
                let rest: String = line.chars().skip(at("column") - 1).collect();
                let excerpt = source.get(at("start")..at("end")).unwrap().lines().next().unwrap();
                assert!(rest.starts_with(excerpt), "{label}: {rest:?}");
            }
        }
        for code in ["inferred-permit", "shared-model"] {
            assert!(codes.contains(&code), "{code}: {codes:?}");
        }
        // SQLite has no roles. Elsewhere the tests' role makes databases, so it owns what is in them.
        let of_role = codes.iter().any(|code| code.starts_with("role-"));
        assert_eq!(of_role, database.engine() != Engine::Sqlite, "{codes:?}");
    }
}

#[tokio::test]
async fn findings_come_with_their_places_and_their_mends() {
    let database = TestDatabase::sqlite().await;
    let directory = demonstration(&database).await;
    let said = check(directory.path(), &[], 0);
    assert_snapshot!(settled(&said.out, directory.path()));
}

#[tokio::test]
async fn a_build_fails_on_what_it_denies_and_on_nothing_else() {
    let database = TestDatabase::sqlite().await;
    let directory = demonstration(&database).await;
    let here = directory.path();
    let wider =
        include_str!("../../demo/policy.yaml").replace("  Document:\n", "  Document:\n    budget: {max_rows: 2000}\n");
    fs::write(here.join("policy.yaml"), wider).unwrap();
    let denied = |arguments: &[&str], code: i32| told(here, arguments, code)["denied"].clone();
    assert_eq!(denied(&["--deny", "shared-model"], 1), serde_json::json!(["shared-model"]));
    assert_eq!(
        denied(&["--deny", "shared-model,inferred-permit"], 1),
        serde_json::json!(["inferred-permit", "shared-model"])
    );
    assert_eq!(denied(&["--deny", "shared-model", "--allow", "shared-model"], 0), serde_json::json!([]));
    // Denied, and not found.
    assert_eq!(denied(&["--deny", "open-secret"], 0), serde_json::json!([]));
    let warnings = denied(&["--deny", "warnings"], 1);
    assert_eq!(warnings, serde_json::json!(["wider-budget"]));
    assert_eq!(denied(&["--deny", "warnings", "--allow", "wider-budget"], 0), serde_json::json!([]));
    assert_eq!(denied(&["--deny", "warnings,wider-budget", "--allow", "warnings"], 1), warnings);
    let notes = denied(&["--deny", "notes", "--allow", "inferred-permit"], 1);
    assert!(notes.as_array().unwrap().contains(&"shared-model".into()), "{notes}");
    let said = check(here, &["--deny", "shared-model"], 1);
    assert!(said.out.trim_end().ends_with("denied: shared-model"), "{}", said.out);
    assert_eq!(told(here, &["--deny", "shared-model"], 1)["ok"], false);
}

#[test]
fn a_finding_that_there_is_not_cannot_be_denied() {
    let here = tempfile::tempdir().unwrap();
    for (code, near) in [
        ("shared-modle", "did you mean `shared-model`?"),
        ("warning", "did you mean `warnings`?"),
        ("zzz", "docs/reference/check.md"),
    ] {
        for option in ["--deny", "--allow"] {
            let said = check(here.path(), &[option, code], 2).err;
            assert!(said.contains(option) && said.contains(code) && said.contains(near), "{said}");
        }
    }
}
