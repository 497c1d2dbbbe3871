//! Values and their types, exactly as far as all engines agree.
//!
//! The table of types and their JSON forms is pinned in `docs/reference/types.md`.

pub(crate) mod bytes;
mod column_type;
mod fit;
mod from_json;
mod pattern;
mod to_json;

use bigdecimal::BigDecimal;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use uuid::Uuid;

pub use column_type::ColumnType;
pub use fit::{JSON_LEVELS, fit};
pub use from_json::Misfit;
pub use pattern::{Pattern, PatternPart};

/// A value as it is stored or bound.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer of any width.
    Int(i64),
    /// A binary floating-point number.
    Float(f64),
    /// An exact number of any precision.
    Decimal(BigDecimal),
    /// Text, also of enums.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A UUID.
    Uuid(Uuid),
    /// A point in time (with time zone).
    Timestamp(Timestamp),
    /// A date and time of day without a zone.
    DateTime(DateTime),
    /// A date.
    Date(Date),
    /// A time of day.
    Time(Time),
    /// A length of time.
    Interval(Interval),
    /// A JSON document.
    Json(serde_json::Value),
    /// Several values: an array column, or the list of an IN.
    Array(Vec<Value>),
    /// The right side of a text match; only ever bound, never stored.
    Pattern(Pattern),
}

/// A length of time as PostgreSQL stores it: the three parts do not convert into each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    /// Months.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Microseconds.
    pub microseconds: i64,
}

impl Value {
    /// Whether this is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}
