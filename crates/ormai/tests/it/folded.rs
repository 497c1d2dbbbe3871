//! Attack 3 where MariaDB is at its most forgiving: names that it takes for equal, in the
//! collation that it gives by itself, in another character set, and in enums.

use ormai::catalog::{CatalogBuilder, ModelBuilder};
use ormai::policy::Format;
use ormai::prelude::*;
use ormai::value::ColumnType::{Int, Text};
use ormai_testkit::TestDatabase;
use serde_json::{Value as Json, json};

use crate::support::{CURSOR_KEY, ask, column, database, with_policy};

const ALIKE: [&str; 6] = ["acme", "ACME", "acme ", "\u{e1}cme", "\u{c1}CME", "acm\u{e9}"];

/// Names that no row has, and that MariaDB would take for one of them (a zero for any text,
/// a letter that the character set lacks for a `?`).
fn strangers() -> Vec<Json> {
    vec![
        json!("Acme"),
        json!("acme  "),
        json!("a\u{301}cme"),
        json!("\u{430}cme"),
        json!("?cme"),
        json!("acm\u{17e}"),
        json!("acme\u{200b}"),
        json!("acme\u{1f600}"),
        json!("0"),
        json!(0),
        json!(false),
    ]
}

const NOTES: &str = "version: 1
models: {Note: {fields: {id: allow, body: allow}, aggregations: {count: true}, scoping: {tenant_id: principal.tenant_id}}}";

async fn each_sees_its_own(ormai: &OrmAi) {
    for (id, tenant) in ALIKE.iter().enumerate() {
        let who = Principal::new(*tenant);
        let page = ask(ormai, &who, "query", json!({"model": "Note", "with_total": true})).await;
        assert_eq!(page["data"]["rows"], json!([{"id": id, "body": tenant}]), "{tenant:?}");
        assert_eq!(page["data"]["total"], 1);
        for (other, name) in ALIKE.iter().enumerate() {
            let get = ask(ormai, &who, "get", json!({"model": "Note", "id": other})).await;
            assert_eq!(get.get("data").is_some(), other == id, "{tenant:?} asks for {other}");
            // What a request filters by is compared as strictly.
            let filters = json!([{"field": "body", "op": "eq", "value": name}]);
            let found = ask(ormai, &who, "query", json!({"model": "Note", "filters": filters})).await;
            assert_eq!(column(&found, "id").len(), usize::from(other == id), "{tenant:?} looks for {name:?}");
        }
    }
    for tenant in strangers() {
        let page = ask(ormai, &Principal::new(tenant.clone()), "query", json!({"model": "Note"})).await;
        let seen = page["data"]["rows"].as_array().map_or(0, Vec::len);
        assert_eq!(seen, 0, "{tenant} sees {page}");
    }
}

async fn over(column_type: &str) {
    let test = TestDatabase::mysql().await;
    test.execute(&format!(
        "CREATE TABLE notes (id bigint PRIMARY KEY, tenant_id {column_type} NOT NULL, body {column_type} NOT NULL);
         CREATE INDEX notes_by_tenant ON notes (tenant_id, id)"
    ))
    .await;
    for (id, tenant) in ALIKE.iter().enumerate() {
        test.execute(&format!("INSERT INTO notes VALUES ({id}, '{tenant}', '{tenant}')")).await;
    }
    let builder = OrmAi::builder().database(database(&test)).policy_text(NOTES, Format::Yaml);
    each_sees_its_own(&builder.cursor_key(CURSOR_KEY).build().await.unwrap()).await;
    // By a catalog that says nothing of how the database compares.
    let model = ModelBuilder::table("Note", "notes").field("id", Int).field("tenant_id", Text).field("body", Text);
    let catalog = CatalogBuilder::new().model(model.primary_key(["id"])).build().unwrap();
    let ormai = with_policy(&test, NOTES, catalog).await;
    if !column_type.contains("latin1") {
        each_sees_its_own(&ormai).await;
    }
    for tenant in strangers() {
        let page = ask(&ormai, &Principal::new(tenant.clone()), "query", json!({"model": "Note"})).await;
        assert_eq!(page["data"]["rows"].as_array().map_or(0, Vec::len), 0, "{tenant} sees {page}");
    }
}

#[tokio::test]
async fn attack_03_tenants_that_a_collation_takes_for_equal_are_strangers() {
    over("varchar(40)").await;
    over("varchar(40) COLLATE utf8mb4_unicode_ci").await;
}

#[tokio::test]
async fn attack_03_tenants_that_only_blanks_or_nothing_tells_apart_are_strangers() {
    over("varchar(40) COLLATE utf8mb4_bin").await;
    over("varchar(40) COLLATE utf8mb4_nopad_bin").await;
}

#[tokio::test]
async fn attack_03_tenants_in_another_character_set_are_strangers() {
    over("varchar(40) CHARACTER SET latin1").await;
    over("varchar(40) CHARACTER SET latin1 COLLATE latin1_bin").await;
}

#[tokio::test]
async fn attack_03_a_word_of_an_enum_is_no_other_word() {
    let test = TestDatabase::mysql().await;
    test.execute(
        "CREATE TABLE notes (id bigint PRIMARY KEY, tenant_id enum('north', '1', 'south') NOT NULL, body text);
         INSERT INTO notes VALUES (1, 'north', 'a'), (2, 'south', 'g'), (3, '1', 'o')",
    )
    .await;
    let builder = OrmAi::builder().database(database(&test)).policy_text(NOTES, Format::Yaml);
    let ormai = builder.cursor_key(CURSOR_KEY).build().await.unwrap();
    for (tenant, ids) in [
        (json!("north"), vec![1]),
        (json!("1"), vec![3]),
        (json!("NORTH"), vec![]),
        (json!("north "), vec![]),
        (json!("n\u{f6}rth"), vec![]),
        (json!("2"), vec![]),
        (json!(2), vec![]),
        (json!(0), vec![]),
    ] {
        let page = ask(&ormai, &Principal::new(tenant.clone()), "query", json!({"model": "Note"})).await;
        let seen: Vec<Json> = if page.get("data").is_some() { column(&page, "id") } else { Vec::new() };
        assert_eq!(seen, ids.iter().map(|id| json!(id)).collect::<Vec<_>>(), "{tenant}: {page}");
    }
}
