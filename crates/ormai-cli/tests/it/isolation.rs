//! `ormai eval isolation`: what it tells of the demonstration, and that it keeps nothing.

use std::fs;

use ormai_testkit::{Dataset, TestDatabase, every_engine};
use serde_json::Value as Json;

use crate::command::ormai;

const TABLES: [&str; 5] = ["tenants", "users", "orders", "order_items", "documents"];

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

async fn counts(database: &TestDatabase) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push(database.count(table).await);
    }
    counts
}

every_engine! {
    async fn the_demonstration_leaks_nothing_and_is_left_as_it_was(database: &TestDatabase) {
        let directory = demonstration(database).await;
        let before = counts(database).await;
        let ran = ormai(directory.path(), &["eval", "isolation", "--requests", "200", "--json"]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let report: Json = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(report["is_isolated"], true);
        assert!(report["requests"].as_u64().unwrap() >= 200, "{report}");
        assert_eq!(report["not_covered"], serde_json::json!([]), "{report}");
        assert!(report["planted_rows"].as_u64().unwrap() > 40, "{report}");
        assert_eq!(counts(database).await, before);
    }

    async fn a_principal_may_be_given_and_the_coverage_is_a_table(database: &TestDatabase) {
        let directory = demonstration(database).await;
        let principal = r#"{"tenant_id": "acme-corp", "user_id": "user-123", "roles": ["super_admin"]}"#;
        let ran = ormai(directory.path(), &["eval", "isolation", "--requests", "100", "--seed", "7", "--principal", principal]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        for said in ["nothing leaked", "seed 7", "parent_access", "describe_schema"] {
            assert!(ran.out.contains(said), "no `{said}` in {}", ran.out);
        }
    }

    async fn a_run_that_asks_nothing_is_undecided(database: &TestDatabase) {
        let directory = demonstration(database).await;
        let ran = ormai(directory.path(), &["eval", "isolation", "--requests", "0"]);
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        assert!(ran.out.contains("UNDECIDED") && ran.out.contains("no request was made"), "{}", ran.out);
        assert!(!ran.out.contains("nothing leaked"), "{}", ran.out);
        let ran = ormai(directory.path(), &["eval", "isolation", "--requests", "0", "--json"]);
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        let report: Json = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((&report["verdict"], &report["is_isolated"]), (&"undecided".into(), &false.into()));
    }

    async fn a_database_that_is_too_large_is_refused_with_a_way_out(database: &TestDatabase) {
        let directory = demonstration(database).await;
        let ran = ormai(directory.path(), &["eval", "isolation", "--max-rows", "3"]);
        assert_eq!(ran.code, 2, "{}", ran.out);
        assert!(ran.err.contains("more than 3 rows") && ran.err.contains("--max-rows"), "{}", ran.err);
    }
}
