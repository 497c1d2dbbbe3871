//! Native row-level security as a database has it, beside what a script would make.
//!
//! PostgreSQL keeps an expression as a tree and prints it in words of its own, so the text of a
//! script cannot be compared with what is installed. Instead the script is run in a
//! transaction, what it made is read in the same words, and nothing of it stays.

use std::collections::BTreeMap;

use ormai_sql::rls::Script;

use crate::database::{Database, Source};
use crate::error::DbError;
#[cfg(feature = "postgres")]
use crate::postgres;

/// What row-level security consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Part {
    /// The schema of the functions, with the version of the policy that it was made from.
    Version,
    /// A role, and what it could do without any policy.
    Role,
    /// A table, and whether its policies are in force.
    Table,
    /// A policy of a table.
    Policy,
    /// What a role may do with a table.
    Grant,
    /// A function that policies call.
    Function,
}

/// One thing of it: a part, the table where it has one, and a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// What it is.
    pub part: Part,
    /// The table, as PostgreSQL writes it.
    pub table: Option<String>,
    /// Its name; empty for a table itself.
    pub name: String,
}

/// What is said of each thing, under names such as `using` or `SELECT`.
pub type State = BTreeMap<Thing, BTreeMap<String, String>>;

/// A database as it is and as a script would make it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Comparison {
    /// What is there.
    pub installed: State,
    /// What would be there. `None` when a role of the script could pass every policy, for which
    /// the script refuses to run.
    pub wanted: Option<State>,
}

/// Compares a database with a script. It is run and rolled back: it locks each table for a
/// moment, and needs the rights that installing it needs.
///
/// # Errors
///
/// [`DbError`] when the database is not PostgreSQL, does not answer, or does not let the
/// script run.
pub async fn compare(database: &Database, script: &Script) -> Result<Comparison, DbError> {
    match &database.0 {
        #[cfg(feature = "postgres")]
        Source::Postgres(source) => postgres::rls::compare(source, script).await,
        _ => Err(DbError::failed("row-level security is PostgreSQL's")),
    }
}
