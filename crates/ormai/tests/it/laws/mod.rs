//! The laws, as properties over random worlds, policies, principals and requests. `cargo xtask
//! prove` runs them in any size.

mod cursors;
mod differential;
mod explained;
mod found;
mod native;
mod non_interference;
mod partitions;
mod under_test;
mod verdicts;
mod writes;
