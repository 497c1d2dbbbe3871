use ormai_core::plan::ScopedPlan;

fn main() {
    let _ = ScopedPlan {};
}
