//! Values as PostgreSQL reads them from text, whatever the session is set to.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use ormai_core::value::{Interval, Value};
use ormai_sql::Bind;

use super::bind::{Content, Parameter, beyond, unbound};
use super::{calendar, numeric, oid};
use crate::error::DbError;
use crate::hex::hex;
use crate::host::BoundValue;

/// A parameter as text, and what makes a value of its type of it.
pub(crate) fn of(bind: Bind<'_>) -> Result<((&'static str, &'static str), BoundValue), DbError> {
    let parameter = Parameter::of(bind)?;
    let value = match &parameter.content {
        Content::Null => BoundValue::Null,
        Content::One(value) => BoundValue::Text(text(value)?),
        Content::Many(items, _) => BoundValue::Text(array(items)?),
    };
    Ok((cast(parameter.ty).ok_or_else(unbound)?, value))
}

/// The number of the type, and the binary form.
pub(crate) fn binary(bind: Bind<'_>) -> Result<BoundValue, DbError> {
    let parameter = Parameter::of(bind)?;
    Ok(BoundValue::Wire { oid: parameter.ty, bytes: parameter.bytes()? })
}

/// The driver is told that it sends text, so that none of its own ideas of the type comes in between.
/// The type of what has no number here is inferred by the server.
fn cast(ty: u32) -> Option<(&'static str, &'static str)> {
    macro_rules! casts {
        ($($oid:pat => $name:literal,)*) => {
            match ty {
                0 => Some(("", "")),
                $($oid => Some(("CAST(CAST(", concat!(" AS text) AS ", $name, ")"))),)*
                _ => None,
            }
        };
    }
    casts! {
        oid::BOOL => "bool",
        oid::BYTEA => "bytea",
        oid::INT8 => "int8",
        oid::TEXT => "text",
        oid::FLOAT8 => "float8",
        oid::NUMERIC => "numeric",
        oid::UUID => "uuid",
        oid::TIMESTAMPTZ => "timestamptz",
        oid::TIMESTAMP => "timestamp",
        oid::DATE => "date",
        oid::TIME => "time",
        oid::INTERVAL => "interval",
        oid::JSONB => "jsonb",
        1000 => "bool[]",
        1001 => "bytea[]",
        1016 => "int8[]",
        1009 => "text[]",
        1014 => "bpchar[]",
        1022 => "float8[]",
        1231 => "numeric[]",
        2951 => "uuid[]",
        1185 => "timestamptz[]",
        1115 => "timestamp[]",
        1182 => "date[]",
        1183 => "time[]",
        1187 => "interval[]",
        3807 => "jsonb[]",
    }
}

/// The text of a value that is not NULL.
fn text(value: &Value) -> Result<String, DbError> {
    Ok(match value {
        Value::Bool(bool) => bool.to_string(),
        Value::Int(int) => int.to_string(),
        Value::Float(float) if float.is_infinite() => format!("{}Infinity", if *float < 0.0 { "-" } else { "" }),
        Value::Float(float) => format!("{float:e}"),
        Value::Decimal(decimal) => {
            numeric::encode(decimal).ok_or_else(beyond)?;
            decimal.to_plain_string()
        }
        Value::Text(text) => text.clone(),
        Value::Pattern(pattern) => pattern.to_like(),
        Value::Bytes(bytes) => format!("\\x{}", hex(bytes)),
        Value::Uuid(uuid) => uuid.hyphenated().to_string(),
        Value::Timestamp(at) => timestamp(*at).ok_or_else(beyond)?,
        Value::DateTime(at) => date_time(*at).ok_or_else(beyond)?,
        Value::Date(day) => date(*day),
        Value::Time(at) => time(*at),
        Value::Interval(interval) => self::interval(*interval),
        Value::Json(json) => json.to_string(),
        _ => return Err(unbound()),
    })
}

/// Whole microseconds, as in the binary form.
fn timestamp(at: Timestamp) -> Option<String> {
    let at = Timestamp::from_microsecond(at.as_microsecond()).ok()?;
    Some(written(Offset::UTC.to_datetime(at), "+00"))
}

fn date_time(at: DateTime) -> Option<String> {
    calendar::date_time_micros(at)?;
    Some(written(at, ""))
}

fn written(at: DateTime, zone: &str) -> String {
    let (day, era) = of_era(at.date());
    format!("{day} {}{zone}{era}", time(at.time()))
}

fn date(day: Date) -> String {
    let (day, era) = of_era(day);
    format!("{day}{era}")
}

/// The year 0 is that before the first.
fn of_era(day: Date) -> (String, &'static str) {
    let (year, era) = if day.year() > 0 { (day.year(), "") } else { (1 - day.year(), " BC") };
    (format!("{year:04}-{:02}-{:02}", day.month(), day.day()), era)
}

fn time(at: Time) -> String {
    let micros = at.subsec_nanosecond() / 1_000;
    format!("{:02}:{:02}:{:02}.{micros:06}", at.hour(), at.minute(), at.second())
}

/// Each part by its own sign: that of the first would be that of all of them in some sessions, were they
/// not written as ISO 8601 has it.
fn interval(interval: Interval) -> String {
    let sign = if interval.microseconds < 0 { "-" } else { "" };
    let micros = interval.microseconds.unsigned_abs();
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (months, days) = (interval.months, interval.days);
    format!(
        "P{months}M{days}DT{sign}{}H{sign}{}M{sign}{}.{micros:06}S",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Every item is quoted, so that none is taken for NULL or for the end.
fn array(items: &[Value]) -> Result<String, DbError> {
    let mut out = String::from("{");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        if item.is_null() {
            out.push_str("NULL");
            continue;
        }
        out.push('"');
        for sign in text(item)?.chars() {
            if matches!(sign, '"' | '\\') {
                out.push('\\');
            }
            out.push(sign);
        }
        out.push('"');
    }
    out.push('}');
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_so_that_no_setting_reads_them_in_another_way() {
        let check = |value: Value, expected: &str| assert_eq!(text(&value).unwrap(), expected);
        check(Value::Timestamp("2024-05-01T12:00:00.25Z".parse().unwrap()), "2024-05-01 12:00:00.250000+00");
        check(Value::DateTime("2024-05-01T12:00:00".parse().unwrap()), "2024-05-01 12:00:00.000000");
        check(Value::Date("0000-12-31".parse().unwrap()), "0001-12-31 BC");
        check(Value::Date("-009999-01-02".parse().unwrap()), "10000-01-02 BC");
        check(Value::DateTime("0000-01-01T01:00:00".parse().unwrap()), "0001-01-01 01:00:00.000000 BC");
        check(Value::Time("23:59:59.000001".parse().unwrap()), "23:59:59.000001");
        let interval = |months, days, microseconds| Value::Interval(Interval { months, days, microseconds });
        check(interval(-14, 3, -3_600_000_001), "P-14M3DT-1H-0M-0.000001S");
        check(interval(0, 0, 0), "P0M0DT0H0M0.000000S");
    }

    #[test]
    fn numbers_and_bytes_are_written_as_they_are() {
        let check = |value: Value, expected: &str| assert_eq!(text(&value).unwrap(), expected);
        check(Value::Float(0.1), "1e-1");
        check(Value::Float(f64::NEG_INFINITY), "-Infinity");
        check(Value::Float(f64::NAN), "NaN");
        check(Value::Decimal("1e8".parse().unwrap()), "100000000");
        check(Value::Decimal("-12.50".parse().unwrap()), "-12.50");
        check(Value::Bytes(vec![0, 0xfe, 0x5c]), "\\x00fe5c");
        assert!(text(&Value::Decimal("1e200000".parse().unwrap())).is_err());
    }

    #[test]
    fn no_item_of_an_array_ends_it_or_becomes_null() {
        let items = [r#"a"b\c"#, "NULL", "", "{,}"].map(Value::from);
        assert_eq!(array(&items).unwrap(), r#"{"a\"b\\c","NULL","","{,}"}"#);
        assert_eq!(array(&[Value::Null, Value::Int(-1)]).unwrap(), r#"{NULL,"-1"}"#);
        assert_eq!(array(&[]).unwrap(), "{}");
    }
}
