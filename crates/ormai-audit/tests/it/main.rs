//! What `ormai-audit` promises, one module for each promise.

// Marked, so that the lints know these modules for tests throughout.
#[cfg(test)]
mod jsonl;
#[cfg(test)]
mod owed;
#[cfg(test)]
mod sql;
#[cfg(test)]
mod tamper;
#[cfg(test)]
mod trail;
