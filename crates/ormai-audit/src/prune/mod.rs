//! Retention: old lines go, and the chains stay whole.
//!
//! Lines of kind `record` and `intent` go; in the place of those that stood one after the other in
//! a chain stands a line of kind `pruned`, a stub. It has what the chain and its tree need of them.
//! A `tombstone` tells who pruned what, and vouches for the stubs: it has the digest of the first,
//! which has that of the second, and so on.
//!
//! Several tombstones may be needed, for a piece of the store each. For every piece:
//!
//! 1. the tombstone is appended, and is on stable storage;
//! 2. the store puts the stubs in the place of lines, all or none ([`AuditStore::prune`]).
//!
//! Where it is interrupted in between, lines are there of which a tombstone tells that they went.
//! That is no harm: they verify as before, [`Report::unfinished`] names the tombstone, and whoever
//! prunes next takes them. Lines that went without a tombstone cannot be.
//!
//! [`AuditStore::prune`]: crate::AuditStore::prune
//! [`Report::unfinished`]: crate::verify::Report::unfinished

mod apply;
mod pruner;
mod retention;
mod stub;
mod tombstone;

pub use apply::{PruneReport, would_prune};
pub use pruner::{Piece, PruneError, Pruner};
pub use retention::{Census, Retention};
pub(crate) use stub::Pruned;
pub use stub::{Stub, Stubs};
pub use tombstone::Tombstone;
