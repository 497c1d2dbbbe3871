//! SQLite's storage classes to values.
//!
//! A column holds what was put into it, whatever its declared type: what does not look like
//! that type is answered as it is stored, never refused. SQLite compares what is stored, so
//! text is read as a time or a UUID only where binding that value gives the same text again:
//! every value finds its own row, and a page that begins after a value does not repeat it.

use std::str::FromStr;

use bigdecimal::BigDecimal;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use ormai_core::answer::Fetched;
use ormai_core::value::{ColumnType, Value};
use sqlx::sqlite::{SqliteRow, SqliteValueRef};
use sqlx::{Decode, Row as _, TypeInfo as _, ValueRef as _};
use uuid::Uuid;

use super::bind;
use crate::error::DbError;
use crate::host::Forms;

/// Exponents cost memory once a number is written out.
const EXPONENT: i64 = 1_000;

pub(super) fn fetched(rows: &[SqliteRow], columns: &[ColumnType]) -> Result<Fetched, DbError> {
    check(columns)?;
    let mut values = Vec::with_capacity(rows.len().saturating_mul(columns.len()));
    for row in rows {
        if row.len() != columns.len() {
            return Err(DbError::failed(format!("{} columns came back instead of {}", row.len(), columns.len())));
        }
        for (index, column) in columns.iter().enumerate() {
            let raw = row.try_get_raw(index).map_err(|error| DbError::failed(error.to_string()))?;
            values.push(value(raw, column)?);
        }
    }
    Ok(Fetched::new(columns.len(), values))
}

/// Whether there are columns that nobody reads.
pub(crate) fn check(columns: &[ColumnType]) -> Result<(), DbError> {
    match columns.iter().find(|column| !column.is_supported()) {
        Some(column) => Err(DbError::failed(format!("a statement reads a column of {column}"))),
        None => Ok(()),
    }
}

/// A value of a storage class, as one of the declared type; `None` when it is of no class.
pub(crate) fn fitted(stored: Value, column: &ColumnType, forms: Forms) -> Option<Value> {
    Some(match stored {
        Value::Int(int) => integer(int, column),
        Value::Float(float) => real(float, column),
        Value::Text(text) => self::text(&text, column, forms),
        Value::Null | Value::Bytes(_) => stored,
        _ => return None,
    })
}

fn value(raw: SqliteValueRef<'_>, column: &ColumnType) -> Result<Value, DbError> {
    fn read<'r, T: Decode<'r, sqlx::Sqlite>>(raw: SqliteValueRef<'r>) -> Result<T, DbError> {
        T::decode(raw).map_err(|error| DbError::failed(error.to_string()))
    }
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let class = raw.type_info();
    Ok(match class.name() {
        "INTEGER" => integer(read(raw)?, column),
        "REAL" => real(read(raw)?, column),
        "BLOB" => Value::Bytes(read(raw)?),
        // Bytes first: text in a file need not be UTF-8.
        _ => text(&String::from_utf8_lossy(read(raw)?), column, Forms::Own),
    })
}

fn integer(int: i64, column: &ColumnType) -> Value {
    match column {
        ColumnType::Bool if int == 0 || int == 1 => Value::Bool(int == 1),
        ColumnType::Decimal => Value::Decimal(BigDecimal::from(int)),
        #[expect(clippy::cast_precision_loss, reason = "a float column rounds what is stored in it")]
        ColumnType::Float => Value::Float(int as f64),
        // The column's numeric affinity turned the document `5` into an integer.
        ColumnType::Json => Value::Json(int.into()),
        _ => Value::Int(int),
    }
}

fn real(float: f64, column: &ColumnType) -> Value {
    match column {
        // The shortest text that reads back as the same number: 0.1 stays 0.1.
        ColumnType::Decimal => BigDecimal::from_str(&float.to_string()).map_or(Value::Float(float), Value::Decimal),
        ColumnType::Json => serde_json::Number::from_f64(float)
            .map_or(Value::Float(float), |number| Value::Json(serde_json::Value::Number(number))),
        _ => Value::Float(float),
    }
}

fn text(text: &str, column: &ColumnType, forms: Forms) -> Value {
    let typed = match column {
        ColumnType::Decimal => decimal(text).map(Value::Decimal),
        ColumnType::Uuid => Uuid::try_parse(text).ok().filter(|it| bind::uuid(*it, forms) == text).map(Value::Uuid),
        ColumnType::Timestamp => {
            local(text, forms).and_then(|at| TimeZone::UTC.to_timestamp(at).ok()).map(Value::Timestamp)
        }
        ColumnType::DateTime => local(text, forms).map(Value::DateTime),
        ColumnType::Date => Date::from_str(text).ok().filter(|it| it.to_string() == text).map(Value::Date),
        ColumnType::Time => Time::from_str(text).ok().filter(|it| bind::time(*it, forms) == text).map(Value::Time),
        ColumnType::Json => serde_json::from_str(text).ok().map(Value::Json),
        _ => None,
    };
    typed.unwrap_or_else(|| Value::Text(text.to_owned()))
}

fn decimal(text: &str) -> Option<BigDecimal> {
    let decimal = BigDecimal::from_str(text).ok()?;
    let (_, scale) = decimal.as_bigint_and_exponent();
    (-EXPONENT..=EXPONENT).contains(&scale).then_some(decimal)
}

/// A time in the one form in which it is bound.
fn local(text: &str, forms: Forms) -> Option<DateTime> {
    DateTime::from_str(text).ok().filter(|at| bind::date_time(*at, forms) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stored: &str, column: ColumnType, json: &str) {
        assert_eq!(text(stored, &column, Forms::Own).to_json().to_string(), json, "{stored:?} as {column}");
    }

    #[test]
    fn text_is_read_as_the_declared_type_where_it_has_its_form() {
        check("2024-05-01 12:00:00", ColumnType::Timestamp, "\"2024-05-01T12:00:00Z\"");
        check("2024-05-01 12:00:00.250000", ColumnType::Timestamp, "\"2024-05-01T12:00:00.25Z\"");
        check("2024-05-01 12:00:00", ColumnType::DateTime, "\"2024-05-01T12:00:00\"");
        check("2024-05-01", ColumnType::Date, "\"2024-05-01\"");
        check("12:30:00", ColumnType::Time, "\"12:30:00\"");
        check("12.50", ColumnType::Decimal, "\"12.50\"");
        check("6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d", ColumnType::Uuid, "\"6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d\"");
        check("{\"a\":1}", ColumnType::Json, "{\"a\":1}");
    }

    #[test]
    fn anything_else_is_answered_as_it_is_stored() {
        let as_stored =
            |stored: &str, column| assert_eq!(text(stored, &column, Forms::Own), Value::from(stored), "{column}");
        as_stored("yesterday", ColumnType::Timestamp);
        as_stored("2024-05-01T12:00:00Z", ColumnType::Timestamp);
        as_stored("2024-05-01 12:00:00.000000", ColumnType::Timestamp);
        as_stored("2024-05-01T12:00:00", ColumnType::DateTime);
        as_stored("2024-05-01T12:00:00", ColumnType::Date);
        as_stored("12:30", ColumnType::Time);
        as_stored("6F1B3C2E-8A53-4F7E-9D58-0C6F3E1A2B4D", ColumnType::Uuid);
        as_stored("1e999999999", ColumnType::Decimal);
        as_stored("{", ColumnType::Json);
        as_stored("x", ColumnType::Int);
        assert_eq!(integer(2, &ColumnType::Bool), Value::Int(2));
        assert_eq!(real(1.5, &ColumnType::Int), Value::Float(1.5));
        assert_eq!(real(0.1, &ColumnType::Decimal).to_json(), "0.1");
        assert_eq!(real(f64::INFINITY, &ColumnType::Decimal).to_json(), "Infinity");
    }
    #[test]
    fn text_in_the_forms_of_sqlalchemy_is_read_there_and_no_other() {
        let read = |stored: &str, column| text(stored, &column, Forms::SqlAlchemy).to_json().to_string();
        let hex = "6f1b3c2e8a534f7e9d580c6f3e1a2b4d";
        assert_eq!(read("2024-05-01 12:00:00.000000", ColumnType::DateTime), "\"2024-05-01T12:00:00\"");
        assert_eq!(read("12:30:00.000000", ColumnType::Time), "\"12:30:00\"");
        assert_eq!(read(hex, ColumnType::Uuid), "\"6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d\"");
        let as_stored = |stored: &str, column| {
            assert_eq!(text(stored, &column, Forms::SqlAlchemy), Value::from(stored), "{column}");
        };
        as_stored("2024-05-01 12:00:00", ColumnType::DateTime);
        as_stored("12:30:00", ColumnType::Time);
        as_stored("6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d", ColumnType::Uuid);
        as_stored("6F1B3C2E8A534F7E9D580C6F3E1A2B4D", ColumnType::Uuid);
    }
}
