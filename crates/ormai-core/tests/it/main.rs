//! What `ormai-core` promises, one module for each promise.

// Marked, so that the lints know these modules for tests throughout.
#[cfg(test)]
mod audited;
#[cfg(test)]
mod authorize;
#[cfg(test)]
mod compile_fail;
#[cfg(test)]
mod condition;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod keyset;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod lint;
#[cfg(test)]
mod meaning;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod redact;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod request;
#[cfg(test)]
mod request_write;
#[cfg(test)]
mod resolve;
#[cfg(test)]
mod world;
#[cfg(test)]
mod write;
