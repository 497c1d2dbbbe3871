use ormai_core::plan::{Shape, Step};

fn step(shape: Shape) -> Step {
    Step { shape, binds: Vec::new() }
}

fn main() {}
