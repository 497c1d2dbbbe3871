//! Values to the binary form of MariaDB and MySQL.
//!
//! Every value goes with its type: of a text the server would make a number or a date by
//! guessing, and a float of a decimal.

use std::borrow::Cow;

use bigdecimal::BigDecimal;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use ormai_core::value::Value;
use ormai_sql::{Bind, Dialect, Statement};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::mysql::{MySqlArguments, MySqlTypeInfo};
use sqlx::types::time;
use sqlx::{Arguments as _, Encode, MySql, Type};

use super::exact::{self, Exact};
use crate::error::DbError;
use crate::hex::hex;
use crate::host::{BoundValue, Forms};

pub(super) fn arguments(statement: &Statement) -> Result<MySqlArguments, DbError> {
    let mut arguments = MySqlArguments::default();
    for bind in statement.binds() {
        let added = match Form::of(bind)? {
            Form::Null => arguments.add(None::<String>),
            Form::Int(int) => arguments.add(int),
            Form::Float(float) => arguments.add(float),
            Form::Digits(digits) => arguments.add(Parameter::of::<BigDecimal>(lengthened(digits.as_bytes())?)),
            Form::Text(text) => arguments.add(text),
            Form::Bytes(bytes) => arguments.add(bytes),
            // As a parameter of its own type MariaDB would miss a point in time in a list.
            Form::DateTime(at) => arguments.add(Parameter::of::<time::PrimitiveDateTime>(date_time(at))),
            Form::Date(day) => arguments.add(Parameter::of::<time::Date>(with_length(date(day)))),
            Form::Time(at) => arguments.add(Parameter::of::<time::Time>(with_length(time_of_day(at)))),
        };
        added.map_err(|error| DbError::failed(error.to_string()))?;
    }
    Ok(arguments)
}

/// A parameter that a driver writes into the text, and what makes a value of its type of it there: of a
/// text the server would make a date by guessing, and bytes need not be text.
pub(crate) fn written(bind: Bind<'_>, forms: Forms) -> Result<((&'static str, &'static str), BoundValue), DbError> {
    let bare = ("", "");
    if let (Forms::SqlAlchemy, Bind::Value(Value::Uuid(uuid)) | Bind::Stored(Value::Uuid(uuid), _)) = (forms, &bind) {
        return Ok((bare, BoundValue::Text(uuid.simple().to_string())));
    }
    Ok(match Form::of(bind)? {
        Form::Null => (bare, BoundValue::Null),
        Form::Int(int) => (bare, BoundValue::Int(int)),
        Form::Float(float) => (bare, BoundValue::Float(float)),
        Form::Digits(digits) => (bare, BoundValue::Decimal(digits.trim_end_matches('.').to_owned())),
        Form::Text(text) => (bare, BoundValue::Text(text.into_owned())),
        Form::Bytes(bytes) => (("UNHEX(", ")"), BoundValue::Text(hex(bytes))),
        Form::DateTime(at) => (("CAST(", " AS DATETIME(6))"), BoundValue::Text(date_time_text(at))),
        Form::Date(date) => (("CAST(", " AS DATE)"), BoundValue::Text(day(date))),
        Form::Time(at) => (("CAST(", " AS TIME(6))"), BoundValue::Text(clock_text(at))),
    })
}

/// As [`date`] has it.
fn day(day: Date) -> String {
    match day.year() {
        1.. => format!("{:04}-{:02}-{:02}", day.year(), day.month(), day.day()),
        _ => "0000-00-00".to_owned(),
    }
}

fn date_time_text(at: DateTime) -> String {
    match day(at.date()) {
        zero if at.year() < 1 => format!("{zero} 00:00:00"),
        day => format!("{day} {}", clock_text(at.time())),
    }
}

fn clock_text(at: Time) -> String {
    let micros = at.subsec_nanosecond() / 1_000;
    format!("{:02}:{:02}:{:02}.{micros:06}", at.hour(), at.minute(), at.second())
}

/// What is bound, by the server's own types.
pub(super) enum Form<'v> {
    Null,
    Int(i64),
    Float(f64),
    /// An exact number.
    Digits(String),
    Text(Cow<'v, str>),
    Bytes(&'v [u8]),
    /// Of both types: the session is in UTC.
    DateTime(DateTime),
    Date(Date),
    Time(Time),
}

impl<'v> Form<'v> {
    pub(super) fn of(bind: Bind<'v>) -> Result<Self, DbError> {
        match bind {
            Bind::Stored(value, _) if is_lost(value) => {
                Err(DbError::refused("MariaDB and MySQL would store another value"))
            }
            Bind::Value(value) | Bind::Stored(value, _) => Self::of_value(value),
            Bind::Array(..) => Err(DbError::failed("no list can be bound as one value")),
        }
    }

    fn of_value(value: &'v Value) -> Result<Self, DbError> {
        Ok(match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Int((*bool).into()),
            Value::Int(int) => Self::Int(*int),
            Value::Float(float) if float.is_finite() => Self::Float(*float),
            Value::Decimal(decimal) => match exact::of(decimal) {
                Some(Exact::Digits(digits)) => Self::Digits(digits),
                Some(Exact::Beyond(float)) => Self::Float(float),
                None => return Err(DbError::failed("a number to bind has too many digits")),
            },
            Value::Text(text) => Self::Text(text.as_str().into()),
            Value::Pattern(pattern) => Self::Text(pattern.to_like_with(escape()?).into()),
            Value::Bytes(bytes) => Self::Bytes(bytes),
            Value::Uuid(uuid) => Self::Text(uuid.hyphenated().to_string().into()),
            Value::Timestamp(at) => Self::DateTime(Offset::UTC.to_datetime(*at)),
            Value::DateTime(at) => Self::DateTime(*at),
            Value::Date(day) => Self::Date(*day),
            Value::Time(at) => Self::Time(*at),
            Value::Json(json) => Self::Text(json.to_string().into()),
            _ => return Err(DbError::failed("a value of this kind cannot be bound")),
        })
    }
}

/// Whether something else would be stored in the place of a value that comparisons may name.
fn is_lost(value: &Value) -> bool {
    match value {
        Value::Float(float) => !float.is_finite(),
        Value::Decimal(decimal) => matches!(exact::of(decimal), None | Some(Exact::Beyond(_))),
        // The day zero.
        Value::Timestamp(at) => date(Offset::UTC.to_datetime(*at).date()).is_empty(),
        Value::DateTime(at) => date(at.date()).is_empty(),
        Value::Date(day) => date(*day).is_empty(),
        _ => false,
    }
}

fn escape() -> Result<char, DbError> {
    Dialect::MySql.like_escape().ok_or_else(|| DbError::failed("there is no escape for patterns"))
}

/// A parameter in binary form, of a type that the driver names for a type of its own.
struct Parameter {
    ty: MySqlTypeInfo,
    bytes: Vec<u8>,
}

impl Parameter {
    fn of<T: Type<MySql>>(bytes: Vec<u8>) -> Self {
        Self { ty: T::type_info(), bytes }
    }
}

impl Type<MySql> for Parameter {
    fn type_info() -> MySqlTypeInfo {
        <[u8] as Type<MySql>>::type_info()
    }
}

impl Encode<'_, MySql> for Parameter {
    fn encode_by_ref(&self, buffer: &mut Vec<u8>) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.bytes);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<MySqlTypeInfo> {
        Some(self.ty.clone())
    }
}

/// Bytes behind their length, as texts are sent.
fn lengthened(bytes: &[u8]) -> Result<Vec<u8>, DbError> {
    let mut out = Vec::with_capacity(bytes.len() + 9);
    let _: IsNull =
        Encode::<MySql>::encode_by_ref(&bytes, &mut out).map_err(|error| DbError::failed(error.to_string()))?;
    Ok(out)
}

/// The parts of a day or a time behind their length, which is never more than twelve.
fn with_length(parts: Vec<u8>) -> Vec<u8> {
    let length = u8::try_from(parts.len()).unwrap_or(0);
    [vec![length], parts].concat()
}

/// A day before the year 1 is nobody's here: in its place stands the day zero, which no other
/// is before.
fn date(day: Date) -> Vec<u8> {
    let part = |part: i8| part.unsigned_abs();
    match u16::try_from(day.year()).ok().filter(|year| *year > 0) {
        Some(year) => [&year.to_le_bytes()[..], &[part(day.month()), part(day.day())]].concat(),
        None => Vec::new(),
    }
}

fn date_time(at: DateTime) -> Vec<u8> {
    let day = date(at.date());
    let parts = if day.is_empty() { day } else { [day, clock(at.time())].concat() };
    with_length(parts)
}

/// A length of time to the right of zero, without days.
fn time_of_day(at: Time) -> Vec<u8> {
    [vec![0; 5], clock(at)].concat()
}

fn clock(at: Time) -> Vec<u8> {
    let part = |part: i8| part.unsigned_abs();
    let micros = at.subsec_nanosecond().unsigned_abs() / 1_000;
    [&[part(at.hour()), part(at.minute()), part(at.second())][..], &micros.to_le_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_before_the_year_1_is_before_every_other() {
        let check = |text: &str, expected: &[u8]| assert_eq!(date_time(text.parse().unwrap()), expected, "{text}");
        check("-009999-01-02T01:59:59", &[0]);
        check("0000-12-31T23:59:59", &[0]);
        assert!(is_lost(&Value::DateTime("0000-12-31T23:59:59".parse().unwrap())));
        check("0001-01-01T00:00:00", &[11, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert!(!is_lost(&Value::DateTime("0001-01-01T00:00:00".parse().unwrap())));
        check("2024-02-29T23:59:58.000001", &[11, 0xe8, 7, 2, 29, 23, 59, 58, 1, 0, 0, 0]);
    }
}
