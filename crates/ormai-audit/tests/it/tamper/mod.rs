//! Whoever changes the past is found, and the first bad line is named.

mod attack;
mod bytes;
mod gaps;
mod law;
mod store;

pub(crate) use store::{keys, record, text, verified};
