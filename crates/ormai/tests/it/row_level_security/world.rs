//! A small world with everything that a policy can say, for principals of every shape.

use ormai::catalog::{Catalog, CatalogBuilder, ModelBuilder};
use ormai::prelude::*;
use ormai::value::ColumnType::{Bool, Date, Decimal, Float, Int, Text, Timestamp, Uuid};
use serde_json::json;

pub(super) const POLICY: &str = r#"
version: 1
models:
  Region:
    scoping: {}
    fields: {id: allow, name: allow}
  Account:
    scoping: {tenant_id: principal.tenant_id}
    fields: {id: allow, name: allow}
    row_policies:
      - {name: not_the_second, condition: id != 2}
  Ticket:
    scoping: {tenant_id: principal.tenant_id, owner_id: principal.user_id}
    fields: {id: allow, title: allow, score: allow, ratio: allow, created_at: allow, day: allow}
    row_policies:
      - {name: team, condition: owner_id IN principal.metadata.team, effect: permit, operations: [read, update]}
      - {name: eu, condition: "account.region.name = 'EU' OR account.region.name IS NULL"}
      - {name: noted, condition: "EXISTS (notes WHERE body LIKE principal.metadata.like) OR principal.metadata.like IS NULL"}
      - {name: not_hidden, condition: hidden IS DISTINCT FROM true OR principal.metadata.sees_hidden}
      - {name: named, condition: "lower(title) NOT IN ('secret', 'it''s \\ secret') AND title NOT LIKE '100\\%_%'"}
      - {name: level, condition: "coalesce(score, 0) <= principal.metadata.level OR principal.metadata.level IS NULL", operations: [read]}
      - {name: passes, condition: "'root' IN principal.roles AND principal.metadata.on_call = true", bypass: true}
      - {name: old, condition: "created_at < now() AND day > '2000-01-01'"}
      - {name: key, condition: "key IS NOT DISTINCT FROM principal.metadata.key OR principal.metadata.key IS NULL"}
      - {name: ratio, condition: "ratio >= 0.25 OR ratio IS NULL", check: true}
    write_policy:
      create: allow
      update: allow
      delete: allow
      auto_set: {tenant_id: principal.tenant_id, owner_id: principal.user_id}
      immutable_fields: [tenant_id]
    roles:
      contractor:
        row_policies: [{name: low_score, condition: score < 50 OR score IS NULL}]
        write_policy: {delete: deny}
      manager:
        grants: true
        scoping: {owner_id: principal.metadata.reports}
        row_policies: [{name: all_of_the_tenant, condition: "owner_id IS NOT NULL AND principal.metadata.wide = true", effect: permit, field: owner_id}]
  Note:
    allowed: false
    scoping: {tenant_id: principal.tenant_id}
    fields: {id: allow, body: allow}
    soft_delete: gone
    roles:
      reader: {grants: true, allowed: true}
      banned: {allowed: false}
"#;

pub(super) fn catalog() -> Catalog {
    let region = ModelBuilder::table("Region", "regions").field("id", Int).field("name", Text).primary_key(["id"]);
    let account = ModelBuilder::table("Account", "accounts")
        .field("id", Int)
        .field("tenant_id", Text)
        .field("name", Text)
        .nullable("region_id", Int)
        .primary_key(["id"])
        .to_one("region", "Region", [("region_id", "id")]);
    let ticket = ModelBuilder::table("Ticket", "tickets")
        .field("id", Int)
        .field("tenant_id", Text)
        .field("owner_id", Int)
        .nullable("account_id", Int)
        .field("title", Text)
        .nullable("score", Decimal)
        .nullable("ratio", Float)
        .nullable("hidden", Bool)
        .field("created_at", Timestamp)
        .field("day", Date)
        .nullable("key", Uuid)
        .primary_key(["id"])
        .to_one("account", "Account", [("account_id", "id")])
        .to_many("notes", "Note", [("id", "ticket_id")]);
    let note = ModelBuilder::table("Note", "notes")
        .field("id", Int)
        .field("tenant_id", Text)
        .field("ticket_id", Int)
        .field("body", Text)
        .field("gone", Bool)
        .primary_key(["id"]);
    CatalogBuilder::new().model(region).model(account).model(ticket).model(note).build().unwrap()
}

pub(super) fn statements() -> String {
    let mut script = "
        CREATE TABLE regions (id bigint PRIMARY KEY, name text NOT NULL);
        CREATE TABLE accounts (id bigint PRIMARY KEY, tenant_id text NOT NULL, name text NOT NULL, region_id bigint REFERENCES regions);
        CREATE TABLE tickets (id bigint PRIMARY KEY, tenant_id text NOT NULL, owner_id bigint NOT NULL,
            account_id bigint REFERENCES accounts, title text NOT NULL, score numeric, ratio double precision, hidden boolean,
            created_at timestamptz NOT NULL, day date NOT NULL, key uuid, secret text);
        CREATE TABLE notes (id bigint PRIMARY KEY, tenant_id text NOT NULL, ticket_id bigint NOT NULL REFERENCES tickets,
            body text NOT NULL, gone boolean NOT NULL);
        INSERT INTO regions VALUES (1, 'EU'), (2, 'US');
        INSERT INTO accounts VALUES (1, 'acme', 'one', 1), (2, 'globex', 'two', 1), (3, 'acme', 'three', NULL), (4, 'acme', 'four', 2);"
        .to_owned();
    let pick = |of: &[&str], at: usize| of[at % of.len()].to_owned();
    for id in 1..=240_usize {
        let row = [
            pick(&["'acme'", "'acme'", "'acme'", "'globex'", "'ACME'"], id),
            pick(&["7", "7", "8", "9"], id / 2),
            pick(&["1", "1", "3", "NULL", "2", "4"], id / 3),
            pick(&["'plain'", "'plain'", "'Secret'", "'100%!'", "'100x!'", "'it''s \\ secret'"], id / 5),
            pick(&["10", "NULL", "50", "49.99", "90"], id / 7),
            pick(&["0.5", "NULL", "'NaN'", "0.25", "0.1"], id / 11),
            pick(&["NULL", "false", "true"], id / 13),
            pick(&["'2020-01-01Z'", "'2020-01-01Z'", "'2990-01-01Z'"], id / 17),
            pick(&["'2020-01-01'", "'2020-01-01'", "'1999-12-31'"], id / 19),
            pick(&["NULL", "'6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d'"], id / 23),
        ];
        script.push_str(&format!("INSERT INTO tickets VALUES ({id}, {});", row.join(", ")));
        let body = pick(&["'alpha'", "'a%'", "'beta\\'"], id);
        let gone = pick(&["false", "false", "true"], id / 2);
        let tenant = pick(&["'acme'", "'globex'"], id / 3);
        script.push_str(&format!("INSERT INTO notes VALUES ({id}, {tenant}, {id}, {body}, {gone});"));
    }
    script
}

/// Complete, incomplete, ill-typed, and of every role.
pub(super) fn principals() -> Vec<Principal> {
    let acme = || Principal::new("acme").user(7);
    vec![
        acme(),
        acme().metadata("team", json!([8, "9"])),
        acme().metadata("team", json!([])),
        acme().metadata("team", json!(["9x"])),
        acme().metadata("team", json!([8, null])),
        acme().metadata("team", json!(8)),
        acme().metadata("like", "a%"),
        acme().metadata("like", "%\\"),
        acme().metadata("like", ""),
        acme().metadata("like", 7),
        acme().metadata("sees_hidden", true),
        acme().metadata("sees_hidden", "true"),
        acme().metadata("level", json!(49.99)),
        acme().metadata("level", "49.99"),
        acme().metadata("level", "much"),
        acme().metadata("level", json!({"a": 1})),
        acme().metadata("key", "6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d"),
        acme().metadata("key", "6F1B3C2E-8A53-4F7E-9D58-0C6F3E1A2B4D"),
        acme().metadata("key", "{6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d}"),
        acme().role("root"),
        acme().role("root").metadata("on_call", true),
        acme().role("root").metadata("on_call", "yes"),
        acme().role("root").metadata("on_call", true).metadata("level", "much"),
        Principal::without_tenant().role("root").metadata("on_call", true),
        acme().role("contractor"),
        acme().role("contractor").metadata("team", json!([8])),
        acme().role("manager"),
        acme().role("manager").metadata("reports", json!([8, 9])),
        acme().role("manager").metadata("reports", json!([])),
        acme().role("manager").metadata("reports", 9).metadata("wide", true),
        acme().role("manager").role("contractor").metadata("reports", 9).metadata("wide", true),
        acme().role("reader"),
        acme().role("reader").role("banned"),
        acme().role(""),
        acme().role("it's\\"),
        Principal::new("acme").user("7"),
        Principal::new("acme").user("07"),
        Principal::new("acme").user(7.0),
        Principal::new("acme").user(json!([7, 8])),
        Principal::new("acme").user(json!(["7", 8.5])),
        Principal::new("acme").user(i64::MAX).metadata("team", json!([9_223_372_036_854_775_807_u64, 7])),
        Principal::new("acme").user(u64::MAX),
        Principal::new("acme"),
        Principal::new("").user(7),
        Principal::new(7).user(7),
        Principal::new(true).user(7),
        Principal::new(json!(["acme", "globex"])).user(7),
        Principal::new(json!([])).user(7),
        Principal::new("Acme").user(7),
        Principal::new("ACME").user(7),
        Principal::new("acme ").user(7),
        Principal::new("' OR true --").user(7),
        Principal::new("globex").user(8),
    ]
}
