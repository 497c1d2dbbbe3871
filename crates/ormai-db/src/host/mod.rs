//! Connections that somebody else drives: a driver of another language, whose user's transaction the
//! statements are a part of.
//!
//! A [`Session`](crate::Session) over a [`Host`] does what one on a connection of the caller's does, but
//! reaches no driver: it hands out [`Order`]s, one at a time, and goes on with what came of them. No
//! thread, timer or runtime is needed for it.
//!
//! ```
//! use ormai_db::host::{Answered, Asking, Host, HostError, Order};
//! use ormai_db::Session;
//! use ormai_sql::Dialect;
//!
//! /// Answers every statement with no rows.
//! struct Empty;
//!
//! impl Host for Empty {
//!     fn ask<'a>(&'a mut self, order: Order<'a>) -> Asking<'a> {
//!         Box::pin(async move {
//!             match order {
//!                 Order::Control(texts) if texts.is_empty() => Err(HostError::Lost("nothing to do".to_owned())),
//!                 _ => Ok(Answered::default()),
//!             }
//!         })
//!     }
//! }
//!
//! let session = Session::from_host(Dialect::Sqlite, Box::new(Empty));
//! assert_eq!(session.dialect(), Dialect::Sqlite);
//! ```

mod bound;
mod engine;
mod opened;
mod session;

use std::borrow::Cow;
use std::pin::Pin;
use std::time::Duration;

use ormai_core::value::Value;
use ormai_sql::Statement;

use crate::error::DbError;

pub use bound::{Bound, BoundValue, Wire, bound, bound_in};
pub use opened::Opened;
pub(crate) use session::Session;

/// A connection that somebody else drives, in a transaction of its user's.
///
/// That transaction is theirs: nothing here begins, commits or rolls it back. A host on which none is
/// open begins one before the first order, and its user ends it. Without one a savepoint would be a
/// transaction of its own on SQLite, and what is released there committed; on the other engines the
/// session refuses.
///
/// The connection is asked for one thing at a time, and for nothing by others between two orders of a
/// call.
pub trait Host: Send {
    /// Carries out an order. A future that is dropped before its end was perhaps carried out, perhaps not.
    fn ask<'a>(&'a mut self, order: Order<'a>) -> Asking<'a>;

    /// In which texts its user stores what the database has no type for.
    fn forms(&self) -> Forms {
        Forms::Own
    }

    /// Whether a statement and the texts around it reach the database in one round trip. Where they do not,
    /// what several statements need around them is set once for all of them.
    fn is_pipelined(&self) -> bool {
        false
    }
}

/// In which texts somebody stores what a database has no type for: times and UUIDs on SQLite, UUIDs on MySQL.
/// A value is found, and a text is read as one, in this form alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Forms {
    /// Times with six digits of a second where it is not whole, UUIDs with hyphens.
    #[default]
    Own,
    /// As SQLAlchemy does: times with six digits of every second, UUIDs without hyphens.
    SqlAlchemy,
}

/// What comes of an order.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Answered, HostError>> + Send + 'a>>;

/// What a host is to do.
#[derive(Clone, Copy, Debug)]
pub enum Order<'a> {
    /// Texts without parameters and without rows, one statement each: savepoints and settings. One after
    /// the other, or all in one round trip; the first that fails ends it. Nothing in them is to be
    /// escaped or replaced.
    Control(&'a [Cow<'static, str>]),
    /// One text without parameters, whose rows are wanted.
    Fixed(&'static str),
    /// A compiled statement, with the parameters that [`bound`] makes of its values.
    ///
    /// `affected` counts the rows that a change found, also those that it left as they were
    /// (`CLIENT_FOUND_ROWS` of MariaDB and MySQL).
    Statement {
        /// The statement.
        statement: &'a Statement,
        /// When it is to be stopped. PostgreSQL, MariaDB and MySQL do that themselves; on SQLite it is
        /// the host's duty, which then answers with the code `9` (interrupted).
        limit: Duration,
        /// What stands around it.
        around: Around<'a>,
    },
}

/// Control texts around a statement: nothing, unless the host [is pipelined](Host::is_pipelined). The first
/// that fails, the statement among them, ends the order, and the session undoes what came before it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around<'a> {
    /// What is run before it.
    pub before: &'a [Cow<'static, str>],
    /// What is run after it.
    pub after: &'a [Cow<'static, str>],
}

/// What came of an order.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    /// The rows, as many cells in each as the statement has columns.
    pub rows: Vec<Vec<Cell>>,
    /// How many rows a change found.
    pub affected: u64,
    /// The key that the server made for the row of an INSERT, where the driver tells it.
    pub made: Option<u64>,
}

/// A value as a driver gives it.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A value of the driver's language, as what comes nearest to it: of an integer beyond 64 bits a
    /// decimal, of a length of time an interval, of what has no value here (NaN among the decimals) a
    /// text.
    Value(Value),
    /// PostgreSQL's binary form of a value that is not NULL.
    Wire {
        /// The number of its type.
        oid: u32,
        /// Its bytes.
        bytes: Vec<u8>,
    },
}

/// Why an order was not carried out.
#[derive(Debug)]
pub enum HostError {
    /// The database refused it. The connection is good for the next.
    Refused {
        /// The database's own code: an SQLSTATE, the number of an error of MariaDB or MySQL, or an
        /// (extended) result code of SQLite. `None` where the driver does not tell.
        code: Option<String>,
        /// Its words, for the operator alone.
        message: String,
    },
    /// The statement cannot be bound: what [`bound`] said of it.
    Unbound(DbError),
    /// The connection is lost, or nobody knows what became of the order.
    Lost(String),
}
