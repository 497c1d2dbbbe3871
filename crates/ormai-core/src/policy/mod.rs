//! Policies: what principals may do, checked against a catalog once, at start-up.

mod rules;

pub use rules::*;
