//! `ormai eval`: calls recorded, made again and measured, and what a new policy changes.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use ormai_testkit::{Dataset, TestDatabase, every_engine, writes_policy};
use serde_json::Value as Json;

use crate::command::{Ran, ormai, settled};

const ACME: [&str; 4] = ["--tenant", "acme-corp", "--user", "user-123"];

/// The guide's rows under a policy that reads no metadata, and a new version of it.
async fn place(test: &TestDatabase) -> tempfile::TempDir {
    test.load(&Dataset::demo()).await;
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let names = "models: {Order: {table: orders, relations: {order_items: items}}}";
    fs::write(here.join("ormai.yaml"), format!("database: {{url: '{}'}}\n{names}\npolicy: old.yaml\n", test.url()))
        .unwrap();
    let old = writes_policy()
        .replace("      - {name: parent_access, condition: tenant_id IN principal.metadata.tenant_hierarchy}\n", "");
    assert!(!old.contains("principal.metadata"));
    let wider = old.replace("ssn: {action: redact}", "ssn: allow");
    let narrower = old.replace("note: allow, created_at: allow", "created_at: allow");
    assert!(wider != old && narrower != old);
    for (name, policy) in [("old.yaml", &old), ("wider.yaml", &wider), ("narrower.yaml", &narrower)] {
        fs::write(here.join(name), policy).unwrap();
    }
    directory
}

fn run(here: &Path, arguments: &[&str], code: i32) -> String {
    let Ran { code: found, out, err } = ormai(here, arguments);
    assert_eq!(found, code, "{arguments:?}\n{out}{err}");
    format!("{out}{err}")
}

fn call(here: &Path, tool: &str, arguments: &str) {
    ormai(here, &[&["call", tool, arguments], &ACME[..]].concat());
}

/// What was asked and which keys there are is nobody else's business.
fn assert_owners_only(file: &Path) {
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(file).unwrap().permissions()) & 0o777, 0o600);
    #[cfg(not(unix))]
    assert!(file.exists());
}

/// Without what a second brings.
fn without_rate(text: &str) -> String {
    text.lines().map(|line| line.split(" (").next().unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

every_engine! {
    async fn calls_of_the_trail_are_made_again_under_a_new_policy(test: &TestDatabase) {
        let directory = place(test).await;
        let here = directory.path();
        call(here, "query", r#"{"model": "Order", "select": ["id", "note"], "limit": 2}"#);
        call(here, "query", r#"{"model": "User", "filters": [{"field": "ssn", "op": "eq", "value": "123-45-6789"}]}"#);
        call(here, "get", r#"{"model": "Order", "id": 4}"#);
        let recorded = run(here, &["eval", "record", "--from-audit", "-o", "calls.jsonl"], 0);
        let kept = fs::read_to_string(here.join("calls.jsonl")).unwrap();
        assert!(!kept.contains("123-45-6789"), "{kept}");
        // Making calls leaves no record: recorded once more, there are no more of them.
        let same = run(here, &["eval", "replay", "calls.jsonl"], 0);
        let changed = run(here, &["eval", "replay", "calls.jsonl", "--policy", "narrower.yaml"], 1);
        let twice = run(here, &["eval", "determinism", "calls.jsonl"], 0);
        assert_eq!(run(here, &["eval", "record", "--from-audit", "-o", "twice.jsonl"], 0).replace("twice.jsonl", "calls.jsonl"), recorded);
        assert_owners_only(&here.join("calls.jsonl"));
        let taken = run(here, &["eval", "record", "--from-audit", "-o", "calls.jsonl"], 2);
        let page = [recorded, without_rate(&same), without_rate(&changed), twice, taken.lines().next().unwrap().split(": ").take(2).collect::<Vec<_>>().join(": ")];
        insta::allow_duplicates! {
            assert_snapshot!("replayed", settled(&page.join("\n---\n"), here));
        }
    }

    async fn nothing_compared_is_no_pass(test: &TestDatabase) {
        let directory = place(test).await;
        let here = directory.path();
        fs::write(here.join("none.jsonl"), "{\"format\":\"ormai-calls\",\"version\":1,\"source\":\"hand\"}\n").unwrap();
        for command in ["replay", "determinism"] {
            let said = run(here, &["eval", command, "none.jsonl"], 1);
            assert!(said.contains("nothing was compared"), "{said}");
            run(here, &["eval", command, "none.jsonl", "--json"], 1);
        }
    }

    async fn a_policy_that_is_wider_fails_and_the_page_is_written(test: &TestDatabase) {
        let directory = place(test).await;
        let here = directory.path();
        let wider = run(here, &["eval", "diff", "old.yaml", "wider.yaml", "--html", "review.html"], 1);
        let narrower = run(here, &["eval", "diff", "old.yaml", "narrower.yaml"], 0);
        let same = run(here, &["eval", "diff", "old.yaml", "old.yaml"], 0);
        let allowed = run(here, &["eval", "diff", "old.yaml", "wider.yaml", "--allow-wider", "--rules-only", "--json"], 0);
        let allowed: Json = serde_json::from_str(&allowed).unwrap();
        assert_eq!(allowed["roles"][0]["changes"][0]["direction"], "wider");
        assert_eq!(allowed["principals"], 0);
        let page = fs::read_to_string(here.join("review.html")).unwrap();
        assert_owners_only(&here.join("review.html"));
        assert!(page.contains("something is wider") && page.contains("redacted → shown, wider"));
        insta::allow_duplicates! {
            assert_snapshot!("changes", [wider, narrower, same].join("\n---\n"));
        }
    }

    async fn variants_are_measured_with_units_in_their_names(test: &TestDatabase) {
        let directory = place(test).await;
        let request = ["--request", "query", r#"{"model": "Order"}"#, "--as", r#"{"tenant_id": "acme-corp"}"#];
        let measure = ["--count", "8", "--rounds", "2", "--warm-up", "0", "--audit", "--policy", "narrower.yaml", "--json"];
        let said = run(directory.path(), &[&["eval", "bench"], &request[..], &measure[..]].concat(), 0);
        let report: Json = serde_json::from_str(&said).unwrap();
        let names: Vec<&str> = report["variants"].as_array().unwrap().iter().map(|variant| variant["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["as configured", "policy narrower.yaml", "with a trail in memory"]);
        for variant in report["variants"].as_array().unwrap() {
            assert_eq!((&variant["calls"], &variant["refused"]), (&Json::from(8), &Json::from(0)));
            assert!(variant["latency"]["p99_us"].as_f64().unwrap() > 0.0);
        }
        assert_eq!(report["ratios"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn what_cannot_be_meant_is_misuse() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::write(here.join("calls.jsonl"), "{\"format\":\"ormai-calls\",\"version\":1,\"source\":\"hand\"}\n{}\n")
        .unwrap();
    for (arguments, what) in [
        (vec!["eval", "replay", "none.jsonl"], "none.jsonl: it cannot be opened"),
        (vec!["eval", "replay", "calls.jsonl", "--as", "{\"tenant\": 1}"], "`--as` is no principal"),
        (vec!["eval", "diff", "none.yaml", "none.yaml"], "the policy `none.yaml` cannot be read"),
        (vec!["eval", "diff", "none", "none.yaml"], "ends in none of .yaml, .toml, .json"),
        (vec!["eval", "bench", "--request", "query", "{"], "the arguments of `query` are no JSON"),
        (vec!["eval", "record"], "--from-audit"),
        (vec!["eval", "bench"], "--calls"),
    ] {
        let said = run(here, &arguments, 2);
        assert!(said.contains(what), "{arguments:?}: {said}");
    }
}

every_engine! {
    async fn a_bad_line_is_named_with_its_file_and_number(test: &TestDatabase) {
        let directory = place(test).await;
        let here = directory.path();
        fs::write(here.join("calls.jsonl"), "{\"format\":\"ormai-calls\",\"version\":1,\"source\":\"hand\"}\n{}\n").unwrap();
        let said = run(here, &["eval", "replay", "calls.jsonl"], 2);
        assert!(said.contains("calls.jsonl:2: this is no recorded call: missing field `tool`"), "{said}");
    }
}
