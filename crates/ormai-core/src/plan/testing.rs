//! Plans by hand, for the tests of what reads them.
//!
//! Outside tests only [`crate::authorize`] makes a [`Step`]. These constructors let a test
//! state a shape without a policy around it; they exist only with the feature `strategies`,
//! which nothing but dev-dependencies turns on.

use super::{
    Aggregate, AggregateFunction, Direction, Exists, Figure, ListSlot, OrderBy, OrderKey, PerParent, Predicate,
    Related, RelatedRows, Select, Shape, Slot, Source, Step, Term, Truth, Truths,
};
use crate::catalog::{FieldId, ModelId};
use crate::value::Value;

impl Step {
    /// A step that no policy has seen.
    pub fn for_tests(shape: Shape, binds: Vec<Value>) -> Self {
        Self { shape, binds }
    }
}

/// The slot at a position.
pub fn slot(position: u16) -> Slot {
    Slot(position)
}

/// A list with `2^bucket` places in the slot at a position.
pub fn list(position: u16, bucket: u8) -> ListSlot {
    ListSlot { slot: Slot(position), bucket }
}

/// A model under a scope.
pub fn source(model: ModelId, scope: Predicate) -> Source {
    Source { model, scope }
}

/// All rows of a source, without an order; the limit stands in the slot at a position.
pub fn select(source: Source, outputs: Vec<FieldId>, limit: u16) -> Select {
    Select {
        source,
        filter: Predicate::Const(Truth::True),
        after: None,
        outputs,
        order: Vec::new(),
        limit: Slot(limit),
        per_parent: None,
    }
}

/// The rows of given parents.
pub fn per_parent(fields: Vec<FieldId>, keys: Vec<ListSlot>, many: bool) -> PerParent {
    PerParent { fields, keys, many }
}

/// A key of an order.
pub fn order(by: OrderBy, direction: Direction, nullable: bool) -> OrderKey {
    OrderKey { by, direction, nullable }
}

/// Figures over all rows of a source; the limit stands in the slot at a position.
pub fn aggregate(source: Source, group_by: Vec<FieldId>, figures: Vec<Figure>, limit: u16) -> Aggregate {
    Aggregate {
        source,
        filter: Predicate::Const(Truth::True),
        group_by,
        figures,
        min_group_size: None,
        order: Vec::new(),
        limit: Slot(limit),
    }
}

/// What is asked of one row.
pub fn truths(row: Source, questions: Vec<Predicate>) -> Truths {
    Truths { row, questions }
}

/// A figure.
pub fn figure(function: AggregateFunction, field: Option<FieldId>) -> Figure {
    Figure { function, field }
}

/// A column behind a relation.
pub fn related(model: ModelId, link: Vec<(FieldId, FieldId)>, then: Term) -> Term {
    Term::Related(Box::new(Related { model, link, then }))
}

/// A test for related rows.
pub fn exists(link: Vec<(FieldId, FieldId)>, rows: RelatedRows, filter: Predicate, negated: bool) -> Predicate {
    Predicate::Exists(Box::new(Exists { link, rows, filter, negated }))
}
