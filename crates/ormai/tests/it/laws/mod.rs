//! The laws, as properties over random worlds, policies, principals and requests. `cargo xtask
//! prove` runs them in any size.

mod audited;
mod cursors;
mod differential;
mod explained;
mod found;
mod hosted;
mod native;
mod native_writes;
mod non_interference;
mod partitions;
mod recorded;
mod strangers_under_writes;
mod under_test;
mod verdicts;
mod writes;
