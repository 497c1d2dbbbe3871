//! The laws, as properties over random worlds, policies, principals and requests. `cargo xtask
//! prove` runs them in any size.

mod differential;
mod under_test;
