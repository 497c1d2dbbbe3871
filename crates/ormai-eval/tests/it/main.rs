//! What evaluation finds, on every engine.

mod expected;
mod witness;
