//! The log of a command: on the standard error, and without the values of any row.

use std::fs;

use ormai_testkit::TestDatabase;
use serde_json::Value as Json;

use crate::command::{Ran, ormai};

/// Tries to write a row that a trigger does not take, and says so with the row's own words.
async fn refused(flags: &[&str]) -> Ran {
    let test = TestDatabase::sqlite().await;
    test.execute(
        "CREATE TABLE notes (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, body varchar(40) NOT NULL);
        CREATE TRIGGER watch BEFORE INSERT ON notes BEGIN SELECT RAISE(ABORT, 'the row with opensesame'); END",
    )
    .await;
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::write(here.join("ormai.yaml"), format!("database: {{url: '{}'}}\npolicy: policy.yaml\n", test.url())).unwrap();
    let policy = "
models:
  Note:
    scoping: {tenant_id: principal.tenant_id}
    fields: {id: allow, body: allow}
    write_policy: {create: allow, auto_set: {tenant_id: principal.tenant_id}}
";
    fs::write(here.join("policy.yaml"), policy).unwrap();
    let data = r#"{"model": "Note", "data": {"id": 1, "body": "opensesame"}}"#;
    let call = ["call", "create", data, "--tenant", "acme-corp", "--user", "user-123"];
    let ran = ormai(here, &[&call, flags].concat());
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    ran
}

/// The lines of a log in JSON.
fn lines(ran: &Ran) -> Vec<Json> {
    ran.err.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_warning_names_the_class_and_the_code_and_no_value() {
    let ran = refused(&[]).await;
    let line = ran.err.lines().find(|line| line.contains("WARN")).unwrap();
    assert!(line.contains("a write was refused") && line.contains("class=\"refused\" code=\"1811\""), "{}", ran.err);
    assert!(!ran.err.contains("opensesame"), "{}", ran.err);
}

#[tokio::test]
async fn no_level_adds_a_value_a_tenant_or_a_user() {
    for level in ["debug", "trace"] {
        for format in ["text", "json"] {
            let ran = refused(&["--log", level, "--log-format", format]).await;
            assert!(ran.err.contains("a call has ended"), "{}", ran.err);
            for word in ["opensesame", "acme-corp", "user-123", "INSERT"] {
                assert!(!ran.err.contains(word), "`{word}` in {}", ran.err);
            }
        }
    }
}

#[tokio::test]
async fn json_has_a_line_for_each_event_with_the_call_that_it_belongs_to() {
    let ran = refused(&["--log", "debug", "--log-format", "json"]).await;
    let lines = lines(&ran);
    let refused = lines.iter().find(|line| line["message"] == "a write was refused").unwrap();
    assert_eq!((&refused["level"], &refused["class"]), (&"WARN".into(), &"refused".into()));
    assert_eq!(refused["span"]["name"], "ormai.call");
    assert_eq!(refused["span"]["ormai.tool"], "create");
    assert_eq!(refused["span"]["ormai.model"], "Note");
    assert_eq!(refused["span"]["ormai.request_id"], refused["request_id"]);
}

#[tokio::test]
async fn drivers_words_are_logged_where_an_operator_asks_for_them_by_name() {
    let ran = refused(&["--log-format", "json", "--log-driver-text"]).await;
    let lines = lines(&ran);
    let detail = lines.iter().find(|line| line["target"] == "ormai::detail").unwrap();
    assert!(detail["detail"].as_str().unwrap().contains("opensesame"), "{detail}");
}

#[tokio::test]
async fn nothing_is_logged_when_it_is_off() {
    let ran = refused(&["--log", "off"]).await;
    assert!(!ran.err.contains("a write was refused"), "{}", ran.err);
}

#[test]
fn a_level_that_is_none_is_misuse() {
    let ran = ormai(&std::env::temp_dir(), &["check", "--log", "ormai=loud"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("`--log ormai=loud` is neither a level"), "{}", ran.err);
}
