//! What the values of a write alone make of its check.
//!
//! The check is made of the row as it is stored. By then the database has looked at its keys, and
//! whether another tenant has one already is nothing that a row meant for that tenant may find
//! out. So a write whose own values fail the check is refused before it is made.

use crate::catalog::FieldId;
use crate::plan::{Comparison, Predicate, Term, Truth};
use crate::value::Value;

/// Whether a condition is true of no row that has these values, whatever else is in it.
pub(super) fn fails(condition: &Predicate, said: &[(FieldId, Value)], binds: &[Value]) -> bool {
    let value = |term: &Term| match term {
        Term::Column(field) => said.iter().find(|(known, _)| known == field).map(|(_, value)| value),
        Term::Bind(slot) => binds.get(slot.index()),
        Term::Related(_) | Term::Call(..) => None,
    };
    match condition {
        Predicate::Const(truth) => *truth != Truth::True,
        Predicate::And(parts) => parts.iter().any(|part| fails(part, said, binds)),
        Predicate::Or(parts) => parts.iter().all(|part| fails(part, said, binds)),
        Predicate::Compare { op: Comparison::Eq, left, right } => match (value(left), value(right)) {
            (Some(left), Some(right)) => differ(left, right),
            _ => false,
        },
        Predicate::In { term, list, negated: false } => match (value(term), binds.get(list.slot.index())) {
            (Some(value), Some(Value::Array(items))) => items.iter().all(|item| differ(value, item)),
            _ => false,
        },
        _ => false,
    }
}

/// Whether two values are equal on no engine and in no column: only what is stored as it is given
/// can be told apart before.
fn differ(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => true,
        (Value::Text(_), Value::Text(_))
        | (Value::Int(_), Value::Int(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Uuid(_), Value::Uuid(_)) => left != right,
        _ => false,
    }
}
