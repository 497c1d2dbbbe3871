//! Values to PostgreSQL's binary form.

use bigdecimal::BigDecimal;
use ormai_core::value::{ColumnType, Pattern, PatternPart, Value};
use ormai_sql::{Bind, Statement};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo};
use sqlx::{Arguments as _, Encode, Postgres, Type};

use super::{calendar, numeric, oid};
use crate::error::DbError;

pub(super) struct Bound {
    pub(super) arguments: PgArguments,
    pub(super) has_null: bool,
}

pub(super) fn arguments(statement: &Statement) -> Result<Bound, DbError> {
    let mut bound = Bound { arguments: PgArguments::default(), has_null: false };
    for bind in statement.binds() {
        let parameter = match bind {
            Bind::Value(value) => {
                bound.has_null |= value.is_null();
                scalar_or_array(value)?
            }
            Bind::Array(items, of) => array(items, element(of)?)?,
            Bind::Stored(value, ty) => stored(value, ty)?,
        };
        bound.arguments.add(parameter).map_err(refused)?;
    }
    Ok(bound)
}

fn refused(error: BoxDynError) -> DbError {
    DbError::failed(error.to_string())
}

/// A parameter in binary form; `None` is NULL.
///
/// The type 0 leaves it to the server to infer the type from the place: text, enums,
/// `citext` and `name` have the same binary form, so one value serves all of them.
struct Parameter {
    ty: u32,
    bytes: Option<Vec<u8>>,
}

impl Type<Postgres> for Parameter {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Parameter {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(match &self.bytes {
            Some(bytes) => {
                buffer.extend_from_slice(bytes);
                IsNull::No
            }
            None => IsNull::Yes,
        })
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(self.ty)))
    }
}

fn scalar_or_array(value: &Value) -> Result<Parameter, DbError> {
    if let Value::Array(items) = value {
        let first = items.iter().find(|item| !item.is_null());
        let ty =
            first.map_or(Ok(oid::TEXT), |first| scalar(first).map(|(ty, _)| if ty == 0 { oid::TEXT } else { ty }))?;
        return array(items, ty);
    }
    let (ty, bytes) = scalar(value)?;
    Ok(Parameter { ty, bytes })
}

/// A value that is stored. Its column alone says the type to declare, so that every value of the
/// column fits the same prepared statement; the server makes the column's own of it, or refuses.
fn stored(value: &Value, column: &ColumnType) -> Result<Parameter, DbError> {
    if let ColumnType::Array(of) = column {
        // The binary form of an array names its type by a number, which only the server knows of an
        // enum of somebody's.
        let of = element(of).map_err(|_| DbError::refused("no array of such a type can be bound"))?;
        return match value {
            Value::Array(items) => array(items, of),
            _ => Ok(Parameter { ty: array_of(of), bytes: None }),
        };
    }
    let (ty, bytes) = match (column, value) {
        (ColumnType::Decimal, Value::Int(int)) => scalar(&Value::Decimal((*int).into()))?,
        (_, value) => scalar(value)?,
    };
    let declared = match column {
        // Text, enums, `citext` and `name` have one binary form.
        ColumnType::Text | ColumnType::Char | ColumnType::Enum(_) => 0,
        other => element(other)?,
    };
    if bytes.is_some() && ty != declared {
        return Err(DbError::failed("a value to store is not of its column's type"));
    }
    Ok(Parameter { ty: declared, bytes })
}

/// The type to declare and the binary form.
fn scalar(value: &Value) -> Result<(u32, Option<Vec<u8>>), DbError> {
    let beyond = || DbError::failed("a value to bind is beyond what PostgreSQL holds");
    let (ty, bytes) = match value {
        Value::Null => return Ok((0, None)),
        Value::Bool(bool) => (oid::BOOL, vec![u8::from(*bool)]),
        Value::Int(int) => (oid::INT8, int.to_be_bytes().to_vec()),
        Value::Float(float) => (oid::FLOAT8, float.to_be_bytes().to_vec()),
        Value::Decimal(decimal) => (oid::NUMERIC, numeric_bytes(decimal)?),
        Value::Text(text) => (0, text.as_bytes().to_vec()),
        Value::Pattern(pattern) => (oid::TEXT, like(pattern).into_bytes()),
        Value::Bytes(bytes) => (oid::BYTEA, bytes.clone()),
        Value::Uuid(uuid) => (oid::UUID, uuid.as_bytes().to_vec()),
        Value::Timestamp(at) => {
            (oid::TIMESTAMPTZ, calendar::timestamp_micros(*at).ok_or_else(beyond)?.to_be_bytes().to_vec())
        }
        Value::DateTime(at) => {
            (oid::TIMESTAMP, calendar::date_time_micros(*at).ok_or_else(beyond)?.to_be_bytes().to_vec())
        }
        Value::Date(date) => (oid::DATE, calendar::date_days(*date).ok_or_else(beyond)?.to_be_bytes().to_vec()),
        Value::Time(time) => (oid::TIME, calendar::time_micros(*time).to_be_bytes().to_vec()),
        Value::Interval(interval) => {
            let mut bytes = interval.microseconds.to_be_bytes().to_vec();
            bytes.extend(interval.days.to_be_bytes());
            bytes.extend(interval.months.to_be_bytes());
            (oid::INTERVAL, bytes)
        }
        Value::Json(json) => {
            // The version of jsonb's binary form; a json column casts on assignment.
            let mut bytes = vec![1];
            bytes.extend(json.to_string().into_bytes());
            (oid::JSONB, bytes)
        }
        _ => return Err(DbError::failed("a value of this kind cannot be bound")),
    };
    Ok((ty, Some(bytes)))
}

fn numeric_bytes(decimal: &BigDecimal) -> Result<Vec<u8>, DbError> {
    numeric::encode(decimal).ok_or_else(|| DbError::failed("a number to bind is beyond what PostgreSQL holds"))
}

/// The element type of an array whose items are of a column's type.
fn element(of: &ColumnType) -> Result<u32, DbError> {
    Ok(match of {
        ColumnType::Bool => oid::BOOL,
        ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int => oid::INT8,
        ColumnType::Float => oid::FLOAT8,
        ColumnType::Decimal => oid::NUMERIC,
        ColumnType::Text => oid::TEXT,
        ColumnType::Char => oid::BPCHAR,
        ColumnType::Bytes => oid::BYTEA,
        ColumnType::Uuid => oid::UUID,
        ColumnType::Timestamp => oid::TIMESTAMPTZ,
        ColumnType::DateTime => oid::TIMESTAMP,
        ColumnType::Date => oid::DATE,
        ColumnType::Time => oid::TIME,
        ColumnType::Interval => oid::INTERVAL,
        ColumnType::Json => oid::JSONB,
        other => return Err(DbError::failed(format!("no list of {other} can be bound"))),
    })
}

/// The array type over an element type; PostgreSQL fixes these numbers.
fn array_of(element: u32) -> u32 {
    match element {
        oid::BOOL => 1000,
        oid::BYTEA => 1001,
        oid::INT8 => 1016,
        oid::TEXT => 1009,
        oid::BPCHAR => 1014,
        oid::FLOAT8 => 1022,
        oid::DATE => 1182,
        oid::TIME => 1183,
        oid::TIMESTAMP => 1115,
        oid::TIMESTAMPTZ => 1185,
        oid::INTERVAL => 1187,
        oid::NUMERIC => 1231,
        oid::UUID => 2951,
        oid::JSONB => 3807,
        _ => 0,
    }
}

fn array(items: &[Value], element: u32) -> Result<Parameter, DbError> {
    let long = |_| DbError::failed("a list to bind is too long");
    let mut bytes = Vec::with_capacity(20 + items.len() * 12);
    let dimensions = i32::from(!items.is_empty());
    bytes.extend(dimensions.to_be_bytes());
    bytes.extend(i32::from(items.iter().any(Value::is_null)).to_be_bytes());
    bytes.extend(element.to_be_bytes());
    if dimensions == 1 {
        bytes.extend(i32::try_from(items.len()).map_err(long)?.to_be_bytes());
        bytes.extend(1_i32.to_be_bytes());
    }
    for item in items {
        let (ty, form) = scalar(item)?;
        // Text goes into any text type; everything else has to be the array's own type.
        let is_text = ty == 0 && matches!(element, oid::TEXT | oid::BPCHAR);
        if form.is_some() && ty != element && !is_text {
            return Err(DbError::failed("the items of a list to bind differ in their types"));
        }
        match form {
            Some(form) => {
                bytes.extend(i32::try_from(form.len()).map_err(long)?.to_be_bytes());
                bytes.extend(form);
            }
            None => bytes.extend((-1_i32).to_be_bytes()),
        }
    }
    Ok(Parameter { ty: array_of(element), bytes: Some(bytes) })
}

/// A pattern as LIKE writes it with `\` as its escape.
fn like(pattern: &Pattern) -> String {
    let mut out = String::new();
    for part in &pattern.0 {
        match part {
            PatternPart::Any => out.push('%'),
            PatternPart::One => out.push('_'),
            PatternPart::Text(text) => {
                for char in text.chars() {
                    if matches!(char, '%' | '_' | '\\') {
                        out.push('\\');
                    }
                    out.push(char);
                }
            }
        }
    }
    out
}
