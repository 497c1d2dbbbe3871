//! The attacks on reads, each as a test on every engine, and the two laws.

mod cursors;
mod errors;
mod hostile_values;
mod limits;
mod plan_cache;
mod policy_files;
mod reads;
mod shared_connections;
mod support;
mod who;
