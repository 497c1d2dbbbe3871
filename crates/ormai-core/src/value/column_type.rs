//! The types of columns.

use std::fmt;

/// The type of a column, as far as it matters to requests and answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnType {
    /// true or false.
    Bool,
    /// A 16-bit integer.
    Int16,
    /// A 32-bit integer.
    Int32,
    /// A 64-bit integer.
    Int,
    /// A binary floating-point number.
    Float,
    /// An exact number of any precision.
    Decimal,
    /// Text of any length.
    Text,
    /// Text padded with blanks to a fixed length, which comparisons ignore (`char(n)`).
    Char,
    /// One of a list of words, ordered as listed.
    Enum(Box<EnumType>),
    /// Bytes.
    Bytes,
    /// A UUID.
    Uuid,
    /// A point in time (with time zone), in microseconds.
    Timestamp,
    /// A date and time of day without a zone, in microseconds.
    DateTime,
    /// A date.
    Date,
    /// A time of day without a zone, in microseconds.
    Time,
    /// A length of time.
    Interval,
    /// A JSON document.
    Json,
    /// An array.
    Array(Box<ColumnType>),
    /// A type that OrmAI does not read; the name is the database's. Such a column can be
    /// neither selected nor used.
    Unsupported(String),
}

/// An enum type of the database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnumType {
    /// The type's name in the database.
    pub name: String,
    /// Its words, in order.
    pub variants: Vec<String>,
}

impl ColumnType {
    /// An enum type.
    pub fn enumeration(name: impl Into<String>, variants: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let variants = variants.into_iter().map(Into::into).collect();
        Self::Enum(Box::new(EnumType { name: name.into(), variants }))
    }

    /// An array of another type.
    pub fn array(of: Self) -> Self {
        Self::Array(Box::new(of))
    }

    /// Whether it is one of the integer types.
    pub fn is_integer(&self) -> bool {
        matches!(self, Self::Int16 | Self::Int32 | Self::Int)
    }

    /// Whether it is a number.
    pub fn is_number(&self) -> bool {
        self.is_integer() || matches!(self, Self::Float | Self::Decimal)
    }

    /// Whether it is text, so that `contains` and LIKE apply.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Char)
    }

    /// Whether `=`, IN and IS DISTINCT FROM mean the same on every engine.
    pub fn has_equality(&self) -> bool {
        !matches!(self, Self::Interval | Self::Json | Self::Array(_) | Self::Unsupported(_))
    }

    /// Whether `<`, BETWEEN and ORDER BY mean the same on every engine.
    pub fn has_order(&self) -> bool {
        self.has_equality() && !matches!(self, Self::Bytes)
    }

    /// Whether `min` and `max` are to be had.
    pub fn has_extremes(&self) -> bool {
        self.has_order() && !matches!(self, Self::Bool | Self::Uuid | Self::Enum(_))
    }

    /// Whether its values can be read at all.
    pub fn is_supported(&self) -> bool {
        match self {
            Self::Array(of) => of.is_supported(),
            Self::Unsupported(_) => false,
            _ => true,
        }
    }
}

/// The name in error texts and schemas.
impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "boolean",
            Self::Int16 | Self::Int32 | Self::Int => "integer",
            Self::Float => "float",
            Self::Decimal => "decimal",
            Self::Text | Self::Char => "text",
            Self::Enum(_) => "enum",
            Self::Bytes => "bytes",
            Self::Uuid => "uuid",
            Self::Timestamp => "timestamp",
            Self::DateTime => "datetime",
            Self::Date => "date",
            Self::Time => "time",
            Self::Interval => "interval",
            Self::Json => "json",
            Self::Array(of) => return write!(f, "array of {of}"),
            Self::Unsupported(name) => return write!(f, "unsupported type {name}"),
        })
    }
}
