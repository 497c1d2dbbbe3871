//! What conditions mean for a row.

use ormai_core::condition::evaluate::{compare_values, decide, evaluate, now_as};
use ormai_core::plan::Truth::{self, False, True, Unknown};
use ormai_core::principal::Principal;
use ormai_core::value::{ColumnType, Value};
use serde_json::{Value as Json, json};

use super::{compiled, full, now, record};

fn principal() -> Principal {
    Principal::new("acme")
        .user("u1")
        .role("support")
        .metadata("all", json!(["root", "acme"]))
        .metadata("none", json!([]))
        .metadata("level", 3)
        .metadata("trusted", true)
        .metadata("pattern", "o%")
        .metadata("empty", "")
}

fn of(source: &str, row: Json, principal: &Principal) -> Result<Truth, String> {
    let error = |error: ormai_core::condition::attribute::AttributeError| error.to_string();
    evaluate(&compiled(source), &record(row), principal, now()).map_err(error)
}

fn check(source: &str, expected: Truth) {
    assert_eq!(of(source, full(), &principal()), Ok(expected), "{source}");
}

fn check_null(source: &str, expected: Truth) {
    assert_eq!(of(source, json!({}), &principal()), Ok(expected), "{source} on NULL");
}

#[test]
fn and_or_not_follow_the_tables_of_sql() {
    // In an empty row `is_public` is NULL.
    let values = [("TRUE", True), ("FALSE", False), ("is_public", Unknown)];
    for (a, left) in values {
        check_null(&format!("NOT {a}"), [True, Unknown, False][left as usize]);
        for (b, right) in values {
            check_null(&format!("{a} AND {b}"), left.min(right));
            check_null(&format!("{a} OR {b}"), left.max(right));
        }
    }
}

#[test]
fn comparisons_with_null_are_unknown() {
    for op in ["=", "<>", "<", "<=", ">", ">="] {
        check_null(&format!("id {op} 1"), Unknown);
        check_null(&format!("id {op} owner_id"), Unknown);
    }
    check_null("id BETWEEN 1 AND 2", Unknown);
    check_null("status LIKE '%'", Unknown);
    check_null("status NOT LIKE '%'", Unknown);
    check_null("id IN (1)", Unknown);
    check_null("id NOT IN (1)", Unknown);
    check_null("id IS NULL", True);
    check_null("id IS NOT NULL", False);
    check_null("id IS DISTINCT FROM 1", True);
    check_null("id IS NOT DISTINCT FROM owner_id", True);
    check_null("status IS DISTINCT FROM NULL", False);
    // A false half decides, even beside NULL.
    assert_eq!(of("priority BETWEEN id AND 2", json!({"priority": 3}), &principal()), Ok(False));
}

#[test]
fn an_empty_list_holds_nothing_not_even_null() {
    for list in ["()", "principal.metadata.none"] {
        check_null(&format!("tenant_id IN {list}"), False);
        check_null(&format!("tenant_id NOT IN {list}"), True);
        check(&format!("tenant_id IN {list}"), False);
        check(&format!("tenant_id NOT IN {list}"), True);
    }
}

#[test]
fn a_missing_attribute_makes_its_atom_unknown() {
    for missing in ["principal.metadata.gone", "principal.metadata.empty", "principal.metadata.level.deeper"] {
        check(&format!("tenant_id = {missing}"), Unknown);
        check(&format!("{missing} <> tenant_id"), Unknown);
        check(&format!("NOT tenant_id = {missing}"), Unknown);
        check(&format!("tenant_id IS DISTINCT FROM {missing}"), Unknown);
        check(&format!("tenant_id IS NOT DISTINCT FROM {missing}"), Unknown);
        check_null(&format!("tenant_id IS NOT DISTINCT FROM {missing}"), Unknown);
        check(&format!("tenant_id LIKE {missing}"), Unknown);
        check(&format!("tenant_id NOT LIKE {missing}"), Unknown);
        check(&format!("{missing} IN ()"), Unknown);
        check(&format!("{missing} NOT IN ()"), Unknown);
        check(&format!("coalesce({missing}, tenant_id) = tenant_id"), Unknown);
        check(&format!("coalesce({missing}, tenant_id) IS NULL"), Unknown);
        check(&format!("{missing} IS NULL"), True);
        check(&format!("{missing} IS NOT NULL"), False);
        check(&format!("is_public = true OR tenant_id = {missing}"), True);
    }
    check("tenant_id IN principal.metadata.gone", Unknown);
    check("tenant_id NOT IN principal.metadata.gone", Unknown);
    check("principal.metadata.gone", Unknown);
    check("principal.metadata.all IS NULL", False);
    check("principal.tenant_id IS NOT NULL", True);
}

#[test]
fn an_attribute_of_the_wrong_shape_is_an_error_wherever_it_stands() {
    let check = |source: &str, expected: &str| {
        for row in [full(), json!({})] {
            assert_eq!(of(source, row, &principal()), Err(expected.to_owned()), "{source}");
        }
    };
    check("tenant_id IN principal.metadata.pattern", "`principal.metadata.pattern` is not a list of text values");
    check("TRUE OR tenant_id = principal.metadata.all", "`principal.metadata.all` is not a single text value");
    check("FALSE AND tenant_id = principal.metadata.level", "`principal.metadata.level` is not text");
    check("EXISTS (items WHERE sku = principal.metadata.level)", "`principal.metadata.level` is not text");
    check("principal.metadata.level", "`principal.metadata.level` is not true or false");
}

#[test]
fn text_is_compared_by_bytes() {
    check("tenant_id = 'acme'", True);
    for other in ["ACME", "acme ", "ácme", "acm_", "acme%", "acm"] {
        check(&format!("tenant_id = '{other}'"), False);
        check(&format!("tenant_id IN ('{other}')"), False);
    }
    check("tenant_id > 'Zebra'", True);
    check("tenant_id < 'ácme'", True);
    check("status LIKE 'o%' AND status LIKE '_pen' AND status NOT LIKE 'O%'", True);
    check("status LIKE principal.metadata.pattern", True);
    check("'open' LIKE principal.metadata.pattern", True);
    check("upper(status) = 'OPEN' AND lower(upper(status)) = status", True);
    assert_eq!(of("lower(status) = 'Éa'", json!({"status": "ÉA"}), &principal()), Ok(True));
}

#[test]
fn blanks_at_the_end_of_a_fixed_length_text_do_not_count() {
    check("code = 'ab'", True);
    check("code IN ('ab') AND code LIKE 'ab' AND lower(code) = 'ab'", True);
    check("code <> 'ab'", False);
}

#[test]
fn numbers_are_compared_by_value() {
    check("total = 12.5 AND total = 12.500 AND total > 12 AND total < 13", True);
    check("total IN (12.5)", True);
    check("priority = owner_id", False);
    check("id < owner_id", True);
    check("weight = 0.5 AND weight < 1", True);
    check("principal.metadata.level = 3 AND principal.metadata.level < 4", True);
    for (float, above) in [("NaN", True), ("Infinity", True), ("-Infinity", False)] {
        assert_eq!(of("weight > 1", json!({"weight": float}), &principal()), Ok(above), "{float}");
    }
}

#[test]
fn values_of_different_number_types_compare_exactly() {
    let check = |a: Value, b: Value, expected: std::cmp::Ordering| {
        assert_eq!(compare_values(&a, &b, &ColumnType::Decimal), Some(expected), "{a:?} {b:?}");
        assert_eq!(compare_values(&b, &a, &ColumnType::Decimal), Some(expected.reverse()), "{b:?} {a:?}");
    };
    let decimal = |text: &str| Value::Decimal(text.parse().unwrap());
    use std::cmp::Ordering::{Equal, Greater, Less};
    check(Value::Int(1), decimal("1.00"), Equal);
    check(Value::Int(i64::MAX), decimal("9223372036854775807.1"), Less);
    // 2^53 + 1 is no float: the nearest one is below it.
    check(Value::Float(9_007_199_254_740_992.0), Value::Int(9_007_199_254_740_993), Less);
    check(Value::Float(0.1), decimal("0.1"), Greater);
    check(Value::Float(f64::NAN), Value::Float(f64::NAN), Equal);
    check(Value::Float(f64::NAN), Value::Float(f64::INFINITY), Greater);
    check(Value::Float(f64::NAN), Value::Int(i64::MAX), Greater);
    check(Value::Float(f64::NEG_INFINITY), decimal("-1e30"), Less);
    check(Value::Float(-0.0), Value::Float(0.0), Equal);
    assert_eq!(compare_values(&Value::Null, &Value::Int(1), &ColumnType::Int), None);
    assert_eq!(compare_values(&"1".into(), &Value::Int(1), &ColumnType::Int), None);
}

#[test]
fn enums_are_ordered_as_declared() {
    check("kind > 'draft' AND kind < 'closed'", True);
    check("kind BETWEEN 'open' AND 'closed'", True);
    check("kind = 'draft'", False);
}

#[test]
fn times_are_compared_as_times() {
    check("created_at = '2024-05-01T13:00:00+02:00'", True);
    check("created_at < now()", True);
    check("shipped_at > now()", True);
    check("due > now()", True);
    check("due = '2024-05-02' AND at = '12:00:00'", True);
    let late: jiff::Timestamp = "2024-05-01T23:59:59.123456789Z".parse().unwrap();
    assert_eq!(now_as(late, &ColumnType::Timestamp).to_json(), json!("2024-05-01T23:59:59.123456Z"));
    assert_eq!(now_as(late, &ColumnType::DateTime).to_json(), json!("2024-05-01T23:59:59.123456"));
    assert_eq!(now_as(late, &ColumnType::Date).to_json(), json!("2024-05-01"));
}

#[test]
fn functions_are_total() {
    check_null("coalesce(status, user_id, 'none') = 'none'", True);
    check_null("coalesce(status, NULL) IS NULL", True);
    check_null("lower(status) = 'a'", Unknown);
    check("nullif(status, 'open') IS NULL AND nullif(status, 'shut') = 'open'", True);
    check_null("nullif(status, 'open') IS NULL", True);
    check("nullif(code, 'ab') IS NULL", True);
}

#[test]
fn relations_are_followed() {
    check("tenant.region = 'eu' AND user.tenant.name = 'Acme'", True);
    check("user.active", True);
    check_null("tenant.region = 'eu'", Unknown);
    check_null("tenant.region IS NULL", True);
    check("EXISTS (items) AND EXISTS (tenant)", True);
    check_null("EXISTS (items)", False);
    check("EXISTS (items WHERE sku = 'x' AND price > 0)", True);
    // Never unknown: one row's price is NULL, the other's is not above 5.
    check("EXISTS (items WHERE price > 5)", False);
    check("NOT EXISTS (items WHERE price > 5)", True);
    check("EXISTS (items WHERE sku = 'y' AND price IS NULL)", True);
}

#[test]
fn roles_are_found_byte_by_byte() {
    check("'support' IN principal.roles", True);
    check("'Support' IN principal.roles", False);
    check("'super_admin' NOT IN principal.roles", True);
    check("tenant_id IN principal.metadata.all", True);
    check("principal.tenant_id IN principal.metadata.all", True);
    check("principal.metadata.trusted", True);
}

#[test]
fn what_looks_at_no_row_is_decided_without_one() {
    let decided = |source: &str| decide(compiled(source).root(), &principal(), now());
    assert_eq!(decided("'support' IN principal.roles"), Some(Ok(True)));
    assert_eq!(decided("NOT principal.metadata.gone"), Some(Ok(Unknown)));
    assert_eq!(decided("now() > '2030-01-01T00:00:00Z'"), Some(Ok(False)));
    assert_eq!(decided("id = 1"), None);
    assert_eq!(decided("EXISTS (items)"), None);
    assert!(matches!(decided("principal.metadata.all = 'x'"), Some(Err(_))));
}
