//! Worlds: a catalog with its rows, policies over it, principals and requests.
//!
//! A world is plain data that knows no engine.

mod catalog;
mod cell;
mod condition;
mod policy;
mod principal;
mod request;
mod unknown;
mod write;

pub use catalog::{Column, Model, Reference, Relation, World};
pub use cell::{Cell, Decimal, Float, Instant, Kind};
pub use condition::{Attribute, Comparison, Condition, Function, List, Pattern, Term};
pub use policy::{
    Action, Aggregations, Auto, Budget, Expression, FieldPolicy, ModelPolicy, Opening, Operation, Overlay, Policy,
    RelationPolicy, RowEffect, RowPolicy, WritePolicy,
};
pub use principal::Who;
pub use request::{Aggregate, Figure, Filter, Get, Include, Matching, Op, Order, Query, Request};
pub use write::{Act, Chosen, Data, Write};
