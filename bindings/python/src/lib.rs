//! Python bindings: a thin shell over the `ormai` crate.
