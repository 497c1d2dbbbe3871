//! What evaluation finds, on every engine.

mod bench;
mod determinism;
mod diff;
mod guide;
mod record;
mod replay;
mod report;
mod witness;
