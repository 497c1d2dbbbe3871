//! Tables of users have columns of types that no drawn world has.

use ormai::policy::Format;
use ormai::prelude::*;
use ormai_testkit::{Engine, every_engine};
use serde_json::{Value as Json, json};

use super::{NOW, expected, pages};

const POLICY: &str = "
models:
  Thing:
    scoping: {tenant: principal.tenant_id}
    fields: {id: allow, small: allow, ratio: allow, amount: allow, code: allow, raw: allow, made: allow, at: allow,
      due: allow, hour: allow, doc: allow, secret: hash, card: {action: mask, mask_pattern: '*{last2}'}}
    row_policies:
      - {name: made_before, condition: 'made <= now() AND (ratio < 2.5 OR ratio IS NULL)'}
      - {name: cheap, condition: \"amount < 1000.50 OR at > '2024-01-01T00:00:00.25' OR hour = '12:00:00.5'\"}
    aggregations: {count: true, sum: [small, amount, ratio], avg: [small, amount, ratio], min: [made, at, hour, amount],
      max: [due, ratio, code], group_by: [code]}
";

fn table(engine: Engine) -> String {
    let [float, bytes, at, made, hour] = match engine {
        Engine::Sqlite => ["real", "blob", "datetime", "timestamp", "time"],
        Engine::Postgres => ["double precision", "bytea", "timestamp", "timestamptz", "time"],
        Engine::MySql => ["double", "varbinary(9)", "datetime(6)", "timestamp(6) NULL", "time(6)"],
    };
    let columns = format!(
        "id integer NOT NULL PRIMARY KEY, tenant varchar(20) NOT NULL, small smallint, ratio {float},
         amount decimal(18, 4), code char(3), raw {bytes}, made {made}, at {at}, due date, hour {hour}, doc json,
         secret varchar(20), card decimal(10, 2)"
    );
    let zone = if engine == Engine::Postgres { "+00" } else { "" };
    let raw = |digits: &str| match engine {
        Engine::Postgres => format!("'\\x{digits}'"),
        Engine::Sqlite | Engine::MySql => format!("X'{digits}'"),
    };
    let (first, second) = (raw("00ff"), raw("01"));
    let half = |time: &str, fraction: &str| match engine {
        // SQLite compares times as text, with six digits where they are not whole.
        Engine::Sqlite => format!("{time}.{fraction:0<6}"),
        Engine::Postgres | Engine::MySql => format!("{time}.{fraction}"),
    };
    let (late, noon) = (half("2024-01-01 00:00:00", "5"), half("12:00:00", "5"));
    format!(
        "CREATE TABLE things ({columns});
         INSERT INTO things VALUES
         (1, 'acme', 7, 0.1, 12.5000, 'eur', {first}, '{late}{zone}', '{late}', '2024-01-01', '{noon}', '{{\"a\": [1]}}', 'x', 4242.42),
         (2, 'acme', -7, 2.25, 12.5000, 'eur', {second}, '2024-01-01 00:00:00{zone}', '2024-01-01 00:00:00', '2024-01-02', '12:00:00', 'null', 'x', 1.5),
         (3, 'acme', NULL, NULL, 999.1234, 'usd', NULL, '2024-01-01 00:00:01{zone}', '1999-12-31 23:59:59', NULL, '{noon}', NULL, NULL, NULL),
         (4, 'acme', 32767, 3.5, 0.0001, 'usd', {first}, '2024-01-01 00:00:00{zone}', '2024-01-01 00:00:00', '2024-01-01', '00:00:00', '[]', 'y', 0.01),
         (5, 'acme', 1, 1.0, 2000.5, 'usd', {first}, '2024-01-01 00:00:00{zone}', '{late}', '2024-01-01', '00:00:00', '[]', 'y', 0.01),
         (6, 'acme', 1, 1.0, 0.5, 'usd', {first}, '2031-01-01 00:00:00{zone}', '{late}', '2024-01-01', '00:00:00', '[]', 'y', 0.01),
         (7, 'globex', 1, 1.0, 0.5, 'usd', {first}, '2024-01-01 00:00:00{zone}', '{late}', '2024-01-01', '00:00:00', '[]', 'z', 0.01);"
    )
}

fn asked() -> Vec<(&'static str, Json)> {
    let mut asked = vec![
        ("query", json!({"model": "Thing", "with_total": true})),
        ("query", json!({"model": "Thing", "limit": 1, "order": [{"field": "ratio", "direction": "desc"}]})),
        ("get", json!({"model": "Thing", "id": 1})),
        ("get", json!({"model": "Thing", "id": 7})),
        (
            "aggregate",
            json!({"model": "Thing", "aggregations": [
            {"function": "count"}, {"function": "sum", "field": "amount"}, {"function": "avg", "field": "ratio"},
            {"function": "sum", "field": "ratio"}, {"function": "avg", "field": "small"}, {"function": "min", "field": "made"},
            {"function": "min", "field": "at"}, {"function": "min", "field": "hour"}, {"function": "max", "field": "due"}]}),
        ),
        (
            "aggregate",
            json!({"model": "Thing", "aggregations": [{"function": "max", "field": "ratio"}], "group_by": ["code"]}),
        ),
    ];
    for (field, value) in [
        ("small", json!(7)),
        ("small", json!(40_000)),
        ("ratio", json!(0.1)),
        ("amount", json!("12.5")),
        ("amount", json!(12.5)),
        ("code", json!("eur")),
        ("code", json!("eur ")),
        ("raw", json!("AP8=")),
        ("raw", json!("!")),
        ("made", json!("2024-01-01T00:00:00.5Z")),
        ("at", json!("2024-01-01T00:00:00.5")),
        ("at", json!("2024-01-01T00:00:00Z")),
        ("due", json!("2024-01-01")),
        ("hour", json!("12:00:00.5")),
        ("doc", json!("null")),
        ("secret", json!("x")),
    ] {
        for op in ["eq", "ne", "lt", "gte", "contains"] {
            asked.push(("query", json!({"model": "Thing", "filters": [{"field": field, "op": op, "value": value}]})));
        }
        for filter in [
            json!({"field": field, "op": "is_null", "value": true}),
            json!({"field": field, "op": "in", "value": [value]}),
        ] {
            asked.push(("query", json!({"model": "Thing", "filters": [filter]})));
        }
        asked.push(("query", json!({"model": "Thing", "order": [{"field": field}]})));
        let figures = json!([{"function": "count"}]);
        asked.push(("aggregate", json!({"model": "Thing", "aggregations": figures, "group_by": [field]})));
    }
    asked
}

every_engine! {
    async fn columns_of_every_type_are_answered_as_expected(test: &TestDatabase) {
        test.execute(&table(test.engine())).await;
        let ormai = OrmAi::builder().database_url(test.url()).hash_key(*b"a hash key for tests");
        let ormai = ormai.policy_text(POLICY, Format::Yaml).build().await.unwrap();
        let expected = expected(&ormai, POLICY).await;
        let mut not_covered = Vec::new();
        for (tool, arguments) in asked() {
            for who in [Principal::new("acme"), Principal::new("globex")] {
                let pages = pages(&ormai, &who, tool, &arguments).await;
                match expected.answer(&who, NOW.parse().unwrap(), tool, &arguments) {
                    Ok(answer) => {
                        if let Err(difference) = expected.agrees(&answer, &pages) {
                            panic!("{difference}\n{arguments}\n{answer:#?}\n{pages:#?}");
                        }
                    }
                    Err(why) => not_covered.push(format!("{why} {arguments}")),
                }
            }
        }
        // Whether a document is there is all that is not known.
        assert!(not_covered.len() == 2 && not_covered.iter().all(|why| why.contains("is_null")), "{not_covered:#?}");
    }
}
