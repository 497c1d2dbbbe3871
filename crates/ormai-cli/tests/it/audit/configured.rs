//! `audit` in `ormai.yaml`.

use super::*;

fn configured(audit: &str) -> Place {
    let place = Place::empty();
    let text = format!("database: {{url: 'sqlite:shop.db?mode=rwc'}}\npolicy: policy.yaml\n{audit}");
    fs::write(place.path().join("ormai.yaml"), text).unwrap();
    place
}

#[test]
fn what_is_wrong_about_the_trail_is_told_with_its_place() {
    let mut said = String::new();
    for audit in [
        "audit: on",
        "audit: 7",
        "audit: []",
        "audit: [jsonl]",
        "audit: {store: json}",
        "audit: {store: jsonl, url: 'sqlite:a'}",
        "audit: {store: postgres}",
        "audit: {url: 'sqlite:a'}",
        "audit: {store: postgres, url: 'mysql://h/d', rotate_mb: 1}",
        "audit: {store: memory, path: a}",
        "audit: {pathh: a}",
        "audit: {rotate_mb: 0, rotate_hours: soon}",
        "audit: {checkpoint_every: 0, checkpoint_after_s: -1, checkpoints: 7}",
        "audit: [{path: a.jsonl}, {path: a.jsonl, rotate_mb: 1}]",
        "audit: {path: b, stores: [{path: a.jsonl}]}",
        "audit: {mac_key: '${NO_SUCH_VARIABLE_HERE}'}",
    ] {
        let told = configured(&format!("{audit}\n")).told(&["query"], 2);
        let told: Vec<&str> = told.lines().filter(|line| !line.starts_with("ormai:")).collect();
        said.push_str(&format!("{}\n\n", told.join("\n").trim()));
    }
    insta::assert_snapshot!(said);
}

/// A secret in the file is refused, and is not shown once more by saying so.
#[test]
fn a_secret_in_the_file_is_refused_and_not_shown() {
    const SECRET: &str = "hunter2hunter2hunter2";
    for audit in [
        format!("audit: {{mac_key: {SECRET}}}\n"),
        format!("audit: {{signing_key: '{SECRET}', store: nothing}}\n"),
        format!("audit:\n  mac_key: pre${{PATH}}{SECRET}\n"),
        format!("audit: [{{path: a, mac_key: {SECRET}}}]\n"),
    ] {
        let place = configured(&audit);
        for json in [false, true] {
            let arguments: &[&str] = if json { &["query", "--json"] } else { &["query"] };
            let said = place.run(arguments, 2);
            assert!(!said.contains(SECRET), "{said}");
            assert!(said.contains("`mac_key`") || said.contains("`signing_key`") || !json, "{said}");
        }
    }
    insta::assert_snapshot!(configured(&format!("audit: {{mac_key: {SECRET}}}\n")).told(&["query"], 2));
}

#[test]
fn keys_that_are_too_weak_are_refused_wherever_they_come_from() {
    let place = configured("audit: {mac_key: '${WEAK}', signing_key: '${WEAK}'}\n");
    let ran = ormai_with(place.path(), &["audit", "query"], &[("WEAK", "hunter2")]);
    assert_eq!(ran.code, 2);
    assert!(ran.out.contains("`mac_key` has fewer than 16 bytes"), "{}", ran.out);
    assert!(ran.out.contains("`signing_key` does not have 64 hexadecimal digits"), "{}", ran.out);
    assert!(!ran.out.contains("hunter2"));

    let place = configured("");
    let weak = [("ORMAI_AUDIT_KEY", ""), ("ORMAI_AUDIT_SIGNING_KEY", "hunter2")];
    let ran = ormai_with(place.path(), &["audit", "query"], &weak);
    assert_eq!(ran.code, 2);
    assert!(ran.out.contains("`ORMAI_AUDIT_KEY` has fewer than 16 bytes"), "{}", ran.out);
    assert!(ran.out.contains("`ORMAI_AUDIT_SIGNING_KEY` does not have 64 hexadecimal digits"), "{}", ran.out);
    assert!(!ran.out.contains("hunter2"));
}

#[test]
fn a_trail_that_is_off_has_nothing_to_show() {
    for audit in ["audit: off\n", "audit: false\n"] {
        let said = configured(audit).told(&["query"], 1);
        assert_eq!(said, "ormai: there is no audit trail: `audit` is off in the configuration");
    }
}

#[tokio::test]
async fn a_path_counts_from_the_configuration() {
    let place = configured("audit: {path: trail/calls.jsonl}\n");
    fs::create_dir_all(place.path().join("trail")).unwrap();
    place.write(&records()).await;
    fs::rename(place.file(), place.path().join("trail/calls.jsonl")).unwrap();
    let configuration = place.path().join("ormai.yaml");
    let elsewhere = tempfile::tempdir().unwrap();
    let arguments = ["--config", configuration.to_str().unwrap(), "audit", "query", "--json"];
    let ran = ormai(elsewhere.path(), &arguments);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(serde_json::from_str::<Json>(&ran.out).unwrap()["records"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn of_several_stores_one_is_asked_by_its_number() {
    let place = configured("audit: [{store: memory}, {store: jsonl}]\n");
    place.write(&records()).await;
    assert_eq!(place.run(&["query"], 0), "(no records)\n");
    assert_eq!(place.json(&["query", "--store", "2"], 0)["records"].as_array().unwrap().len(), 5);
}

#[test]
fn new_keys_are_such_as_a_configuration_takes() {
    let place = Place::empty();
    fs::write(place.file(), "").unwrap();
    let (one, other) = (place.run(&["keygen"], 0), place.run(&["keygen"], 0));
    assert_ne!(one, other);
    let variables: Vec<(&str, &str)> = one.lines().filter_map(|line| line.split_once('=')).collect();
    assert_eq!(
        variables.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["ORMAI_AUDIT_KEY", "ORMAI_AUDIT_SIGNING_KEY"]
    );
    assert_eq!(ormai_with(place.path(), &["audit", "query"], &variables).code, 0);
    let public = SigningKey::parse(variables[1].1).unwrap().public().to_string();
    assert!(one.contains(&format!("# {public}\n")), "{one}");
}

/// Without a word about it in the configuration.
#[test]
fn a_call_leaves_its_record_in_a_file_beside_the_configuration() {
    let place = Place::empty();
    let called = ["call", "query", r#"{"model": "Order"}"#, "--tenant", "acme-corp", "--user", "user-123"];
    assert_eq!(ormai_with(place.path(), &called, &KEYS).code, 1, "no model is open");
    let told = place.json(&["query"], 0);
    let record = &told["records"][0];
    assert_eq!((&record["tenant_id"], &record["tool_name"]), (&json!("acme-corp"), &json!("query")));
    assert_eq!(record["error"]["code"], "MODEL_NOT_ALLOWED");
    let report = &place.json(&["verify"], 0)["stores"][0]["report"];
    assert_eq!((&report["records"], &report["checkpoints"]), (&json!(1), &json!(1)), "sealed at its end");
}

#[test]
fn a_database_for_the_trail_is_installed_and_then_asked() {
    let place = configured("audit: {store: sqlite, url: 'sqlite:trail.db?mode=rwc'}\n");
    let called = ["call", "query", r#"{"model": "Order"}"#, "--tenant", "acme-corp"];
    let said = ormai_with(place.path(), &called, &KEYS);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("not installed"), "{}", said.err);
    assert!(place.told(&["query"], 1).contains("run `ormai install`"));
    let installed = ormai(place.path(), &["install"]);
    assert!(installed.out.contains("ormai_audit"), "{}", installed.out);
    ormai_with(place.path(), &called, &KEYS);
    assert_eq!(place.json(&["query"], 0)["records"].as_array().unwrap().len(), 1);
    place.run(&["verify"], 0);
}
