//! What `ormai-audit` promises, one module for each promise.

// Marked, so that the lints know these modules for tests throughout.
#[cfg(test)]
mod proof;
#[cfg(test)]
mod prune;
#[cfg(test)]
mod tamper;
#[cfg(test)]
mod trail;
