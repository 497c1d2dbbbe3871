//! What `ormai-audit` promises, one module for each promise.

// Marked, so that the lints know these modules for tests throughout.
#[cfg(test)]
mod export;
#[cfg(test)]
mod filter;
#[cfg(test)]
mod jsonl;
#[cfg(test)]
mod no_runtime;
#[cfg(test)]
mod owed;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod prune;
#[cfg(test)]
mod sql;
#[cfg(test)]
mod stats;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tamper;
#[cfg(test)]
mod trail;
