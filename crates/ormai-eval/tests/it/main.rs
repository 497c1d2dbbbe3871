//! What evaluation finds, on every engine.

// Marked, so that the lints know these modules for tests throughout.
#[cfg(test)]
mod bench;
#[cfg(test)]
mod determinism;
#[cfg(test)]
mod diff;
#[cfg(test)]
mod guide;
#[cfg(test)]
mod record;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod report;
#[cfg(test)]
mod witness;
