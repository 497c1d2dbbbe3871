//! Making plans: values go into slots, lists into buckets.

use super::{ListSlot, Predicate, Slot, Source, Truth};
use crate::error::{Error, ErrorCode, Result};
use crate::fault::Fault;
use crate::value::Value;

/// The most values that the keys of one statement may have: with its others they stay below what
/// SQLite binds.
pub(crate) const MAX_KEY_VALUES: usize = 16_384;

/// The values of a step while it is being made.
#[derive(Debug, Default)]
pub(crate) struct Binds(Vec<Value>);

impl Binds {
    /// Puts a value into a slot of its own.
    pub(crate) fn push(&mut self, value: Value) -> Result<Slot> {
        let slot = u16::try_from(self.0.len()).map_err(|_| {
            Error::new(ErrorCode::QueryTooBroad, "the request needs more values than one statement takes")
        })?;
        self.0.push(value);
        Ok(Slot(slot))
    }

    /// Puts a list into a slot of its own; `None` when it is empty, because an empty list
    /// is a constant and no list.
    pub(crate) fn push_list(&mut self, values: Vec<Value>) -> Result<Option<ListSlot>> {
        if values.is_empty() {
            return Ok(None);
        }
        let bucket = bucket(values.len());
        let slot = self.push(Value::Array(values))?;
        Ok(Some(ListSlot { slot, bucket }))
    }

    /// Keys by their parts: one list of values for each.
    pub(crate) fn push_keys(&mut self, parts: Vec<Vec<Value>>) -> Result<Vec<ListSlot>> {
        let empty = || Error::new(ErrorCode::Internal, "a step waits for keys, and there is none");
        parts.into_iter().map(|values| self.push_list(values)?.ok_or_else(empty)).collect()
    }

    /// The same values again, for a second step over the same scope and filter.
    pub(crate) fn copy_of(other: &Self) -> Self {
        Self(other.0.clone())
    }

    /// More values beside those of a step.
    pub(crate) fn beside(values: Vec<Value>) -> Self {
        Self(values)
    }

    /// The value in a slot.
    pub(crate) fn get(&self, slot: Slot) -> Option<&Value> {
        self.0.get(slot.index())
    }

    /// The values, by slot.
    pub(crate) fn into_values(self) -> Vec<Value> {
        self.0
    }
}

/// The smallest bucket whose places hold a list of a length.
pub(crate) fn bucket(length: usize) -> u8 {
    let places = length.max(1).next_power_of_two();
    u8::try_from(places.trailing_zeros()).unwrap_or(u8::MAX)
}

impl Source {
    /// The whole table where a fault is on.
    pub(crate) fn unless(self, fault: Fault) -> Self {
        if fault.is_on() { Self { scope: Predicate::Const(Truth::True), ..self } } else { self }
    }

    /// With the first condition of its scope only, where a fault is on.
    pub(crate) fn narrowed(self, fault: Fault) -> Self {
        match self.scope {
            Predicate::And(mut parts) if fault.is_on() => {
                parts.truncate(1);
                Self { scope: Predicate::all(parts), ..self }
            }
            scope => Self { scope, ..self },
        }
    }
}
