//! Statements: a scoped plan printed as one parameterised statement per dialect.
//!
//! This crate is the injection review. Text is printed from a [`Shape`](ormai_core::plan::Shape),
//! which holds no value; values travel beside it and are only ever bound.
//!
//! Where to look:
//!
//! - `source`: the ways in which a table enters a statement, none of them without its scope;
//! - `places`: the numbers that stand for values while a text is built;
//! - `witness`: the built statement reads and changes the tables of the shape and no others;
//! - `own`: the statements about OrmAI's own tables, whose texts are constants;
//! - `respell`: the same text with the placeholders of another driver;
//! - `tables`: the tables of a catalog, for a database that has none of them;
//! - `dialect`: what differs between engines, one file each, to be read side by side.

mod aggregate;
mod built;
mod compiler;
mod dialect;
mod error;
mod include;
mod kind;
mod order;
pub mod own;
mod places;
mod predicate;
mod present;
mod printer;
mod respell;
pub mod rls;
mod select;
mod source;
mod statement;
pub mod tables;
mod term;
#[cfg(feature = "testing")]
mod testing;
mod truths;
mod witness;
mod write;

pub use compiler::Compiler;
pub use dialect::Dialect;
pub use error::CompileError;
pub use respell::{PlaceStyle, Respelled};
pub use statement::{Bind, Statement, Text};
