//! Databases as the pipeline sees them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests, and what they share")]

mod cancelled;
mod changed;
mod errors;
mod held;
mod hosted;
#[path = "../hosts/mod.rs"]
mod hosts;
mod idempotency;
mod install;
mod introspect;
mod joined;
mod limits;
mod made_tables;
mod privileges;
mod refusals;
mod stored;
mod support;
mod table;
mod transactions;
mod types;
