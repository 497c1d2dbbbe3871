use ormai_core::plan::{Shape, Step};

fn change(step: &mut Step, shape: Shape) {
    step.shape = shape;
}

fn main() {}
