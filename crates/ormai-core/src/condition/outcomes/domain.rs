//! The few values of a variable that differ to a condition.

use std::cmp::Ordering;

use super::tree::{Reader, Variable};
use crate::condition::evaluate::compare_values;
use crate::value::{ColumnType, Value};

/// The values of every variable. Only their order counts, so they are numbered by it among
/// the variables and constants that are compared with each other.
pub(super) struct Domains {
    /// By variable: how many numbers there are, and whether NULL comes after them.
    variables: Vec<(i64, bool)>,
    /// By constant: its number.
    constants: Vec<i64>,
}

impl Domains {
    /// `None` for what cannot be put in order.
    pub(super) fn new(reader: &Reader<'_>) -> Option<Self> {
        let mut domains =
            Self { variables: vec![(0, false); reader.variables.len()], constants: vec![0; reader.constants.len()] };
        for leader in (0..reader.variables.len()).filter(|variable| reader.leader(*variable) == *variable) {
            domains.group(reader, leader)?;
        }
        Some(domains)
    }

    /// Numbers the values of all variables that are compared with each other.
    fn group(&mut self, reader: &Reader<'_>, leader: usize) -> Option<()> {
        let members = || reader.variables.iter().enumerate().filter(|(at, _)| reader.leader(*at) == leader);
        let ty = common_type(members().map(|(_, variable)| variable))?;
        let own: Vec<(usize, &Value)> = reader
            .constants
            .iter()
            .enumerate()
            .filter(|(_, constant)| reader.leader(constant.with) == leader)
            .map(|(at, constant)| (at, &constant.value))
            .collect();
        let landmarks = landmarks(own.iter().map(|(_, value)| *value), ty)?;
        let count = i64::try_from(members().count()).ok()?;
        let mut next = 0;
        let mut below = None;
        for landmark in &landmarks {
            next += room(ty, below, Some(landmark), count);
            for (at, _) in own.iter().filter(|(_, value)| is_same(value, landmark, ty)) {
                *self.constants.get_mut(*at)? = next;
            }
            next += 1;
            below = Some(landmark);
        }
        next += room(ty, below, None, count);
        // Without any value nothing would ever be the case, and every claim would hold.
        if next == 0 {
            return None;
        }
        for (at, variable) in members() {
            *self.variables.get_mut(at)? = (next, variable.nullable);
        }
        Some(())
    }

    /// How many values each variable has.
    pub(super) fn sizes(&self) -> impl Iterator<Item = usize> {
        self.variables.iter().map(|(count, nullable)| usize::try_from(count + i64::from(*nullable)).unwrap_or(1))
    }

    pub(super) fn value(&self, variable: usize, digit: usize) -> Value {
        let count = self.variables.get(variable).map_or(0, |(count, _)| *count);
        match i64::try_from(digit) {
            Ok(digit) if digit < count => Value::Int(digit),
            _ => Value::Null,
        }
    }

    pub(super) fn constant(&self, constant: usize) -> Value {
        self.constants.get(constant).map_or(Value::Null, |number| Value::Int(*number))
    }
}

/// The type in which all of them are compared; the widest of integers.
fn common_type<'a>(variables: impl Iterator<Item = &'a Variable>) -> Option<&'a ColumnType> {
    let width = |ty: &ColumnType| match ty {
        ColumnType::Int16 => Some(0),
        ColumnType::Int32 => Some(1),
        ColumnType::Int => Some(2),
        _ => None,
    };
    variables.map(|variable| &variable.ty).try_fold(None, |known: Option<&ColumnType>, ty| match known {
        None => Some(Some(ty)),
        Some(known) if known == ty => Some(Some(known)),
        Some(known) => Some(Some(if width(known)? >= width(ty)? { known } else { ty })),
    })?
}

/// The constants in their order, each once; of types with few values, all of these.
fn landmarks<'a>(constants: impl Iterator<Item = &'a Value>, ty: &ColumnType) -> Option<Vec<Value>> {
    let mut all: Vec<Value> = constants.cloned().collect();
    match ty {
        ColumnType::Bool => all.extend([Value::Bool(false), Value::Bool(true)]),
        ColumnType::Enum(of) => all.extend(of.variants.iter().map(|word| Value::Text(word.clone()))),
        _ => {}
    }
    // Whether any two compare, before the order is relied on.
    if all.iter().any(|one| all.iter().any(|other| compare_values(one, other, ty).is_none())) {
        return None;
    }
    all.sort_by(|one, other| compare_values(one, other, ty).unwrap_or(Ordering::Equal));
    all.dedup_by(|one, other| is_same(one, other, ty));
    Some(all)
}

fn is_same(one: &Value, other: &Value, ty: &ColumnType) -> bool {
    compare_values(one, other, ty) == Some(Ordering::Equal)
}

/// How many values lie between two neighbours; `most` where they are more, or not counted.
fn room(ty: &ColumnType, below: Option<&Value>, above: Option<&Value>, most: i64) -> i64 {
    let between = match (ty, below, above) {
        (ColumnType::Bool | ColumnType::Enum(_), ..) => 0,
        // Nothing comes before the empty text.
        (ColumnType::Text | ColumnType::Char, None, Some(Value::Text(first))) if first.is_empty() => 0,
        (ColumnType::Int16, ..) => integers(below, above, i64::from(i16::MIN), i64::from(i16::MAX)),
        (ColumnType::Int32, ..) => integers(below, above, i64::from(i32::MIN), i64::from(i32::MAX)),
        (ColumnType::Int, ..) => integers(below, above, i64::MIN, i64::MAX),
        _ => return most,
    };
    i64::try_from(between).unwrap_or(most).min(most)
}

fn integers(below: Option<&Value>, above: Option<&Value>, least: i64, greatest: i64) -> i128 {
    let first = match below {
        Some(Value::Int(below)) => i128::from(*below) + 1,
        _ => i128::from(least),
    };
    let last = match above {
        Some(Value::Int(above)) => i128::from(*above) - 1,
        _ => i128::from(greatest),
    };
    (last - first + 1).max(0)
}
