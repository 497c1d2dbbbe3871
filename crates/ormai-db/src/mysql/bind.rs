//! Values to the binary form of MariaDB and MySQL.
//!
//! Every value goes with its type: of a text the server would make a number or a date by
//! guessing, and a float of a decimal.

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

pub(super) fn arguments(statement: &Statement) -> Result<MySqlArguments, DbError> {
    let mut arguments = MySqlArguments::default();
    for bind in statement.binds() {
        match bind {
            Bind::Value(value) => add(&mut arguments, value)?,
            Bind::Stored(value, _) if is_lost(value) => {
                return Err(DbError::refused("MariaDB and MySQL would store another value"));
            }
            Bind::Stored(value, _) => add(&mut arguments, value)?,
            Bind::Array(..) => return Err(DbError::failed("no list can be bound as one value")),
        }
    }
    Ok(arguments)
}

fn add(arguments: &mut MySqlArguments, value: &Value) -> Result<(), DbError> {
    let added = match value {
        Value::Null => arguments.add(None::<String>),
        Value::Bool(bool) => arguments.add(i64::from(*bool)),
        Value::Int(int) => arguments.add(*int),
        Value::Float(float) if float.is_finite() => arguments.add(*float),
        Value::Decimal(decimal) => match exact::of(decimal) {
            Some(Exact::Digits(digits)) => arguments.add(Parameter::of::<BigDecimal>(lengthened(digits.as_bytes())?)),
            Some(Exact::Beyond(float)) => arguments.add(float),
            None => return Err(DbError::failed("a number to bind has too many digits")),
        },
        Value::Text(text) => arguments.add(text),
        Value::Pattern(pattern) => arguments.add(pattern.to_like_with(escape()?)),
        Value::Bytes(bytes) => arguments.add(bytes),
        Value::Uuid(uuid) => arguments.add(uuid.hyphenated().to_string()),
        // The session is in UTC. As a parameter of its own type MariaDB would miss it in a list.
        Value::Timestamp(at) => {
            arguments.add(Parameter::of::<time::PrimitiveDateTime>(date_time(Offset::UTC.to_datetime(*at))))
        }
        Value::DateTime(at) => arguments.add(Parameter::of::<time::PrimitiveDateTime>(date_time(*at))),
        Value::Date(day) => arguments.add(Parameter::of::<time::Date>(with_length(date(*day)))),
        Value::Time(at) => arguments.add(Parameter::of::<time::Time>(with_length(time_of_day(*at)))),
        Value::Json(json) => arguments.add(json.to_string()),
        _ => return Err(DbError::failed("a value of this kind cannot be bound")),
    };
    added.map_err(|error| DbError::failed(error.to_string()))
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
