//! What another language's driver makes of the values of MariaDB and MySQL, to values.
//!
//! Of a value that a driver made nobody knows the type of its column any more, only the kind: a column
//! whose type is not what the catalog says is refused by that.

use jiff::tz::Offset;
use ormai_core::answer::Fetched;
use ormai_core::value::{ColumnType, Value};
use uuid::Uuid;

use super::{calendar, decode};
use crate::error::DbError;
use crate::host::Cell;
use crate::numbers::Wanted;

pub(crate) fn fetched(rows: Vec<Vec<Cell>>, columns: &[ColumnType]) -> Result<Fetched, DbError> {
    let mut values = Vec::with_capacity(rows.len().saturating_mul(columns.len()));
    for row in rows {
        if row.len() != columns.len() {
            return Err(DbError::failed(format!("{} columns came back instead of {}", row.len(), columns.len())));
        }
        for (cell, declared) in row.into_iter().zip(columns) {
            let value = match cell {
                Cell::Value(value) => fitted(value, declared),
                Cell::Wire { .. } => None,
            };
            let drifted = || DbError::failed(format!("the catalog says {declared}, the database does not"));
            values.push(value.ok_or_else(drifted)?);
        }
    }
    Ok(Fetched::new(columns.len(), values))
}

/// A value of a driver's language as one of the declared type; `None` when it cannot be of that.
fn fitted(value: Value, declared: &ColumnType) -> Option<Value> {
    if value.is_null() {
        return declared.is_supported().then_some(value);
    }
    Some(match (declared, value) {
        // Another number than these two is not found as `true`, so it is not shown as that.
        (ColumnType::Bool, Value::Int(int)) => match int {
            0 | 1 => Value::Bool(int == 1),
            other => Value::Int(other),
        },
        (
            ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int | ColumnType::Float | ColumnType::Decimal,
            value @ (Value::Int(_) | Value::Float(_) | Value::Decimal(_)),
        ) => Wanted::of_type(declared)?.of(value),
        (ColumnType::Text | ColumnType::Char | ColumnType::Enum(_), Value::Bytes(bytes)) => {
            Value::Text(String::from_utf8_lossy(&bytes).into_owned())
        }
        (ColumnType::Bytes, Value::Text(text)) => Value::Bytes(text.into_bytes()),
        (ColumnType::Uuid, Value::Text(text)) => Value::Uuid(Uuid::try_parse(&text).ok()?),
        (ColumnType::Uuid, Value::Bytes(bytes)) => Value::Uuid(Uuid::try_parse_ascii(&bytes).ok()?),
        // The session is in UTC.
        (ColumnType::Timestamp, Value::DateTime(at)) => {
            Offset::UTC.to_timestamp(at).map_or_else(|_| Value::Text(at.to_string()), Value::Timestamp)
        }
        // What is no day, and what is no time of day, has no value of its own in most languages.
        (ColumnType::Timestamp, Value::Text(text)) => calendar::written_timestamp(&text)?,
        (ColumnType::DateTime, Value::Text(text)) => calendar::written_date_time(&text)?,
        (ColumnType::Date, Value::Text(text)) => calendar::written_date(&text)?,
        (ColumnType::Time, Value::Text(text)) => calendar::written_time(&text)?,
        (ColumnType::Time, Value::Interval(length)) if length.months == 0 => calendar::length_of_time(
            i64::from(length.days).checked_mul(86_400_000_000)?.checked_add(length.microseconds)?,
        )?,
        (ColumnType::Json, Value::Text(text)) => decode::json(text.as_bytes()),
        (ColumnType::Json, Value::Bytes(bytes)) => decode::json(&bytes),
        (ColumnType::Bool, value @ Value::Bool(_))
        | (ColumnType::Text | ColumnType::Char | ColumnType::Enum(_), value @ Value::Text(_))
        | (ColumnType::Bytes, value @ Value::Bytes(_))
        | (ColumnType::Uuid, value @ Value::Uuid(_))
        | (ColumnType::Timestamp, value @ Value::Timestamp(_))
        | (ColumnType::DateTime, value @ Value::DateTime(_))
        | (ColumnType::Date, value @ Value::Date(_))
        | (ColumnType::Time, value @ Value::Time(_))
        | (ColumnType::Json, value @ Value::Json(_)) => value,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use ormai_core::value::Interval;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_read_as_the_declared_type_where_it_can_be_of_that() {
        let check = |value: Value, declared: ColumnType, expected: serde_json::Value| {
            assert_eq!(fitted(value, &declared).unwrap().to_json(), expected, "{declared}");
        };
        check(Value::Int(1), ColumnType::Bool, json!(true));
        check(Value::Int(2), ColumnType::Bool, json!(2));
        check(Value::Int(5), ColumnType::Decimal, json!("5"));
        check(Value::Bytes(b"ab".to_vec()), ColumnType::Text, json!("ab"));
        check(
            Value::DateTime("2024-05-01T12:00:00".parse().unwrap()),
            ColumnType::Timestamp,
            json!("2024-05-01T12:00:00Z"),
        );
        check(Value::from("0000-00-00 00:00:00"), ColumnType::DateTime, json!("0000-00-00T00:00:00"));
        check(Value::from("2024-02-30"), ColumnType::Date, json!("2024-02-30"));
        check(Value::from("-838:59:59.5"), ColumnType::Time, json!("-838:59:59.500000"));
        let length = |microseconds| Value::Interval(Interval { months: 0, days: 0, microseconds });
        check(length(86_399_000_001), ColumnType::Time, json!("23:59:59.000001"));
        check(length(-1_000_000), ColumnType::Time, json!("-00:00:01"));
        check(length(86_400_000_000), ColumnType::Time, json!("24:00:00"));
        check(Value::Bytes(b"{\"a\": 1}".to_vec()), ColumnType::Json, json!({"a": 1}));
    }

    #[test]
    fn a_column_that_changed_its_type_is_refused() {
        let refused = |value: Value, declared: ColumnType| assert_eq!(fitted(value, &declared), None, "{declared}");
        refused(Value::from("1"), ColumnType::Int);
        refused(Value::Float(1.0), ColumnType::Bool);
        refused(Value::Int(1), ColumnType::Text);
        refused(Value::from("yesterday"), ColumnType::Timestamp);
        refused(Value::from("2024-05-01 12:00:00"), ColumnType::Date);
        refused(Value::from("2024-05-01"), ColumnType::Time);
        refused(Value::Date("2024-05-01".parse().unwrap()), ColumnType::DateTime);
        refused(Value::from("x"), ColumnType::Uuid);
    }
}
