//! Plans by hand, for the tests of what reads them.
//!
//! Outside tests only [`crate::authorize`] makes a [`Step`]. These constructors let a test
//! state a shape without a policy around it; they exist only with the feature `strategies`,
//! which nothing but dev-dependencies turns on.

use super::{
    Aggregate, AggregateFunction, Delete, Direction, Exists, Figure, Insert, Keys, ListSlot, OrderBy, OrderKey,
    PerParent, Predicate, Present, Related, RelatedRows, Select, Shape, Slot, Sought, Source, Step, Target, Term,
    Truth, Truths, Update,
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
        for_update: false,
    }
}

/// The rows of given parents.
pub fn per_parent(fields: Vec<FieldId>, lists: Vec<ListSlot>, many: bool) -> PerParent {
    PerParent { keys: keys(fields, lists), many }
}

/// Several keys.
pub fn keys(fields: Vec<FieldId>, lists: Vec<ListSlot>) -> Keys {
    Keys { fields, lists }
}

/// Rows that are looked for.
pub fn present(rows: Vec<(Source, Predicate)>) -> Present {
    Present { rows: rows.into_iter().map(|(source, filter)| Sought { source, filter }).collect() }
}

/// A new row.
pub fn insert(model: ModelId, set: Vec<(FieldId, Slot)>, key: Vec<FieldId>) -> Insert {
    Insert { model, set, key }
}

/// Rows that are changed.
pub fn target(source: Source, filter: Predicate, keys: Option<Keys>) -> Target {
    Target { source, filter, keys }
}

/// New values in rows.
pub fn update(target: Target, set: Vec<(FieldId, Slot)>) -> Update {
    Update { target, set }
}

/// Rows that go.
pub fn delete(target: Target) -> Delete {
    Delete { target }
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
