//! Policies: what principals may do, checked against a catalog once, at start-up.

mod compile;
pub mod document;
mod layers;
mod rules;
pub mod syntax;

pub use compile::{CompileOptions, CompiledPolicy};
pub use document::PolicyDocument;
pub use layers::{Layer, Layers};
pub use rules::*;
pub use syntax::Format;
