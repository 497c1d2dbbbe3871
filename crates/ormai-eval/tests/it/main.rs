//! What evaluation finds, on every engine.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in the functions that tests share"
)]

mod bench;
mod determinism;
mod diff;
mod expected;
mod guide;
mod harness;
mod held;
mod isolation;
mod record;
mod replay;
mod report;
mod scenarios;
mod witness;
