//! The command line as its users meet it: what it prints, and how it exits.

// Marked, so that the lints know these modules for tests throughout.
#[cfg(test)]
mod approvals;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod command;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod findings;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod log;
#[cfg(test)]
mod misuse;
#[cfg(test)]
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(test)]
mod policy_changes;
#[cfg(test)]
mod row_level_security;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod strangers_database;
#[cfg(test)]
mod writes;
