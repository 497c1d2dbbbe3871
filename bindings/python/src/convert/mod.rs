//! Values between Python and Rust.

mod from_python;
mod rows;
mod to_python;
mod types;

pub(crate) use from_python::{Misfit, error_of, json};
pub(crate) use rows::rows;
pub(crate) use to_python::to_python;
