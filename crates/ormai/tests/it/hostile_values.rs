//! Attacks 9, 10 and 23: hostile values, sizes and names.

use ormai::catalog::{Catalog, CatalogBuilder, ModelBuilder};
use ormai::prelude::*;
use ormai::value::ColumnType;
use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use crate::support::{acme, ask, ask_json, code, column, demo, rows, with_policy};

pub(crate) const SQL: &[&str] = &[
    "' OR 1=1 --",
    "\" OR \"\"=\"",
    "'; DROP TABLE orders; --",
    "`; DROP TABLE orders; --",
    "\\'; DROP TABLE orders; --",
    "1 OR 1=1",
    "?",
    "?1",
    "$1",
    "$2",
    ":a",
    "@a",
    "%s",
    "{}",
    "/* */",
    "--",
    "';",
    "')) UNION SELECT tenant_id FROM orders --",
    "\u{2019} OR 1=1 --",
    "id\"; DROP TABLE orders; --",
    "x\" AS \"tenant_id",
    "tenant_id) --",
    "*",
    "count(*)",
    "\"",
    "''",
    "orders.tenant_id",
    "\u{202e}",
    "\u{feff}id",
];

/// Whether a text matches, as Rust sees it.
type Reference = fn(&str, &str) -> bool;

fn values(odd: &[Json], op: &str, field: &str) -> Vec<Json> {
    odd.iter().map(|value| json!({"model": "Order", "filters": [{"field": field, "op": op, "value": value}]})).collect()
}

fn texts() -> Catalog {
    let text = ModelBuilder::table("Text", "texts")
        .field("id", ColumnType::Int)
        .field("tenant_id", ColumnType::Text)
        .field("body", ColumnType::Text)
        .primary_key(["id"]);
    CatalogBuilder::new().model(text).build().unwrap()
}

const TEXTS: &str = "
version: 1
models:
  Text: {allowed: true, fields: {id: allow, body: allow}, scoping: {tenant_id: principal.tenant_id}}
";

every_engine! {
    async fn attack_09_pattern_signs_are_letters(test: &TestDatabase) {
        let bodies = ["%", "_", "\\", "a%b", "a_b", "a\\b", "ends\\", "\\begins", "100%", "ab", "axb", "'", "\"", "[a]", "*", "?", "^", "A%B", "\u{e4}", "A", "\\%", "\\_", "\\\\"];
        test.execute("CREATE TABLE texts (id bigint PRIMARY KEY, tenant_id text NOT NULL, body text NOT NULL)").await;
        for (id, body) in bodies.iter().enumerate() {
            let body = body.replace('\'', "''");
            test.execute(&format!("INSERT INTO texts VALUES ({id}, 'acme', '{body}'), ({}, 'globex', '{body}')", id + 100)).await;
        }
        let ormai = with_policy(test, TEXTS, texts()).await;
        let acme = Principal::new("acme");
        let operators: [(&str, Reference); 3] =
            [("contains", |body, word| body.contains(word)), ("starts_with", |body, word| body.starts_with(word)), ("ends_with", |body, word| body.ends_with(word))];
        for word in bodies.into_iter().chain(["", "%%", "__", "%_", "\\\\\\", "b\\", "[", "a", "\u{c4}"]) {
            for (op, reference) in operators {
                let page = ask(&ormai, &acme, "query", json!({"model": "Text", "filters": [{"field": "body", "op": op, "value": word}]})).await;
                let expected: Vec<Json> = bodies.iter().enumerate().filter(|(_, body)| reference(body, word)).map(|(id, _)| json!(id)).collect();
                assert_eq!(column(&page, "id"), expected, "{op} {word:?}");
            }
        }
    }

    async fn attack_09_a_value_that_does_not_fit_is_refused_before_any_sql(test: &TestDatabase) {
        let ormai = demo(test).await;
        let scalars = [json!([]), json!([1]), json!({}), json!({"a": 1}), json!({"$gt": ""}), Json::Null];
        for (field, misfits) in [
            ("id", vec![json!("1"), json!(1.5), json!(1e30), json!(u64::MAX), json!(true), json!("NaN"), json!("")]),
            ("total", vec![json!("NaN"), json!("Infinity"), json!("-Infinity"), json!("1e999999999"), json!(" 1"), json!(""), json!(true), json!("0x1"), json!(1e300)]),
            ("status", vec![json!(1), json!(true), json!(1.5), json!("pa\0id")]),
            ("created_at", vec![json!("now"), json!("infinity"), json!("-infinity"), json!("2026-02-30T00:00:00Z"), json!("999999-01-01T00:00:00Z"),
                json!("-9999-01-01T00:00:00Z"), json!("2026-02-01"), json!("2026-02-01T00:00:00"), json!(0), json!("")]),
        ] {
            let misfits: Vec<Json> = misfits.into_iter().chain(scalars.clone()).collect();
            for op in ["eq", "ne", "lt", "gte"] {
                for arguments in values(&misfits, op, field) {
                    assert_eq!(code(&ask(&ormai, &acme(), "query", arguments.clone()).await), "VALIDATION_ERROR", "{arguments}");
                }
            }
            for misfit in &misfits {
                let in_list = json!({"model": "Order", "filters": [{"field": field, "op": "in", "value": [misfit]}]});
                assert_eq!(code(&ask(&ormai, &acme(), "query", in_list).await), "VALIDATION_ERROR");
                let between = json!({"model": "Order", "filters": [{"field": field, "op": "between", "value": [misfit, misfit]}]});
                assert_eq!(code(&ask(&ormai, &acme(), "query", between).await), "VALIDATION_ERROR");
            }
        }
        for id in [json!("1"), json!(1.0), json!([1]), json!({"id": 1, "x": 2}), json!({}), Json::Null, json!({"id": null}), json!({"id": [1]}), json!(true)] {
            assert_eq!(code(&ask(&ormai, &acme(), "get", json!({"model": "Order", "id": id})).await), "VALIDATION_ERROR", "{id}");
        }
    }

    async fn attack_09_values_at_the_edge_are_compared_and_find_nothing(test: &TestDatabase) {
        let ormai = demo(test).await;
        let long = "x".repeat(1_000_000);
        for (field, op, value) in [
            ("id", "eq", json!(i64::MAX)), ("id", "eq", json!(i64::MIN)), ("id", "lt", json!(i64::MIN)), ("id", "gt", json!(i64::MAX)),
            ("total", "eq", json!("99999999999999999999999999999999999999.99")), ("total", "gt", json!("1e500")), ("total", "lt", json!("-1e500")),
            ("total", "eq", json!("1e-900")),
            ("created_at", "eq", json!("9999-12-30T22:00:00Z")), ("created_at", "lt", json!("-009999-01-02T01:59:59Z")), ("created_at", "lt", json!("0001-01-01T00:00:00Z")),
            ("created_at", "gt", json!("9999-12-30T22:00:00Z")), ("status", "eq", json!(long)), ("status", "gt", json!("\u{10ffff}")),
            ("status", "eq", json!("\u{fffd}")), ("status", "eq", json!("\r\n\t\u{7f}\u{1}")), ("status", "contains", json!("y".repeat(10_000))),
            ("status", "eq", json!("")), ("note", "eq", json!("null")),
        ] {
            let page = ask(&ormai, &acme(), "query", json!({"model": "Order", "filters": [{"field": field, "op": op, "value": value}]})).await;
            let shown: String = page.to_string().chars().take(300).collect();
            if page.get("error").is_some() {
                assert_eq!(code(&page), "VALIDATION_ERROR", "{field} {op}: {shown}");
            } else {
                assert!(rows(&page).is_empty(), "{field} {op}: {shown}");
            }
        }
        let page = ask(&ormai, &acme(), "query", json!({"model": "Order"})).await;
        assert_eq!(rows(&page).len(), 3);
    }

    async fn attack_09_json_text_that_is_none_is_refused(test: &TestDatabase) {
        let ormai = demo(test).await;
        for text in [
            &b""[..], b"{", b"null", b"[]", b"\"Order\"", b"{\"model\": \"Order\"} x", b"{\"model\": \"Order\", \"model\": \"User\"}",
            b"{\"model\": \"Order\", \"limit\": NaN}", b"{\"model\": \"Order\", \"limit\": 1e400}", b"{\"model\": \"\\ud800\"}", b"{\"model\": \"\xff\"}",
            b"{\"model\": \"Order\", \"filters\": [{\"field\": \"status\", \"op\": \"eq\", \"value\": \"\\ud800\"}]}",
            b"{\"model\": \"Order\", \"filters\": [{\"field\": \"id\", \"op\": \"eq\", \"value\": 1, \"value\": 2}]}",
            b"{\"model\": \"Order\", \"filters\": [{\"field\": \"id\", \"op\": \"eq\", \"value\": 99999999999999999999999999}]}",
        ] {
            let answer = ask_json(&ormai, &acme(), "query", text).await;
            assert_eq!(code(&answer), "VALIDATION_ERROR", "{}", String::from_utf8_lossy(text));
        }
        let megabytes = format!("{{\"model\": \"Order\", \"cursor\": \"{}\"}}", "x".repeat(2_000_000));
        assert_eq!(code(&ask_json(&ormai, &acme(), "query", megabytes.as_bytes()).await), "VALIDATION_ERROR");
    }

    async fn attack_10_lists_of_every_length_are_answered_or_refused(test: &TestDatabase) {
        let ormai = demo(test).await;
        for length in [0_usize, 1, 2, 10, 11, 12, 99, 100, 101, 999, 1_000] {
            let list: Vec<usize> = (1..=length).collect();
            let page = ask(&ormai, &acme(), "query", json!({"model": "Order", "filters": [{"field": "id", "op": "in", "value": list}]})).await;
            assert_eq!(rows(&page).len(), length.min(3), "in {length}");
            let page = ask(&ormai, &acme(), "query", json!({"model": "Order", "with_total": true, "filters": [{"field": "id", "op": "not_in", "value": list}]})).await;
            assert_eq!(page["data"]["total"], 3 - length.min(3), "not_in {length}");
        }
        for length in [1_001_usize, 10_001, 200_000] {
            let list: Vec<usize> = (1..=length).collect();
            let answer = ask(&ormai, &acme(), "query", json!({"model": "Order", "filters": [{"field": "id", "op": "in", "value": list}]})).await;
            assert_eq!(code(&answer), "QUERY_BUDGET_EXCEEDED", "{length}");
        }
    }

    async fn attack_10_nothing_is_unbounded(test: &TestDatabase) {
        let ormai = demo(test).await;
        let filter = || json!({"field": "id", "op": "eq", "value": 1});
        let wide: Vec<Json> = (0..5_000).map(|_| filter()).collect();
        let nest = |levels: usize| (0..levels).fold(filter(), |inner, _| json!({"not": inner}));
        let deep_json = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let cycle = |levels: usize| (0..levels).fold(json!([]), |inner, level| {
            json!([{"relation": if (levels - level) % 2 == 1 { "user" } else { "orders" }, "limit": 1, "include": inner}])
        });
        let fields: Vec<String> = (0..10_000).map(|field| format!("field_{field}")).collect();
        let same: Vec<&str> = vec!["id"; 10_000];
        for (arguments, expected) in [
            (json!({"model": "Order", "filters": wide}), "QUERY_TOO_BROAD"),
            (json!({"model": "Order", "filters": [{"or": wide}]}), "QUERY_TOO_BROAD"),
            (json!({"model": "Order", "filters": [nest(8)]}), "QUERY_BUDGET_EXCEEDED"),
            (json!({"model": "Order", "filters": [nest(1_000)]}), "VALIDATION_ERROR"),
            (json!({"model": "Order", "include": cycle(4)}), "QUERY_BUDGET_EXCEEDED"),
            (json!({"model": "Order", "include": cycle(40)}), "VALIDATION_ERROR"),
            (json!({"model": "Order", "select": fields}), "QUERY_BUDGET_EXCEEDED"),
            (json!({"model": "Order", "select": same}), "QUERY_BUDGET_EXCEEDED"),
            (json!({"model": "Order", "include": ["items", "items"]}), "VALIDATION_ERROR"),
            (json!({"model": "Order", "limit": 1_001}), "QUERY_BUDGET_EXCEEDED"),
            (json!({"model": "Order", "limit": u64::MAX}), "QUERY_BUDGET_EXCEEDED"),
            (json!({"model": "Order", "limit": 0}), "VALIDATION_ERROR"),
            (json!({"model": "Order", "limit": -1}), "VALIDATION_ERROR"),
            (json!({"model": "Order", "order": vec![json!({"field": "id"}); 200]}), "VALIDATION_ERROR"),
            (json!({"model": "Order", "include": [{"relation": "items", "limit": 100_000}]}), "QUERY_BUDGET_EXCEEDED"),
            (json!({"model": "x".repeat(129)}), "VALIDATION_ERROR"),
        ] {
            let answer = ask(&ormai, &acme(), "query", arguments.clone()).await;
            let shown: String = arguments.to_string().chars().take(100).collect();
            assert_eq!(code(&answer), expected, "{shown}: {answer}");
            assert!(answer.to_string().len() < 2_000, "{shown}");
        }
        assert_eq!(code(&ask_json(&ormai, &acme(), "query", deep_json.as_bytes()).await), "VALIDATION_ERROR");
        let figures: Vec<Json> = (0..1_000).map(|figure| json!({"function": "count", "alias": format!("a{figure}")})).collect();
        assert_eq!(code(&ask(&ormai, &acme(), "aggregate", json!({"model": "Order", "aggregations": figures})).await), "QUERY_BUDGET_EXCEEDED");
    }

    async fn attack_23_sql_in_a_value_is_a_value(test: &TestDatabase) {
        let ormai = demo(test).await;
        for sql in SQL {
            for op in ["eq", "contains", "starts_with", "ends_with"] {
                let page = ask(&ormai, &acme(), "query", json!({"model": "Order", "filters": [{"field": "status", "op": op, "value": sql}]})).await;
                assert!(rows(&page).is_empty(), "{op} {sql}");
            }
            let lists = json!([{"field": "status", "op": "in", "value": [sql, "paid"]}, {"field": "status", "op": "between", "value": ["a", "z"]}]);
            assert_eq!(column(&ask(&ormai, &acme(), "query", json!({"model": "Order", "filters": lists})).await, "id"), [json!(2)]);
            assert_eq!(code(&ask(&ormai, &acme(), "get", json!({"model": "User", "id": sql})).await), "RECORD_NOT_FOUND");
            assert!(rows(&ask(&ormai, &Principal::new(*sql), "query", json!({"model": "Order"})).await).is_empty());
            let wide = Principal::new("acme-corp").metadata("tenant_hierarchy", json!([sql]));
            assert_eq!(rows(&ask(&ormai, &wide, "query", json!({"model": "Order"})).await).len(), 3);
        }
        assert_eq!(test.count("orders").await, 8);
    }

    async fn attack_23_sql_in_a_name_is_an_unknown_name(test: &TestDatabase) {
        let ormai = demo(test).await;
        for sql in SQL {
            let mine = acme();
            for (tool, arguments, expected) in [
                ("query", json!({"model": sql}), "MODEL_NOT_ALLOWED"),
                ("get", json!({"model": sql, "id": 1}), "MODEL_NOT_ALLOWED"),
                ("describe_schema", json!({"model": sql}), "MODEL_NOT_ALLOWED"),
                ("query", json!({"model": "Order", "select": [sql]}), "FIELD_NOT_ALLOWED"),
                ("query", json!({"model": "Order", "filters": [{"field": sql, "op": "eq", "value": 1}]}), "FIELD_NOT_ALLOWED"),
                ("query", json!({"model": "Order", "filters": [{"field": "id", "op": sql, "value": 1}]}), "VALIDATION_ERROR"),
                ("query", json!({"model": "Order", "filters": [{"relation": sql, "filters": []}]}), "RELATION_NOT_ALLOWED"),
                ("query", json!({"model": "Order", "filters": [{"relation": "items", "match": sql, "filters": []}]}), "VALIDATION_ERROR"),
                ("query", json!({"model": "Order", "order": [{"field": sql}]}), "FIELD_NOT_ALLOWED"),
                ("query", json!({"model": "Order", "order": [{"field": "id", "direction": sql}]}), "VALIDATION_ERROR"),
                ("query", json!({"model": "Order", "include": [sql]}), "RELATION_NOT_ALLOWED"),
                ("query", json!({"model": "Order", "cursor": sql}), "INVALID_CURSOR"),
                ("query", json!({"model": "Order", "limit": sql}), "VALIDATION_ERROR"),
                ("aggregate", json!({"model": "Order", "aggregations": [{"function": sql, "field": "total"}]}), "VALIDATION_ERROR"),
                ("aggregate", json!({"model": "Order", "aggregations": [{"function": "sum", "field": sql}]}), "FIELD_NOT_ALLOWED"),
                ("aggregate", json!({"model": "Order", "aggregations": [{"function": "count"}], "group_by": [sql]}), "FIELD_NOT_ALLOWED"),
                ("aggregate", json!({"model": "Order", "aggregations": [{"function": "count"}], "order": [{"field": sql}]}), "VALIDATION_ERROR"),
                (sql, json!({"model": "Order"}), "VALIDATION_ERROR"),
            ] {
                let answer = ask(&ormai, &mine, tool, arguments.clone()).await;
                assert_eq!(code(&answer), expected, "{tool} {arguments}: {answer}");
            }
            // An alias is the caller's own word: it comes back as it was, or is refused.
            let aliased = ask(&ormai, &mine, "aggregate", json!({"model": "Order", "aggregations": [{"function": "count", "alias": sql}],
                "order": [{"field": sql, "direction": "desc"}]})).await;
            assert_eq!(aliased["data"]["rows"], json!([{*sql: 3}]), "{aliased}");
        }
        assert_eq!(test.count("orders").await, 8);
    }
}
