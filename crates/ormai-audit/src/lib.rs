//! The audit trail: a record of every call, in chains that cannot be changed unseen.
//!
//! A [`Trail`] writes; a store keeps lines ([`AuditStore`]); each line holds a hash of itself and
//! of the line before, so that whoever changes the past is found.

mod aside;
mod chain;
mod checkpoint;
pub mod export;
mod filter;
mod hash;
mod jsonl;
mod line;
mod memory;
mod new_keys;
mod process;
mod proof;
mod prune;
mod reading;
mod record;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod sql;
pub mod stats;
mod store;
mod trail;
pub mod tree;
pub mod verify;
mod writer;

pub use chain::Chain;
pub use checkpoint::{Checkpoint, Covered, Signed};
pub use filter::Filter;
pub use hash::{Hash, MacKey, PublicKey, SigningKey, TrailKeys};
pub use jsonl::{Disk, JsonlOptions, JsonlStore};
pub use line::{Body, Kind, Line, Place};
pub use memory::MemoryStore;
pub use new_keys::NewKeys;
pub use process::forked;
pub use proof::{Proof, ProofError, ProveError, prove};
pub use prune::{Census, Piece, PruneError, PruneReport, Pruner, Retention, Stub, Stubs, Tombstone, would_prune};
pub use record::{Action, Entry, Outcome, Record, RecordedError};
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub use sql::SqlStore;
pub use store::{AuditStore, Head, Orphan, Position, Records, Scanned, StoreError, Storing, Wrong};
pub use trail::{Attending, Trail, TrailError, TrailOptions};
