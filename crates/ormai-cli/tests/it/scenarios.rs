//! `ormai eval run`: what it prints, what it writes, and how it exits.

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use crate::command::{Ran, ormai};

const PAGE: &str = r#"# Orders

```yaml models
Order: {id: integer key, tenant_id: text, status: text}
```

| Order | tenant_id | status |
|------:|-----------|--------|
|     1 | acme      | open   |
|     2 | globex    | open   |

```yaml policy
models:
  Order:
    fields: {id: allow, status: allow}
    scoping: {tenant_id: principal.tenant_id}
```

```json principal
{"tenant_id": "acme", "user_id": "ann"}
```

## Read

```json request query
{"model": "Order"}
```

```json answer
{"rows": [{"id": 1, "status": "open"}], "has_more": false, "next_cursor": null}
```

## Refused

```json request get
{"model": "Order", "id": 2}
```

```json error
{"code": "RECORD_NOT_FOUND", "…": "…"}
```
"#;

/// Runs in a directory in which `scenarios` holds pages.
fn run(pages: &[(&str, &str)], arguments: &[&str], look: impl FnOnce(&Path, &Ran)) {
    let directory = tempfile::tempdir().unwrap();
    let scenarios = directory.path().join("scenarios");
    fs::create_dir(&scenarios).unwrap();
    for (name, text) in pages {
        fs::write(scenarios.join(name), text).unwrap();
    }
    let ran = ormai(directory.path(), &[&["eval", "run"], arguments].concat());
    look(directory.path(), &ran);
}

fn wrong() -> String {
    PAGE.replace("\"status\": \"open\"}], \"has_more\"", "\"status\": \"shut\"}], \"has_more\"")
}

#[test]
fn pages_that_come_as_they_say_end_with_0() {
    // The prose is passed over.
    run(&[("orders.md", PAGE), ("README.md", "# About these pages\n")], &[], |_, ran| {
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
        insta::assert_snapshot!(ran.out);
    });
}

#[test]
fn a_page_that_comes_otherwise_ends_with_1_and_a_difference() {
    run(&[("orders.md", &wrong())], &[], |_, ran| {
        assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{}", ran.out);
        insta::assert_snapshot!(ran.out);
    });
}

#[test]
fn what_came_is_written_when_it_is_blessed() {
    run(&[("orders.md", &wrong())], &["--bless"], |directory, ran| {
        assert_eq!(ran.code, 0, "{}", ran.out);
        assert!(ran.out.contains("(blessed)") && ran.out.ends_with("1 failed; 1 page written\n"), "{}", ran.out);
        assert_eq!(fs::read_to_string(directory.join("scenarios/orders.md")).unwrap(), PAGE);
    });
}

#[test]
fn a_page_with_a_slip_is_shown_with_its_place() {
    run(&[("orders.md", &PAGE.replace("json principal", "json principle"))], &[], |_, ran| {
        assert_eq!(ran.code, 1, "{}", ran.out);
        insta::assert_snapshot!(ran.out);
    });
}

#[test]
fn a_filter_that_nothing_satisfies_is_misuse() {
    run(&[("orders.md", PAGE)], &["--filter", "refused"], |_, ran| {
        assert!(ran.out.contains("1 scenario, 1 request: all came as they say"), "{}", ran.out);
    });
    run(&[("orders.md", PAGE)], &["--filter", "nothing"], |_, ran| {
        assert_eq!(ran.code, 2, "{}", ran.out);
        assert_eq!(ran.err, "ormai: there is no scenario in `scenarios` whose headings contain `nothing`\n");
    });
    run(&[], &["elsewhere"], |_, ran| assert_eq!(ran.code, 2, "{}", ran.out));
}

#[test]
fn programs_read_json_and_junit() {
    run(&[("orders.md", &wrong())], &["--json", "--junit", "junit.xml"], |directory, ran| {
        assert_eq!(ran.code, 1, "{}", ran.out);
        let told: Json = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(told["summary"]["failed"], 1);
        let scenario = &told["pages"][0]["scenarios"][0];
        assert_eq!((&scenario["title"], &scenario["passed"]), (&Json::from("Orders › Read"), &Json::from(false)));
        assert_eq!(scenario["failures"][0]["line"], 29);
        assert!(scenario["failures"][0]["came"].as_str().unwrap().contains("\"status\": \"open\""));
        let xml = fs::read_to_string(directory.join("junit.xml")).unwrap();
        assert!(xml.contains("<failure message=\"the answer is another one\">scenarios/orders.md:29\n"), "{xml}");
    });
}
