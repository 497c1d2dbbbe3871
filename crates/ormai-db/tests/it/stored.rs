//! What a statement stores comes back as the same, and is found by it: every type, on each engine.

use ormai_core::plan::Shape;
use ormai_core::plan::testing::{self, list, slot};
use ormai_core::value::Value;
use ormai_testkit::{Engine, TestDatabase};
use serde_json::{Value as Json, json};

use crate::hosts::HostConnection;
use crate::support::connect;
use crate::table::{ALL, Table};

fn values(engine: Engine) -> Vec<(&'static str, Vec<Json>)> {
    let uuid = || json!("6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d");
    let texts =
        || vec![json!(""), json!("a\u{e9}'b\"\\`;--"), json!("abc "), json!("\u{1f980}"), json!("007"), json!("1e3")];
    let bytes = || vec![json!(""), json!("AP8="), json!("Jyc7")];
    let times = |zone: &str| {
        ["2024-05-01T12:00:00", "1999-12-31T23:59:59.5", "2037-12-31T23:59:59.999999"]
            .map(|time| json!(format!("{time}{zone}")))
            .to_vec()
    };
    let dates = || vec![json!("0001-01-01"), json!("2024-02-29"), json!("9999-12-31")];
    let clock = || vec![json!("00:00:00"), json!("23:59:59.999999")];
    let documents = || {
        vec![
            json!({"a": [1, null, "\u{e9}'"]}),
            json!([]),
            json!("5"),
            json!("null"),
            json!(true),
            json!(5),
            json!(1.5),
        ]
    };
    let decimals = || vec![json!("0.1"), json!("-12.5"), json!("12345678901.25"), json!("7")];
    let floats = || vec![json!(0.300_000_000_000_000_04), json!(-1e-300), json!(5.0)];
    let ints = || vec![json!(i64::MIN), json!(0), json!(i64::MAX)];
    match engine {
        Engine::Postgres => vec![
            ("boolean", vec![json!(true), json!(false)]),
            ("smallint", vec![json!(-32768), json!(32767)]),
            ("integer", vec![json!(-2_147_483_648_i64), json!(2_147_483_647)]),
            ("bigint", ints()),
            ("real", vec![json!(1.5), json!(f64::from(0.1_f32))]),
            ("double precision", floats()),
            ("numeric", [decimals(), vec![json!("12345678901234567890.5000"), json!("0")]].concat()),
            ("text", texts()),
            ("varchar(20)", texts()),
            ("citext", texts()),
            ("char(5)", vec![json!("abcde"), json!("\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}")]),
            ("name", vec![json!("pg_class")]),
            ("status", vec![json!("open"), json!("paid")]),
            ("bytea", bytes()),
            ("uuid", vec![uuid()]),
            ("timestamptz", times("Z")),
            ("timestamp", times("")),
            ("date", dates()),
            ("time", clock()),
            ("json", documents()),
            ("jsonb", documents()),
            ("positive", vec![json!(7)]),
            ("text[]", vec![json!([]), json!(["a", null, "b,c\"'{}"])]),
            ("varchar(9)[]", vec![json!([]), json!(["a"])]),
            ("integer[]", vec![json!([]), json!([1, null, 2])]),
            ("smallint[]", vec![json!([]), json!([1, null, 2])]),
            ("boolean[]", vec![json!([true])]),
            ("numeric[]", vec![json!([]), json!(["1.50"])]),
            ("uuid[]", vec![json!([uuid()])]),
            ("timestamptz[]", vec![json!(times("Z"))]),
            ("jsonb[]", vec![json!([{"a": 1}])]),
            ("positive[]", vec![json!([7])]),
        ],
        Engine::MySql => vec![
            ("boolean", vec![json!(true), json!(false)]),
            ("tinyint", vec![json!(-128), json!(127)]),
            ("tinyint unsigned", vec![json!(0), json!(255)]),
            ("smallint", vec![json!(-32768), json!(32767)]),
            ("mediumint", vec![json!(-8_388_608)]),
            ("int", vec![json!(-2_147_483_648_i64), json!(2_147_483_647)]),
            ("int unsigned", vec![json!(4_294_967_295_u32)]),
            ("bigint", ints()),
            ("bigint unsigned", vec![json!(i64::MAX)]),
            ("float", vec![json!(1.5), json!(f64::from(0.1_f32))]),
            ("double", floats()),
            ("decimal(30,2)", vec![json!("0.10"), json!("-12.50"), json!("12345678901234567890.25"), json!("7.00")]),
            ("text", texts()),
            ("varchar(20)", texts()),
            ("varchar(20) collate utf8mb4_bin", texts()),
            ("varchar(20) collate utf8mb4_nopad_bin", texts()),
            ("char(5)", vec![json!("abc"), json!("")]),
            ("varchar(9) character set latin1", vec![json!("a\u{e9}'"), json!("abc ")]),
            ("enum('open','paid')", vec![json!("open"), json!("paid")]),
            ("varbinary(9)", bytes()),
            ("binary(3)", vec![json!("AP8A")]),
            ("blob", bytes()),
            ("uuid", vec![uuid()]),
            ("timestamp(6) NULL", times("Z")),
            ("datetime(6)", times("")),
            ("date", dates()),
            ("time(6)", clock()),
            ("json", documents()),
        ],
        Engine::Sqlite => vec![
            ("BOOLEAN", vec![json!(true), json!(false)]),
            ("INTEGER", ints()),
            ("REAL", floats()),
            ("DECIMAL(30,2)", decimals()),
            ("NUMERIC", decimals()),
            ("MONEY", decimals()),
            ("TEXT", texts()),
            ("TEXT COLLATE NOCASE", texts()),
            ("VARCHAR(20)", texts()),
            ("CHAR(5)", texts()),
            ("BLOB", bytes()),
            ("VARBINARY(9)", bytes()),
            ("UUID", vec![uuid(), json!("00000000-0000-0000-0000-000000000001")]),
            ("TIMESTAMP", times("Z")),
            ("DATETIME", times("")),
            ("DATE", dates()),
            ("TIME", clock()),
            ("JSON", documents()),
            ("JSONB", documents()),
        ],
    }
}

/// What an AUTO_INCREMENT is called.
fn key(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
        Engine::MySql => "bigint AUTO_INCREMENT PRIMARY KEY",
        Engine::Sqlite => "INTEGER PRIMARY KEY",
    }
}

/// The value as JSON, whatever the number of its zeros: what is said of 5.0 and 5 is one number.
fn plain(value: &Value) -> Json {
    match value {
        Value::Json(Json::Number(number)) => json!(number.as_f64()),
        other => other.to_json(),
    }
}

async fn check(test: &TestDatabase, at: usize, declared: &str, given: &[Json]) {
    let engine = test.engine();
    test.execute(&format!("CREATE TABLE t{at}x (id {}, v {declared})", key(engine))).await;
    let database = connect(test, 1).await;
    let name = format!("T{at}x");
    for wire in HostConnection::wires(engine) {
        let host = HostConnection::open(test, *wire).await;
        let table = Table::of(&database, &name).await.over(host.session()).await;
        check_in(table, engine, &format!("{declared} by {wire:?}"), given).await;
        host.execute("ROLLBACK").await;
    }
    check_in(Table::of(&database, &name).await, engine, declared, given).await;
}

async fn check_in(mut table: Table<'_>, engine: Engine, declared: &str, given: &[Json]) {
    let ty = table.catalog.model(table.model).fields[table.field("v").index()].ty.clone();
    for json in given {
        let shown = format!("{json} in {declared} of {engine}");
        let value = Value::from_json(json, &ty).unwrap();
        let key = table.insert(&[("v", value.clone())]).await;
        let key = key.map_err(|error| format!("{shown}: {}", error.operator_detail())).unwrap();
        // The key is as the database gave it, and leads to what was stored.
        let read = table.select("v", table.is("id", 0), key.clone()).await;
        assert_eq!(read.len(), 1, "{shown}");
        assert_eq!(plain(&read[0]), plain(&value), "{shown}");
        if ty.has_equality() {
            assert_eq!(
                table.select("id", table.is("v", 0), value.clone()).await,
                std::slice::from_ref(&key),
                "{shown}"
            );
        }
        // The same by an UPDATE, from NULL, and by keys.
        let source = testing::source(table.model, ALL);
        let null = Shape::Update(testing::update(
            testing::target(source.clone(), table.is("id", 0), None),
            vec![(table.field("v"), slot(1))],
        ));
        assert_eq!(table.change(null.clone(), vec![key.clone(), Value::Null]).await.unwrap().affected, 1, "{shown}");
        assert_eq!(table.select("v", table.is("id", 0), key.clone()).await, [Value::Null], "{shown}");
        let keys = testing::keys(vec![table.field("id")], vec![list(0, 0)]);
        let by_keys = testing::target(source.clone(), ALL, Some(keys));
        let update = Shape::Update(testing::update(by_keys, vec![(table.field("v"), slot(1))]));
        let keys = Value::Array(vec![key.clone()]);
        assert_eq!(table.change(update, vec![keys, value.clone()]).await.unwrap().affected, 1, "{shown}");
        assert_eq!(table.select("v", table.is("id", 0), key.clone()).await, read, "{shown}");
        // And it goes by what it is.
        let (filter, by) = if ty.has_equality() { (table.is("v", 0), value) } else { (table.is("id", 0), key) };
        let delete = Shape::Delete(testing::delete(testing::target(source, filter, None)));
        assert_eq!(table.change(delete, vec![by]).await.unwrap().affected, 1, "{shown}");
    }
    // A key that is said is the one, also where 0 could mean the next.
    assert_eq!(table.insert(&[("id", Value::Int(0))]).await.unwrap(), Value::Int(0), "{declared}");
    // A row of which nothing is said.
    let key = table.insert(&[]).await.unwrap();
    assert_eq!(table.select("v", table.is("id", 0), key).await, [Value::Null], "{declared}");
    table.session.commit().await.unwrap();
    table.session.finish().await.unwrap();
}

async fn every_type_is_stored(engine: Engine) {
    let test = TestDatabase::on(engine).await;
    if engine == Engine::Postgres {
        let types = "CREATE TYPE status AS ENUM ('open', 'paid'); CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
            CREATE EXTENSION IF NOT EXISTS citext";
        test.execute(types).await;
    }
    for (at, (declared, given)) in values(engine).iter().enumerate() {
        check(&test, at, declared, given).await;
    }
}

#[tokio::test]
async fn every_type_of_postgres_is_stored_and_found_again() {
    every_type_is_stored(Engine::Postgres).await;
}

#[tokio::test]
async fn every_type_of_sqlite_is_stored_and_found_again() {
    every_type_is_stored(Engine::Sqlite).await;
}

#[tokio::test]
async fn every_type_of_mariadb_is_stored_and_found_again() {
    every_type_is_stored(Engine::MySql).await;
}
