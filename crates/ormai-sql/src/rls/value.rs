//! Values of a policy as literals, and types as PostgreSQL spells them.

use ormai_core::value::{ColumnType, Value};

use super::text::Sql;
use crate::error::CompileError;

/// How a type is spelled where a value of it is read from the principal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spelled {
    /// What `ormai_rls.read` calls it.
    pub(super) kind: &'static str,
    /// What its text is cast to.
    pub(super) cast: &'static str,
    pub(super) array: &'static str,
}

/// The spelling of a type; `None` where no value can be given.
pub(super) fn spelled(ty: &ColumnType) -> Option<Spelled> {
    let same = |name, array| Some(Spelled { kind: name, cast: name, array });
    match ty {
        ColumnType::Bool => same("boolean", "boolean[]"),
        ColumnType::Int16 => same("smallint", "smallint[]"),
        ColumnType::Int32 => same("integer", "integer[]"),
        ColumnType::Int => same("bigint", "bigint[]"),
        ColumnType::Float => same("double precision", "double precision[]"),
        ColumnType::Decimal => same("numeric", "numeric[]"),
        // The words of an enum are compared as text: its name may be another schema's.
        ColumnType::Text | ColumnType::Enum(_) => same("text", "text[]"),
        ColumnType::Char => Some(Spelled { kind: "char", cast: "bpchar", array: "bpchar[]" }),
        ColumnType::Bytes => same("bytea", "bytea[]"),
        ColumnType::Uuid => same("uuid", "uuid[]"),
        ColumnType::Timestamp => same("timestamptz", "timestamptz[]"),
        ColumnType::DateTime => same("timestamp", "timestamp[]"),
        ColumnType::Date => same("date", "date[]"),
        ColumnType::Time => same("time", "time[]"),
        _ => None,
    }
}

/// A value of a policy.
pub(super) fn literal(value: &Value) -> Result<Sql, CompileError> {
    Ok(match value {
        Value::Null => Sql::of("NULL"),
        Value::Bool(true) => Sql::of("true"),
        Value::Bool(false) => Sql::of("false"),
        // Quoted, so that PostgreSQL reads it as the type beside it and no index is lost.
        Value::Int(int) => Sql::value(&int.to_string())?,
        Value::Float(float) => Sql::value(&float.to_string())?.cast("double precision"),
        Value::Decimal(decimal) => Sql::value(&decimal.to_plain_string())?.cast("numeric"),
        Value::Text(text) => Sql::value(text)?,
        Value::Bytes(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Sql::value(&format!("\\x{hex}"))?.cast("bytea")
        }
        Value::Uuid(uuid) => Sql::value(&uuid.to_string())?.cast("uuid"),
        Value::Timestamp(timestamp) => Sql::value(&timestamp.to_string())?.cast("timestamptz"),
        Value::DateTime(time) => Sql::value(&time.to_string())?.cast("timestamp"),
        Value::Date(date) => Sql::value(&date.to_string())?.cast("date"),
        Value::Time(time) => Sql::value(&time.to_string())?.cast("time"),
        _ => return Err(CompileError::Malformed("a value that no policy can hold")),
    })
}
