//! Values to SQLite's storage classes.

use bigdecimal::{BigDecimal, ToPrimitive};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use ormai_core::value::{Pattern, PatternPart, Value};
use ormai_sql::{Bind, Statement};
use sqlx::Arguments as _;
use sqlx::sqlite::SqliteArguments;

use crate::error::DbError;

pub(super) fn arguments(statement: &Statement) -> Result<SqliteArguments, DbError> {
    let mut arguments = SqliteArguments::default();
    for bind in statement.binds() {
        match bind {
            Bind::Value(value) | Bind::Stored(value, _) => add(&mut arguments, value)?,
            Bind::Array(..) => return Err(DbError::failed("SQLite has no arrays to bind")),
        }
    }
    Ok(arguments)
}

fn add(arguments: &mut SqliteArguments, value: &Value) -> Result<(), DbError> {
    let added = match value {
        Value::Null => arguments.add(None::<i64>),
        Value::Bool(bool) => arguments.add(i64::from(*bool)),
        Value::Int(int) => arguments.add(*int),
        Value::Float(float) => arguments.add(*float),
        Value::Decimal(decimal) => match whole(decimal) {
            Some(int) => arguments.add(int),
            // SQLite computes with doubles; so does every comparison with this value.
            None => arguments.add(decimal.to_f64()),
        },
        Value::Text(text) => arguments.add(text.as_str()),
        Value::Bytes(bytes) => arguments.add(bytes.as_slice()),
        Value::Uuid(uuid) => arguments.add(uuid.hyphenated().to_string()),
        Value::Timestamp(timestamp) => arguments.add(date_time(TimeZone::UTC.to_datetime(*timestamp))),
        Value::DateTime(time) => arguments.add(date_time(*time)),
        Value::Date(date) => arguments.add(date.to_string()),
        Value::Time(time) => arguments.add(self::time(*time)),
        Value::Interval(interval) => arguments.add(interval.to_string()),
        Value::Json(json) => arguments.add(json.to_string()),
        Value::Pattern(pattern) => arguments.add(glob(pattern)),
        Value::Array(_) => return Err(DbError::failed("SQLite has no arrays to bind")),
        other => return Err(DbError::failed(format!("no way to bind {}", kind(other)))),
    };
    added.map_err(|error| DbError::failed(error.to_string()))
}

/// `Value` may grow; a new kind is refused rather than guessed at.
fn kind(_value: &Value) -> &'static str {
    "a value of a new kind"
}

/// The integer that a decimal is, if it is one.
fn whole(decimal: &BigDecimal) -> Option<i64> {
    decimal.is_integer().then(|| decimal.to_i64()).flatten()
}

/// `YYYY-MM-DD HH:MM:SS[.ffffff]`, as SQLite's own functions write it, so that text order is
/// time order.
pub(super) fn date_time(at: DateTime) -> String {
    format!("{} {}", at.date(), time(at.time()))
}

pub(super) fn time(at: Time) -> String {
    let micros = at.subsec_nanosecond() / 1_000;
    let whole = format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second());
    if micros == 0 { whole } else { format!("{whole}.{micros:06}") }
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
        let check = |time: &str, expected: &str| assert_eq!(date_time(time.parse().unwrap()), expected);
        check("2024-05-01T12:00:00", "2024-05-01 12:00:00");
        check("2024-05-01T12:00:00.5", "2024-05-01 12:00:00.500000");
        check("2024-05-01T12:00:00.000001", "2024-05-01 12:00:00.000001");
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
