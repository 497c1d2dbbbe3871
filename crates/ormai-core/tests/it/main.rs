//! What `ormai-core` promises, one module for each promise.

// Marked, so that the lints know these modules for tests throughout.
#[cfg(test)]
mod condition;
#[cfg(test)]
mod keyset;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod meaning;
#[cfg(test)]
mod world;
