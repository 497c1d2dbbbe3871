//! Stored values and their kinds.

mod number;
mod read;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

pub use number::{Decimal, Float};

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A boolean.
    Bool,
    /// A 16-bit integer.
    Int16,
    /// A 32-bit integer.
    Int32,
    /// A 64-bit integer.
    Int,
    /// A binary fraction.
    Float,
    /// An exact number.
    Decimal,
    /// Text.
    Text,
    /// Text of a fixed length. Blanks at its end are none of it: a value that has them is [`Kind::Opaque`].
    Char,
    /// One of a list of words, ordered as listed.
    Enum(Arc<[String]>),
    /// Bytes: equal or not, and without an order.
    Bytes,
    /// A UUID.
    Uuid,
    /// A date.
    Date,
    /// A time of day.
    Time,
    /// A date and time of day without a zone.
    DateTime,
    /// A point in time.
    Timestamp,
    /// What can be shown and compared with nothing: documents, lists, lengths of time.
    Opaque,
    /// What cannot even be shown.
    Unread,
}

impl Kind {
    /// Whether its values are whole numbers.
    pub fn is_integer(&self) -> bool {
        matches!(self, Self::Int16 | Self::Int32 | Self::Int)
    }

    /// Whether its values can be added up.
    pub fn is_number(&self) -> bool {
        self.is_integer() || matches!(self, Self::Float | Self::Decimal)
    }

    /// Whether its values are text, so that patterns apply.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Char)
    }

    /// Whether its values can be equal.
    pub fn has_equality(&self) -> bool {
        !matches!(self, Self::Opaque | Self::Unread)
    }

    /// Whether one of its values can be less than another.
    pub fn has_order(&self) -> bool {
        self.has_equality() && *self != Self::Bytes
    }

    /// Whether `min` and `max` are to be had.
    pub fn has_extremes(&self) -> bool {
        self.has_order() && !matches!(self, Self::Bool | Self::Uuid | Self::Enum(_))
    }

    /// Whether its values are points or days in time.
    pub fn is_time(&self) -> bool {
        matches!(self, Self::Date | Self::DateTime | Self::Timestamp)
    }
}

/// A stored value. Cells of one kind are ordered as the documentation orders them: text by its
/// bytes, `false` before `true`, and NULL above everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cell {
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A binary fraction.
    Float(Float),
    /// An exact number.
    Decimal(Decimal),
    /// Text.
    Text(String),
    /// A word, with its place in the list.
    Word(usize, String),
    /// Bytes, in base64 where they are shown.
    Bytes(Vec<u8>),
    /// A UUID in its 36 characters; their order is that of its bytes.
    Uuid(String),
    /// A date such as `2024-05-01`; text order is the order of time.
    Date(String),
    /// A time such as `12:00:00.5`; text order is the order of time.
    Time(String),
    /// A time such as `2024-05-01T12:00:00.5`; text order is the order of time.
    DateTime(String),
    /// A time such as `2024-05-01T12:00:00.5Z`.
    Timestamp(Instant),
    /// The JSON text of what is shown and not looked at.
    Opaque(String),
    /// What the database puts there by itself: some value, and nobody knows which.
    Unknown,
    /// SQL's NULL: the greatest.
    Null,
}

/// A point in time in UTC, as text with a `Z` at its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instant(pub String);

impl Ord for Instant {
    /// Text order is the order of time but for the `Z`: half a second is more than none.
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.trim_end_matches('Z').cmp(other.0.trim_end_matches('Z'))
    }
}

impl PartialOrd for Instant {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Cell {
    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A point in time, such as `2024-05-01T12:00:00Z`.
    pub fn timestamp(text: impl Into<String>) -> Self {
        Self::Timestamp(Instant(text.into()))
    }

    /// What `now()` is for a column: a point in time, or in UTC a time of day or a day.
    pub fn now(now: &str, kind: &Kind) -> Self {
        match kind {
            Kind::Date => Self::Date(now.split('T').next().unwrap_or_default().to_owned()),
            Kind::DateTime => Self::DateTime(now.trim_end_matches('Z').to_owned()),
            _ => Self::timestamp(now),
        }
    }

    /// The kind of a literal; NULL has none.
    pub fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Null | Self::Unknown => return None,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Float(_) => Kind::Float,
            Self::Decimal(_) => Kind::Decimal,
            Self::Text(_) | Self::Word(..) => Kind::Text,
            Self::Bytes(_) => Kind::Bytes,
            Self::Uuid(_) => Kind::Uuid,
            Self::Date(_) => Kind::Date,
            Self::Time(_) => Kind::Time,
            Self::DateTime(_) => Kind::DateTime,
            Self::Timestamp(_) => Kind::Timestamp,
            Self::Opaque(_) => Kind::Opaque,
        })
    }

    /// Its JSON form in requests and answers.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null | Self::Unknown => Json::Null,
            Self::Bool(bool) => Json::from(*bool),
            Self::Int(int) => Json::from(*int),
            Self::Float(float) => float.to_json(),
            Self::Opaque(text) => serde_json::from_str(text).unwrap_or_default(),
            other => Json::from(other.to_string()),
        }
    }
}

/// What a mask sees of it, and how it stands in a condition without its quotes.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Unknown => f.write_str("?"),
            Self::Bool(bool) => write!(f, "{bool}"),
            Self::Int(int) => write!(f, "{int}"),
            Self::Float(float) => write!(f, "{float}"),
            Self::Decimal(decimal) => write!(f, "{decimal}"),
            Self::Bytes(bytes) => f.write_str(&STANDARD.encode(bytes)),
            Self::Timestamp(Instant(text))
            | Self::Text(text)
            | Self::Word(_, text)
            | Self::Uuid(text)
            | Self::Date(text)
            | Self::Time(text)
            | Self::DateTime(text) => f.write_str(text),
            // Text without its quotes, as it is masked.
            Self::Opaque(text) => match serde_json::from_str(text) {
                Ok(Json::String(inner)) => f.write_str(&inner),
                _ => f.write_str(text),
            },
        }
    }
}
