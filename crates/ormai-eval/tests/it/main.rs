//! What evaluation finds, on every engine.

mod scenarios;
mod witness;
