//! Attack 13: calls that run too long, fail or are given up leave everything usable.

use std::time::{Duration, Instant};

use ormai::catalog::{Catalog, CatalogBuilder, ModelBuilder};
use ormai::db::{ConnectOptions, Database};
use ormai::policy::Format;
use ormai::prelude::*;
use ormai::value::ColumnType::{Int, Text};
use ormai_testkit::{Engine, TestDatabase, every_engine};
use serde_json::{Value as Json, json};

use crate::support::{ask, code, column, database};

/// Views stand in for tables: `slow` never ends and `broken` fails while it runs.
pub(crate) async fn views(test: &TestDatabase) {
    test.execute(
        "CREATE TABLE fine (id bigint PRIMARY KEY, tenant_id text, body text);
        INSERT INTO fine VALUES (1, 'acme', 'a'), (2, 'globex', 'g')",
    )
    .await;
    test.execute(match test.engine() {
        Engine::Sqlite => "
            CREATE VIEW slow AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000000)
                SELECT i AS id, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END AS tenant_id, CAST(i AS text) AS body FROM n;
            CREATE VIEW broken AS SELECT id, tenant_id, CAST(json_extract('{', '$') AS text) AS body FROM fine",
        Engine::Postgres => "
            CREATE VIEW slow AS SELECT i AS id, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END AS tenant_id, pg_sleep(0.05)::text AS body
                FROM generate_series(1::bigint, 1000000) AS n(i);
            CREATE VIEW broken AS SELECT id, tenant_id, (1 / (id - id))::text AS body FROM fine",
        // Nothing that is computed of one row fails there, so two rows stand where one may.
        Engine::MySql => "
            CREATE VIEW slow AS SELECT seq AS id, CASE WHEN seq % 2 = 0 THEN 'acme' ELSE 'globex' END AS tenant_id,
                CONCAT('', sleep(0.05)) AS body FROM seq_1_to_1000000;
            CREATE VIEW broken AS SELECT id, tenant_id, CONCAT('', (SELECT f.id FROM fine f)) AS body FROM fine",
    }).await;
}

pub(crate) fn catalog() -> Catalog {
    let model = |name: &str, table: &str| {
        ModelBuilder::table(name, table)
            .field("id", Int)
            .field("tenant_id", Text)
            .field("body", Text)
            .primary_key(["id"])
    };
    CatalogBuilder::new()
        .model(model("Fine", "fine"))
        .model(model("Slow", "slow"))
        .model(model("Broken", "broken"))
        .build()
        .unwrap()
}

pub(crate) fn policy(timeout_ms: u32) -> String {
    let model = "{allowed: true, fields: {id: allow, tenant_id: allow, body: allow}, scoping: {tenant_id: principal.tenant_id}, aggregations: {count: true}}";
    format!(
        "version: 1\nbudget: {{statement_timeout_ms: {timeout_ms}}}\nmodels:\n  Fine: {model}\n  Slow: {model}\n  Broken: {model}\n"
    )
}

pub(crate) async fn over(database: Database, timeout_ms: u32) -> OrmAi {
    OrmAi::builder()
        .database(database)
        .policy_text(policy(timeout_ms), Format::Yaml)
        .catalog(catalog())
        .build()
        .await
        .unwrap()
}

/// One connection of OrmAI's own, and the caller's pool.
pub(crate) async fn databases(test: &TestDatabase) -> [Database; 2] {
    let options = ConnectOptions { max_connections: 1, ..ConnectOptions::default() };
    [Database::connect(test.url(), &options).await.unwrap(), database(test)]
}

pub(crate) fn slow() -> Json {
    json!({"model": "Slow", "order": [{"field": "body", "direction": "desc"}]})
}

fn acme() -> Principal {
    Principal::new("acme")
}

async fn works(ormai: &OrmAi) {
    let page = ask(ormai, &acme(), "query", json!({"model": "Fine"})).await;
    assert_eq!(column(&page, "id"), [json!(1)]);
}

every_engine! {
    async fn attack_13_a_slow_query_is_stopped_in_the_database(test: &TestDatabase) {
        views(test).await;
        for database in databases(test).await {
            let ormai = over(database, 150).await;
            for (tool, arguments) in [
                ("query", slow()),
                ("query", json!({"model": "Slow", "limit": 1, "with_total": true, "order": [{"field": "body"}]})),
                ("aggregate", json!({"model": "Slow", "aggregations": [{"function": "count", "field": "body"}]})),
            ] {
                let begun = Instant::now();
                let answer = ask(&ormai, &acme(), tool, arguments.clone()).await;
                assert_eq!((code(&answer), &answer["error"]["retryable"]), ("TIMEOUT", &json!(true)), "{arguments}");
                assert!(begun.elapsed() >= Duration::from_millis(100) && begun.elapsed() < Duration::from_secs(5));
                works(&ormai).await;
            }
            works(&ormai).await;
        }
    }

    async fn attack_13_after_a_failed_statement_the_next_call_works(test: &TestDatabase) {
        views(test).await;
        for database in databases(test).await {
            let ormai = over(database, 5_000).await;
            for arguments in [json!({"model": "Broken", "filters": [{"field": "body", "op": "ne", "value": "x"}]}), json!({"model": "Broken"})] {
                for _ in 0..3 {
                    let answer = ask(&ormai, &acme(), "query", arguments.clone()).await;
                    assert_eq!(answer, json!({"error": {"code": "INTERNAL", "message": "the request could not be run", "retryable": false}}));
                    works(&ormai).await;
                }
            }
        }
        test.execute("DROP VIEW broken; DROP VIEW slow; ALTER TABLE fine RENAME TO finer").await;
        let ormai = over(database(test), 5_000).await;
        assert_eq!(code(&ask(&ormai, &acme(), "query", json!({"model": "Fine"})).await), "INTERNAL");
        test.execute("ALTER TABLE finer RENAME TO fine").await;
        works(&ormai).await;
    }

    async fn attack_13_a_call_that_was_given_up_leaves_nothing(test: &TestDatabase) {
        views(test).await;
        for database in databases(test).await {
            let ormai = over(database, 4_000).await;
            for _ in 0..3 {
                let ctx = RunContext::new(acme());
                let arguments = slow();
                let call = ormai.tools().call(&ctx, "query", &arguments);
                assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err());
                let begun = Instant::now();
                works(&ormai).await;
                assert!(begun.elapsed() < Duration::from_secs(2), "the next call waited for the one given up");
            }
            // One that was never begun, and one dropped at its first step.
            let ctx = RunContext::new(acme());
            let arguments = json!({"model": "Fine"});
            drop(ormai.tools().call(&ctx, "query", &arguments));
            let _ = tokio::time::timeout(Duration::ZERO, ormai.tools().call(&ctx, "query", &arguments)).await;
            works(&ormai).await;
        }
    }

    async fn attack_13_a_database_that_cannot_be_reached_is_said_to_be_so(test: &TestDatabase) {
        views(test).await;
        let ormai = over(database(test), 1_000).await;
        works(&ormai).await;
        test.close().await;
        assert_eq!(code(&ask(&ormai, &acme(), "query", json!({"model": "Fine"})).await), "DATABASE_UNAVAILABLE");
    }
}
