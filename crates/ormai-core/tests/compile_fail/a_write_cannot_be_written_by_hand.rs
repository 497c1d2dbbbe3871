use ormai_core::catalog::{FieldId, ModelId};
use ormai_core::plan::{Delete, Insert, Keys, Predicate, Slot, Source, Sought, Target, Truth, Update};

fn target(source: Source) -> Target {
    Target { source, filter: Predicate::Const(Truth::True), keys: None }
}

fn update(target: Target, set: Vec<(FieldId, Slot)>) -> Update {
    Update { target, set }
}

fn delete(target: Target) -> Delete {
    Delete { target }
}

fn insert(model: ModelId, set: Vec<(FieldId, Slot)>, key: Vec<FieldId>) -> Insert {
    Insert { model, set, key }
}

fn keys(fields: Vec<FieldId>) -> Keys {
    Keys { fields, lists: Vec::new() }
}

fn sought(source: Source) -> Sought {
    Sought { source, filter: Predicate::Const(Truth::True) }
}

fn main() {}
