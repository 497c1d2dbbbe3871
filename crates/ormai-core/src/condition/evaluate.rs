//! What a condition means, on rows in memory: the reference that every other way of
//! deciding one is held to.
//!
//! Three-valued logic as in SQL. Beyond SQL:
//!
//! - an atom in which an attribute of the principal is missing is unknown, whatever else
//!   stands in it; only `principal.… IS NULL` tests for that;
//! - `x IN` an empty list is false and `x NOT IN` it is true, also where `x` is NULL;
//! - an attribute that cannot be read as its atom needs is an error, whether or not the
//!   atom would have mattered.

use std::cmp::Ordering;

use bigdecimal::BigDecimal;
use jiff::Timestamp;
use jiff::tz::Offset;

use super::attribute::{self, AttributeError};
use super::typed::{Condition, LikePattern, List, Node, Operand};
use crate::catalog::{FieldId, RelationId};
use crate::plan::{Comparison, Function, Truth};
use crate::principal::Principal;
use crate::value::{ColumnType, Pattern, Value};

/// A row in memory.
pub trait Row {
    /// The stored value of a field.
    fn value(&self, field: FieldId) -> Value;

    /// The rows to which a relation leads; at most one where it leads to one.
    fn related(&self, relation: RelationId) -> Vec<Box<dyn Row + '_>>;
}

/// Decides a condition for one row.
///
/// # Errors
///
/// [`AttributeError`] for the first attribute, in the order of the condition, that is there
/// and cannot be read. It does not depend on the row.
pub fn evaluate(
    condition: &Condition,
    row: &dyn Row,
    principal: &Principal,
    now: Timestamp,
) -> Result<Truth, AttributeError> {
    let call = Call { principal, now };
    call.verify(condition.root())?;
    call.node(condition.root(), row)
}

/// Decides a condition, or a part of one, that looks at no row; `None` where a row is needed.
///
/// # Errors
///
/// As [`evaluate`].
pub fn decide(node: &Node, principal: &Principal, now: Timestamp) -> Option<Result<Truth, AttributeError>> {
    let call = Call { principal, now };
    node.is_principal_only().then(|| call.verify(node).and_then(|()| call.node(node, &NoRow)))
}

/// Stands where no row is looked at.
struct NoRow;

impl Row for NoRow {
    fn value(&self, _: FieldId) -> Value {
        Value::Null
    }

    fn related(&self, _: RelationId) -> Vec<Box<dyn Row + '_>> {
        Vec::new()
    }
}

/// Compares two values of a type as every engine is made to: numbers by value (NaN equals
/// itself and is above all others), text by bytes, `char(n)` without the blanks at its end,
/// enums in the order of their words. `None` when one is NULL or the values do not compare.
pub fn compare_values(a: &Value, b: &Value, ty: &ColumnType) -> Option<Ordering> {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => compare_texts(a, b, ty),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => Some(compare_floats(*a, *b)),
        (Value::Decimal(a), Value::Decimal(b)) => Some(a.cmp(b)),
        (Value::Decimal(a), Value::Int(b)) => Some(a.cmp(&BigDecimal::from(*b))),
        (Value::Int(a), Value::Decimal(b)) => Some(BigDecimal::from(*a).cmp(b)),
        (Value::Float(a), b) => compare_float_with_exact(*a, b),
        (a, Value::Float(b)) => compare_float_with_exact(*b, a).map(Ordering::reverse),
        (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
        (Value::Uuid(a), Value::Uuid(b)) => Some(a.cmp(b)),
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::DateTime(a), Value::DateTime(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn compare_texts(a: &str, b: &str, ty: &ColumnType) -> Option<Ordering> {
    match ty {
        ColumnType::Char => Some(a.trim_end_matches(' ').cmp(b.trim_end_matches(' '))),
        ColumnType::Enum(of) => {
            let rank = |text: &str| of.variants.iter().position(|variant| variant == text);
            match (rank(a), rank(b)) {
                (Some(a), Some(b)) => Some(a.cmp(&b)),
                // A word that the catalog does not know has no place among the others.
                _ => (a == b).then_some(Ordering::Equal),
            }
        }
        _ => Some(a.cmp(b)),
    }
}

fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

fn compare_float_with_exact(float: f64, exact: &Value) -> Option<Ordering> {
    let exact = match exact {
        Value::Int(int) => BigDecimal::from(*int),
        Value::Decimal(decimal) => decimal.clone(),
        _ => return None,
    };
    match BigDecimal::try_from(float) {
        Ok(float) => Some(float.cmp(&exact)),
        // Only what is not finite has no decimal form.
        Err(_) if float == f64::NEG_INFINITY => Some(Ordering::Less),
        Err(_) => Some(Ordering::Greater),
    }
}

/// What a comparison says of two values of a type.
pub fn compare(op: Comparison, a: &Value, b: &Value, ty: &ColumnType) -> Truth {
    let order = compare_values(a, b, ty);
    let same = order == Some(Ordering::Equal) || (a.is_null() && b.is_null());
    let accepts: fn(Ordering) -> bool = match op {
        Comparison::Distinct => return truth(!same),
        Comparison::NotDistinct => return truth(same),
        Comparison::Eq => Ordering::is_eq,
        Comparison::Ne => Ordering::is_ne,
        Comparison::Lt => Ordering::is_lt,
        Comparison::Le => Ordering::is_le,
        Comparison::Gt => Ordering::is_gt,
        Comparison::Ge => Ordering::is_ge,
    };
    order.map_or(Truth::Unknown, |order| truth(accepts(order)))
}

/// What `now()` is as a timestamp, or in UTC as a datetime or date; in whole microseconds,
/// as databases keep it. NULL for every other type.
pub fn now_as(now: Timestamp, ty: &ColumnType) -> Value {
    let now = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
    let civil = Offset::UTC.to_datetime(now);
    match ty {
        ColumnType::Timestamp => Value::Timestamp(now),
        ColumnType::DateTime => Value::DateTime(civil),
        ColumnType::Date => Value::Date(civil.date()),
        _ => Value::Null,
    }
}

fn truth(holds: bool) -> Truth {
    if holds { Truth::True } else { Truth::False }
}

fn negate(truth: Truth) -> Truth {
    match truth {
        Truth::True => Truth::False,
        Truth::Unknown => Truth::Unknown,
        Truth::False => Truth::True,
    }
}

fn negate_if(negated: bool, truth: Truth) -> Truth {
    if negated { negate(truth) } else { truth }
}

struct Call<'a> {
    principal: &'a Principal,
    now: Timestamp,
}

/// A value, or `None` where an attribute of the principal is missing.
type Read = Result<Option<Value>, AttributeError>;

impl Call<'_> {
    /// Reads every attribute once, so that an error cannot hide behind a short cut.
    fn verify(&self, node: &Node) -> Result<(), AttributeError> {
        match node {
            Node::Const(_) | Node::IsNull { operand: Operand::Principal { .. }, .. } => Ok(()),
            Node::And(parts) | Node::Or(parts) => parts.iter().try_for_each(|part| self.verify(part)),
            Node::Not(inner) | Node::Exists { filter: inner, .. } => self.verify(inner),
            Node::Compare { left, right, .. } => self.verify_operand(left).and_then(|()| self.verify_operand(right)),
            Node::In { needle, list, .. } => self.verify_operand(needle).and_then(|()| self.list(list).map(drop)),
            Node::IsNull { operand, .. } => self.verify_operand(operand),
            Node::Like { operand, pattern, .. } => {
                self.verify_operand(operand).and_then(|()| self.pattern(pattern).map(drop))
            }
        }
    }

    fn verify_operand(&self, operand: &Operand) -> Result<(), AttributeError> {
        match operand {
            Operand::Principal { path, ty } => attribute::scalar(self.principal, path, ty).map(drop),
            Operand::Call(_, arguments) => arguments.iter().try_for_each(|argument| self.verify_operand(argument)),
            Operand::Field(_) | Operand::Literal(_) | Operand::Now(_) => Ok(()),
        }
    }

    fn node(&self, node: &Node, row: &dyn Row) -> Result<Truth, AttributeError> {
        Ok(match node {
            Node::Const(truth) => *truth,
            // False is below unknown, and unknown below true.
            Node::And(parts) => {
                parts.iter().try_fold(Truth::True, |so_far, part| Ok(so_far.min(self.node(part, row)?)))?
            }
            Node::Or(parts) => {
                parts.iter().try_fold(Truth::False, |so_far, part| Ok(so_far.max(self.node(part, row)?)))?
            }
            Node::Not(inner) => negate(self.node(inner, row)?),
            Node::Compare { op, left, right } => {
                let (Some(a), Some(b)) = (self.operand(left, row)?, self.operand(right, row)?) else {
                    return Ok(Truth::Unknown);
                };
                compare(*op, &a, &b, left.ty().or(right.ty()).unwrap_or(&ColumnType::Text))
            }
            Node::In { needle, list, negated } => {
                let (Some(value), Some(items)) = (self.operand(needle, row)?, self.list(list)?) else {
                    return Ok(Truth::Unknown);
                };
                negate_if(*negated, is_in(&value, &items, needle, list))
            }
            Node::IsNull { operand: Operand::Principal { path, .. }, negated } => {
                negate_if(*negated, truth(attribute::is_missing(self.principal, path)))
            }
            Node::IsNull { operand, negated } => match self.operand(operand, row)? {
                Some(value) => negate_if(*negated, truth(value.is_null())),
                None => Truth::Unknown,
            },
            Node::Like { operand, pattern, negated } => {
                let (Some(value), Some(pattern)) = (self.operand(operand, row)?, self.pattern(pattern)?) else {
                    return Ok(Truth::Unknown);
                };
                match text(&value, operand.ty()) {
                    Some(text) => negate_if(*negated, truth(pattern.matches(text))),
                    None => Truth::Unknown,
                }
            }
            Node::Exists { relation, filter } => {
                let mut found = false;
                for related in row.related(*relation) {
                    found |= self.node(filter, related.as_ref())? == Truth::True;
                }
                truth(found)
            }
        })
    }

    fn list(&self, list: &List) -> Result<Option<Vec<Value>>, AttributeError> {
        match list {
            List::Literals(values) => Ok(Some(values.clone())),
            List::Principal { path, ty } => attribute::list(self.principal, path, ty),
        }
    }

    fn pattern(&self, pattern: &LikePattern) -> Result<Option<Pattern>, AttributeError> {
        match pattern {
            LikePattern::Literal(pattern) => Ok(Some(pattern.clone())),
            LikePattern::Principal(path) => {
                let source = attribute::scalar(self.principal, path, &ColumnType::Text)?;
                Ok(source.and_then(|source| match source {
                    Value::Text(source) => Some(Pattern::like(&source)),
                    _ => None,
                }))
            }
        }
    }

    fn operand(&self, operand: &Operand, row: &dyn Row) -> Read {
        match operand {
            Operand::Field(path) => Ok(Some(field(row, &path.through, path.field))),
            Operand::Literal(value) => Ok(Some(value.clone())),
            Operand::Principal { path, ty } => attribute::scalar(self.principal, path, ty),
            Operand::Now(ty) => Ok(Some(now_as(self.now, ty))),
            Operand::Call(function, arguments) => {
                // All of them first: an attribute is read the same wherever it stands.
                let values = arguments.iter().map(|argument| self.operand(argument, row));
                let values: Vec<Option<Value>> = values.collect::<Result<_, _>>()?;
                let values: Option<Vec<Value>> = values.into_iter().collect();
                Ok(values.map(|values| call(*function, values, arguments)))
            }
        }
    }
}

fn is_in(value: &Value, items: &[Value], needle: &Operand, list: &List) -> Truth {
    let of_list = match list {
        List::Principal { ty, .. } => Some(ty),
        List::Literals(_) => None,
    };
    let ty = needle.ty().or(of_list).unwrap_or(&ColumnType::Text);
    items.iter().fold(Truth::False, |found, item| found.max(compare(Comparison::Eq, value, item, ty)))
}

fn field(row: &dyn Row, through: &[RelationId], id: FieldId) -> Value {
    match through.split_first() {
        None => row.value(id),
        Some((first, rest)) => {
            row.related(*first).first().map_or(Value::Null, |related| field(related.as_ref(), rest, id))
        }
    }
}

/// Applies a function to values.
fn call(function: Function, values: Vec<Value>, arguments: &[Operand]) -> Value {
    let ty = || arguments.iter().find_map(Operand::ty);
    match function {
        Function::Coalesce => values.into_iter().find(|value| !value.is_null()).unwrap_or(Value::Null),
        Function::NullIf => {
            let equal = match values.as_slice() {
                [a, b] => compare_values(a, b, ty().unwrap_or(&ColumnType::Text)) == Some(Ordering::Equal),
                _ => false,
            };
            if equal { Value::Null } else { values.into_iter().next().unwrap_or(Value::Null) }
        }
        Function::Lower => map_text(&values, ty(), str::to_ascii_lowercase),
        Function::Upper => map_text(&values, ty(), str::to_ascii_uppercase),
    }
}

fn map_text(values: &[Value], ty: Option<&ColumnType>, map: fn(&str) -> String) -> Value {
    let text = values.first().and_then(|value| text(value, ty));
    text.map_or(Value::Null, |text| Value::Text(map(text)))
}

/// The text of a value; that of `char(n)` ends before its padding.
fn text<'a>(value: &'a Value, ty: Option<&ColumnType>) -> Option<&'a str> {
    match value {
        Value::Text(text) if ty == Some(&ColumnType::Char) => Some(text.trim_end_matches(' ')),
        Value::Text(text) => Some(text),
        _ => None,
    }
}
