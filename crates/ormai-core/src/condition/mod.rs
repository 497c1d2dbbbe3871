//! The condition language: SQL's boolean expressions over the fields of a model and the
//! attributes of a principal.

mod typed;

pub use typed::{Condition, FieldPath, LikePattern, List, Node, Operand};
