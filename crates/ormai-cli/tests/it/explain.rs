//! `ormai explain` with a row: for operators.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use ormai_testkit::{Dataset, TestDatabase, every_engine, guide_policy};

use crate::command::{ormai, settled};

const ACME: [&str; 4] = ["--tenant", "acme-corp", "--user", "user-123"];
const PENDING: &str = r#"{"model": "Order", "filters": [{"field": "status", "op": "eq", "value": "pending"},
    {"field": "note", "op": "ne", "value": "gift"}]}"#;

/// The guide's policy over the guide's rows.
fn configure(test: &TestDatabase, here: &Path) {
    let url = test.url();
    let names = "models: {Order: {table: orders, relations: {order_items: items}}}";
    fs::write(here.join("ormai.yaml"), format!("database: {{url: '{url}'}}\n{names}\npolicy: policy.yaml\n")).unwrap();
    fs::write(here.join("policy.yaml"), guide_policy()).unwrap();
}

fn explain(here: &Path, query: &str, more: &[&str], code: i32) -> String {
    let arguments: Vec<&str> = ["explain", "query", query].into_iter().chain(more.iter().copied()).collect();
    let ran = ormai(here, &arguments);
    assert_eq!(ran.code, code, "{arguments:?}\n{}{}", ran.out, ran.err);
    let said = settled(&format!("{}{}", ran.out, ran.err), here);
    said.lines().filter(|line| !line.starts_with("under policy")).collect::<Vec<_>>().join("\n")
}

every_engine! {
    async fn an_operator_learns_which_rule_hides_a_row(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        configure(test, here);
        let as_acme = |query: &str, row: &str| explain(here, query, &[&ACME[..], &["--row", row]].concat(), 0);
        let mut page = vec![as_acme(PENDING, "4"), as_acme(PENDING, "3"), as_acme(PENDING, "1"), as_acme(PENDING, "99")];
        page.push(as_acme(r#"{"model": "Document"}"#, "5"));
        page.push(as_acme(r#"{"model": "User"}"#, "user-201"));
        let admin = ["--role", "super_admin", "--row", "4"];
        page.push(explain(here, r#"{"model": "Order"}"#, &admin, 0));
        assert_snapshot!("row", page.join("\n\n"));

        let json = explain(here, PENDING, &[&ACME[..], &["--row", "4", "--json"]].concat(), 0);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json["permitted"], &json["row"]["verdict"]), (&true.into(), &"hidden".into()));
        assert_eq!(json["row"]["by"][0]["what"], "scope tenant_id");
        assert!(!json["row"].to_string().contains("globex"), "{json}");
    }

    async fn what_cannot_be_explained_says_why(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        configure(test, here);
        let refused = |query: &str, more: &[&str]| explain(here, query, more, 1);
        let page = [
            refused(r#"{"model": "Order"}"#, &["--row", "4"]),
            refused(r#"{"model": "Document", "include": ["tenant"]}"#, &[]),
            refused(r#"{"model": "Order"}"#, &[&ACME[..], &["--metadata", "tenant_hierarchy=root"]].concat()),
            refused(r#"{"model": "Order"}"#, &[&ACME[..], &["--row", "four"]].concat()),
            refused(r#"{"model": "Order"}"#, &[&ACME[..], &["--row", r#"{"number": 4}"#]].concat()),
            refused(r#"{"model": "Ordr"}"#, &[&ACME[..], &["--row", "4"]].concat()),
        ];
        assert_snapshot!("refused", page.join("\n\n"));
        let ran = ormai(here, &["explain", "describe_schema", "{}", "--row", "4"]);
        assert_eq!((ran.code, ran.err.as_str()), (2, "ormai: `describe_schema` reads no rows, so there is nothing to explain\n"));
    }

    async fn every_table_of_a_request_is_explained(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        configure(test, here);
        let query = r#"{"model": "Order", "select": ["id"], "include": [{"relation": "user", "select": ["id"]}]}"#;
        let rules = |more: &[&str]| {
            let said = explain(here, query, more, 0);
            let kept = said.lines().filter(|line| !["SQL", "binds", "permitted"].iter().any(|word| line.starts_with(word)));
            kept.collect::<Vec<_>>().join("\n")
        };
        assert_snapshot!("tables", [rules(&ACME), rules(&["--role", "super_admin"])].join("\n\n"));
    }
}
