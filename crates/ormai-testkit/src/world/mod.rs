//! Whole worlds for the laws: a catalog with its rows, policies over it, principals and requests.
//!
//! A world is plain data that knows no engine. It prints its tables for each engine, its policy
//! as YAML, and its requests as JSON, so the engine under test gets what any user would write.
//! Values are only of kinds on which the engines agree exactly (`docs/reference/types.md`):
//! decimals are quarters, which a binary number holds; integers near the ends of their range are
//! never added up; there are no floats.

mod case;
mod catalog;
mod cell;
mod condition;
mod generate;
mod policy;
mod principal;
mod request;
mod shrink;
mod tables;
mod unknown;
mod write;
mod yaml;

pub use case::{Ask, Case, Trial};
pub use catalog::{Column, Model, Reference, Relation, World};
pub use cell::{Cell, Kind};
pub use condition::{Attribute, Comparison, Condition, Function, List, Pattern, Term};
pub use generate::{Asked, Cases, Dice, Mutations, condition_about, filter_about};
pub use policy::{
    Action, Aggregations, Auto, Budget, Expression, FieldPolicy, ModelPolicy, Operation, Overlay, Policy,
    RelationPolicy, RowEffect, RowPolicy, WritePolicy,
};
pub use principal::Who;
pub use request::{Aggregate, Figure, Filter, Get, Include, Matching, Op, Order, Query, Request};
pub use write::{Act, Chosen, Data, Write};
