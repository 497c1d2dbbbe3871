//! What evaluation finds, on every engine.

mod witness;
