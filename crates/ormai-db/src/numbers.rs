//! Numbers of one type as those of another.

use bigdecimal::{BigDecimal, ToPrimitive};
use ormai_core::value::{ColumnType, Value};

/// The type that a number is declared to be of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    Int,
    Float,
    Decimal,
}

impl Wanted {
    /// `None` for a type that is not that of a number.
    pub(crate) fn of_type(ty: &ColumnType) -> Option<Self> {
        match ty {
            ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int => Some(Self::Int),
            ColumnType::Float => Some(Self::Float),
            ColumnType::Decimal => Some(Self::Decimal),
            _ => None,
        }
    }

    /// The same number as another type, where that loses nothing.
    pub(crate) fn of(self, value: Value) -> Value {
        match (self, value) {
            (Self::Decimal, Value::Int(int)) => Value::Decimal(BigDecimal::from(int)),
            (Self::Int, Value::Decimal(decimal)) => match decimal.to_i64().filter(|_| decimal.is_integer()) {
                Some(int) => Value::Int(int),
                None => Value::Decimal(decimal),
            },
            (Self::Float, Value::Int(int)) => int.to_f64().map_or(Value::Int(int), Value::Float),
            (Self::Float, Value::Decimal(decimal)) => match decimal.to_f64() {
                Some(float) => Value::Float(float),
                None => Value::Decimal(decimal),
            },
            (_, value) => value,
        }
    }
}
