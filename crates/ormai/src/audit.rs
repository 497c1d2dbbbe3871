//! The audit trail: a record of every call, in chains that cannot be changed unseen.

pub use ormai_audit::*;
