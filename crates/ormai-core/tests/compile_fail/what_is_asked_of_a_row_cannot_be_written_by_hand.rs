use ormai_core::plan::{Predicate, Shape, Source, Truths};

fn shape(row: Source, questions: Vec<Predicate>) -> Shape {
    Shape::Truths(Truths { row, questions })
}

fn main() {}
