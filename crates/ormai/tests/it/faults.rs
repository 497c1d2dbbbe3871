//! The faults that `cargo xtask mutants` switches on.

use ormai_core::fault::Fault;

/// `cargo xtask mutants` reads what this prints.
#[test]
fn the_list_is_long_enough() {
    for fault in Fault::ALL {
        println!("fault {}: {}", fault.name(), fault.says());
    }
    assert!(Fault::ALL.len() >= 30);
}
