//! Retention: old lines go, and the chains stay whole.

mod stub;

pub use stub::{Stub, Stubs};
