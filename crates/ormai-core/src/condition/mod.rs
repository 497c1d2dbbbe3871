//! The condition language: SQL's boolean expressions over the fields of a model and the
//! attributes of a principal.
//!
//! [`parse`] reads a text, [`compile`] also checks it against a catalog, and
//! [`evaluate`](evaluate::evaluate) says what the result means for a row in memory.
//! [`Outcomes`](outcomes::Outcomes) says what it can mean for any row.

pub mod ast;
pub mod attribute;
mod check;
pub mod evaluate;
mod inspect;
mod lex;
mod operand;
pub mod outcomes;
mod parse;
mod print;
#[cfg(feature = "strategies")]
pub mod strategies;
mod typed;

pub use check::{Checked, compile};
pub use parse::{MAX_DEPTH, MAX_ITEMS, MAX_NODES, MAX_SOURCE, parse};
pub use typed::{Condition, FieldPath, LikePattern, List, Node, Operand};
