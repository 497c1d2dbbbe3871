//! What another language's driver gives to values: PostgreSQL's binary form, or values that the driver
//! made of it.
//!
//! Of a value that a driver made nobody knows the type of its column any more, only the kind: a column
//! whose type is not what the catalog says is refused by that.

use std::str::FromStr as _;

use ormai_core::answer::Fetched;
use ormai_core::value::{ColumnType, Value};
use uuid::Uuid;

use super::decode::{Form, Wire, json};
use super::literal;
use crate::error::DbError;
use crate::host::Cell;
use crate::numbers::Wanted;

pub(crate) fn fetched(rows: Vec<Vec<Cell>>, columns: &[ColumnType]) -> Result<Fetched, DbError> {
    let drifted =
        |declared: &ColumnType| DbError::failed(format!("the catalog says {declared}, the database does not"));
    let mut values = Vec::with_capacity(rows.len().saturating_mul(columns.len()));
    // The form of each column, as long as its cells are of the same type.
    let mut forms: Vec<Option<(u32, Form)>> = columns.iter().map(|_| None).collect();
    for row in rows {
        if row.len() != columns.len() {
            return Err(DbError::failed(format!("{} columns came back instead of {}", row.len(), columns.len())));
        }
        for ((cell, declared), form) in row.into_iter().zip(columns).zip(&mut forms) {
            let (oid, bytes) = match cell {
                Cell::Value(value) => {
                    values.push(fitted(value, declared).ok_or_else(|| drifted(declared))?);
                    continue;
                }
                Cell::Wire { oid, bytes } => (oid, bytes),
            };
            let form = match form {
                Some((known, form)) if *known == oid => form,
                form => {
                    let fresh = Form::of(declared, Some(oid)).ok_or_else(|| drifted(declared))?;
                    &mut form.insert((oid, fresh)).1
                }
            };
            let value = form.read(&mut Wire::new(&bytes));
            values.push(value.ok_or_else(|| DbError::failed(format!("a value of {declared} is not in its form")))?);
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
        (
            ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int | ColumnType::Float | ColumnType::Decimal,
            value @ (Value::Int(_) | Value::Float(_) | Value::Decimal(_)),
        ) => Wanted::of_type(declared)?.of(value),
        // What no number here holds.
        (ColumnType::Decimal, Value::Text(text)) if is_no_number(&text) => Value::Text(text),
        (ColumnType::Uuid, Value::Text(text)) => Value::Uuid(Uuid::from_str(&text).ok()?),
        (ColumnType::Timestamp | ColumnType::DateTime | ColumnType::Date, Value::Text(text))
            if matches!(text.as_str(), "infinity" | "-infinity") =>
        {
            Value::Text(text)
        }
        (ColumnType::Json, Value::Text(text)) => json(text.as_bytes()),
        (ColumnType::Array(of), Value::Text(text)) => literal::array(&text, of)?,
        (ColumnType::Array(of), Value::Array(items)) => {
            let item = |item| match item {
                // An array of several dimensions.
                Value::Array(_) => fitted(item, declared),
                item => fitted(item, of),
            };
            Value::Array(items.into_iter().map(item).collect::<Option<_>>()?)
        }
        (ColumnType::Bool, value @ Value::Bool(_))
        | (ColumnType::Text | ColumnType::Char | ColumnType::Enum(_), value @ Value::Text(_))
        | (ColumnType::Bytes, value @ Value::Bytes(_))
        | (ColumnType::Uuid, value @ Value::Uuid(_))
        | (ColumnType::Timestamp, value @ Value::Timestamp(_))
        | (ColumnType::DateTime, value @ Value::DateTime(_))
        | (ColumnType::Date, value @ Value::Date(_))
        | (ColumnType::Time, value @ Value::Time(_))
        | (ColumnType::Interval, value @ Value::Interval(_))
        | (ColumnType::Json, value @ Value::Json(_)) => value,
        _ => return None,
    })
}

fn is_no_number(text: &str) -> bool {
    matches!(text, "NaN" | "Infinity" | "-Infinity")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_read_as_the_declared_type_where_it_can_be_of_that() {
        let check = |value: Value, declared: ColumnType, expected: serde_json::Value| {
            assert_eq!(fitted(value, &declared).unwrap().to_json(), expected, "{declared}");
        };
        check(Value::Int(5), ColumnType::Decimal, json!("5"));
        check(Value::Decimal("5".parse().unwrap()), ColumnType::Int, json!(5));
        check(Value::from("NaN"), ColumnType::Decimal, json!("NaN"));
        check(Value::from("infinity"), ColumnType::Date, json!("infinity"));
        check(Value::from("{\"a\": 1}"), ColumnType::Json, json!({"a": 1}));
        let of = |ty| ColumnType::Array(Box::new(ty));
        let rows = || Value::Array(vec![Value::Array(vec![Value::Int(1), Value::Null])]);
        check(rows(), of(ColumnType::Decimal), json!([["1", null]]));
    }

    #[test]
    fn a_column_that_changed_its_type_is_refused() {
        let refused = |value: Value, declared: ColumnType| assert_eq!(fitted(value, &declared), None, "{declared}");
        refused(Value::Int(1), ColumnType::Bool);
        refused(Value::Bool(true), ColumnType::Int);
        refused(Value::from("1"), ColumnType::Int);
        refused(Value::Int(1), ColumnType::Text);
        refused(Value::from("x"), ColumnType::Uuid);
        refused(Value::from("yesterday"), ColumnType::Timestamp);
        refused(Value::DateTime("2024-05-01T12:00:00".parse().unwrap()), ColumnType::Timestamp);
        refused(Value::Array(vec![Value::from("x")]), ColumnType::Array(Box::new(ColumnType::Int)));
        refused(Value::Null, ColumnType::Unsupported("money".to_owned()));
    }

    #[test]
    fn bytes_are_read_by_the_type_that_they_are_of() {
        let wire = |oid, bytes: &[u8]| Cell::Wire { oid, bytes: bytes.to_vec() };
        let columns = [ColumnType::Int];
        let rows = vec![vec![wire(21, &[0, 5])], vec![Cell::Value(Value::Null)], vec![wire(23, &[0, 0, 0, 6])]];
        let fetched = fetched(rows, &columns).unwrap();
        assert_eq!(fetched.rows().flatten().map(Value::to_json).collect::<Vec<_>>(), [json!(5), json!(null), json!(6)]);
        assert!(super::fetched(vec![vec![wire(25, b"5")]], &columns).is_err());
        assert!(super::fetched(vec![vec![wire(23, &[0, 0, 5])]], &columns).is_err());
        assert!(super::fetched(vec![vec![]], &columns).is_err());
    }
}
