//! Values to PostgreSQL's binary form.

use std::borrow::Cow;

use ormai_core::value::{ColumnType, Value};
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
        bound.has_null |= matches!(bind, Bind::Value(Value::Null));
        let parameter = Parameter::of(bind)?;
        let binary = Binary { ty: parameter.ty, bytes: parameter.bytes()? };
        bound.arguments.add(binary).map_err(|error| DbError::failed(error.to_string()))?;
    }
    Ok(bound)
}

/// A parameter in binary form; `None` is NULL.
struct Binary {
    ty: u32,
    bytes: Option<Vec<u8>>,
}

impl Type<Postgres> for Binary {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Binary {
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

/// A parameter with the type to declare.
///
/// The type 0 leaves it to the server to infer the type from the place: text, enums,
/// `citext` and `name` have the same form, so one value serves all of them.
pub(super) struct Parameter<'v> {
    pub(super) ty: u32,
    pub(super) content: Content<'v>,
}

/// What is bound, in whichever form.
pub(super) enum Content<'v> {
    Null,
    One(Cow<'v, Value>),
    /// Items that are all of one type, with its number.
    Many(&'v [Value], u32),
}

impl<'v> Parameter<'v> {
    pub(super) fn of(bind: Bind<'v>) -> Result<Self, DbError> {
        match bind {
            Bind::Value(Value::Array(items)) => {
                let first = items.iter().find(|item| !item.is_null());
                let ty = first.map_or(Ok(0), type_of)?;
                Self::many(items, if ty == 0 { oid::TEXT } else { ty })
            }
            Bind::Value(value) => Self::one(type_of(value)?, Cow::Borrowed(value)),
            Bind::Array(items, of) => Self::many(items, element(of)?),
            Bind::Stored(value, ty) => Self::stored(value, ty),
        }
    }

    fn one(ty: u32, value: Cow<'v, Value>) -> Result<Self, DbError> {
        Ok(Self { ty, content: if value.is_null() { Content::Null } else { Content::One(value) } })
    }

    fn many(items: &'v [Value], element: u32) -> Result<Self, DbError> {
        for item in items.iter().filter(|item| !item.is_null()) {
            let ty = type_of(item)?;
            // Text goes into any text type; everything else has to be the array's own type.
            if ty != element && !(ty == 0 && matches!(element, oid::TEXT | oid::BPCHAR)) {
                return Err(DbError::failed("the items of a list to bind differ in their types"));
            }
        }
        Ok(Self { ty: array_of(element), content: Content::Many(items, element) })
    }

    /// A value that is stored. Its column alone says the type to declare, so that every value of the
    /// column fits the same prepared statement; the server makes the column's own of it, or refuses.
    fn stored(value: &'v Value, column: &ColumnType) -> Result<Self, DbError> {
        if let ColumnType::Array(of) = column {
            // An array names its type by a number, which only the server knows of an enum of
            // somebody's.
            let of = element(of).map_err(|_| DbError::refused("no array of such a type can be bound"))?;
            return match value {
                Value::Array(items) => Self::many(items, of),
                _ => Ok(Self { ty: array_of(of), content: Content::Null }),
            };
        }
        let value = match (column, value) {
            (ColumnType::Decimal, Value::Int(int)) => Cow::Owned(Value::Decimal((*int).into())),
            (_, value) => Cow::Borrowed(value),
        };
        let declared = match column {
            // Text, enums, `citext` and `name` have one form.
            ColumnType::Text | ColumnType::Char | ColumnType::Enum(_) => 0,
            other => element(other)?,
        };
        if !value.is_null() && type_of(&value)? != declared {
            return Err(DbError::failed("a value to store is not of its column's type"));
        }
        Self::one(declared, value)
    }

    /// The binary form; `None` is NULL.
    pub(super) fn bytes(&self) -> Result<Option<Vec<u8>>, DbError> {
        Ok(match &self.content {
            Content::Null => None,
            Content::One(value) => Some(binary(value)?),
            Content::Many(items, element) => Some(array(items, *element)?),
        })
    }
}

/// The type to declare of a value.
fn type_of(value: &Value) -> Result<u32, DbError> {
    Ok(match value {
        Value::Null | Value::Text(_) => 0,
        Value::Bool(_) => oid::BOOL,
        Value::Int(_) => oid::INT8,
        Value::Float(_) => oid::FLOAT8,
        Value::Decimal(_) => oid::NUMERIC,
        Value::Pattern(_) => oid::TEXT,
        Value::Bytes(_) => oid::BYTEA,
        Value::Uuid(_) => oid::UUID,
        Value::Timestamp(_) => oid::TIMESTAMPTZ,
        Value::DateTime(_) => oid::TIMESTAMP,
        Value::Date(_) => oid::DATE,
        Value::Time(_) => oid::TIME,
        Value::Interval(_) => oid::INTERVAL,
        Value::Json(_) => oid::JSONB,
        _ => return Err(unbound()),
    })
}

pub(super) fn unbound() -> DbError {
    DbError::failed("a value of this kind cannot be bound")
}

pub(super) fn beyond() -> DbError {
    DbError::failed("a value to bind is beyond what PostgreSQL holds")
}

/// The binary form of a value that is not NULL.
fn binary(value: &Value) -> Result<Vec<u8>, DbError> {
    Ok(match value {
        Value::Bool(bool) => vec![u8::from(*bool)],
        Value::Int(int) => int.to_be_bytes().to_vec(),
        Value::Float(float) => float.to_be_bytes().to_vec(),
        Value::Decimal(decimal) => numeric::encode(decimal).ok_or_else(beyond)?,
        Value::Text(text) => text.as_bytes().to_vec(),
        Value::Pattern(pattern) => pattern.to_like().into_bytes(),
        Value::Bytes(bytes) => bytes.clone(),
        Value::Uuid(uuid) => uuid.as_bytes().to_vec(),
        Value::Timestamp(at) => calendar::timestamp_micros(*at).ok_or_else(beyond)?.to_be_bytes().to_vec(),
        Value::DateTime(at) => calendar::date_time_micros(*at).ok_or_else(beyond)?.to_be_bytes().to_vec(),
        Value::Date(date) => calendar::date_days(*date).ok_or_else(beyond)?.to_be_bytes().to_vec(),
        Value::Time(time) => calendar::time_micros(*time).to_be_bytes().to_vec(),
        Value::Interval(interval) => {
            let mut bytes = interval.microseconds.to_be_bytes().to_vec();
            bytes.extend(interval.days.to_be_bytes());
            bytes.extend(interval.months.to_be_bytes());
            bytes
        }
        Value::Json(json) => {
            // The version of jsonb's binary form; a json column casts on assignment.
            let mut bytes = vec![1];
            bytes.extend(json.to_string().into_bytes());
            bytes
        }
        _ => return Err(unbound()),
    })
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

fn array(items: &[Value], element: u32) -> Result<Vec<u8>, DbError> {
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
        if item.is_null() {
            bytes.extend((-1_i32).to_be_bytes());
        } else {
            let form = binary(item)?;
            bytes.extend(i32::try_from(form.len()).map_err(long)?.to_be_bytes());
            bytes.extend(form);
        }
    }
    Ok(bytes)
}
