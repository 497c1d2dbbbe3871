//! What is stored comes back, and what is bound finds it again: `docs/reference/types.md`.

use ormai_core::value::{ColumnType, Value};
use ormai_db::Session;
use ormai_db::host::Wire;
use ormai_sql::Statement;
use ormai_testkit::{Engine, TestDatabase};
use serde_json::{Value as Json, json};

use crate::hosts::HostConnection;
use crate::support::{answer, connect, place, run, statement};

/// A row of the table: a type of the database, a value as a literal, its type here, its JSON form.
struct Row {
    database: &'static str,
    literal: &'static str,
    ty: ColumnType,
    json: Json,
}

fn row(database: &'static str, literal: &'static str, ty: ColumnType, json: Json) -> Row {
    Row { database, literal, ty, json }
}

fn status() -> ColumnType {
    ColumnType::enumeration("status", ["open", "paid"])
}

/// In the order of the pinned table.
fn rows(engine: Engine) -> Vec<Row> {
    use ColumnType as T;
    let uuid = "'6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d'";
    match engine {
        Engine::MySql => vec![
            row("boolean", "true", T::Bool, json!(true)),
            row("tinyint", "-128", T::Int16, json!(-128)),
            row("tinyint unsigned", "255", T::Int16, json!(255)),
            row("smallint", "-32768", T::Int16, json!(-32768)),
            row("mediumint", "-8388608", T::Int32, json!(-8_388_608)),
            row("int", "2147483647", T::Int32, json!(2_147_483_647)),
            row("int unsigned", "4294967295", T::Int, json!(4_294_967_295_u32)),
            row("bigint", "-9223372036854775808", T::Int, json!(i64::MIN)),
            row("bigint unsigned", "9223372036854775807", T::Int, json!(i64::MAX)),
            row("float", "0.1", T::Float, json!(f64::from(0.1_f32))),
            row("double", "0.30000000000000004", T::Float, json!(0.300_000_000_000_000_04)),
            row("decimal(30,4)", "12345678901234567890.5000", T::Decimal, json!("12345678901234567890.5000")),
            row("text", "'a\u{e9}''b'", T::Text, json!("a\u{e9}'b")),
            row("varchar(9)", "'abc '", T::Text, json!("abc ")),
            row("char(5)", "'abc'", T::Text, json!("abc")),
            row("varchar(9) character set latin1", "'\u{e9}'", T::Text, json!("\u{e9}")),
            row("enum('open','paid')", "'paid'", status(), json!("paid")),
            row("varbinary(9)", "x'00ff'", T::Bytes, json!("AP8=")),
            row("binary(3)", "x'00ff'", T::Bytes, json!("AP8A")),
            row("blob", "x'00ff'", T::Bytes, json!("AP8=")),
            row("uuid", uuid, T::Uuid, json!("6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d")),
            row("timestamp(6)", "'2024-05-01 12:00:00.000001'", T::Timestamp, json!("2024-05-01T12:00:00.000001Z")),
            row("datetime(6)", "'1999-12-31 23:59:59.5'", T::DateTime, json!("1999-12-31T23:59:59.5")),
            row("date", "'0001-01-01'", T::Date, json!("0001-01-01")),
            row("time(6)", "'23:59:59.999999'", T::Time, json!("23:59:59.999999")),
            row("json", "'{\"a\":[1,null]}'", T::Json, json!({"a": [1, null]})),
        ],
        Engine::Postgres => vec![
            row("boolean", "true", T::Bool, json!(true)),
            row("smallint", "-32768", T::Int16, json!(-32768)),
            row("integer", "2147483647", T::Int32, json!(2_147_483_647)),
            row("bigint", "-9223372036854775808", T::Int, json!(i64::MIN)),
            row("real", "0.1", T::Float, json!(f64::from(0.1_f32))),
            row("double precision", "0.30000000000000004", T::Float, json!(0.300_000_000_000_000_04)),
            row("numeric(30,4)", "12345678901234567890.5000", T::Decimal, json!("12345678901234567890.5000")),
            row("text", "'a\u{e9}''b'", T::Text, json!("a\u{e9}'b")),
            row("varchar(9)", "'abc '", T::Text, json!("abc ")),
            row("char(5)", "'abc'", T::Char, json!("abc  ")),
            row("name", "'pg_class'", T::Text, json!("pg_class")),
            row("status", "'paid'", status(), json!("paid")),
            row("bytea", "'\\x00ff'", T::Bytes, json!("AP8=")),
            row("uuid", uuid, T::Uuid, json!("6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d")),
            row("timestamptz", "'2024-05-01 14:00:00.000001+02'", T::Timestamp, json!("2024-05-01T12:00:00.000001Z")),
            row("timestamp", "'1999-12-31 23:59:59.5'", T::DateTime, json!("1999-12-31T23:59:59.5")),
            row("date", "'0001-01-01'", T::Date, json!("0001-01-01")),
            row("time", "'23:59:59.999999'", T::Time, json!("23:59:59.999999")),
            row("interval", "'1 year 2 mons 3 days 04:05:06.5'", T::Interval, json!("P1Y2M3DT4H5M6.5S")),
            row("json", "'{\"a\": [1, null]}'", T::Json, json!({"a": [1, null]})),
            row("jsonb", "'{\"a\": [1, null]}'", T::Json, json!({"a": [1, null]})),
            row("positive", "7", T::Int32, json!(7)),
            row("text[]", "'{a,NULL,\"b,c\"}'", T::array(T::Text), json!(["a", null, "b,c"])),
            row("integer[]", "'{{1,2},{3,4}}'", T::array(T::Int32), json!([[1, 2], [3, 4]])),
            row("numeric[]", "'{}'", T::array(T::Decimal), json!([])),
            row("status[]", "'{paid,open}'", T::array(status()), json!(["paid", "open"])),
            row("positive[]", "'{7}'", T::array(T::Int32), json!([7])),
        ],
        Engine::Sqlite => vec![
            row("BOOLEAN", "1", T::Bool, json!(true)),
            row("INTEGER", "-9223372036854775808", T::Int, json!(i64::MIN)),
            row("REAL", "0.30000000000000004", T::Float, json!(0.300_000_000_000_000_04)),
            row("DECIMAL(10,2)", "12.5", T::Decimal, json!("12.5")),
            row("TEXT", "'a\u{e9}''b'", T::Text, json!("a\u{e9}'b")),
            row("VARCHAR(9)", "'abc '", T::Text, json!("abc ")),
            row("CHAR(5)", "'abc'", T::Text, json!("abc")),
            row("BLOB", "x'00ff'", T::Bytes, json!("AP8=")),
            row("UUID", uuid, T::Uuid, json!("6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d")),
            row("TIMESTAMP", "'2024-05-01 12:00:00.000001'", T::Timestamp, json!("2024-05-01T12:00:00.000001Z")),
            row("DATETIME", "'1999-12-31 23:59:59.500000'", T::DateTime, json!("1999-12-31T23:59:59.5")),
            row("DATE", "'0001-01-01'", T::Date, json!("0001-01-01")),
            row("TIME", "'23:59:59.999999'", T::Time, json!("23:59:59.999999")),
            row("JSON", "'{\"a\":[1,null]}'", T::Json, json!({"a": [1, null]})),
        ],
    }
}

/// Makes a table of one column, reads the value, and finds the row again by what was read.
async fn check(test: &TestDatabase, at: usize, row: &Row) {
    let Row { database: name, literal, .. } = row;
    test.execute(&format!("CREATE TABLE t{at} (v {name}); INSERT INTO t{at} VALUES ({literal})")).await;
    let database = connect(test, 1).await;
    check_in(Session::from_pool(&database).await.unwrap(), test.engine(), at, row).await;
    for wire in HostConnection::wires(test.engine()) {
        check_in(HostConnection::open(test, *wire).await.session(), test.engine(), at, row).await;
    }
}

async fn check_in(mut session: Session<'_>, engine: Engine, at: usize, row: &Row) {
    let Row { database: name, ty, json, .. } = row;
    let read = statement(&format!("SELECT v FROM t{at}"), &[], std::slice::from_ref(ty));
    let fetched = session.run(&read, crate::support::LONG).await.unwrap();
    let value = fetched.rows().next().unwrap()[0].clone();
    assert_eq!(value.to_json(), *json, "{name}");

    if ty.has_equality() {
        // A fixed-length column is compared without its padding.
        let value = match value {
            Value::Text(text) if *ty == ColumnType::Char => Value::Text(text.trim_end().to_owned()),
            other => other,
        };
        let place = place(engine);
        let find = format!("SELECT count(*) FROM t{at} WHERE v = {place}");
        let found = run(&mut session, &statement(&find, std::slice::from_ref(&value), &[ColumnType::Int])).await;
        assert_eq!(found.unwrap(), json!([1]), "{name}");

        let takes_array = engine == Engine::Postgres && !matches!(ty, ColumnType::Enum(_) | ColumnType::Char);
        if takes_array {
            let list = (Value::Array(vec![value.clone(), value]), Some(ty.clone()));
            let find = format!("SELECT count(*) FROM t{at} WHERE v = ANY($1)");
            let found = run(&mut session, &Statement::for_tests(&find, [list], [ColumnType::Int])).await;
            assert_eq!(found.unwrap(), json!([1]), "{name} in a list");
        }
    }
    session.finish().await.unwrap();
}

async fn every_row_of_the_table_is_true(engine: Engine) {
    let test = TestDatabase::on(engine).await;
    if engine == Engine::Postgres {
        let types = "CREATE TYPE status AS ENUM ('open', 'paid'); CREATE DOMAIN positive AS integer CHECK (VALUE > 0)";
        test.execute(types).await;
    }
    for (at, row) in rows(engine).iter().enumerate() {
        check(&test, at, row).await;
    }
}

#[tokio::test]
async fn every_type_of_postgres_is_read_and_found_again() {
    every_row_of_the_table_is_true(Engine::Postgres).await;
}

#[tokio::test]
async fn every_type_of_sqlite_is_read_and_found_again() {
    every_row_of_the_table_is_true(Engine::Sqlite).await;
}

#[tokio::test]
async fn every_type_of_mariadb_is_read_and_found_again() {
    every_row_of_the_table_is_true(Engine::MySql).await;
}

#[tokio::test]
async fn whatever_mariadb_can_store_is_answered() {
    let test = TestDatabase::mysql().await;
    let database = connect(&test, 1).await;
    let sql = "SET sql_mode = '';
        CREATE TABLE t (day date, at datetime(6), seen timestamp(6) NULL, time time(6), big bigint unsigned, flag boolean,
            state enum('open', 'paid'), word varchar(3));
        INSERT INTO t VALUES ('0000-00-00', '2024-00-01', '0000-00-00', '-838:59:59', 18446744073709551615, 7, 'lost', 'aaa')";
    test.execute(sql).await;
    let host = HostConnection::open(&test, Wire::MySqlFormat).await;
    let check = async |expression: &str, ty: ColumnType, expected: Json| {
        let read = statement(&format!("SELECT {expression} FROM t"), &[], &[ty]);
        assert_eq!(answer(&database, &read).await.unwrap(), json!([expected]), "{expression}");
        assert_eq!(run(&mut host.session(), &read).await.unwrap(), json!([expected]), "{expression} on a host");
    };
    check("day", ColumnType::Date, json!("0000-00-00")).await;
    check("at", ColumnType::DateTime, json!("2024-00-01T00:00:00")).await;
    check("seen", ColumnType::Timestamp, json!("0000-00-00T00:00:00")).await;
    check("time", ColumnType::Time, json!("-838:59:59")).await;
    check("CAST('30:00:00' AS TIME)", ColumnType::Time, json!("30:00:00")).await;
    check("big", ColumnType::Int, json!("18446744073709551615")).await;
    check("flag", ColumnType::Bool, json!(7)).await;
    check("state", status(), json!("")).await;
    check("NULL", ColumnType::Uuid, Json::Null).await;
    check("NULLIF(day, day)", ColumnType::Date, Json::Null).await;
    check("sum(flag)", ColumnType::Decimal, json!("7")).await;
    check("sum(flag)", ColumnType::Int, json!(7)).await;
    check("CAST(word AS BINARY)", ColumnType::Text, json!("aaa")).await;
    check("max(flag = 7)", ColumnType::Bool, json!(true)).await;
    check("'1e400'", ColumnType::Json, json!("1e400")).await;
}

#[tokio::test]
async fn whatever_postgres_can_store_is_answered() {
    let test = TestDatabase::postgres().await;
    let database = connect(&test, 1).await;
    let host = HostConnection::open(&test, Wire::PostgresBinary).await;
    let check = async |literal: &str, ty: ColumnType, expected: Json| {
        let read = statement(&format!("SELECT {literal}"), &[], &[ty]);
        assert_eq!(answer(&database, &read).await.unwrap(), json!([expected]), "{literal}");
        assert_eq!(run(&mut host.session(), &read).await.unwrap(), json!([expected]), "{literal} on a host");
    };
    check("'NaN'::numeric", ColumnType::Decimal, json!("NaN")).await;
    check("'-Infinity'::numeric", ColumnType::Decimal, json!("-Infinity")).await;
    check("0.000::numeric", ColumnType::Decimal, json!("0.000")).await;
    check("1e100::numeric", ColumnType::Decimal, json!(format!("1{}", "0".repeat(100)))).await;
    check("-1e-100::numeric", ColumnType::Decimal, json!(format!("-0.{}1", "0".repeat(99)))).await;
    check("'NaN'::float8", ColumnType::Float, json!("NaN")).await;
    check("'infinity'::timestamptz", ColumnType::Timestamp, json!("infinity")).await;
    check("'-infinity'::timestamp", ColumnType::DateTime, json!("-infinity")).await;
    check("'infinity'::date", ColumnType::Date, json!("infinity")).await;
    check("'4713-01-01 BC'::date", ColumnType::Date, json!("-004712-01-01")).await;
    check("'294276-12-31 23:59:59'::timestamp", ColumnType::DateTime, json!("+294276-12-31T23:59:59")).await;
    check("'24:00'::time", ColumnType::Time, json!("24:00:00")).await;
    check("'1e400'::jsonb", ColumnType::Json, json!(format!("1{}", "0".repeat(400)))).await;
    check("'{}'::text[]", ColumnType::array(ColumnType::Text), json!([])).await;
    check("'[0:1]={a,b}'::text[]", ColumnType::array(ColumnType::Text), json!(["a", "b"])).await;
    check("NULL::uuid", ColumnType::Uuid, Json::Null).await;
    check("sum(x) FROM (VALUES (1::bigint), (2)) v(x)", ColumnType::Decimal, json!("3")).await;
    check("4294967295::oid", ColumnType::Int, json!(4_294_967_295_u32)).await;
}

#[tokio::test]
async fn a_column_that_is_no_longer_what_the_catalog_says_is_refused() {
    let test = TestDatabase::postgres().await;
    let database = connect(&test, 1).await;
    let mut hosts = Vec::new();
    for wire in HostConnection::wires(Engine::Postgres) {
        hosts.push(HostConnection::open(&test, *wire).await);
    }
    for (literal, ty) in [
        ("1", ColumnType::Text),
        ("'a'::text", ColumnType::Int),
        ("'12:00+02'::timetz", ColumnType::Time),
        ("'1'::money", ColumnType::Unsupported("money".to_owned())),
        ("1, 2", ColumnType::Int),
    ] {
        let read = statement(&format!("SELECT {literal}"), &[], &[ty]);
        assert!(answer(&database, &read).await.is_err(), "{literal}");
        for host in &hosts {
            assert!(run(&mut host.session(), &read).await.is_err(), "{literal}");
        }
    }
}

#[tokio::test]
async fn a_statement_bound_with_null_does_not_fix_the_type_for_the_next() {
    let test = TestDatabase::postgres().await;
    let database = connect(&test, 1).await;
    test.execute("CREATE TABLE t (id integer)").await;
    test.execute("INSERT INTO t VALUES (5)").await;
    for (value, found) in [(Value::Null, 0), (Value::Int(5), 1), (Value::Null, 0), (Value::Int(1 << 40), 0)] {
        let find = statement("SELECT count(*) FROM t WHERE id = $1", &[value], &[ColumnType::Int]);
        assert_eq!(answer(&database, &find).await.unwrap(), json!([found]));
    }
}

#[tokio::test]
async fn no_text_of_a_user_is_a_wildcard_on_any_engine() {
    use ormai_core::value::Pattern;
    for engine in Engine::ALL {
        let test = TestDatabase::on(engine).await;
        let mut session = Session::from_pool(&connect(&test, 1).await).await.unwrap();
        let mut hosted = Vec::new();
        for wire in HostConnection::wires(engine) {
            hosted.push(HostConnection::open(&test, *wire).await.session());
        }
        let sql = match engine {
            Engine::Sqlite => "SELECT $1 GLOB $2",
            Engine::Postgres => "SELECT $1::text LIKE $2 ESCAPE '\\'",
            Engine::MySql => "SELECT CONVERT(? USING utf8mb4) COLLATE utf8mb4_bin LIKE ? ESCAPE '|'",
        };
        for text in [
            "", "a", "%", "_", "\\", "a%b", "a_b", "*", "?", "[a]", "]", "[", "a\\", "\u{e9}", "A", "[*]", "^", "|",
            "a|",
        ] {
            for pattern in ["", "%", "_", "a", "\\", "*", "?", "[", "]", "[a]", "a\\", "\u{e9}", "^", "[^a]", "a%b"] {
                for pattern in [Pattern::contains(pattern), Pattern::starts_with(pattern), Pattern::like(pattern)] {
                    let expected = pattern.matches(text);
                    let ask = statement(sql, &[text.into(), Value::Pattern(pattern.clone())], &[ColumnType::Bool]);
                    assert_eq!(run(&mut session, &ask).await.unwrap(), json!([expected]), "{text:?} {pattern:?}");
                    // One form of each is enough there: the others differ in nothing that is escaped.
                    for session in hosted.iter_mut().filter(|_| pattern.0.len() == 3) {
                        assert_eq!(run(session, &ask).await.unwrap(), json!([expected]), "{text:?} {pattern:?}");
                    }
                }
            }
        }
    }
}

/// The rows as the reference shows them.
fn table(engine: Engine) -> String {
    let head = "| database | type | example as JSON | operators |\n|---|---|---|---|\n";
    rows(engine).iter().fold(head.to_owned(), |table, row| {
        let operators = [
            (row.ty.has_equality(), "equality"),
            (row.ty.has_order(), "order"),
            (row.ty.is_text(), "patterns"),
            (row.ty.has_extremes(), "min, max"),
            (row.ty.is_number(), "sum, avg"),
        ];
        let operators: Vec<_> = operators.iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect();
        let operators = if operators.is_empty() { "none".to_owned() } else { operators.join(", ") };
        format!("{table}| `{}` | {} | `{}` | {operators} |\n", row.database, row.ty, row.json)
    })
}

#[test]
fn the_reference_shows_the_rows_that_are_tested() {
    let reference = include_str!("../../../../docs/reference/types.md");
    for engine in Engine::ALL {
        let table = table(engine);
        assert!(reference.contains(&table), "docs/reference/types.md should hold for {engine}:\n{table}");
    }
}
