//! Statements: a scoped plan printed as one parameterised statement per dialect.
//!
//! This crate is the injection review. Text is printed from a [`Shape`](ormai_core::plan::Shape),
//! which holds no value; values travel beside it and are only ever bound.

mod statement;

pub use statement::{Bind, Statement, Text};
