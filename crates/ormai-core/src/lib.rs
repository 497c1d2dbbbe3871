//! Deciding what a principal may do with a database.
//!
//! This crate holds the whole of OrmAI's judgement and none of its I/O: no
//! database, no async, no clock and no randomness. What varies is passed in.
//!
//! ```text
//! Request ──resolve(View)──▶ Resolved ──authorize(policy, principal)──▶ ScopedPlan
//!                                                                          │
//! Answer ◀──────────redact◀──────────rows◀── (ormai-sql, ormai-db) ◀───────┘
//! ```
//!
//! A [`plan::ScopedPlan`] can be made only here, and only with its scope.

pub mod answer;
pub mod audited;
pub mod authorize;
pub mod catalog;
pub mod condition;
pub mod cursor;
pub mod diagnostic;
pub mod error;
pub mod explain;
pub mod fault;
pub mod idempotency;
pub mod plan;
pub mod policy;
pub mod principal;
pub mod privileges;
pub mod redact;
pub mod request;
pub mod resolve;
pub mod suggest;
pub mod value;
pub mod write;
