//! What must hold for any bytes.
//!
//! Each law is a function over bytes that panics where the law is broken. Two callers have
//! it: a fuzz target under `fuzz/`, which looks for bytes that break it, and a test of this
//! crate, which tries the committed corpus and mutations of it on every run.
//!
//! | law | bytes are |
//! |---|---|
//! | [`condition::law`] | a condition of a row policy |
//! | [`policy::law`] | a policy document in each format |
//! | [`request::law`] | the arguments of each tool |
//! | [`cursor::law`] | a cursor |
//!
//! They are a crate of their own, and not a part of `ormai-testkit`, because that has drivers, a
//! runtime and a bundled database in its tree: a fuzz target would build all of them with its
//! instruments and use none. Nothing here does I/O.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a broken law panics, and the world of the laws is a constant"
)]

pub mod condition;
pub mod cursor;
pub mod policy;
pub mod request;
mod vocabulary;
mod world;
pub mod write;
