//! The binary form of MariaDB and MySQL to values.
//!
//! Read by the type that the catalog declares, where what is sent can be that: text that a
//! statement compares by bytes comes back as bytes. Everything that can be stored is read;
//! what has no value of its type here (a day zero, an integer beyond 64 bits with a sign) is
//! text or the next wider number.

use bigdecimal::BigDecimal;
use ormai_core::answer::Fetched;
use ormai_core::value::{ColumnType, Value};
use sqlx::mysql::{MySqlRow, MySqlTypeInfo};
use sqlx::{Column as _, Decode, MySql, Row as _, Type, TypeInfo as _};
use uuid::Uuid;

use super::calendar;
use crate::error::DbError;
use crate::numbers::Wanted;

pub(super) fn fetched(rows: &[MySqlRow], columns: &[ColumnType]) -> Result<Fetched, DbError> {
    let Some(first) = rows.first() else { return Ok(Fetched::new(columns.len(), Vec::new())) };
    if first.len() != columns.len() {
        return Err(DbError::failed(format!("{} columns came back instead of {}", first.len(), columns.len())));
    }
    let forms = columns
        .iter()
        .zip(first.columns())
        .map(|(declared, column)| {
            let stored = column.type_info();
            let drifted = || DbError::failed(format!("the catalog says {declared}, the database {stored}"));
            Form::of(declared, Stored::of(stored)).ok_or_else(drifted)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut values = Vec::with_capacity(rows.len().saturating_mul(columns.len()));
    for row in rows {
        for (index, form) in forms.iter().enumerate() {
            let value = match bytes(row, index)? {
                None => Value::Null,
                Some(bytes) => form
                    .read(&mut Wire::new(bytes))
                    .ok_or_else(|| DbError::failed(format!("column {index} is not in the form of its type")))?,
            };
            values.push(value);
        }
    }
    Ok(Fetched::new(columns.len(), values))
}

/// The key that the server made for the row of an INSERT, where it tells that. (For what comes back no
/// rows: MySQL knows no RETURNING.)
pub(crate) fn made(made: Option<u64>, affected: u64, columns: &[ColumnType]) -> Option<Fetched> {
    let key = made.filter(|key| *key > 0)?;
    if columns != [ColumnType::Int] || affected != 1 {
        return None;
    }
    let key = i64::try_from(key).map_or_else(|_| Value::Decimal(BigDecimal::from(key)), Value::Int);
    Some(Fetched::new(1, vec![key]))
}

/// A value as it was sent; `None` is NULL. The driver would take a day zero for NULL too.
fn bytes(row: &MySqlRow, index: usize) -> Result<Option<&[u8]>, DbError> {
    let raw = row.try_get_raw(index).map_err(|error| DbError::failed(error.to_string()))?;
    Ok(<&[u8] as Decode<MySql>>::decode(raw).ok())
}

/// A text of a statement of ours; the outer `None` is for something else.
pub(super) fn text(row: &MySqlRow, index: usize) -> Option<Option<String>> {
    let Some(bytes) = bytes(row, index).ok()? else { return Some(None) };
    String::from_utf8(bytes.to_vec()).ok().map(Some)
}

/// An integer of a statement of ours.
pub(super) fn integer(row: &MySqlRow, index: usize) -> Option<i64> {
    let stored = Stored::of(row.columns().get(index)?.type_info());
    let bytes = bytes(row, index).ok()??;
    match Form::of(&ColumnType::Int, stored)?.read(&mut Wire::new(bytes))? {
        Value::Int(int) => Some(int),
        _ => None,
    }
}

/// The form of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    /// A column that is NULL and nothing else.
    Null,
    Signed,
    Unsigned,
    Float,
    Exact,
    /// Text and bytes, also of enums, UUIDs and JSON.
    String,
    Date,
    /// Of both types.
    DateTime,
    Time,
    Other,
}

impl Stored {
    fn of(ty: &MySqlTypeInfo) -> Self {
        match ty.name() {
            "NULL" => Self::Null,
            // One digit wide, with or without a sign.
            "BOOLEAN" if *ty == <u8 as Type<MySql>>::type_info() => Self::Unsigned,
            "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => Self::Signed,
            "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED" | "BIGINT UNSIGNED" => {
                Self::Unsigned
            }
            "FLOAT" | "DOUBLE" => Self::Float,
            "DECIMAL" => Self::Exact,
            "CHAR" | "VARCHAR" | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT" | "BINARY" | "VARBINARY"
            | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" | "ENUM" | "JSON" => Self::String,
            "DATE" => Self::Date,
            "DATETIME" | "TIMESTAMP" => Self::DateTime,
            "TIME" => Self::Time,
            _ => Self::Other,
        }
    }
}

/// How a column's bytes are read.
#[derive(Clone, Copy, Debug)]
enum Form {
    Bool(Number),
    /// A number of any of these types, as a value of the declared one.
    Number(Number, Wanted),
    Text,
    Bytes,
    Uuid,
    Timestamp,
    DateTime,
    Date,
    Time,
    Json,
}

#[derive(Clone, Copy, Debug)]
enum Number {
    /// Integers of as many bytes as there are.
    Signed,
    Unsigned,
    Float,
    Exact,
}

impl Form {
    /// The form of a declared type, if what is sent can be of it.
    fn of(declared: &ColumnType, stored: Stored) -> Option<Self> {
        let is = |expected: Stored| [expected, Stored::Null].contains(&stored).then_some(());
        let number = || match stored {
            Stored::Signed | Stored::Null => Some(Number::Signed),
            Stored::Unsigned => Some(Number::Unsigned),
            Stored::Float => Some(Number::Float),
            Stored::Exact => Some(Number::Exact),
            _ => None,
        };
        Some(match declared {
            ColumnType::Bool => {
                Self::Bool(number().filter(|number| matches!(number, Number::Signed | Number::Unsigned))?)
            }
            ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int => Self::Number(number()?, Wanted::Int),
            ColumnType::Float => Self::Number(number()?, Wanted::Float),
            ColumnType::Decimal => Self::Number(number()?, Wanted::Decimal),
            ColumnType::Text | ColumnType::Char | ColumnType::Enum(_) => is(Stored::String).map(|()| Self::Text)?,
            ColumnType::Bytes => is(Stored::String).map(|()| Self::Bytes)?,
            ColumnType::Uuid => is(Stored::String).map(|()| Self::Uuid)?,
            ColumnType::Timestamp => is(Stored::DateTime).map(|()| Self::Timestamp)?,
            ColumnType::DateTime => is(Stored::DateTime).map(|()| Self::DateTime)?,
            ColumnType::Date => is(Stored::Date).map(|()| Self::Date)?,
            ColumnType::Time => is(Stored::Time).map(|()| Self::Time)?,
            ColumnType::Json => is(Stored::String).map(|()| Self::Json)?,
            _ => return None,
        })
    }

    fn read(self, bytes: &mut Wire<'_>) -> Option<Value> {
        let value = match self {
            // Another number than these two is not found as `true`, so it is not shown as that.
            Self::Bool(number) => match number.read(bytes)? {
                Value::Int(0) => Value::Bool(false),
                Value::Int(1) => Value::Bool(true),
                other => other,
            },
            Self::Number(number, wanted) => wanted.of(number.read(bytes)?),
            Self::Text => Value::Text(String::from_utf8_lossy(bytes.rest()).into_owned()),
            Self::Bytes => Value::Bytes(bytes.rest().to_vec()),
            Self::Uuid => Value::Uuid(Uuid::try_parse_ascii(bytes.rest()).ok()?),
            Self::Timestamp => calendar::timestamp(bytes)?,
            Self::DateTime => calendar::date_time(bytes)?,
            Self::Date => calendar::date(bytes)?,
            Self::Time => calendar::time(bytes)?,
            Self::Json => json(bytes.rest()),
        };
        bytes.rest().is_empty().then_some(value)
    }
}

impl Number {
    fn read(self, bytes: &mut Wire<'_>) -> Option<Value> {
        Some(match (self, bytes.len()) {
            (Self::Signed, 1) => Value::Int(i8::from_le_bytes(bytes.take()?).into()),
            (Self::Signed, 2) => Value::Int(i16::from_le_bytes(bytes.take()?).into()),
            (Self::Signed, 4) => Value::Int(i32::from_le_bytes(bytes.take()?).into()),
            (Self::Signed, _) => Value::Int(i64::from_le_bytes(bytes.take()?)),
            (Self::Unsigned, 1) => Value::Int(bytes.u8()?.into()),
            (Self::Unsigned, 2) => Value::Int(bytes.u16()?.into()),
            (Self::Unsigned, 4) => Value::Int(bytes.u32()?.into()),
            (Self::Unsigned, _) => {
                let number = u64::from_le_bytes(bytes.take()?);
                i64::try_from(number).map_or_else(|_| Value::Decimal(BigDecimal::from(number)), Value::Int)
            }
            // Exactly, because comparisons in the database are with this number.
            (Self::Float, 4) => Value::Float(f32::from_le_bytes(bytes.take()?).into()),
            (Self::Float, _) => Value::Float(f64::from_le_bytes(bytes.take()?)),
            (Self::Exact, _) => Value::Decimal(std::str::from_utf8(bytes.rest()).ok()?.parse().ok()?),
        })
    }
}

/// What the parser here cannot hold (a number beyond all floats, very deep nesting) stays text.
pub(super) fn json(bytes: &[u8]) -> Value {
    match serde_json::from_slice(bytes) {
        Ok(json) => Value::Json(json),
        Err(_) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
    }
}

/// Bytes that are read from the front.
pub(super) struct Wire<'b>(&'b [u8]);

impl<'b> Wire<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn rest(&mut self) -> &'b [u8] {
        std::mem::take(&mut self.0)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_another_length_than_the_types_are_refused() {
        let check = |form: Form, bytes: &[u8]| assert_eq!(form.read(&mut Wire::new(bytes)), None, "{bytes:?}");
        check(Form::Bool(Number::Signed), &[]);
        check(Form::Number(Number::Signed, Wanted::Int), &[0, 0, 1]);
        check(Form::Number(Number::Unsigned, Wanted::Int), &[0; 9]);
        check(Form::Number(Number::Exact, Wanted::Decimal), b"1.2.3");
        check(Form::Uuid, b"6f1b3c2e");
        check(Form::Date, &[4, 0xe8, 7, 2, 1, 0]);
    }

    #[test]
    fn integers_are_read_with_their_sign_and_beyond_64_bits_of_it() {
        let check = |number: Number, bytes: &[u8], expected: &str| {
            let value = Form::Number(number, Wanted::Int).read(&mut Wire::new(bytes)).unwrap();
            assert_eq!(value.to_json().to_string(), expected);
        };
        check(Number::Signed, &[0xff], "-1");
        check(Number::Unsigned, &[0xff], "255");
        check(Number::Signed, &[0xff; 8], "-1");
        check(Number::Unsigned, &[0xff; 8], "\"18446744073709551615\"");
        check(Number::Unsigned, &[1, 0, 0, 0, 0, 0, 0, 0], "1");
    }

    #[test]
    fn a_column_that_changed_its_type_is_refused() {
        assert!(Form::of(&ColumnType::Text, Stored::Signed).is_none());
        assert!(Form::of(&ColumnType::Int, Stored::String).is_none());
        assert!(Form::of(&ColumnType::Bool, Stored::Float).is_none());
        assert!(Form::of(&ColumnType::Time, Stored::DateTime).is_none());
        assert!(Form::of(&ColumnType::Int, Stored::Unsigned).is_some());
        assert!(Form::of(&ColumnType::Uuid, Stored::Null).is_some());
        assert!(Form::of(&ColumnType::Unsupported("bit".into()), Stored::Other).is_none());
    }

    #[test]
    fn a_key_that_the_server_made_is_told_of_one_row() {
        assert_eq!(made(Some(5), 1, &[ColumnType::Int]).unwrap().rows().count(), 1);
        assert!(made(Some(5), 2, &[ColumnType::Int]).is_none());
        assert!(made(Some(0), 1, &[ColumnType::Int]).is_none());
        assert!(made(None, 1, &[ColumnType::Int]).is_none());
        assert!(made(Some(5), 1, &[ColumnType::Text]).is_none());
    }

    #[test]
    fn json_beyond_this_parser_is_text() {
        assert_eq!(json(b"{\"a\": [1, null]}").to_json().to_string(), "{\"a\":[1,null]}");
        assert_eq!(json(b"1e400"), Value::from("1e400"));
    }
}
