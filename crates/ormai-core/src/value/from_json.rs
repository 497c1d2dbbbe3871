//! JSON to values: exact or refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bigdecimal::BigDecimal;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{ColumnType, Value};

/// Why a JSON value does not fit a column. Says what would fit, never what was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct Misfit {
    /// What would fit, such as `an integer`.
    pub expected: String,
}

pub(super) fn expected(what: impl Into<String>) -> Misfit {
    Misfit { expected: what.into() }
}

/// Numbers in decimal notation longer than this are refused: exponents cost memory.
const DECIMAL_DIGITS: usize = 1_000;

impl Value {
    /// Reads a JSON value as a value of a column. NULL fits every column here.
    ///
    /// Nothing is coerced: `"7"` is no integer and `7` is no text.
    ///
    /// # Errors
    ///
    /// [`Misfit`] when the value is of another type, out of range, or not exact.
    ///
    /// ```
    /// use ormai_core::value::{ColumnType, Value};
    /// use serde_json::json;
    /// assert_eq!(Value::from_json(&json!(7), &ColumnType::Int), Ok(Value::Int(7)));
    /// assert!(Value::from_json(&json!("7"), &ColumnType::Int).is_err());
    /// ```
    pub fn from_json(json: &Json, ty: &ColumnType) -> Result<Self, Misfit> {
        if json.is_null() {
            return Ok(Self::Null);
        }
        match ty {
            ColumnType::Bool => json.as_bool().map(Self::Bool).ok_or_else(|| expected("true or false")),
            ColumnType::Int16 => integer(json, i64::from(i16::MIN), i64::from(i16::MAX)),
            ColumnType::Int32 => integer(json, i64::from(i32::MIN), i64::from(i32::MAX)),
            ColumnType::Int => integer(json, i64::MIN, i64::MAX),
            ColumnType::Float => json
                .as_f64()
                .filter(|float| float.is_finite())
                .map(Self::Float)
                .ok_or_else(|| expected("a finite number")),
            ColumnType::Decimal => decimal(json),
            ColumnType::Text => text(json).map(|text| Self::Text(text.to_owned())),
            ColumnType::Char => {
                let text = text(json)?;
                // Comparisons of char(n) ignore trailing blanks, so `'a '` would match `'a'`.
                if text.ends_with(' ') {
                    return Err(expected("text without blanks at its end"));
                }
                Ok(Self::Text(text.to_owned()))
            }
            ColumnType::Enum(of) => {
                let text = text(json)?;
                if of.variants.iter().any(|variant| variant == text) {
                    Ok(Self::Text(text.to_owned()))
                } else {
                    Err(expected(format!("one of {}", of.variants.join(", "))))
                }
            }
            ColumnType::Bytes => json
                .as_str()
                .and_then(|text| STANDARD.decode(text).ok())
                .map(Self::Bytes)
                .ok_or_else(|| expected("bytes as base64 text")),
            ColumnType::Uuid => json
                .as_str()
                // The 36-character form only: the same UUID has several others.
                .filter(|text| text.len() == 36)
                .and_then(|text| Uuid::try_parse(text).ok())
                .map(Self::Uuid)
                .ok_or_else(|| expected("a UUID such as 6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d")),
            ColumnType::Timestamp => json
                .as_str()
                .filter(|text| looks_like_date(text))
                .and_then(|text| text.parse::<Timestamp>().ok())
                .filter(|timestamp| timestamp.subsec_nanosecond() % 1_000 == 0)
                .map(Self::Timestamp)
                .ok_or_else(|| {
                    expected("an RFC 3339 time with a zone such as 2024-05-01T12:00:00Z, in whole microseconds")
                }),
            ColumnType::DateTime => json
                .as_str()
                .filter(|text| looks_like_date(text) && text.len() > 10 && !has_zone(text))
                .and_then(|text| text.parse::<DateTime>().ok())
                .filter(|time| time.subsec_nanosecond() % 1_000 == 0)
                .map(Self::DateTime)
                .ok_or_else(|| {
                    expected("a date and time without a zone such as 2024-05-01T12:00:00, in whole microseconds")
                }),
            ColumnType::Date => json
                .as_str()
                .filter(|text| looks_like_date(text) && text.len() == 10)
                .and_then(|text| text.parse::<Date>().ok())
                .map(Self::Date)
                .ok_or_else(|| expected("a date such as 2024-05-01")),
            ColumnType::Time => json
                .as_str()
                .filter(|text| text.as_bytes().get(2) == Some(&b':') && !has_zone(text))
                .and_then(|text| text.parse::<Time>().ok())
                .filter(|time| time.subsec_nanosecond() % 1_000 == 0)
                .map(Self::Time)
                .ok_or_else(|| expected("a time such as 12:00:00, in whole microseconds")),
            ColumnType::Json => Ok(Self::Json(json.clone())),
            ColumnType::Array(of) => json
                .as_array()
                .ok_or_else(|| expected(format!("a list of {of}")))?
                .iter()
                .map(|item| Self::from_json(item, of))
                .collect::<Result<_, _>>()
                .map(Self::Array),
            ColumnType::Interval | ColumnType::Unsupported(_) => {
                Err(expected(format!("nothing: values of {ty} cannot be given")))
            }
        }
    }
}

fn integer(json: &Json, min: i64, max: i64) -> Result<Value, Misfit> {
    json.as_i64()
        .filter(|int| (min..=max).contains(int))
        .map(Value::Int)
        .ok_or_else(|| expected(format!("an integer from {min} to {max}")))
}

fn decimal(json: &Json) -> Result<Value, Misfit> {
    let misfit = || expected("a number, or a decimal such as \"12.50\" as text when exactness matters");
    let text = match json {
        Json::String(text) => text.clone(),
        Json::Number(number) => {
            // A JSON number beyond 2^53 has already lost digits on its way here.
            let exact = number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|f| f.abs() < 9.0e15);
            if !exact {
                return Err(misfit());
            }
            number.to_string()
        }
        _ => return Err(misfit()),
    };
    parse_decimal(&text).map(Value::Decimal).ok_or_else(misfit)
}

/// A decimal in plain or scientific notation of bounded size.
pub(crate) fn parse_decimal(text: &str) -> Option<BigDecimal> {
    let plain = text.strip_prefix('-').unwrap_or(text);
    let starts_with_digit = plain.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    let alphabet = plain.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    if !starts_with_digit || !alphabet || text.len() > DECIMAL_DIGITS {
        return None;
    }
    let decimal: BigDecimal = text.parse().ok()?;
    let (_, exponent) = decimal.as_bigint_and_exponent();
    (exponent.unsigned_abs() <= DECIMAL_DIGITS as u64).then_some(decimal)
}

fn text(json: &Json) -> Result<&str, Misfit> {
    let text = json.as_str().ok_or_else(|| expected("text"))?;
    // PostgreSQL cannot store it and SQLite's operators stop at it.
    if text.contains('\0') {
        return Err(expected("text without NUL characters"));
    }
    Ok(text)
}

/// `YYYY-MM-DD…`: the date parsers behind also take forms that no one means here.
fn looks_like_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_digit) && bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-')
}

fn has_zone(text: &str) -> bool {
    let time = text.get(10..).unwrap_or(text);
    time.contains(['Z', 'z', '+', '-', '['])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(json: Json, ty: ColumnType, expected: Option<Value>) {
        assert_eq!(Value::from_json(&json, &ty).ok(), expected, "{json} as {ty}");
    }

    #[test]
    fn a_value_fits_exactly_or_is_refused() {
        check(json!(7), ColumnType::Int, Some(Value::Int(7)));
        check(json!(7.0), ColumnType::Int, None);
        check(json!("7"), ColumnType::Int, None);
        check(json!(u64::MAX), ColumnType::Int, None);
        check(json!(40_000), ColumnType::Int16, None);
        check(json!(1e300), ColumnType::Int, None);
        check(json!(true), ColumnType::Int, None);
        check(json!(1), ColumnType::Bool, None);
        check(json!(7), ColumnType::Text, None);
        check(json!("a\0b"), ColumnType::Text, None);
        check(json!("acme "), ColumnType::Char, None);
        check(json!(["a"]), ColumnType::Text, None);
        check(json!({"a": 1}), ColumnType::Text, None);
        check(json!("0.10"), ColumnType::Decimal, parse_decimal("0.10").map(Value::Decimal));
        check(json!("1e999999999"), ColumnType::Decimal, None);
        check(json!("NaN"), ColumnType::Decimal, None);
        check(json!(" 1"), ColumnType::Decimal, None);
        check(json!(12345678901234567890123.0), ColumnType::Decimal, None);
        check(json!("NaN"), ColumnType::Float, None);
        check(json!("2024-05-01T12:00:00"), ColumnType::Timestamp, None);
        check(json!("2024-05-01T12:00:00Z"), ColumnType::DateTime, None);
        check(json!("2024-05-01T12:00:00.0000001Z"), ColumnType::Timestamp, None);
        check(json!("2024-05-01"), ColumnType::DateTime, None);
        check(json!("2024-02-30"), ColumnType::Date, None);
        check(json!("99999-01-01"), ColumnType::Date, None);
        check(json!("2024-05-01T00:00:00"), ColumnType::Date, None);
        check(json!("25:00:00"), ColumnType::Time, None);
        check(json!("{6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d}"), ColumnType::Uuid, None);
        check(json!("paid"), ColumnType::enumeration("status", ["open", "paid"]), Some("paid".into()));
        check(json!("PAID"), ColumnType::enumeration("status", ["open", "paid"]), None);
        check(json!("!"), ColumnType::Bytes, None);
        check(Json::Null, ColumnType::Int, Some(Value::Null));
    }

    #[test]
    fn times_keep_their_instant() {
        let Ok(Value::Timestamp(at)) = Value::from_json(&json!("2024-05-01T14:00:00+02:00"), &ColumnType::Timestamp)
        else {
            panic!("an RFC 3339 time is a timestamp");
        };
        assert_eq!(at.to_string(), "2024-05-01T12:00:00Z");
    }
}
