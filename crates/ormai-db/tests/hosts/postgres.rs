//! Drivers of PostgreSQL: one that binds the binary form, one that binds texts, and one that writes them
//! into the text. The latter two make values of a language of what comes back.

use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use ormai_core::value::{Interval, Value};
use ormai_db::host::{Answered, BoundValue, Cell, HostError, Wire};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgConnection, PgRow, PgTypeInfo, PgTypeKind};
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, Connection as _, Either, Encode, Executor as _, Postgres, Row as _,
    Type, ValueRef as _,
};

use super::{Driver, Job};

pub(super) struct Connection(PgConnection, Wire);

pub(super) async fn connect(url: &str, wire: Wire) -> Connection {
    Connection(PgConnection::connect(url).await.unwrap(), wire)
}

impl Driver for Connection {
    async fn run(&mut self, job: Job) -> Result<Answered, HostError> {
        let code = |database: &dyn sqlx::error::DatabaseError| database.code().map(Into::into);
        let mut answered = Answered::default();
        let (text, values) = match job {
            Job::Text(text) => {
                let done = sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut self.0).await;
                return done.map(|_| answered).map_err(|error| super::refused(&error, code));
            }
            Job::Run { text, values, .. } => (text, values),
        };
        let mut arguments = PgArguments::default();
        let mut all = values.into_iter();
        let text = match self.1 {
            Wire::PostgresFormat => super::written(&text, || literal(all.next().unwrap())),
            _ => text,
        };
        let mut has_null = false;
        for value in all {
            has_null |= matches!(value, BoundValue::Null | BoundValue::Wire { bytes: None, .. });
            arguments.add(Parameter(value)).unwrap();
        }
        // What NULL is bound as depends on its place.
        let query = sqlx::query_with(AssertSqlSafe(text), arguments).persistent(!has_null);
        let mut parts = self.0.fetch_many(query);
        loop {
            match parts.try_next().await {
                Ok(Some(Either::Left(result))) => answered.affected += result.rows_affected(),
                Ok(Some(Either::Right(row))) => answered.rows.push(cells(&row, self.1)),
                Ok(None) => return Ok(answered),
                Err(error) => return Err(super::refused(&error, code)),
            }
        }
    }
}

/// In binary form, which of a text is its bytes.
struct Parameter(BoundValue);

impl Type<Postgres> for Parameter {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Parameter {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match &self.0 {
            BoundValue::Text(text) => buffer.extend_from_slice(text.as_bytes()),
            BoundValue::Wire { bytes: Some(bytes), .. } => buffer.extend_from_slice(bytes),
            _ => return Ok(IsNull::Yes),
        }
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(if let BoundValue::Wire { oid, .. } = &self.0 { *oid } else { 0 })))
    }
}

fn literal(value: BoundValue) -> String {
    match value {
        BoundValue::Null => "NULL".to_owned(),
        BoundValue::Text(text) => format!(" E'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
        other => panic!("{other:?} for a driver that binds texts"),
    }
}

fn cells(row: &PgRow, wire: Wire) -> Vec<Cell> {
    let cell = |index: usize| {
        let oid = row.columns()[index].type_info().oid().map_or(0, |oid| oid.0);
        let raw = row.try_get_raw(index).unwrap();
        if raw.is_null() {
            return Cell::Value(Value::Null);
        }
        let bytes = raw.as_bytes().unwrap();
        match wire {
            Wire::PostgresBinary => Cell::Wire { oid, bytes: bytes.to_vec() },
            _ if let PgTypeKind::Array(of) = row.columns()[index].type_info().kind() => {
                const FIRST_OF_USERS: u32 = 16_384;
                // One of the drivers knows no arrays of types that somebody made.
                let is_known = wire != Wire::PostgresFormat || of.oid().is_some_and(|oid| oid.0 < FIRST_OF_USERS);
                let of = if let PgTypeKind::Domain(base) = of.kind() { base } else { of };
                let array = array(bytes, of.oid().map_or(0, |oid| oid.0));
                Cell::Value(if is_known { array } else { Value::Text(written(&array)) })
            }
            _ => Cell::Value(value(oid, bytes)),
        }
    };
    (0..row.len()).map(cell).collect()
}

/// The value that a language with numbers of any size, and times of its own, makes of the binary form.
fn value(oid: u32, bytes: &[u8]) -> Value {
    const EPOCH_MICROS: i64 = 946_684_800_000_000;
    let text = || String::from_utf8_lossy(bytes).into_owned();
    let int = || bytes.iter().fold(if bytes[0] < 0x80 { 0 } else { -1 }, |int: i64, byte| int << 8 | i64::from(*byte));
    let at = |micros: i64| Timestamp::from_microsecond(micros.saturating_add(EPOCH_MICROS));
    match oid {
        16 => Value::Bool(bytes == [1]),
        17 => Value::Bytes(bytes.to_vec()),
        20 | 21 | 23 | 26 => Value::Int(int()),
        700 => Value::Float(f32::from_be_bytes(bytes.try_into().unwrap()).into()),
        701 => Value::Float(f64::from_be_bytes(bytes.try_into().unwrap())),
        1082 => match i32::try_from(int()).unwrap() {
            i32::MAX => Value::from("infinity"),
            i32::MIN => Value::from("-infinity"),
            days => Value::Date(Date::constant(2000, 1, 1).checked_add(days.days()).unwrap()),
        },
        1083 => Value::Time(Time::midnight().wrapping_add(int().microseconds())),
        1114 | 1184 => match (int(), oid) {
            (i64::MAX, _) => Value::from("infinity"),
            (i64::MIN, _) => Value::from("-infinity"),
            (micros, 1184) => Value::Timestamp(at(micros).unwrap()),
            (micros, _) => Value::DateTime(at(micros).map_or_else(|_| DateTime::MAX, |at| Offset::UTC.to_datetime(at))),
        },
        1186 => Value::Interval(Interval {
            microseconds: i64::from_be_bytes(bytes[..8].try_into().unwrap()),
            days: i32::from_be_bytes(bytes[8..12].try_into().unwrap()),
            months: i32::from_be_bytes(bytes[12..].try_into().unwrap()),
        }),
        1700 => numeric(bytes),
        2950 => Value::Uuid(uuid::Uuid::from_slice(bytes).unwrap()),
        3802 => Value::Text(String::from_utf8_lossy(&bytes[1..]).into_owned()),
        _ => Value::Text(text()),
    }
}

/// An array as the server writes it.
fn written(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("{{{}}}", items.iter().map(written).collect::<Vec<_>>().join(",")),
        Value::Text(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        Value::Int(int) => int.to_string(),
        _ => "NULL".to_owned(),
    }
}

fn numeric(bytes: &[u8]) -> Value {
    let part = |at: usize| u16::from_be_bytes(bytes[at..at + 2].try_into().unwrap());
    let (weight, sign, scale) = (i64::from(part(2) as i16), part(4), part(6));
    match sign {
        0xC000 => return Value::from("NaN"),
        0xD000 => return Value::from("Infinity"),
        0xF000 => return Value::from("-Infinity"),
        _ => {}
    }
    let digits: String = (0..usize::from(part(0))).map(|group| format!("{:04}", part(8 + group * 2))).collect();
    let sign = if sign == 0x4000 { "-" } else { "" };
    let exponent = 4 * (weight + 1) - i64::try_from(digits.len()).unwrap();
    let number: bigdecimal::BigDecimal = format!("{sign}0{digits}e{exponent}").parse().unwrap();
    Value::Decimal(number.with_scale(scale.into()))
}

fn array(bytes: &[u8], of: u32) -> Value {
    let part = |at: usize| i32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let dimensions = part(0);
    if dimensions == 0 {
        return Value::Array(Vec::new());
    }
    let sizes: Vec<_> = (0..dimensions).map(|at| part(12 + usize::try_from(at).unwrap() * 8)).collect();
    let mut at = 12 + sizes.len() * 8;
    let mut items: Vec<Value> = (0..sizes.iter().product::<i32>())
        .map(|_| match usize::try_from(part(at)) {
            Ok(length) => {
                let item = value(of, &bytes[at + 4..at + 4 + length]);
                at += 4 + length;
                item
            }
            Err(_) => {
                at += 4;
                Value::Null
            }
        })
        .collect();
    for size in sizes.iter().skip(1).rev() {
        items = items.chunks(usize::try_from(*size).unwrap()).map(|chunk| Value::Array(chunk.to_vec())).collect();
    }
    Value::Array(items)
}
