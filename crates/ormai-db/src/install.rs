//! OrmAI's own tables.

use std::sync::Arc;
use std::time::Duration;

use ormai_sql::own::{approvals, idempotency};
use ormai_sql::{Dialect, Statement};

use crate::database::Database;
use crate::error::DbError;
use crate::session::Session;

/// Tables that OrmAI keeps for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OwnTable {
    /// The ledger of idempotency keys, in the database of the writes.
    Idempotency,
    /// The requests that wait for an approval.
    Approvals,
}

impl OwnTable {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idempotency => "ormai_idempotency",
            Self::Approvals => "ormai_approvals",
        }
    }

    /// The text that makes it where it is missing, for a database whose tables are made by other means,
    /// such as migrations.
    pub fn text(self, dialect: Dialect) -> Arc<str> {
        Arc::clone(self.create(dialect).sql())
    }

    fn create(self, dialect: Dialect) -> Statement {
        match self {
            Self::Idempotency => idempotency::create(dialect),
            Self::Approvals => approvals::create(dialect),
        }
    }

    pub(crate) fn drop(self, database: &Database) -> Statement {
        match self {
            Self::Idempotency => idempotency::drop(database.dialect()),
            Self::Approvals => approvals::drop(database.dialect()),
        }
    }

    fn probe(self, database: &Database) -> Statement {
        match self {
            Self::Idempotency => idempotency::probe(database.dialect()),
            Self::Approvals => approvals::probe(database.dialect()),
        }
    }
}

/// Making a table waits for those who make it at the same time.
const LIMIT: Duration = Duration::from_secs(30);

impl Database {
    /// Whether one of OrmAI's own tables is there.
    ///
    /// # Errors
    ///
    /// [`DbError`] when the database does not tell.
    pub async fn has(&self, table: OwnTable) -> Result<bool, DbError> {
        let mut session = Session::from_pool(self).await?;
        let there = probe(&mut session, &table.probe(self)).await;
        session.finish().await?;
        there
    }

    /// Makes one of OrmAI's own tables where it is missing, and tells whether it did. Nothing is
    /// changed in a table that is there.
    ///
    /// # Errors
    ///
    /// [`DbError::ReadOnly`] when the database does not let this user make tables.
    pub async fn install(&self, table: OwnTable) -> Result<bool, DbError> {
        let mut session = Session::from_pool(self).await?;
        let made = make(&mut session, &table.probe(self), &table.create(self.dialect())).await;
        session.finish().await?;
        made
    }
}

async fn make(session: &mut Session<'_>, there: &Statement, create: &Statement) -> Result<bool, DbError> {
    if probe(session, there).await? {
        return Ok(false);
    }
    match session.alone(create, LIMIT).await {
        Ok(_) => Ok(true),
        // On PostgreSQL two that make a table at once may meet in its catalog.
        Err(error) => match probe(session, there).await {
            Ok(true) => Ok(false),
            // What is left is the right to make it.
            _ => match error {
                DbError::Failed(cause) => Err(DbError::ReadOnly(cause)),
                error => Err(error),
            },
        },
    }
}

async fn probe(session: &mut Session<'_>, statement: &Statement) -> Result<bool, DbError> {
    match session.run(statement, LIMIT).await {
        Ok(_) => Ok(true),
        Err(DbError::NotThere(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
