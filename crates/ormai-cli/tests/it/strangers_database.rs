//! `init`, `check`, `describe`, `call` and `explain` on a database that nobody made for OrmAI.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use ormai_testkit::{Engine, every_engine};

use crate::command::{ormai, settled};

const ONE: &str = "11111111-1111-4111-8111-111111111111";

/// Runs a command that must exit with a code, and returns what it printed.
fn run(directory: &Path, arguments: &[&str], code: i32) -> String {
    let ran = ormai(directory, arguments);
    assert_eq!(ran.code, code, "{arguments:?}\n{}{}", ran.out, ran.err);
    settled(&format!("{}{}", ran.out, ran.err), directory)
}

/// What is said without what depends on the role of whoever runs the tests.
fn without_role(said: &str) -> String {
    let is_code = |line: &str| !line.is_empty() && line.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase());
    let mut of_role = false;
    let kept = said.lines().filter(|line| {
        if is_code(line) || line.starts_with("the policy") {
            of_role = line.starts_with("role-");
        }
        !of_role
    });
    kept.collect::<Vec<_>>().join("\n")
}

every_engine! {
    async fn a_starter_policy_opens_what_is_plainly_a_tenants_and_closes_the_rest(database: &TestDatabase) {
        let (schema, name) = match database.engine() {
            Engine::Postgres => (include_str!("schemas/postgres.sql"), "postgres"),
            Engine::MySql => (include_str!("schemas/mysql.sql"), "mysql"),
            Engine::Sqlite => (include_str!("schemas/sqlite.sql"), "sqlite"),
        };
        database.execute(schema).await;
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        let init = run(here, &["init", database.url()], 0);
        assert_snapshot!(format!("init_{name}"), init);
        assert_snapshot!(format!("policy_{name}"), fs::read_to_string(here.join("policy.yaml")).unwrap());
        assert!(run(here, &["init", database.url()], 2).contains("--force"));
        if database.engine() == Engine::MySql {
            let twin = database.url().replacen("mysql:", "mariadb:", 1);
            assert!(run(here, &["init", &twin, "--dir", "twin"], 0).starts_with("tenants are told apart by"));
        }

        assert_snapshot!(format!("check_{name}"), without_role(&run(here, &["check"], 0)));
        assert_snapshot!(format!("describe_{name}"), run(here, &["describe", "--tenant", ONE], 0));

        let tickets = r#"{"model": "Ticket", "order": [{"field": "title"}], "include": ["organization"], "with_total": true}"#;
        let own = run(here, &["call", "query", tickets, "--tenant", ONE, "--json"], 0);
        let own: serde_json::Value = serde_json::from_str(&own).unwrap();
        let rows = &own["data"]["rows"];
        assert_eq!(own["data"]["total"], 2);
        assert_eq!(rows[0]["title"], "Printer");
        assert_eq!(rows[0]["organization"]["name"], "One");
        assert_eq!(rows[1]["title"], "Ünïcode");
        assert_snapshot!(format!("rows_{name}"), serde_json::to_string_pretty(rows).unwrap());

        // A cursor serves the next run of the command, and no other tenant.
        let page = |cursor: &str| format!(r#"{{"model": "Ticket", "select": ["id"], "limit": 1{cursor}}}"#);
        let first = run(here, &["call", "query", &page(""), "--tenant", ONE, "--json"], 0);
        let first: serde_json::Value = serde_json::from_str(&first).unwrap();
        let next = page(&format!(r#", "cursor": {}"#, first["data"]["next_cursor"]));
        let second = run(here, &["call", "query", &next, "--tenant", ONE, "--json"], 0);
        let second: serde_json::Value = serde_json::from_str(&second).unwrap();
        assert_eq!((second["data"]["rows"][0]["id"].clone(), second["data"]["has_more"].clone()), (2.into(), false.into()));
        let stolen = run(here, &["call", "query", &next, "--tenant", "22222222-2222-4222-8222-222222222222"], 1);
        assert!(stolen.starts_with("INVALID_CURSOR"), "{stolen}");

        // The stranger's ticket is not found, by its key or otherwise.
        let theirs = run(here, &["call", "get", r#"{"model": "Ticket", "id": 3}"#, "--tenant", ONE], 1);
        assert!(theirs.starts_with("RECORD_NOT_FOUND"), "{theirs}");
        let nobody = run(here, &["call", "query", r#"{"model": "Ticket"}"#], 1);
        assert!(nobody.starts_with("TENANT_SCOPE_REQUIRED"), "{nobody}");
        let closed = run(here, &["call", "query", r#"{"model": "Country"}"#, "--tenant", ONE], 1);
        assert!(closed.starts_with("MODEL_NOT_ALLOWED"), "{closed}");
        let secret = r#"{"model": "Member", "select": ["login", "password_hash"]}"#;
        let secret = run(here, &["call", "query", secret, "--tenant", ONE], 1);
        assert!(secret.starts_with("FIELD_NOT_ALLOWED"), "{secret}");

        let explained = run(here, &["explain", "query", r#"{"model": "Ticket", "select": ["title"]}"#, "--tenant", ONE], 0);
        assert_snapshot!(format!("explain_{name}"), explained);
    }
}
