use ormai_core::plan::{ListSlot, Slot};

fn list(slot: Slot) -> ListSlot {
    ListSlot { slot, bucket: 0 }
}

fn main() {}
