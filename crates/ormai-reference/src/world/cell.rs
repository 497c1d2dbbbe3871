//! Stored values, of the kinds on which all engines agree.

use std::fmt;

use serde_json::Value as Json;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A boolean.
    Bool,
    /// A 64-bit integer.
    Int,
    /// An exact number with two digits after the point; every value is a quarter above a whole.
    Decimal,
    /// Text.
    Text,
    /// A UUID.
    Uuid,
    /// A date.
    Date,
    /// A point in time, in whole seconds.
    Timestamp,
}

impl Kind {
    /// Whether its values can be added up.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Decimal)
    }

    /// Whether `min` and `max` are to be had.
    pub fn has_extremes(self) -> bool {
        !matches!(self, Self::Bool | Self::Uuid)
    }

    /// Whether its values are points or days in time.
    pub fn is_time(self) -> bool {
        matches!(self, Self::Date | Self::Timestamp)
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
    /// An exact number, in hundredths.
    Decimal(i64),
    /// Text.
    Text(String),
    /// A UUID in its 36 characters; their order is that of its bytes.
    Uuid(String),
    /// A date such as `2024-05-01`; text order is the order of time.
    Date(String),
    /// A time such as `2024-05-01T12:00:00Z`; text order is the order of time.
    Timestamp(String),
    /// SQL's NULL: the greatest.
    Null,
}

impl Cell {
    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// Its kind; NULL has none.
    pub fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Decimal(_) => Kind::Decimal,
            Self::Text(_) => Kind::Text,
            Self::Uuid(_) => Kind::Uuid,
            Self::Date(_) => Kind::Date,
            Self::Timestamp(_) => Kind::Timestamp,
        })
    }

    /// Its JSON form in requests and answers.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(bool) => Json::from(*bool),
            Self::Int(int) => Json::from(*int),
            Self::Decimal(hundredths) => Json::from(decimal(*hundredths)),
            Self::Text(text) | Self::Uuid(text) | Self::Date(text) | Self::Timestamp(text) => Json::from(text.as_str()),
        }
    }
}

/// Hundredths as an exact number, without zeros at its end.
fn decimal(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    let (whole, rest) = (hundredths.unsigned_abs() / 100, hundredths.unsigned_abs() % 100);
    let digits = format!("{sign}{whole}.{rest:02}");
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What a mask sees of it, and how it stands in a condition without its quotes.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Bool(bool) => write!(f, "{bool}"),
            Self::Int(int) => write!(f, "{int}"),
            Self::Decimal(hundredths) => f.write_str(&decimal(*hundredths)),
            Self::Text(text) | Self::Uuid(text) | Self::Date(text) | Self::Timestamp(text) => f.write_str(text),
        }
    }
}
