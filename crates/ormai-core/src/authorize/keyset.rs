//! Where a page begins: the rows after a key, in the page's own order.

use super::Planner;
use crate::error::Result;
use crate::fault::Fault;
use crate::plan::{Comparison, Direction, OrderBy, OrderKey, Predicate, Slot, Term, Truth};
use crate::value::Value;

impl Planner<'_> {
    /// The rows that come after `key` (one value per order key; NULL is the greatest).
    ///
    /// `(k1 after v1) OR (k1 = v1 AND k2 after v2) OR …`, behind a range on the first key
    /// that lets an index be used.
    pub(crate) fn after(&mut self, order: &[OrderKey], key: Vec<Value>) -> Result<Predicate> {
        let mut tie: Vec<Predicate> = Vec::new();
        let mut alternatives = Vec::with_capacity(order.len());
        let mut range = Predicate::Const(Truth::True);
        for (index, (order_key, value)) in order.iter().zip(key).enumerate() {
            let OrderBy::Field(field) = order_key.by else { continue };
            let term = || Term::Column(field);
            let slot = if value.is_null() { None } else { Some(self.binds.push(value)?) };
            let beyond = beyond(order_key, &term, slot);
            let same = match slot {
                Some(slot) => compare(Comparison::Eq, term(), slot),
                None => Predicate::IsNull { term: term(), negated: false },
            };
            if index == 0 {
                range = Predicate::any(vec![beyond.clone(), same.clone()]);
                if let (Some(slot), false) = (slot, order_key.nullable) {
                    range = match order_key.direction {
                        Direction::Asc => compare(Comparison::Ge, term(), slot),
                        Direction::Desc => compare(Comparison::Le, term(), slot),
                    };
                }
            }
            let mut parts = tie.clone();
            parts.push(beyond);
            alternatives.push(Predicate::all(parts));
            tie.push(same);
        }
        if Fault::NextPageForgetsTies.is_on() {
            alternatives.truncate(1);
        }
        let after = Predicate::any(alternatives);
        Ok(if order.len() > 1 { Predicate::all(vec![range, after]) } else { after })
    }
}

/// Strictly after a value in one key. After NULL comes nothing in ascending order, and
/// every value in descending order.
fn beyond(key: &OrderKey, term: &impl Fn() -> Term, slot: Option<Slot>) -> Predicate {
    match (key.direction, slot) {
        (Direction::Asc, Some(slot)) => {
            let greater = compare(Comparison::Gt, term(), slot);
            if key.nullable && !Fault::NextPageForgetsNull.is_on() {
                Predicate::any(vec![greater, Predicate::IsNull { term: term(), negated: false }])
            } else {
                greater
            }
        }
        (Direction::Asc, None) => Predicate::Const(Truth::False),
        (Direction::Desc, Some(slot)) => compare(Comparison::Lt, term(), slot),
        (Direction::Desc, None) => Predicate::IsNull { term: term(), negated: true },
    }
}

fn compare(op: Comparison, left: Term, slot: Slot) -> Predicate {
    Predicate::Compare { op, left, right: Term::Bind(slot) }
}
