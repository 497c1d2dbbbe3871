//! Fixtures and throw-away databases for tests.
//!
//! A test that reads a database is written once and runs on every engine:
//!
//! ```
//! use ormai_testkit::{Dataset, TestDatabase, every_engine};
//!
//! every_engine! {
//!     async fn orders_are_there(database: &TestDatabase) {
//!         database.load(&Dataset::demo()).await;
//!         assert_eq!(database.count("orders").await, 8);
//!     }
//! }
//! ```
//!
//! makes the tests `orders_are_there::sqlite`, `orders_are_there::postgres` and
//! `orders_are_there::mysql`. All but the first need a server, which `cargo xtask test` and
//! `cargo xtask services run` bring up.

mod contents;
mod databases;
mod engines;
mod faults;
mod fixtures;
mod scale;
mod stored;
mod tally;
pub mod world;

pub use contents::Contents;
pub use databases::{Pool, TestDatabase};
pub use engines::{Engine, run_on};
pub use fixtures::catalog::guide_catalog;
pub use fixtures::teams::{teams, teams_policy};
pub use fixtures::{Dataset, Size, guide_policy, writes_policy};
pub use ormai_reference as reference;
pub use scale::{Kills, Scale, Stretch};
pub use stored::{Open, Stored};
pub use tally::{Share, Tally, WriteTally};
