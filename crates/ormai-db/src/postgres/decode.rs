//! PostgreSQL's binary form to values.
//!
//! Everything that can be stored is read; what has no value of its type here (NaN among the
//! exact numbers, infinity among the times) is text. Only a column whose type is not what the
//! catalog says is refused.

use ormai_core::answer::Fetched;
use ormai_core::value::{ColumnType, Interval, Value};
use sqlx::postgres::{PgRow, PgTypeInfo};
use sqlx::{Column as _, Row as _, ValueRef as _};
use uuid::Uuid;

use super::{calendar, numeric, oid};
use crate::error::DbError;
use crate::numbers::Wanted;

pub(super) fn fetched(rows: &[PgRow], columns: &[ColumnType]) -> Result<Fetched, DbError> {
    let Some(first) = rows.first() else { return Ok(Fetched::new(columns.len(), Vec::new())) };
    if first.len() != columns.len() {
        return Err(DbError::failed(format!("{} columns came back instead of {}", first.len(), columns.len())));
    }
    let forms = columns
        .iter()
        .zip(first.columns())
        .map(|(declared, column)| {
            let stored = column.type_info();
            Form::of(declared, stored.oid().map(|oid| oid.0)).ok_or_else(|| drifted(declared, stored))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut values = Vec::with_capacity(rows.len().saturating_mul(columns.len()));
    for row in rows {
        for (index, form) in forms.iter().enumerate() {
            let raw = row.try_get_raw(index).map_err(|error| DbError::failed(error.to_string()))?;
            if raw.is_null() {
                values.push(Value::Null);
                continue;
            }
            let bytes = raw.as_bytes().map_err(|error| DbError::failed(error.to_string()))?;
            let value = form
                .read(&mut Wire::new(bytes))
                .ok_or_else(|| DbError::failed(format!("column {index} is not in the form of its type")))?;
            values.push(value);
        }
    }
    Ok(Fetched::new(columns.len(), values))
}

fn drifted(declared: &ColumnType, stored: &PgTypeInfo) -> DbError {
    DbError::failed(format!("the catalog says {declared}, the database {stored:?}"))
}

/// How a column's bytes are read.
pub(super) enum Form {
    Bool,
    /// A number of any of these types, as a value of the declared one.
    Number(Number, Wanted),
    Text,
    Bytes,
    Uuid,
    Timestamp,
    DateTime,
    Date,
    Time,
    Interval,
    Json,
    /// The items' form follows from the type that the array itself names.
    Array(Box<ColumnType>),
}

#[derive(Clone, Copy)]
pub(super) enum Number {
    /// An integer of as many bytes as there are.
    Signed,
    Oid,
    Float,
    Exact,
}

impl Form {
    /// The form of a declared type, if the stored type (where its number is fixed) agrees.
    pub(super) fn of(declared: &ColumnType, stored: Option<u32>) -> Option<Self> {
        let stored = stored.filter(|oid| has_form_of_its_own(*oid));
        let is = |expected: u32| stored.is_none_or(|stored| stored == expected);
        let form = match declared {
            ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int => {
                Self::Number(number(stored, Number::Signed)?, Wanted::Int)
            }
            ColumnType::Float => Self::Number(number(stored, Number::Float)?, Wanted::Float),
            ColumnType::Decimal => Self::Number(number(stored, Number::Exact)?, Wanted::Decimal),
            // No text type has a form of its own.
            ColumnType::Text | ColumnType::Char | ColumnType::Enum(_) => stored.is_none().then_some(Self::Text)?,
            ColumnType::Bool => is(oid::BOOL).then_some(Self::Bool)?,
            ColumnType::Bytes => is(oid::BYTEA).then_some(Self::Bytes)?,
            ColumnType::Uuid => is(oid::UUID).then_some(Self::Uuid)?,
            ColumnType::Timestamp => is(oid::TIMESTAMPTZ).then_some(Self::Timestamp)?,
            ColumnType::DateTime => is(oid::TIMESTAMP).then_some(Self::DateTime)?,
            ColumnType::Date => is(oid::DATE).then_some(Self::Date)?,
            ColumnType::Time => is(oid::TIME).then_some(Self::Time)?,
            ColumnType::Interval => is(oid::INTERVAL).then_some(Self::Interval)?,
            ColumnType::Json => (is(oid::JSON) || is(oid::JSONB)).then_some(Self::Json)?,
            ColumnType::Array(of) => stored.is_none().then_some(Self::Array(of.clone()))?,
            _ => return None,
        };
        Some(form)
    }

    pub(super) fn read(&self, bytes: &mut Wire<'_>) -> Option<Value> {
        let value = match self {
            Self::Bool => Value::Bool(bytes.u8()? != 0),
            Self::Number(number, wanted) => wanted.of(number.read(bytes)?),
            // A database in SQL_ASCII promises no encoding.
            Self::Text => Value::Text(String::from_utf8_lossy(bytes.rest()).into_owned()),
            Self::Bytes => Value::Bytes(bytes.rest().to_vec()),
            Self::Uuid => Value::Uuid(Uuid::from_bytes(bytes.take()?)),
            Self::Timestamp => calendar::timestamp(bytes.i64()?),
            Self::DateTime => calendar::date_time(bytes.i64()?),
            Self::Date => calendar::date(bytes.i32()?),
            Self::Time => calendar::time(bytes.i64()?),
            Self::Interval => {
                let microseconds = bytes.i64()?;
                let days = bytes.i32()?;
                Value::Interval(Interval { months: bytes.i32()?, days, microseconds })
            }
            Self::Json => json(bytes.rest()),
            Self::Array(of) => return array(bytes, of),
        };
        bytes.rest().is_empty().then_some(value)
    }
}

/// The types whose bytes mean nothing under another type.
fn has_form_of_its_own(stored: u32) -> bool {
    matches!(
        stored,
        oid::BOOL
            | oid::BYTEA
            | oid::INT8
            | oid::INT2
            | oid::INT4
            | oid::OID
            | oid::JSON
            | oid::FLOAT4
            | oid::FLOAT8
            | oid::DATE
            | oid::TIME
            | oid::TIMESTAMP
            | oid::TIMESTAMPTZ
            | oid::INTERVAL
            | oid::TIMETZ
            | oid::NUMERIC
            | oid::UUID
            | oid::JSONB
    )
}

fn number(stored: Option<u32>, usual: Number) -> Option<Number> {
    Some(match stored {
        None => usual,
        Some(oid::INT2 | oid::INT4 | oid::INT8) => Number::Signed,
        Some(oid::OID) => Number::Oid,
        Some(oid::FLOAT4 | oid::FLOAT8) => Number::Float,
        Some(oid::NUMERIC) => Number::Exact,
        Some(_) => return None,
    })
}

impl Number {
    fn read(self, bytes: &mut Wire<'_>) -> Option<Value> {
        Some(match (self, bytes.len()) {
            (Self::Signed, 2) => Value::Int(bytes.i16()?.into()),
            (Self::Signed, 4) => Value::Int(bytes.i32()?.into()),
            (Self::Signed, _) => Value::Int(bytes.i64()?),
            (Self::Oid, _) => Value::Int(u32::from_be_bytes(bytes.take()?).into()),
            // Exactly, because comparisons in the database are with this number.
            (Self::Float, 4) => Value::Float(f32::from_be_bytes(bytes.take()?).into()),
            (Self::Float, _) => Value::Float(f64::from_be_bytes(bytes.take()?)),
            (Self::Exact, _) => numeric::decode(bytes)?,
        })
    }
}

/// The binary form of jsonb is its text after a version. What the parser here cannot hold
/// (a number beyond all floats, very deep nesting) stays text.
pub(super) fn json(bytes: &[u8]) -> Value {
    let text = bytes.strip_prefix(&[1]).unwrap_or(bytes);
    match serde_json::from_slice(text) {
        Ok(json) => Value::Json(json),
        Err(_) => Value::Text(String::from_utf8_lossy(text).into_owned()),
    }
}

/// PostgreSQL's own bound.
const DIMENSIONS: i32 = 6;

fn array(bytes: &mut Wire<'_>, of: &ColumnType) -> Option<Value> {
    let dimensions = bytes.i32()?;
    let _has_null = bytes.i32()?;
    let form = Form::of(of, Some(u32::from_be_bytes(bytes.take()?)))?;
    if !(0..=DIMENSIONS).contains(&dimensions) {
        return None;
    }
    let mut lengths = Vec::new();
    for _ in 0..dimensions {
        lengths.push(usize::try_from(bytes.i32()?).ok()?);
        let _lower_bound = bytes.i32()?;
    }
    let value = match lengths.split_first() {
        Some((length, inner)) => items(bytes, &form, *length, inner)?,
        None => Value::Array(Vec::new()),
    };
    bytes.rest().is_empty().then_some(value)
}

fn items(bytes: &mut Wire<'_>, form: &Form, length: usize, inner: &[usize]) -> Option<Value> {
    let mut items = Vec::new();
    for _ in 0..length {
        items.push(match inner.split_first() {
            Some((length, inner)) => self::items(bytes, form, *length, inner)?,
            None => match usize::try_from(bytes.i32()?) {
                Ok(length) => form.read(&mut Wire::new(bytes.split(length)?))?,
                Err(_) => Value::Null,
            },
        });
    }
    Some(Value::Array(items))
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

    fn split(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn rest(&mut self) -> &'b [u8] {
        std::mem::take(&mut self.0)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    pub(super) fn i16(&mut self) -> Option<i16> {
        self.take().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_cut_short_are_refused_and_never_read_past_their_end() {
        let check = |form: Form, bytes: &[u8]| assert_eq!(form.read(&mut Wire::new(bytes)), None, "{bytes:?}");
        check(Form::Bool, &[]);
        check(Form::Number(Number::Signed, Wanted::Int), &[0, 0, 1]);
        check(Form::Number(Number::Exact, Wanted::Decimal), &[0, 9, 0, 0, 0, 0, 0, 0]);
        check(Form::Uuid, &[0; 15]);
        check(Form::Uuid, &[0; 17]);
        check(Form::Interval, &[0; 12]);
        let of = || Form::Array(Box::new(ColumnType::Text));
        check(of(), &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 127, 255, 255, 255, 0, 0, 0, 1]);
        check(of(), &[127, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 25]);
    }

    #[test]
    fn a_column_that_changed_its_type_is_refused() {
        assert!(Form::of(&ColumnType::Text, Some(oid::INT4)).is_none());
        assert!(Form::of(&ColumnType::Int, Some(oid::UUID)).is_none());
        assert!(Form::of(&ColumnType::Timestamp, Some(oid::TIMESTAMP)).is_none());
        assert!(Form::of(&ColumnType::Time, Some(oid::TIMETZ)).is_none());
        assert!(Form::of(&ColumnType::Int, Some(oid::INT2)).is_some());
        assert!(Form::of(&ColumnType::Unsupported("money".into()), None).is_none());
    }

    #[test]
    fn json_beyond_this_parser_is_text() {
        assert_eq!(json(b"\x01{\"a\": [1, null]}").to_json().to_string(), "{\"a\":[1,null]}");
        assert_eq!(json(b"1e400"), Value::from("1e400"));
    }
}
