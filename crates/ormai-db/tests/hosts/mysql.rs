//! A driver of MariaDB and MySQL that writes parameters into the text, and makes values of a language of
//! what comes back.

use bigdecimal::BigDecimal;
use futures_util::TryStreamExt as _;
use jiff::civil::{Date, DateTime};
use ormai_core::value::{Interval, Value};
use ormai_db::host::{Answered, BoundValue, Cell, HostError};
use sqlx::mysql::{MySqlArguments, MySqlConnection, MySqlDatabaseError, MySqlRow};
use sqlx::{
    AssertSqlSafe, Column as _, Connection as _, Decode, Either, Executor as _, MySql, Row as _, TypeInfo as _,
};

use super::{Driver, Job};

pub(super) struct Connection(MySqlConnection);

pub(super) async fn connect(url: &str) -> Connection {
    Connection(MySqlConnection::connect(url).await.unwrap())
}

impl Driver for Connection {
    async fn run(&mut self, job: Job) -> Result<Answered, HostError> {
        let mut answered = Answered::default();
        let code = |database: &dyn sqlx::error::DatabaseError| {
            Some(database.downcast_ref::<MySqlDatabaseError>().number().to_string())
        };
        let (text, values) = match job {
            Job::Text(text) => {
                let done = sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut self.0).await;
                return done.map(|_| answered).map_err(|error| super::refused(&error, code));
            }
            Job::Run { text, values, .. } => (text, values),
        };
        let mut values = values.into_iter();
        let text = super::written(&text, || literal(values.next().unwrap()));
        let query = sqlx::query_with(AssertSqlSafe(text), MySqlArguments::default()).persistent(false);
        let mut parts = self.0.fetch_many(query);
        loop {
            match parts.try_next().await {
                Ok(Some(Either::Left(result))) => {
                    answered.affected += result.rows_affected();
                    answered.made = Some(result.last_insert_id());
                }
                Ok(Some(Either::Right(row))) => answered.rows.push(cells(&row)),
                Ok(None) => return Ok(answered),
                Err(error) => return Err(super::refused(&error, code)),
            }
        }
    }
}

fn literal(value: BoundValue) -> String {
    match value {
        BoundValue::Null => "NULL".to_owned(),
        BoundValue::Int(int) => int.to_string(),
        BoundValue::Float(float) => format!("{float:e}"),
        BoundValue::Decimal(digits) => digits,
        BoundValue::Text(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        other => panic!("{other:?} for a driver that writes it into the text"),
    }
}

fn cells(row: &MySqlRow) -> Vec<Cell> {
    (0..row.len()).map(|index| Cell::Value(value(row, index))).collect()
}

fn value(row: &MySqlRow, index: usize) -> Value {
    let raw = row.try_get_raw(index).unwrap();
    let Ok(bytes) = <&[u8] as Decode<MySql>>::decode(raw) else { return Value::Null };
    match row.columns()[index].type_info().name() {
        "NULL" => Value::Null,
        "BIGINT UNSIGNED" => {
            let number: u64 = row.get_unchecked(index);
            i64::try_from(number).map_or_else(|_| Value::Decimal(BigDecimal::from(number)), Value::Int)
        }
        name if name == "BOOLEAN" || name.contains("INT") => match bytes {
            [byte] if name.contains("UNSIGNED") => Value::Int((*byte).into()),
            _ if name.contains("UNSIGNED") => Value::Int(row.get_unchecked::<u32, _>(index).into()),
            _ => Value::Int(row.get_unchecked(index)),
        },
        "FLOAT" => Value::Float(row.get_unchecked::<f32, _>(index).into()),
        "DOUBLE" => Value::Float(row.get_unchecked(index)),
        "DECIMAL" => Value::Decimal(std::str::from_utf8(bytes).unwrap().parse().unwrap()),
        "DATE" => day(&bytes[1..]).map_or_else(Value::Text, Value::Date),
        "DATETIME" | "TIMESTAMP" => moment(&bytes[1..]),
        "TIME" => length_of_time(&bytes[1..]),
        // What is text and what is not, the driver knows by the character set.
        "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" => Value::Bytes(bytes.to_vec()),
        _ => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
    }
}

fn number(bytes: &[u8]) -> i32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | i32::from(*byte))
}

/// A day, or what the server calls one.
fn day(parts: &[u8]) -> Result<Date, String> {
    let (year, month, day) = match parts {
        [] => (0, 0, 0),
        parts => (number(&parts[..2]), parts[2], parts[3]),
    };
    let date = i16::try_from(year).ok().and_then(|year| Date::new(year, month as i8, day as i8).ok());
    date.filter(|_| year > 0).ok_or_else(|| format!("{year:04}-{month:02}-{day:02}"))
}

fn moment(parts: &[u8]) -> Value {
    let clock = |at: usize| parts.get(at).copied().unwrap_or_default();
    let micros = parts.get(7..11).map_or(0, number);
    let clock = format!("{:02}:{:02}:{:02}.{micros:06}", clock(4), clock(5), clock(6));
    match day(parts) {
        Ok(day) => Value::DateTime(format!("{day}T{clock}").parse::<DateTime>().unwrap()),
        Err(day) => Value::Text(format!("{day} {clock}")),
    }
}

/// Other languages have lengths of time for it.
fn length_of_time(parts: &[u8]) -> Value {
    let part = |range: std::ops::Range<usize>| i64::from(parts.get(range).map_or(0, number));
    let hours = part(1..5) * 24 + part(5..6);
    let micros = ((hours * 60 + part(6..7)) * 60 + part(7..8)) * 1_000_000 + part(8..12);
    let sign = if part(0..1) == 1 { -1 } else { 1 };
    Value::Interval(Interval { months: 0, days: 0, microseconds: sign * micros })
}
