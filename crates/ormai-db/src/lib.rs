//! Databases: running statements under limits, and reading a schema into a catalog.
//!
//! ```no_run
//! # async fn run(statement: &ormai_sql::Statement) -> Result<(), ormai_db::DbError> {
//! use std::time::Duration;
//! use ormai_db::{ConnectOptions, Database, Session};
//!
//! let database = Database::connect("sqlite:shop.db", &ConnectOptions::default()).await?;
//! let mut session = Session::from_pool(&database).await?;
//! let fetched = session.run(statement, Duration::from_secs(2)).await?;
//! session.finish().await?;
//! # let _ = fetched;
//! # Ok(())
//! # }
//! ```
//!
//! Writes stand in transactions: [`Session::begin`], [`Session::change`], [`Session::commit`].
//!
//! A statement's time limit is kept by the database itself: what is too slow is stopped
//! there, and the connection is good for the next statement.

#[cfg(not(any(feature = "mysql", feature = "postgres", feature = "sqlite")))]
compile_error!("ormai-db needs at least one of the features `mysql`, `postgres` and `sqlite`");

pub mod approvals;
mod database;
mod error;
mod execute;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod hex;
pub mod host;
pub mod idempotency;
mod install;
mod introspect;
mod keep;
mod limits;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod numbers;
mod pool;
#[cfg(feature = "postgres")]
mod postgres;
mod privileges;
pub mod rls;
mod session;
mod settle;
#[cfg(feature = "sqlite")]
mod sqlite;
mod tables;
mod transaction;

pub use database::Database;
pub use error::{Cause, ConflictKind, DbError};
pub use install::OwnTable;
pub use introspect::{IntrospectOptions, introspect, table_of};
pub use limits::ConnectOptions;
pub use pool::PoolStatus;
pub use privileges::privileges;
pub use session::{Changed, Session};
pub use tables::MadeTables;
