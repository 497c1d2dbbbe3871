//! Attack 29: values of hidden fields stand nowhere in the bytes of a store, by whatever way they came.

use std::sync::Arc;

use ormai::approvals::MemoryApprovals;
use ormai::audit::{AuditStore, JsonlOptions, JsonlStore, SqlStore};
use ormai::policy::Format;
use ormai::prelude::*;
use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use crate::support::database;

/// Everything that is hidden has this in it, stored or sent.
const SECRET: &str = "SECRET";

const TABLES: &str = "
    CREATE TABLE vaults (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, name varchar(40) NOT NULL,
        denied varchar(60), masked varchar(60) CHECK (masked <> 'SECRET-unfit'), hashed varchar(60), redacted varchar(60) UNIQUE, pin bigint);
    CREATE TABLE tickets (code varchar(40) NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, vault_id bigint NOT NULL,
        title varchar(40) NOT NULL, FOREIGN KEY (vault_id) REFERENCES vaults (id));
    INSERT INTO vaults VALUES (1, 'acme', 'one', 'SECRET-d1', 'SECRET-m1', 'SECRET-h1', 'SECRET-r1', 1), (3, 'acme', 'three', 'SECRET-d3', 'SECRET-m3', 'SECRET-h3', 'SECRET-r3', 3), (2, 'globex', 'SECRET-theirs', 'SECRET-d2', 'SECRET-m2', 'SECRET-h2', 'SECRET-r2', 2);
    INSERT INTO tickets VALUES ('SECRET-t1', 'acme', 1, 'first'), ('SECRET-t2', 'acme', 1, 'second'), ('SECRET-t3', 'globex', 2, 'SECRET-theirs')";

const POLICY: &str = "
models:
  Vault:
    fields: {id: allow, name: allow, masked: {action: mask, mask_pattern: \"****\"}, hashed: hash, redacted: redact, pin: redact}
    relations: {tickets: {allowed: true}}
    scoping: {tenant_id: principal.tenant_id}
    write_policy:
      create: allow
      update: allow
      delete: require_approval
      bulk_update: allow
      approver_roles: [manager]
      auto_set: {tenant_id: principal.tenant_id}
  Ticket:
    fields: {code: {action: mask, mask_pattern: \"****\"}, vault_id: allow, title: allow}
    relations: {vault: {allowed: true, fields: [id, name]}}
    scoping: {tenant_id: principal.tenant_id}
    write_policy:
      update: require_approval
      delete: allow
      bulk_update: allow
      approver_roles: [manager]
      auto_set: {tenant_id: principal.tenant_id}
";

fn filter(field: &str, op: &str, value: Json) -> Json {
    json!({"field": field, "op": op, "value": value})
}

fn calls() -> Vec<(&'static str, Json)> {
    let mut calls = Vec::new();
    for field in ["denied", "masked", "hashed", "redacted", "nothing"] {
        for (op, value) in
            [("eq", json!("SECRET-f")), ("in", json!(["SECRET-f", "SECRET-g"])), ("starts_with", json!("SECRET"))]
        {
            let filter = filter(field, op, value);
            calls.push(("query", json!({"model": "Vault", "filters": [filter]})));
            calls.push(("query", json!({"model": "Vault", "filters": [{"not": {"or": [filter]}}]})));
            calls.push((
                "query",
                json!({"model": "Ticket", "filters": [{"relation": "vault", "match": "any", "filters": [filter]}]}),
            ));
            calls.push(("query", json!({"model": "Ticket", "include": [{"relation": "vault", "filters": [filter]}]})));
            calls.push((
                "aggregate",
                json!({"model": "Vault", "aggregations": [{"function": "count"}], "filters": [filter]}),
            ));
            calls.push(("bulk_update", json!({"model": "Vault", "filters": [filter], "data": {"name": "x"}})));
        }
        calls.push(("update", json!({"model": "Vault", "id": 1, "data": {field: "SECRET-u"}})));
        calls.push(("update", json!({"model": "Vault", "id": 1, "data": {field: ["SECRET-u"]}})));
        calls.push(("create", json!({"model": "Vault", "data": {"id": 9, "name": "nine", field: "SECRET-c"}})));
    }
    let unfit = json!({"id": 8, "name": "eight", "masked": "SECRET-unfit"});
    let taken = json!({"id": 8, "name": "eight", "redacted": "SECRET-r1"});
    let theirs = json!({"id": 8, "name": "eight", "redacted": "SECRET-r2"});
    calls.extend([
        ("query", json!({"model": "Vault", "include": [{"relation": "tickets"}]})),
        ("query", json!({"model": "Vault", "cursor": "SECRET-cursor"})),
        ("query", json!({"model": "Vault", "limit": "SECRET-limit"})),
        ("query", json!({"model": "Vault", "filters": "SECRET-filters"})),
        ("query", json!(["SECRET-list"])),
        ("get", json!({"model": "Ticket", "id": "SECRET-t1"})),
        ("get", json!({"model": "Ticket", "id": {"code": "SECRET-t1"}})),
        ("get", json!({"model": "Ticket", "id": "SECRET-none"})),
        ("get", json!({"model": "Ticket", "id": "SECRET-t3"})),
        ("create", json!({"model": "Vault", "data": unfit})),
        ("create", json!({"model": "Vault", "data": unfit, "dry_run": true})),
        ("create", json!({"model": "Vault", "data": taken})),
        ("create", json!({"model": "Vault", "data": theirs})),
        ("create", json!({"model": "Vault", "data": {"id": 8, "name": "eight", "pin": "SECRET-pin"}})),
        ("create", json!({"model": "Vault", "data": {"id": 8, "name": "eight", "masked": "SECRET".repeat(100)}})),
        ("update", json!({"model": "Vault", "id": 1, "data": {"name": "key"}, "idempotency_key": "SECRET-key"})),
        ("update", json!({"model": "Vault", "id": 1, "data": {"name": "key"}, "idempotency_key": "SECRET-key"})),
        ("update", json!({"model": "Ticket", "id": "SECRET-t1", "data": {"title": "waits"}})),
        ("bulk_update", json!({"model": "Ticket", "ids": ["SECRET-t1", "SECRET-t3"], "data": {"title": "x"}})),
        ("bulk_update", json!({"model": "Ticket", "ids": ["SECRET-t1", "SECRET-t2"], "data": {"title": "x"}})),
        ("delete", json!({"model": "Ticket", "id": "SECRET-none"})),
        ("delete", json!({"model": "Ticket", "id": "SECRET-t2"})),
        ("delete", json!({"model": "Vault", "id": 1})),
        ("delete", json!({"model": "Vault", "id": 3})),
    ]);
    calls
}

/// All lines of a store, as they are kept.
async fn bytes(store: &dyn AuditStore) -> String {
    let (mut text, mut after) = (String::new(), None);
    loop {
        let scanned = store.scan(after.as_ref(), 1_000).await.unwrap();
        text.push_str(&String::from_utf8(scanned.text).unwrap());
        after = scanned.next;
        if after.is_none() {
            return text;
        }
    }
}

every_engine! {
    async fn attack_29_no_value_of_a_hidden_field_is_in_a_store(test: &TestDatabase) {
        test.execute(TABLES).await;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let files = Arc::new(JsonlStore::open(&path, JsonlOptions::default()).unwrap());
        let table = SqlStore::connect(test.url()).await.unwrap();
        let ormai = OrmAi::builder()
            .database(database(test))
            .policy_text(POLICY, Format::Yaml)
            .hash_key(*b"a hash key for tests")
            .approvals(Arc::new(MemoryApprovals::new()));
        let ormai = {
            table.install().await.unwrap();
            ormai.audit(files.clone()).audit(Arc::new(table.clone())).build().await.unwrap()
        };
        ormai.install().await.unwrap();
        let agent = RunContext::new(Principal::new("acme").user("agent"));
        let manager = RunContext::new(Principal::new("acme").user("boss").role("manager"));
        let (mut answered, mut waits) = (0, None);
        for (tool, arguments) in calls() {
            let result = ormai.tools().call(&agent, tool, &arguments).await;
            answered += usize::from(result.success());
            let told = serde_json::to_value(&result).unwrap();
            if let Some(id) = told["data"]["approval_id"].as_str() {
                waits = Some(id.to_owned());
            }
        }
        assert!(answered > 7, "too little is done: {answered}");
        let id = waits.unwrap();
        ormai.approvals().show(&manager, &id).await.unwrap();
        ormai.approvals().approve(&manager, &id, Some("a note")).await.unwrap();
        ormai.close().await.unwrap();

        let (lines, rows) = (std::fs::read_to_string(&path).unwrap(), bytes(&table).await);
        assert!(lines.lines().count() > calls().len());
        for text in [&lines, &rows] {
            for line in text.lines() {
                assert!(!line.contains(SECRET), "{line}");
            }
        }
        // Nor in the columns beside the lines.
        for (name, rows) in test.contents().await.into_iter().filter(|(name, _)| name.starts_with("ormai_audit")) {
            assert!(!rows.concat().contains(SECRET), "{name}");
        }
    }
}
