use ormai_core::plan::Slot;

fn main() {
    let _ = Slot(0);
}
