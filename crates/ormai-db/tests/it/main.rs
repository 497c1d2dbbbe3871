//! Databases as the pipeline sees them.

mod held;
mod introspect;
mod limits;
mod support;
mod types;
