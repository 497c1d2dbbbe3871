//! The crate's laws, one module per boundary.

mod policy;
