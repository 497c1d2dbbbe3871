//! The attacks on reads, each as a test on every engine, and the two laws.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking, also in the functions that tests share"
)]

mod answers;
mod approval_store;
mod approvals;
mod audit;
mod audit_crash;
mod bulk_updates;
mod chance;
mod cursors;
mod domain_tools;
mod errors;
mod explain;
mod faults;
mod folded;
mod given_up;
mod hosted;
mod hostile_values;
#[path = "../../../ormai-db/tests/hosts/mod.rs"]
mod hosts;
mod idempotency;
mod laws;
mod limits;
mod non_interference;
mod plan_cache;
mod plans;
mod policy_files;
mod reads;
mod replaced_keys;
mod row_level_security;
mod shared_connections;
mod strangers_rows;
mod stress;
mod support;
mod telemetry;
mod who;
mod writes;
mod writes_told;
mod written_meanwhile;
