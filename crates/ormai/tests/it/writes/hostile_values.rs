//! Attacks 9, 10 and 23: hostile values, sizes and names in what is written.

use ormai::prelude::*;
use ormai_testkit::{Engine, every_engine};
use serde_json::{Value as Json, json};

use super::{done, filter, introspected, refused, writable};
use crate::hostile_values::SQL;
use crate::support::{acme, ask, ask_json, code, column};

const TEXTS: &str = "
models:
  Text:
    fields: {id: allow, body: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, max_affected_rows: 1000, auto_set: {tenant_id: principal.tenant_id}}
";

const TABLE: &str =
    "CREATE TABLE texts (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, body text NOT NULL)";

/// Texts that are stored as they are, or not at all.
fn odd_texts() -> Vec<String> {
    let plain = [
        "",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\u{1}",
        "\u{7f}",
        "\u{85}",
        "\u{a0}",
        "\u{feff}",
        "\u{fffd}",
        "\u{10ffff}",
        "\u{202e}abc",
        "e\u{301}",
        "\u{e9}",
        "\\",
        "\\\\",
        "\\'",
        "\\0",
        "'",
        "''",
        "\"",
        "`",
        "%",
        "_",
        "null",
        "NULL",
        "ends ",
        "ends\\",
        "0x41",
        "\u{1F980}",
        "{}",
        "[]",
        "true",
        "1",
        "1e400",
        "-0",
        "NaN",
        "\u{2028}",
        "a\u{308}\u{323}",
    ];
    plain.into_iter().chain(SQL.iter().copied()).map(str::to_owned).collect()
}

every_engine! {
    async fn attack_09_a_text_is_stored_byte_for_byte(test: &TestDatabase) {
        test.execute(TABLE).await;
        let ormai = introspected(test, TEXTS).await;
        for (id, text) in odd_texts().into_iter().enumerate() {
            let row = done(&ormai, &acme(), "create", json!({"model": "Text", "data": {"id": id, "body": text}})).await;
            assert_eq!(row["body"], json!(text));
            let row = done(&ormai, &acme(), "update", json!({"model": "Text", "id": id, "data": {"body": format!("{text}{text}")}})).await;
            assert_eq!(row["body"], json!(format!("{text}{text}")));
            let found = done(&ormai, &acme(), "bulk_update", json!({"model": "Text", "filters": [filter("body", "eq", format!("{text}{text}")), filter("id", "eq", id)], "data": {"body": text}})).await;
            assert_eq!(found, json!({"updated_count": 1}), "{text:?}");
            let read = ask(&ormai, &acme(), "get", json!({"model": "Text", "id": id})).await;
            assert_eq!(read["data"]["body"], json!(text));
        }
        assert_eq!(test.count("texts").await, i64::try_from(odd_texts().len()).unwrap());
    }

    async fn attack_09_a_pattern_of_a_bulk_update_finds_letters(test: &TestDatabase) {
        test.execute(TABLE).await;
        let bodies = ["%", "_", "\\", "a%b", "a_b", "a\\b", "ends\\", "100%", "ab", "axb", "'", "[a]", "*", "A%B", "\\%", "\\_", "\\\\"];
        for (id, body) in bodies.iter().enumerate() {
            let body = body.replace('\'', "''");
            test.execute(&format!("INSERT INTO texts VALUES ({id}, 'acme-corp', '{body}'), ({}, 'globex', '{body}')", id + 100)).await;
        }
        let ormai = introspected(test, TEXTS).await;
        type Reference = fn(&str, &str) -> bool;
        let operators: [(&str, Reference); 3] = [("contains", |body, word| body.contains(word)), ("starts_with", |body, word| body.starts_with(word)), ("ends_with", |body, word| body.ends_with(word))];
        for word in bodies.into_iter().chain(["%%", "%_", "\\\\\\", "b\\", "["]) {
            for (op, reference) in operators {
                let expected: Vec<Json> = bodies.iter().enumerate().filter(|(_, body)| reference(body, word)).map(|(id, _)| json!(id)).collect();
                let shown = done(&ormai, &acme(), "bulk_update", json!({"model": "Text", "filters": [filter("body", op, word)], "data": {"body": "x"}, "dry_run": true})).await;
                let ids: Vec<Json> = shown["before"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
                assert_eq!(ids, expected, "{op} {word:?}");
            }
        }
    }

    async fn attack_09_a_text_of_a_megabyte_is_stored_or_refused_whole(test: &TestDatabase) {
        test.execute(TABLE).await;
        let ormai = introspected(test, TEXTS).await;
        let create = |length: usize| json!({"model": "Text", "data": {"id": 1, "body": "x".repeat(length)}});
        let row = done(&ormai, &acme(), "create", create(60_000)).await;
        assert_eq!(row["body"].as_str().unwrap().len(), 60_000);
        done(&ormai, &acme(), "delete", json!({"model": "Text", "id": 1})).await;
        for length in [65_535, 65_536, 1_000_000] {
            let before = test.contents().await;
            let answer = ask(&ormai, &acme(), "create", create(length)).await;
            if answer.get("error").is_some() {
                // Only MariaDB's `text` is that short.
                assert!(test.engine() == Engine::MySql && length > 65_535, "{length}");
                assert_eq!((code(&answer), answer.to_string().len() < 500), ("VALIDATION_ERROR", true));
                assert_eq!(test.contents().await, before);
            } else {
                assert_eq!(answer["data"]["body"].as_str().unwrap().len(), length);
                done(&ormai, &acme(), "delete", json!({"model": "Text", "id": 1})).await;
            }
        }
        // At the door of bytes.
        let megabytes = format!("{{\"model\": \"Text\", \"data\": {{\"id\": 1, \"body\": \"{}\"}}}}", "x".repeat(2_000_000));
        assert_eq!(code(&ask_json(&ormai, &acme(), "create", megabytes.as_bytes()).await), "VALIDATION_ERROR");
    }

    async fn attack_09_a_value_that_does_not_fit_is_refused_before_any_sql(test: &TestDatabase) {
        let ormai = writable(test).await;
        let any = [json!([]), json!([1]), json!({}), json!({"a": 1}), json!({"$set": 1}), json!({"increment": 1})];
        for (field, misfits) in [
            ("total", vec![json!("NaN"), json!("Infinity"), json!("-Infinity"), json!("1e999999999"), json!(" 1"), json!(""), json!(true), json!("0x1"), json!(1e300), json!("1,5"), json!("total + 1"), Json::Null]),
            ("status", vec![json!(1), json!(true), json!(1.5), json!("pa\0id"), json!("\0"), Json::Null]),
            ("note", vec![json!(1), json!(false), json!("\0x")]),
            ("user_id", vec![json!(123), json!("user-123\0"), Json::Null, json!(true)]),
        ] {
            for value in misfits.into_iter().chain(any.clone()) {
                let mut data = json!({"id": 9, "user_id": "user-123", "status": "x", "total": 1});
                data[field] = value.clone();
                for (tool, arguments) in [
                    ("create", json!({"model": "Order", "data": data})), ("update", json!({"model": "Order", "id": 1, "data": {field: value}})),
                    ("update", json!({"model": "Order", "id": 404, "data": {field: value}})), ("bulk_update", json!({"model": "Order", "ids": [1], "data": {field: value}})),
                ] {
                    assert_eq!(code(&refused(test, &ormai, &acme(), tool, arguments).await), "VALIDATION_ERROR", "{field} {value}");
                }
            }
        }
        for id in [json!("9"), json!(9.5), json!(1e30), json!(u64::MAX), json!(true), json!("NaN"), json!("")] {
            let data = json!({"id": id, "user_id": "user-123", "status": "x", "total": 1});
            assert_eq!(code(&refused(test, &ormai, &acme(), "create", json!({"model": "Order", "data": data})).await), "VALIDATION_ERROR", "{id}");
        }
    }

    async fn attack_09_values_at_the_edge_come_back_as_they_were(test: &TestDatabase) {
        test.execute("CREATE TABLE edges (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, big bigint, small smallint, ratio double precision, price numeric(12, 2), day date, yes boolean)").await;
        let policy = TEXTS.replace("Text:", "Edge:").replace("body: allow", "big: allow, small: allow, ratio: allow, price: allow, day: allow, yes: allow");
        let ormai = introspected(test, &policy).await;
        for (id, (field, value)) in [
            ("big", json!(i64::MAX)), ("big", json!(i64::MIN)), ("small", json!(i16::MAX)), ("small", json!(i16::MIN)), ("ratio", json!(f64::MAX)), ("ratio", json!(-1.5e-300)), ("ratio", json!(0.1)),
            ("price", json!("9999999999.99")), ("price", json!("-0.01")), ("day", json!("9999-12-31")), ("day", json!("1000-01-01")), ("yes", json!(false)), ("yes", json!(true)),
        ].into_iter().enumerate() {
            for id in [json!(id), json!(i64::MAX - i64::try_from(id).unwrap())] {
                let row = done(&ormai, &acme(), "create", json!({"model": "Edge", "data": {"id": id, field: value}})).await;
                assert_eq!((&row["id"], &row[field]), (&id, &value), "{field}");
                let row = done(&ormai, &acme(), "update", json!({"model": "Edge", "id": id, "data": {field: value}})).await;
                assert_eq!(row[field], value);
            }
        }
        // What the database would bend comes back as it is stored, or not at all.
        for (field, value) in [("ratio", json!(5e-324)), ("day", json!("0001-01-01")), ("day", json!("-009999-01-01")), ("price", json!("1.005")), ("price", json!("1e9")), ("ratio", json!(-0.0))] {
            let answer = ask(&ormai, &acme(), "create", json!({"model": "Edge", "data": {"id": -1, field: value}})).await;
            if answer.get("error").is_some() {
                assert_eq!(code(&answer), "VALIDATION_ERROR", "{field} {value}: {answer}");
            } else {
                let read = ask(&ormai, &acme(), "get", json!({"model": "Edge", "id": -1})).await;
                assert_eq!(read["data"], answer["data"]);
                done(&ormai, &acme(), "delete", json!({"model": "Edge", "id": -1})).await;
            }
        }
    }

    async fn attack_10_nothing_of_a_write_is_unbounded(test: &TestDatabase) {
        let ormai = writable(test).await;
        let one = || filter("id", "eq", 1);
        let wide: Vec<Json> = (0..5_000).map(|_| one()).collect();
        let nest = |levels: usize| (0..levels).fold(one(), |inner, _| json!({"not": inner}));
        let through = |levels: usize| (0..levels).fold(json!([one()]), |inner, level| json!([{"relation": if (levels - level) % 2 == 1 { "items" } else { "order" }, "filters": inner}]));
        let many: serde_json::Map<String, Json> = (0..5_000).map(|field| (format!("field_{field}"), json!(1))).collect();
        let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
        let ids = |length: i64| (0..length).map(|id| json!(-id)).collect::<Vec<_>>();
        for (tool, arguments, expected) in [
            ("bulk_update", json!({"model": "Order", "filters": wide, "data": {"status": "x"}}), "QUERY_TOO_BROAD"),
            ("bulk_update", json!({"model": "Order", "filters": [{"or": wide}], "data": {"status": "x"}}), "QUERY_TOO_BROAD"),
            ("bulk_update", json!({"model": "Order", "filters": [nest(8)], "data": {"status": "x"}}), "QUERY_BUDGET_EXCEEDED"),
            ("bulk_update", json!({"model": "Order", "filters": [nest(1_000)], "data": {"status": "x"}}), "VALIDATION_ERROR"),
            ("bulk_update", json!({"model": "Order", "filters": through(6), "data": {"status": "x"}}), "QUERY_BUDGET_EXCEEDED"),
            ("bulk_update", json!({"model": "Order", "filters": [filter("id", "in", ids(200_000))], "data": {"status": "x"}}), "QUERY_BUDGET_EXCEEDED"),
            ("bulk_update", json!({"model": "Order", "ids": ids(1_001), "data": {"status": "x"}}), "QUERY_BUDGET_EXCEEDED"),
            ("bulk_update", json!({"model": "Order", "ids": ids(200_000), "data": {"status": "x"}}), "QUERY_BUDGET_EXCEEDED"),
            ("update", json!({"model": "Order", "id": 1, "data": many}), "QUERY_BUDGET_EXCEEDED"),
            ("create", json!({"model": "Order", "data": many}), "QUERY_BUDGET_EXCEEDED"),
            ("update", json!({"model": "Order", "id": 1, "data": {"x".repeat(129): 1}}), "VALIDATION_ERROR"),
            ("update", json!({"model": "Order", "id": 1, "data": {"": 1}}), "VALIDATION_ERROR"),
            ("update", json!({"model": "Order", "id": 1, "data": {"note": deep}}), "VALIDATION_ERROR"),
            ("update", json!({"model": "Order", "id": 1, "data": {"status": "x"}, "idempotency_key": "x".repeat(201)}), "VALIDATION_ERROR"),
            ("update", json!({"model": "x".repeat(129), "id": 1, "data": {"status": "x"}}), "VALIDATION_ERROR"),
        ] {
            let before = test.contents().await;
            let answer = ask(&ormai, &acme(), tool, arguments.clone()).await;
            let shown: String = arguments.to_string().chars().take(100).collect();
            assert!(answer.get("error").is_some() && answer.to_string().len() < 2_000, "{shown}");
            assert_eq!(code(&answer), expected, "{shown}: {answer}");
            assert_eq!(test.contents().await, before);
        }
        // As many keys as may be, none of which is there.
        assert_eq!(done(&ormai, &acme(), "bulk_update", json!({"model": "Order", "ids": ids(1_000), "data": {"status": "x"}})).await, json!({"updated_count": 0}));
    }

    async fn attack_09_json_text_of_a_write_that_is_none_is_refused(test: &TestDatabase) {
        let ormai = writable(test).await;
        let before = test.contents().await;
        for text in [
            &b"{\"model\": \"Order\", \"id\": 1, \"data\": {\"status\": \"x\", \"status\": \"y\"}}"[..], b"{\"model\": \"Order\", \"id\": 4, \"id\": 1, \"data\": {\"status\": \"x\"}}",
            b"{\"model\": \"Order\", \"id\": 1, \"data\": {\"status\": \"\\ud800\"}}", b"{\"model\": \"Order\", \"id\": 1, \"data\": {\"status\": \"\xff\"}}", b"{\"model\": \"Order\", \"id\": 1, \"data\": {\"total\": NaN}}",
            b"{\"model\": \"Order\", \"id\": 1, \"data\": {\"total\": 1e400}}", b"{\"model\": \"Order\", \"id\": 1, \"data\": {\"total\": 99999999999999999999999999.99}}",
            b"{\"model\": \"Order\", \"id\": 99999999999999999999999999, \"data\": {\"status\": \"x\"}}", b"{\"model\": \"Order\", \"id\": 1, \"data\": {\"status\": \"x\"}} {}",
            b"{\"model\": \"Order\", \"id\": 1, \"data\": {\"status\": \"x\\u0000\"}}",
        ] {
            let answer = ask_json(&ormai, &acme(), "update", text).await;
            assert_eq!(code(&answer), "VALIDATION_ERROR", "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(test.contents().await, before);
    }

    async fn attack_23_sql_in_what_is_written_is_a_value(test: &TestDatabase) {
        let ormai = writable(test).await;
        for (number, sql) in SQL.iter().enumerate() {
            let data = json!({"id": format!("user-{number}-{sql}"), "name": sql, "email": sql, "ssn": sql});
            let user = done(&ormai, &acme(), "create", json!({"model": "User", "data": data})).await;
            assert_eq!((&user["id"], &user["name"]), (&data["id"], &json!(sql)));
            let order = done(&ormai, &acme(), "update", json!({"model": "Order", "id": 1, "data": {"note": sql, "user_id": data["id"]}})).await;
            assert_eq!((&order["note"], &order["user_id"]), (&json!(sql), &data["id"]));
            assert_eq!(done(&ormai, &acme(), "bulk_update", json!({"model": "Order", "filters": [filter("note", "eq", *sql)], "data": {"note": sql}})).await, json!({"updated_count": 1}));
            assert_eq!(code(&refused(test, &ormai, &acme(), "delete", json!({"model": "User", "id": sql})).await), "RECORD_NOT_FOUND");
            done(&ormai, &acme(), "update", json!({"model": "Order", "id": 1, "data": {"user_id": "user-123"}})).await;
            done(&ormai, &acme(), "delete", json!({"model": "User", "id": data["id"]})).await;
            // As a tenant: nobody is called that, and a new row is refused for want of the tenant.
            let who = Principal::new(*sql).user("x");
            assert_eq!(code(&refused(test, &ormai, &who, "update", json!({"model": "Order", "id": 1, "data": {"status": "x"}})).await), "RECORD_NOT_FOUND");
            assert_eq!(code(&refused(test, &ormai, &who, "create", json!({"model": "User", "data": {"id": "x", "name": "x", "email": "x"}})).await), "VALIDATION_ERROR");
        }
        assert_eq!((test.count("users").await, test.count("orders").await), (7, 8));
    }

    async fn attack_23_sql_in_a_name_of_a_write_is_an_unknown_name(test: &TestDatabase) {
        let ormai = writable(test).await;
        for sql in SQL {
            for (tool, arguments, expected) in [
                ("create", json!({"model": sql, "data": {"id": 1}}), "MODEL_NOT_ALLOWED"), ("delete", json!({"model": sql, "id": 1}), "MODEL_NOT_ALLOWED"),
                ("update", json!({"model": "Order", "id": 1, "data": {*sql: 1}}), "FIELD_NOT_ALLOWED"), ("create", json!({"model": "Order", "data": {"id": 9, *sql: 1}}), "FIELD_NOT_ALLOWED"),
                ("bulk_update", json!({"model": "Order", "ids": [1], "data": {*sql: 1}}), "FIELD_NOT_ALLOWED"), ("update", json!({"model": "Order", "id": {*sql: 1}, "data": {"status": "x"}}), "VALIDATION_ERROR"),
                ("bulk_update", json!({"model": "Order", "filters": [filter(sql, "eq", 1)], "data": {"status": "x"}}), "FIELD_NOT_ALLOWED"),
                ("bulk_update", json!({"model": "Order", "filters": [filter("id", sql, 1)], "data": {"status": "x"}}), "VALIDATION_ERROR"),
                ("bulk_update", json!({"model": "Order", "filters": [{"relation": sql, "filters": []}], "data": {"status": "x"}}), "RELATION_NOT_ALLOWED"),
                (sql, json!({"model": "Order", "id": 1}), "VALIDATION_ERROR"), ("update", json!({"model": "Order", "id": 1, "data": {"status": "x"}, *sql: 1}), "VALIDATION_ERROR"),
            ] {
                let answer = refused(test, &ormai, &acme(), tool, arguments.clone()).await;
                assert_eq!(code(&answer), expected, "{tool} {arguments}: {answer}");
            }
        }
        assert_eq!(column(&ask(&ormai, &acme(), "query", json!({"model": "Order"})).await, "id"), [json!(1), json!(2), json!(3)]);
    }
}
