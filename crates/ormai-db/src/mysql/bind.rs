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

use crate::error::DbError;

pub(super) fn arguments(statement: &Statement) -> Result<MySqlArguments, DbError> {
    let mut arguments = MySqlArguments::default();
    for bind in statement.binds() {
        match bind {
            Bind::Value(value) => add(&mut arguments, value)?,
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
        Value::Decimal(decimal) => arguments.add(Decimal(decimal.to_plain_string())),
        Value::Text(text) => arguments.add(text),
        Value::Pattern(pattern) => arguments.add(pattern.to_like_with(escape()?)),
        Value::Bytes(bytes) => arguments.add(bytes),
        Value::Uuid(uuid) => arguments.add(uuid.hyphenated().to_string()),
        Value::Timestamp(at) => arguments.add(date_time(Offset::UTC.to_datetime(*at))?.assume_utc()),
        Value::DateTime(at) => arguments.add(date_time(*at)?),
        Value::Date(day) => arguments.add(date(*day)?),
        Value::Time(at) => arguments.add(time_of_day(*at)?),
        Value::Json(json) => arguments.add(json.to_string()),
        _ => return Err(DbError::failed("a value of this kind cannot be bound")),
    };
    added.map_err(|error| DbError::failed(error.to_string()))
}

fn escape() -> Result<char, DbError> {
    Dialect::MySql.like_escape().ok_or_else(|| DbError::failed("there is no escape for patterns"))
}

/// An exact number as its digits, which the server takes for a decimal by its type.
struct Decimal(String);

impl Type<MySql> for Decimal {
    fn type_info() -> MySqlTypeInfo {
        <BigDecimal as Type<MySql>>::type_info()
    }
}

impl Encode<'_, MySql> for Decimal {
    fn encode_by_ref(&self, buffer: &mut Vec<u8>) -> Result<IsNull, BoxDynError> {
        Encode::<MySql>::encode_by_ref(&self.0, buffer)
    }
}

fn date_time(at: DateTime) -> Result<time::PrimitiveDateTime, DbError> {
    Ok(time::PrimitiveDateTime::new(date(at.date())?, time_of_day(at.time())?))
}

fn date(day: Date) -> Result<time::Date, DbError> {
    let beyond = || DbError::failed("a date to bind is beyond what MySQL holds");
    if day.year() < 0 {
        return Err(beyond());
    }
    let within_year = u16::try_from(day.day_of_year()).map_err(|_| beyond())?;
    time::Date::from_ordinal_date(day.year().into(), within_year).map_err(|_| beyond())
}

fn time_of_day(at: Time) -> Result<time::Time, DbError> {
    let beyond = || DbError::failed("a time to bind is beyond what MySQL holds");
    let small = |part: i8| u8::try_from(part).map_err(|_| beyond());
    let micros = u32::try_from(at.subsec_nanosecond() / 1_000).map_err(|_| beyond())?;
    time::Time::from_hms_micro(small(at.hour())?, small(at.minute())?, small(at.second())?, micros)
        .map_err(|_| beyond())
}
