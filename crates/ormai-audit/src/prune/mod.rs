//! Retention: old lines go, and the chains stay whole.

mod stub;
mod tombstone;

pub(crate) use stub::Pruned;
pub use stub::{Stub, Stubs};
pub use tombstone::Tombstone;
