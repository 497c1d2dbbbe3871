use ormai_core::catalog::ModelId;
use ormai_core::plan::{Predicate, Source, Truth};

fn unscoped(model: ModelId) -> Source {
    Source { model, scope: Predicate::Const(Truth::True) }
}

fn main() {}
