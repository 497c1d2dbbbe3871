//! The database as one principal may know it: described, and as schemas of the tools.
//!
//! Everything here is read off the same view that resolves requests, so what is not open
//! does not appear. Scoped fields do not appear either: a caller has no say in them.

mod definitions;
mod describe;
mod writes;

pub use definitions::{DEFAULT_BYTE_BUDGET, Definition, definitions};
pub use describe::{
    DescribedAggregations, DescribedField, DescribedLimits, DescribedModel, DescribedRelation, DescribedWrites,
    Description, describe,
};
