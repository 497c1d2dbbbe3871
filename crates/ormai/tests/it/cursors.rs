//! Attack 12: cursors that were changed or carried elsewhere; and what a cursor is for.

use std::cmp::Ordering;

use ormai::catalog::{Catalog, CatalogBuilder, ModelBuilder};
use ormai::prelude::*;
use ormai::value::ColumnType::{Int, Text};
use ormai_testkit::{Dataset, every_engine, guide_catalog, guide_policy};
use serde_json::{Value as Json, json};

use crate::support::{acme, ask, code, column, demo, globex, rows, with_policy};

fn page() -> Json {
    json!({"model": "Order", "filters": [{"field": "id", "op": "lt", "value": 1_000}], "order": [{"field": "status"}], "limit": 1})
}

fn with_cursor(mut request: Json, cursor: &str) -> Json {
    request["cursor"] = json!(cursor);
    request
}

async fn first(ormai: &OrmAi, who: &Principal, request: Json) -> String {
    ask(ormai, who, "query", request).await["data"]["next_cursor"].as_str().unwrap().to_owned()
}

/// A row of the walked table: `id`, `rank`, `word`.
type Ranked = (i64, Option<i64>, Option<&'static str>);

const RANKED: &str = "
version: 1
models:
  Ranked: {allowed: true, fields: {id: allow, rank: allow, word: allow}, scoping: {tenant_id: principal.tenant_id}}
";

fn ranked() -> Catalog {
    let ranked = ModelBuilder::table("Ranked", "ranked")
        .field("id", Int)
        .field("tenant_id", Text)
        .nullable("rank", Int)
        .nullable("word", Text)
        .primary_key(["id"]);
    CatalogBuilder::new().model(ranked).build().unwrap()
}

/// NULL is the greatest value; text compares by bytes.
fn compare<T: Ord>(one: Option<T>, other: Option<T>) -> Ordering {
    match (one, other) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(one), Some(other)) => one.cmp(&other),
    }
}

/// The rows in the order asked for; the key follows in the direction of the last one.
fn in_order(mut all: Vec<Ranked>, order: &[(&str, &str)]) -> Vec<Json> {
    let keys: Vec<(&str, &str)> =
        order.iter().copied().chain([("id", order.last().map_or("asc", |last| last.1))]).collect();
    all.sort_by(|one, other| {
        keys.iter().fold(Ordering::Equal, |so_far, (field, direction)| {
            so_far.then_with(|| {
                let ascending = match *field {
                    "rank" => compare(one.1, other.1),
                    "word" => compare(one.2, other.2),
                    _ => one.0.cmp(&other.0),
                };
                if *direction == "desc" { ascending.reverse() } else { ascending }
            })
        })
    });
    all.iter().map(|row| json!(row.0)).collect()
}

every_engine! {
    async fn attack_12_a_changed_or_cut_cursor_does_not_open(test: &TestDatabase) {
        let ormai = demo(test).await;
        let cursor = first(&ormai, &acme(), page()).await;
        let second = ask(&ormai, &acme(), "query", with_cursor(page(), &cursor)).await;
        assert_eq!(column(&second, "id"), [json!(1)]);
        for position in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last letter holds bits that are no part of the cursor; then it is refused for its form.
            assert_eq!(code(&ask(&ormai, &acme(), "query", with_cursor(page(), &changed)).await), "INVALID_CURSOR", "{position}");
        }
        for length in 0..cursor.len() {
            let cut = &cursor[..length];
            assert_eq!(code(&ask(&ormai, &acme(), "query", with_cursor(page(), cut)).await), "INVALID_CURSOR", "{length}");
            assert_eq!(code(&ask(&ormai, &acme(), "query", with_cursor(page(), &cursor[length..cursor.len() - 1])).await), "INVALID_CURSOR");
        }
        for odd in ["=", "AAAA", "null", "0", "{\"id\": 4}", "\u{0}", "eyJpZCI6NH0"] {
            assert_eq!(code(&ask(&ormai, &acme(), "query", with_cursor(page(), odd)).await), "INVALID_CURSOR", "{odd}");
        }
        for padded in [format!("{cursor}="), format!("{cursor}A"), format!(" {cursor}"), format!("{cursor}{cursor}")] {
            assert_eq!(code(&ask(&ormai, &acme(), "query", with_cursor(page(), &padded)).await), "INVALID_CURSOR");
        }
        for no_cursor in [json!(1), json!({}), json!([]), json!("x".repeat(9_000))] {
            let mut request = page();
            request["cursor"] = no_cursor;
            assert_eq!(code(&ask(&ormai, &acme(), "query", request).await), "VALIDATION_ERROR");
        }
    }

    async fn attack_12_a_cursor_serves_the_principal_and_the_request_that_it_was_made_for(test: &TestDatabase) {
        let ormai = demo(test).await;
        let cursor = first(&ormai, &acme(), page()).await;
        for other in [
            globex(), acme().role("support"), acme().metadata("a", 1), Principal::new("acme-corp"), Principal::new("acme-corp").user("user-124"),
            acme().metadata("tenant_hierarchy", json!(["globex"])), crate::support::admin(),
        ] {
            assert_eq!(code(&ask(&ormai, &other, "query", with_cursor(page(), &cursor)).await), "INVALID_CURSOR", "{other:?}");
        }
        let mut others = vec![
            json!({"model": "Order"}), json!({"model": "User"}),
            json!({"model": "Order", "filters": [{"field": "id", "op": "lt", "value": 1_001}], "order": [{"field": "status"}]}),
            json!({"model": "Order", "filters": [{"field": "id", "op": "lt", "value": 1_000}], "order": [{"field": "status", "direction": "desc"}]}),
            json!({"model": "Order", "filters": [{"field": "id", "op": "lt", "value": 1_000}], "order": [{"field": "total"}]}),
        ];
        for (key, value) in [("select", json!(["id"])), ("include", json!(["items"]))] {
            let mut other = page();
            other[key] = value;
            others.push(other);
        }
        for other in others {
            assert_eq!(code(&ask(&ormai, &acme(), "query", with_cursor(other.clone(), &cursor)).await), "INVALID_CURSOR", "{other}");
        }
        // A page may be larger than the one before it, and may be counted.
        let mut larger = with_cursor(page(), &cursor);
        larger["limit"] = json!(10);
        larger["with_total"] = json!(true);
        let rest = ask(&ormai, &acme(), "query", larger).await;
        assert_eq!((column(&rest, "id"), &rest["data"]["total"]), (vec![json!(1), json!(3)], &json!(3)));
    }

    async fn attack_12_a_cursor_ends_with_the_policy_that_it_was_made_under(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let before = with_policy(test, guide_policy(), guide_catalog()).await;
        let cursor = first(&before, &acme(), page()).await;
        let changed = guide_policy().replace("max_affected_rows: 100", "max_affected_rows: 99");
        let after = with_policy(test, &changed, guide_catalog()).await;
        assert_eq!(code(&ask(&after, &acme(), "query", with_cursor(page(), &cursor)).await), "INVALID_CURSOR");
        let again = with_policy(test, &format!("# another comment\n{}", guide_policy()), guide_catalog()).await;
        assert_eq!(rows(&ask(&again, &acme(), "query", with_cursor(page(), &cursor)).await).len(), 1);
    }

    async fn texts_that_begin_alike_for_long_are_told_apart(test: &TestDatabase) {
        test.execute("CREATE TABLE ranked (id bigint PRIMARY KEY, tenant_id text NOT NULL, rank bigint, word text)").await;
        let alike = "a".repeat(2_000);
        for (id, end) in ["c", "a", "", "d", "b"].into_iter().enumerate() {
            test.execute(&format!("INSERT INTO ranked VALUES ({id}, 'acme', NULL, '{alike}{end}')")).await;
        }
        let ormai = with_policy(test, RANKED, ranked()).await;
        let mut request = json!({"model": "Ranked", "select": ["id"], "order": [{"field": "word"}], "limit": 1});
        let mut walked = Vec::new();
        for _ in 0..5 {
            let page = ask(&ormai, &Principal::new("acme"), "query", request.clone()).await;
            walked.extend(column(&page, "id"));
            request["cursor"] = page["data"]["next_cursor"].clone();
        }
        assert_eq!(walked, [2, 1, 4, 0, 3].map(|id| json!(id)));
    }

    async fn pages_walked_to_the_end_hold_each_row_once_and_in_order(test: &TestDatabase) {
        let words = [None, Some("a"), Some("A"), Some("\u{e4}"), Some("b%"), Some("_"), Some("")];
        let all: Vec<Ranked> = (0..45_i64).map(|id| {
            let word = words[usize::try_from(id * 7 % 11).unwrap() % words.len()];
            (id, (id % 4 != 0).then_some(id * 5 % 7 - 3), word)
        }).collect();
        test.execute("CREATE TABLE ranked (id bigint PRIMARY KEY, tenant_id text NOT NULL, rank bigint, word text)").await;
        for (id, rank, word) in &all {
            let rank = rank.map_or("NULL".to_owned(), |rank| rank.to_string());
            let word = word.map_or("NULL".to_owned(), |word| format!("'{word}'"));
            test.execute(&format!("INSERT INTO ranked VALUES ({id}, 'acme', {rank}, {word}), ({}, 'globex', {rank}, {word})", id + 1_000)).await;
        }
        let ormai = with_policy(test, RANKED, ranked()).await;
        let orders: [&[(&str, &str)]; 10] = [
            &[], &[("id", "desc")], &[("rank", "asc")], &[("rank", "desc")], &[("word", "asc")], &[("word", "desc")],
            &[("rank", "asc"), ("word", "desc")], &[("rank", "desc"), ("word", "asc")], &[("word", "desc"), ("rank", "asc"), ("id", "desc")],
            &[("word", "asc"), ("rank", "desc")],
        ];
        for order in orders {
            let keys: Vec<Json> = order.iter().map(|(field, direction)| json!({"field": field, "direction": direction})).collect();
            for limit in [1_usize, 4, 45] {
                let mut request = json!({"model": "Ranked", "order": keys, "limit": limit, "with_total": true});
                let mut walked = Vec::new();
                loop {
                    let page = ask(&ormai, &Principal::new("acme"), "query", request.clone()).await;
                    walked.extend(column(&page, "id"));
                    assert_eq!(page["data"]["total"], 45);
                    assert_eq!(page["data"]["has_more"], json!(walked.len() < 45));
                    match page["data"]["next_cursor"].as_str() {
                        Some(cursor) => request["cursor"] = json!(cursor),
                        None => break,
                    }
                    assert!(walked.len() < 60, "it goes round in circles");
                }
                assert_eq!(walked, in_order(all.clone(), order), "{order:?} by {limit}");
            }
        }
    }
}
