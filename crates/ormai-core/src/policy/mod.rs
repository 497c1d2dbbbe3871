//! Policies: what principals may do, checked against a catalog once, at start-up.

pub mod document;
mod rules;
pub mod syntax;

pub use document::PolicyDocument;
pub use rules::*;
pub use syntax::Format;
