//! Exit codes and what is said about misuse.

use std::fs;

use crate::command::{ormai, settled};

/// Runs in an empty directory with these files in it.
fn check(files: &[(&str, &str)], arguments: &[&str], code: i32) -> String {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let ran = ormai(directory.path(), arguments);
    assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
    settled(&format!("{}{}", ran.out, ran.err), directory.path())
}

const CONFIGURATION: (&str, &str) = ("ormai.yaml", "database: {url: 'sqlite:shop.db?mode=rwc'}\npolicy: policy.yaml\n");

#[test]
fn a_missing_configuration_is_named() {
    insta::assert_snapshot!(check(&[], &["check"], 2));
}

#[test]
fn a_configuration_is_checked_as_a_whole() {
    let text = "databse: {url: 'sqlite:x'}\nserver: {port: 80}\ndatabase: {url: '${NO_SUCH_VARIABLE_HERE}', pool: 3}\npolicy: 7\n";
    insta::assert_snapshot!(check(&[("ormai.yaml", text)], &["check"], 2));
}

#[test]
fn a_policy_that_does_not_fit_the_database_is_shown_with_its_source() {
    let policy =
        "version: 1\nmodels:\n  Order:\n    fields: {id: allow}\n    scopeing: {tenant_id: principal.tenant_id}\n";
    insta::assert_snapshot!(check(&[CONFIGURATION, ("policy.yaml", policy)], &["check"], 1));
}

#[test]
fn what_is_wrong_is_json_too_when_json_is_asked_for() {
    let broken = ("policy.yaml", "version: 1\nmodels: {Order: {scopeing: {}}}\n");
    for (files, code, finding) in [
        (vec![], 2, serde_json::Value::Null),
        (vec![("ormai.yaml", "databse: 1\n")], 2, "unknown-key".into()),
        (vec![CONFIGURATION, broken], 1, "unknown-key".into()),
    ] {
        let said = check(&files, &["describe", "--json"], code);
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["success"], false);
        assert!(said["error"]["message"].is_string());
        assert_eq!(said["error"]["findings"][0]["code"], finding);
    }
}

#[test]
fn unknown_commands_and_missing_arguments_are_misuse() {
    check(&[], &["frobnicate"], 2);
    check(&[], &["call", "query"], 2);
    check(&[], &[], 2);
}

#[test]
fn a_password_does_not_get_into_a_file() {
    let said = check(&[], &["init", "postgres://app:secret@127.0.0.1:1/shop"], 2);
    assert!(!said.contains("secret"), "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn a_database_that_is_not_there_is_said_without_its_url() {
    let said = check(&[], &["init", "postgres://app@127.0.0.1:1/shop", "--url-variable", "SHOP_URL"], 1);
    assert!(!said.contains("postgres://"), "{said}");
}
