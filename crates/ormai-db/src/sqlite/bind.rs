//! Values to SQLite's storage classes.

use std::str::FromStr;

use bigdecimal::{BigDecimal, ToPrimitive};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use ormai_core::value::{Pattern, PatternPart, Value};
use ormai_sql::{Bind, Statement};
use serde_json::Value as Json;
use sqlx::Arguments as _;
use sqlx::sqlite::SqliteArguments;
use uuid::Uuid;

use crate::error::DbError;
use crate::host::{BoundValue, Forms};

pub(super) fn arguments(statement: &Statement) -> Result<SqliteArguments, DbError> {
    let mut arguments = SqliteArguments::default();
    for bind in statement.binds() {
        let added = match of(bind, Forms::Own)? {
            BoundValue::Int(int) => arguments.add(int),
            BoundValue::Float(float) => arguments.add(float),
            BoundValue::Text(text) => arguments.add(text),
            BoundValue::Bytes(bytes) => arguments.add(bytes),
            // No other stands for a storage class.
            _ => arguments.add(None::<i64>),
        };
        added.map_err(|error| DbError::failed(error.to_string()))?;
    }
    Ok(arguments)
}

/// What is bound, in one of SQLite's storage classes.
pub(crate) fn of(bind: Bind<'_>, forms: Forms) -> Result<BoundValue, DbError> {
    match bind {
        Bind::Stored(value, _) if is_lost(value) => Err(DbError::refused("SQLite would store another number")),
        Bind::Value(value) | Bind::Stored(value, _) => form(value, forms),
        Bind::Array(..) => Err(DbError::failed("SQLite has no arrays to bind")),
    }
}

fn form(value: &Value, forms: Forms) -> Result<BoundValue, DbError> {
    Ok(match value {
        Value::Null => BoundValue::Null,
        Value::Bool(bool) => BoundValue::Int((*bool).into()),
        Value::Int(int) => BoundValue::Int(*int),
        Value::Float(float) => BoundValue::Float(*float),
        Value::Decimal(decimal) => match whole(decimal) {
            Some(int) => BoundValue::Int(int),
            // SQLite computes with doubles; so does every comparison with this value.
            None => double(decimal).map_or(BoundValue::Null, BoundValue::Float),
        },
        Value::Text(text) => BoundValue::Text(text.clone()),
        Value::Bytes(bytes) => BoundValue::Bytes(bytes.clone()),
        Value::Uuid(uuid) => BoundValue::Text(self::uuid(*uuid, forms)),
        Value::Timestamp(timestamp) => BoundValue::Text(date_time(TimeZone::UTC.to_datetime(*timestamp), forms)),
        Value::DateTime(time) => BoundValue::Text(date_time(*time, forms)),
        Value::Date(date) => BoundValue::Text(date.to_string()),
        Value::Time(time) => BoundValue::Text(self::time(*time, forms)),
        Value::Interval(interval) => BoundValue::Text(interval.to_string()),
        Value::Json(json) => BoundValue::Text(json.to_string()),
        Value::Pattern(pattern) => BoundValue::Text(glob(pattern)),
        Value::Array(_) => return Err(DbError::failed("SQLite has no arrays to bind")),
        other => return Err(DbError::failed(format!("no way to bind {}", kind(other)))),
    })
}

/// `Value` may grow; a new kind is refused rather than guessed at.
fn kind(_value: &Value) -> &'static str {
    "a value of a new kind"
}

/// Whether SQLite would store another number than this, since it has nothing beyond doubles. A
/// document that is a number becomes one, by the affinity of a column of JSON.
fn is_lost(value: &Value) -> bool {
    match value {
        // NaN would be NULL.
        Value::Float(float) => float.is_nan(),
        Value::Decimal(decimal) => whole(decimal).is_none() && !is_double(decimal),
        Value::Json(Json::Number(number)) => {
            !number.is_i64() && BigDecimal::from_str(&number.to_string()).map_or(true, |number| !is_double(&number))
        }
        _ => false,
    }
}

/// Whether a decimal is read again from the double that it is stored as.
fn is_double(decimal: &BigDecimal) -> bool {
    let double = double(decimal).filter(|double| double.is_finite());
    double.and_then(|double| BigDecimal::from_str(&double.to_string()).ok()).is_some_and(|read| read == *decimal)
}

/// The double that is nearest, as SQLite and every other reader of its digits find it.
fn double(decimal: &BigDecimal) -> Option<f64> {
    decimal.to_scientific_notation().parse().ok()
}

/// The integer that a decimal is, if it is one.
fn whole(decimal: &BigDecimal) -> Option<i64> {
    decimal.is_integer().then(|| decimal.to_i64()).flatten()
}

/// `YYYY-MM-DD HH:MM:SS[.ffffff]`, as SQLite's own functions write it, so that text order is
/// time order.
pub(super) fn date_time(at: DateTime, forms: Forms) -> String {
    format!("{} {}", at.date(), time(at.time(), forms))
}

pub(super) fn time(at: Time, forms: Forms) -> String {
    let micros = at.subsec_nanosecond() / 1_000;
    let whole = format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second());
    if micros == 0 && forms == Forms::Own { whole } else { format!("{whole}.{micros:06}") }
}

pub(super) fn uuid(uuid: Uuid, forms: Forms) -> String {
    match forms {
        Forms::Own => uuid.hyphenated().to_string(),
        Forms::SqlAlchemy => uuid.simple().to_string(),
    }
}

/// A GLOB pattern; `*`, `?` and `[` of the text stand in brackets.
fn glob(pattern: &Pattern) -> String {
    let mut out = String::new();
    for part in &pattern.0 {
        match part {
            PatternPart::Any => out.push('*'),
            PatternPart::One => out.push('?'),
            PatternPart::Text(text) => {
                for char in text.chars() {
                    if matches!(char, '*' | '?' | '[') {
                        out.extend(['[', char, ']']);
                    } else {
                        out.push(char);
                    }
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_of_a_text_is_a_wildcard_of_glob() {
        assert_eq!(glob(&Pattern::contains("a*b?c[d]")), "*a[*]b[?]c[[]d]*");
        assert_eq!(glob(&Pattern::like("a%b_c")), "a*b?c");
    }

    #[test]
    fn times_are_written_so_that_text_order_is_time_order() {
        let check = |time: &str, expected: &str, sqlalchemy: &str| {
            assert_eq!(date_time(time.parse().unwrap(), Forms::Own), expected);
            assert_eq!(date_time(time.parse().unwrap(), Forms::SqlAlchemy), sqlalchemy);
        };
        check("2024-05-01T12:00:00", "2024-05-01 12:00:00", "2024-05-01 12:00:00.000000");
        check("2024-05-01T12:00:00.5", "2024-05-01 12:00:00.500000", "2024-05-01 12:00:00.500000");
        check("2024-05-01T12:00:00.000001", "2024-05-01 12:00:00.000001", "2024-05-01 12:00:00.000001");
    }

    #[test]
    fn a_number_that_would_be_another_is_not_stored() {
        let check = |text: &str, lost| assert_eq!(is_lost(&Value::Decimal(text.parse().unwrap())), lost, "{text}");
        check("12.50", false);
        check("0.1", false);
        check("9223372036854775807", false);
        // Of a double as many digits are read as tell it from others.
        check("9223372036854775808", true);
        check("9223372036854776000", false);
        check("1234567890123.45", false);
        check("12345678901234567890.5", true);
        check("1e300", false);
        check("1e400", true);
        check("1e-400", true);
        let check = |json: &str, lost| assert_eq!(is_lost(&Value::Json(json.parse().unwrap())), lost, "{json}");
        check("18446744073709551615", true);
        check("9223372036854775807", false);
        check("1.5", false);
        check("1e300", false);
        check("\"18446744073709551615\"", false);
        check("[18446744073709551615]", false);
        assert!(is_lost(&Value::Float(f64::NAN)));
        assert!(!is_lost(&Value::Float(f64::INFINITY)));
    }

    #[test]
    fn whole_decimals_are_integers() {
        let check = |text: &str, expected| assert_eq!(whole(&text.parse().unwrap()), expected, "{text}");
        check("12.00", Some(12));
        check("12.50", None);
        check("9223372036854775807", Some(i64::MAX));
        check("9223372036854775808", None);
        check("1e30", None);
    }
}
