//! The deliberate fault that the environment asks for.
#![expect(clippy::panic, clippy::disallowed_methods, reason = "a test that cannot be set up has failed")]

use ormai_core::fault::Fault;

/// Names the fault that every test on an engine is to be run with.
const VARIABLE: &str = "ORMAI_FAULT";

/// Switches the fault of `ORMAI_FAULT` on, where one is named.
///
/// # Panics
///
/// When there is no such fault, or none can be made in this build: a run that was meant to
/// be broken and is sound would tell a lie.
pub(crate) fn switch_on() {
    let Ok(name) = std::env::var(VARIABLE) else { return };
    match Fault::from_name(&name) {
        Some(fault) => make(fault),
        None => panic!("{VARIABLE} names the fault `{name}`, which does not exist"),
    }
}

#[cfg(feature = "faults")]
fn make(fault: Fault) {
    fault.switch_on();
}

#[cfg(not(feature = "faults"))]
fn make(fault: Fault) {
    panic!("{VARIABLE} names the fault `{}`, but this build has none: turn the feature `faults` on", fault.name());
}
