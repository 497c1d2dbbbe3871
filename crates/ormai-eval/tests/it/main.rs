//! What evaluation finds, on every engine.

mod isolation;
mod witness;
