//! Databases as the pipeline sees them.

mod held;
mod limits;
mod support;
mod types;
