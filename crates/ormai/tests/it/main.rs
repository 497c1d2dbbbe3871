//! The attacks on reads, each as a test on every engine, and the two laws.

mod answers;
mod cursors;
mod differential;
mod errors;
mod hostile_values;
mod limits;
mod non_interference;
mod plan_cache;
mod plans;
mod policy_files;
mod reads;
mod shared_connections;
mod support;
mod who;
