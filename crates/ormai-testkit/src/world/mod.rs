//! Whole worlds for the laws: a catalog with its rows, policies over it, principals and requests.
//!
//! A world is plain data of [`ormai_reference`], which answers requests in it. Here it is drawn, made
//! simpler, and prints its tables for each engine and its policy as YAML, so the engine under test
//! gets what any user would write.
//! Values are only of kinds on which the engines agree exactly (`docs/reference/types.md`):
//! decimals are quarters, which a binary number holds; integers near the ends of their range are
//! never added up; there are no floats.

mod case;
mod catalog;
mod generate;
mod shrink;
mod tables;
mod yaml;

pub use case::{Ask, Case, Trial};
pub use catalog::{AsCatalog, AsPrincipal};
pub use generate::{Asked, Cases, Dice, Mutations, condition_about, filter_about};
pub use ormai_reference::world::*;
pub(crate) use tables::AsColumn;
pub use tables::{AsTable, AsTables};
pub use yaml::AsDocument;
