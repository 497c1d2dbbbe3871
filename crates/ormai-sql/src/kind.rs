//! Kinds of values, of which only two of one kind are compared.
//!
//! SQLite and MySQL compare a text with a number by making a number of the text: to them
//! every word is 0. Whatever the plan says, no such comparison gets as far as a database.

use ormai_core::value::{ColumnType, Value};

/// What values can be compared with each other without one of them being converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Number,
    Text,
    Bytes,
    Uuid,
    Timestamp,
    DateTime,
    Date,
    Time,
    /// Nothing compares with it.
    None,
}

impl Kind {
    /// The kind of a column.
    pub(crate) fn of(ty: &ColumnType) -> Self {
        match ty {
            ColumnType::Bool => Self::Bool,
            ty if ty.is_number() => Self::Number,
            ColumnType::Text | ColumnType::Char | ColumnType::Enum(_) => Self::Text,
            ColumnType::Bytes => Self::Bytes,
            ColumnType::Uuid => Self::Uuid,
            ColumnType::Timestamp => Self::Timestamp,
            ColumnType::DateTime => Self::DateTime,
            ColumnType::Date => Self::Date,
            ColumnType::Time => Self::Time,
            _ => Self::None,
        }
    }

    /// Whether columns of two types can be compared.
    pub(crate) fn is_one(left: &ColumnType, right: &ColumnType) -> bool {
        Self::of(left) == Self::of(right) && Self::of(left) != Self::None
    }

    /// Whether a value is of it. NULL is of every kind.
    pub(crate) fn admits(self, value: &Value) -> bool {
        let kind = match value {
            Value::Null => return true,
            Value::Bool(_) => Self::Bool,
            Value::Int(_) | Value::Float(_) | Value::Decimal(_) => Self::Number,
            Value::Text(_) => Self::Text,
            Value::Bytes(_) => Self::Bytes,
            Value::Uuid(_) => Self::Uuid,
            Value::Timestamp(_) => Self::Timestamp,
            Value::DateTime(_) => Self::DateTime,
            Value::Date(_) => Self::Date,
            Value::Time(_) => Self::Time,
            _ => return false,
        };
        kind == self
    }
}

/// Whether a value can be stored in a column as it is. NULL can, here.
///
/// Stricter than a comparison, because engines make things fit when they store them: of 1.5
/// PostgreSQL makes 2 for a column of integers.
pub(crate) fn is_storable(value: &Value, ty: &ColumnType) -> bool {
    match (ty, value) {
        (_, Value::Null) => true,
        (ColumnType::Array(of), Value::Array(items)) => items.iter().all(|item| is_storable(item, of)),
        (ColumnType::Json, Value::Json(_)) | (ColumnType::Interval, Value::Interval(_)) => true,
        (ColumnType::Float, Value::Float(_)) | (ColumnType::Decimal, Value::Decimal(_) | Value::Int(_)) => true,
        (ty, Value::Int(_)) => ty.is_integer(),
        (_, Value::Float(_) | Value::Decimal(_)) => false,
        (ty, value) => Kind::of(ty).admits(value),
    }
}
