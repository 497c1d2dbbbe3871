//! A decision made concrete: what will be read, with its scope, and nothing of SQL yet.
//!
//! A plan is split in two. Its *shape* says which models, fields, rules and operators take
//! part, and holds no value; its *binds* are the values, found by their [`Slot`]. A
//! statement is printed from the shape alone, so its text cannot depend on a value, and
//! the shape is the key of the statement cache.
//!
//! Only [`crate::authorize`] makes a [`Step`]: outside this crate the types can be read
//! and not built.

mod build;
mod logic;
mod shape;
mod show;
#[cfg(feature = "strategies")]
pub mod testing;
mod tree;
mod write;

pub(crate) use build::{Binds, MAX_KEY_VALUES};
pub use shape::*;
pub use show::literal;
pub use tree::{Applied, AppliedRule, ScopedPlan};
pub(crate) use tree::{Continuation, GroupsPlan, IncludePlan, Layout, PagePlan, Root, RowsPlan};
pub use write::WritePlan;
pub(crate) use write::{Before, Change, Keyed, References};
