//! Tables of a catalog, made for a while in a database that has none of them.

use std::fmt;
use std::time::Duration;

use ormai_core::catalog::Catalog;
use ormai_sql::{Statement, tables};

use crate::database::Database;
use crate::error::DbError;
use crate::install::OwnTable;
use crate::introspect::{IntrospectOptions, table_names};
use crate::session::Session;

/// Tables that [`Database::create_tables`] has made, and that [`MadeTables::remove`] takes away again.
///
/// Only these: a table that was there before is never in it.
#[must_use = "the tables stay in the database until they are removed"]
pub struct MadeTables {
    database: Database,
    /// In the order in which they go.
    drops: Vec<Statement>,
}

/// Making a table waits for those who look at it.
const LIMIT: Duration = Duration::from_secs(30);

impl Database {
    /// Makes a table for each model of a catalog, and those of OrmAI's own that are named and missing. It is
    /// for tests and scenarios: a catalog tells what is read of a table, and no more (no checks, no triggers).
    ///
    /// # Errors
    ///
    /// [`DbError::Failed`] when one of the tables is there already, or cannot be made; then nothing is
    /// left of the others.
    pub async fn create_tables(&self, catalog: &Catalog, own: &[OwnTable]) -> Result<MadeTables, DbError> {
        let statements = tables::create(self.dialect(), catalog).map_err(|error| DbError::failed(error.to_string()))?;
        let there = table_names(self, &IntrospectOptions::default()).await?;
        for (_, model) in catalog.models() {
            if there.iter().any(|table| table.eq_ignore_ascii_case(&model.table.name)) {
                return Err(DbError::failed(format!("the table `{}` is there already", model.table)));
            }
        }
        let mut made = MadeTables { database: self.clone(), drops: Vec::new() };
        let mut session = Session::from_pool(self).await?;
        for table in statements {
            if let Err(error) = session.alone(&table.create, LIMIT).await {
                session.finish().await?;
                made.remove().await?;
                return Err(error);
            }
            made.drops.insert(0, table.drop);
        }
        session.finish().await?;
        for table in own {
            match self.install(*table).await {
                Ok(true) => made.drops.push(table.drop(self)),
                Ok(false) => {}
                Err(error) => {
                    made.remove().await?;
                    return Err(error);
                }
            }
        }
        Ok(made)
    }
}

impl MadeTables {
    /// Takes the tables away, with all that is in them.
    ///
    /// # Errors
    ///
    /// [`DbError`] for the first that cannot be removed; the others are all the same.
    pub async fn remove(self) -> Result<(), DbError> {
        let mut session = Session::from_pool(&self.database).await?;
        let mut failed = Ok(());
        for drop in &self.drops {
            if let Err(error) = session.alone(drop, LIMIT).await {
                failed = failed.and(Err(error));
            }
        }
        session.finish().await?;
        failed
    }
}

impl fmt::Debug for MadeTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MadeTables").field("tables", &self.drops.len()).finish_non_exhaustive()
    }
}
