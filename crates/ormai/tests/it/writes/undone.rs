//! A refusal is kept by undoing. What is written into a table that undoes nothing would stay.

use ormai::BuildError;
use ormai::policy::Format;
use ormai::prelude::*;
use ormai_testkit::{Engine, TestDatabase, run_on};
use serde_json::json;

use crate::support::{ask, column, database};

const NOTES: &str = "CREATE TABLE notes (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL DEFAULT 'globex', body varchar(40))";

const READ: &str = "
models:
  Note:
    fields: {id: allow, body: allow}
    scoping: {tenant_id: principal.tenant_id}
";

async fn built(test: &TestDatabase, policy: &str) -> Result<OrmAi, BuildError> {
    OrmAi::builder().database(database(test)).policy_text(policy, Format::Yaml).build().await
}

/// Without transactions a dry run would be done, and a new row that fails its check would be
/// another tenant's.
#[test]
fn attack_15_a_table_that_undoes_nothing_is_not_written() {
    run_on(Engine::MySql, async |test| {
        for engine in ["MyISAM", "Aria", "MEMORY"] {
            test.execute(&format!(
                "{NOTES} ENGINE = {engine}; INSERT INTO notes VALUES (1, 'acme', 'a'), (2, 'globex', 'g')"
            ))
            .await;
            let policy =
                format!("{READ}    write_policy: {{create: allow, update: allow, delete: allow, bulk_update: allow}}");
            match built(test, &policy).await {
                Err(BuildError::Policy(findings)) => {
                    assert!(findings.iter().any(|finding| finding.code == "table-not-writable"), "{findings:?}");
                }
                Err(error) => panic!("another error: {error}"),
                Ok(ormai) => {
                    let before = test.contents().await;
                    let acme = Principal::new("acme");
                    let tried =
                        ask(&ormai, &acme, "create", json!({"model": "Note", "data": {"id": 8, "body": "x"}})).await;
                    let dry = ask(
                        &ormai,
                        &acme,
                        "update",
                        json!({"model": "Note", "id": 1, "data": {"body": "x"}, "dry_run": true}),
                    )
                    .await;
                    assert_eq!(test.contents().await, before, "{engine}: {tried} and {dry}");
                    panic!("{engine}: its policy loads");
                }
            }
            // It can be read.
            let ormai = built(test, READ).await.unwrap();
            assert_eq!(
                column(&ask(&ormai, &Principal::new("acme"), "query", json!({"model": "Note"})).await, "id"),
                [1]
            );
            test.execute("DROP TABLE notes").await;
        }
    });
}
