//! Records that are found, followed and counted.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::*;

#[tokio::test]
async fn records_are_shown_the_newest_first() {
    let place = Place::with_records().await;
    insta::assert_snapshot!(place.told(&["query"], 0));
}

#[tokio::test]
async fn each_option_of_a_query_says_which_records_are_meant() {
    let place = Place::with_records().await;
    let found = |arguments: &[&str]| -> Vec<String> {
        let told = place.json(&[&["query"], arguments].concat(), 0);
        let records = told["records"].as_array().unwrap();
        records.iter().map(|record| record["request_id"].as_str().unwrap().to_owned()).collect()
    };
    for (arguments, expected) in [
        (vec!["--tenant", "globex"], vec!["req-3", "req-1"]),
        (vec!["--user", "nobody"], vec![]),
        (vec!["--tool", "get", "--tool", "query", "--tenant", "globex"], vec!["req-3", "req-1"]),
        (vec!["--model", "Order", "--action", "read", "--limit", "2"], vec!["req-4", "req-3"]),
        (vec!["--success"], vec!["req-4", "req-3", "req-1", "req-0"]),
        (vec!["--refused"], vec!["req-2"]),
        (vec!["--error-code", "FIELD_NOT_ALLOWED"], vec!["req-2"]),
        (vec!["--since", "2026-01-02"], vec!["req-4", "req-3"]),
        (vec!["--since", "2026-01-01T09:00:01Z", "--until", "2026-01-02"], vec!["req-2", "req-1"]),
        (vec!["--since", "10s"], vec![]),
        (vec!["--request-id", "req-1"], vec!["req-1"]),
        (vec!["--filter", r#"{"bypass": true}"#], vec!["req-3"]),
        (vec!["--filter", r#"{"tool_name": ["get"]}"#, "--tenant", "acme-corp"], vec!["req-2"]),
    ] {
        assert_eq!(found(&arguments), expected, "{arguments:?}");
    }
}

#[tokio::test]
async fn a_page_goes_on_where_the_one_before_ended() {
    let place = Place::with_records().await;
    let first = place.json(&["query", "--limit", "3"], 0);
    let cursor = first["next_cursor"].as_str().unwrap().to_owned();
    let second = place.json(&["query", "--limit", "3", "--cursor", &cursor], 0);
    let ids = |told: &Json| -> Vec<String> {
        told["records"].as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
    };
    let all: Vec<String> = place.records.iter().rev().map(|record| record.id.clone()).collect();
    assert_eq!([ids(&first), ids(&second)].concat(), all);
    assert!(second["next_cursor"].is_null());
}

#[tokio::test]
async fn one_record_is_shown_with_all_that_it_says() {
    let place = Place::with_records().await;
    let told: Json = serde_json::from_str(&place.run(&["query", &place.records[2].id], 0)).unwrap();
    assert_eq!(told["error"]["code"], "FIELD_NOT_ALLOWED");
    assert_eq!(told["scopes_injected"], json!(["tenant_id = 'acme-corp'"]));
    assert_eq!((&told["kind"], &told["seq"]), (&json!("record"), &json!(4)));
    assert!(place.run(&["query", "aud-none"], 1).contains("there is no record `aud-none`"));
}

/// What callers wrote must not steer the terminal of whoever reads it.
#[tokio::test]
async fn a_callers_words_do_not_steer_a_terminal() {
    let place = Place::with_records().await;
    for command in ["query", "tail"] {
        let told = place.run(&[command], 0);
        assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told:?}");
        assert!(told.contains(r"\u{1b}[31mred\u{202e}"), "{told}");
    }
}

#[tokio::test]
async fn what_cannot_be_meant_is_misuse() {
    let place = Place::with_records().await;
    let mut said = String::new();
    for arguments in [
        vec!["query", "--filter", "["],
        vec!["query", "--filter", "[]"],
        vec!["query", "--filter", r#"{"tennant_id": "acme-corp"}"#],
        vec!["query", "--filter", r#"{"tenant_id": "acme-corp"}"#, "--tenant", "globex"],
        vec!["query", "--action", "raed"],
        vec!["query", "--error-code", "FIELD_NOT_ALOWED"],
        vec!["query", "--since", "yesterday"],
        vec!["query", "--store", "2"],
        vec!["query", "--store", "0"],
        vec!["export", "--output", "records.txt"],
        vec!["prune", "--older-than", "90d"],
        vec!["prune", "--yes"],
        vec!["prune", "--older-than", "soon", "--dry-run"],
    ] {
        said.push_str(&format!("$ ormai audit {}\n{}\n", arguments.join(" "), place.told(&arguments, 2)));
    }
    insta::assert_snapshot!(said);
    for arguments in [
        vec!["query", "--success", "--refused"],
        vec!["query", "--limit", "0"],
        vec!["prove"],
        vec!["prove", "--check", "proof.json"],
        vec!["prune", "--yes", "--dry-run"],
        vec!["export", "--format", "xml"],
        vec!["stats", "--by", "week"],
        vec![],
    ] {
        place.run(&arguments, 2);
    }
}

#[tokio::test]
async fn the_latest_records_come_last_at_the_end() {
    let place = Place::with_records().await;
    insta::assert_snapshot!(place.told(&["tail", "--count", "3"], 0));
    let lines = place.run(&["tail", "--count", "2", "--tenant", "globex", "--json"], 0);
    let ids: Vec<Json> = lines.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()["id"].clone()).collect();
    assert_eq!(ids, [json!(place.records[1].id), json!(place.records[3].id)]);
}

#[cfg(unix)]
#[tokio::test]
async fn records_are_followed_as_they_come_until_somebody_interrupts() {
    let place = Place::with_records().await;
    let mut following = Command::new(env!("CARGO_BIN_EXE_ormai"))
        .args(["audit", "tail", "--follow", "--count", "1", "--tenant", "acme-corp", "--json"])
        .current_dir(place.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Json>(&lines.next().unwrap().unwrap()).unwrap()["id"].clone();
    assert_eq!(next(), json!(place.records[4].id), "the one that was there");

    // Of two writers, one after the other, and only what is meant.
    for number in [5, 6] {
        let come = [record(number, "globex", "query"), record(number, "acme-corp", "query")];
        place.write(&come).await;
        assert_eq!(next(), json!(come[1].id));
    }
    let interrupted = Command::new("kill").args(["-INT", &following.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(following.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn calls_are_counted() {
    let place = Place::with_records().await;
    insta::assert_snapshot!("figures", place.told(&["stats", "--top", "1"], 0));
    let told = place.json(&["stats", "--by", "hour", "--tenant", "globex"], 0);
    assert_eq!(told["all"]["calls"], 2);
    assert_eq!(told["times"]["groups"][0]["name"], "2026-01-01T09:00:00Z");
}

#[test]
fn of_an_empty_trail_there_is_nothing_to_tell() {
    let place = Place::empty();
    fs::write(place.file(), "").unwrap();
    assert_eq!(place.run(&["query"], 0), "(no records)\n");
    assert_eq!(place.run(&["stats"], 0), "(no records)\n");
    assert_eq!(place.run(&["tail"], 0), "");
}
