//! Time limits on connections that are not ours: changed for a session, and put back.

use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, Connection as _, Executor as _, PgConnection, Postgres, Row as _};

use crate::error::DbError;
use crate::execute;
use crate::postgres::sorted;

/// What was changed on a connection and has to be put back.
///
/// sqlx's own transactions are not used: one that is dropped while it begins rolls the
/// caller's transaction back, and the caller's commit then succeeds without committing.
pub(super) enum Scope {
    /// Nothing, on a connection that may be in a transaction.
    Outside,
    /// Nothing, on a connection fresh from a pool, which is in no transaction.
    Pooled,
    /// A savepoint in the caller's transaction, with a limit local to it once that is set.
    Savepoint { timeout_ms: Option<u64> },
    /// The setting itself, of which the former value is kept.
    Setting { before: String, timeout_ms: u64 },
    /// The setting itself, on a connection whose pool opens it with a limit: a statement
    /// with that same limit costs nothing extra.
    Opened { with_ms: u64, timeout_ms: u64 },
}

impl Scope {
    /// What is known of the connections of somebody's pool: the limit in the options that
    /// they are opened with, when it stands there in whole milliseconds.
    pub(super) fn of_options(options: Option<&str>) -> Self {
        let limit = options
            .into_iter()
            .flat_map(str::split_whitespace)
            // The last one counts, as in PostgreSQL.
            .filter_map(|word| word.strip_prefix("statement_timeout="))
            .next_back()
            .and_then(|limit| limit.parse().ok())
            // 0 is no limit at all.
            .filter(|limit| *limit > 0);
        match limit {
            Some(limit) => Self::Opened { with_ms: limit, timeout_ms: limit },
            None => Self::Pooled,
        }
    }

    /// Whether nothing of ours is left on the connection.
    pub(super) fn is_left(&self) -> bool {
        match self {
            Self::Outside | Self::Pooled => true,
            Self::Opened { with_ms, timeout_ms } => with_ms == timeout_ms,
            Self::Savepoint { .. } | Self::Setting { .. } => false,
        }
    }

    pub(super) async fn enter(&mut self, connection: &mut PgConnection, wanted: u64) -> Result<(), DbError> {
        match self {
            Self::Savepoint { timeout_ms: Some(now) }
            | Self::Setting { timeout_ms: now, .. }
            | Self::Opened { timeout_ms: now, .. }
                if *now == wanted =>
            {
                return Ok(());
            }
            Self::Setting { timeout_ms, .. } | Self::Opened { timeout_ms, .. } => {
                set(connection, wanted).await?;
                *timeout_ms = wanted;
                return Ok(());
            }
            Self::Savepoint { .. } => {}
            Self::Pooled => {
                let before = swap(connection, wanted).await?;
                *self = Self::Setting { before, timeout_ms: wanted };
                return Ok(());
            }
            Self::Outside => match connection.execute("SAVEPOINT ormai").await {
                Ok(_) => *self = Self::Savepoint { timeout_ms: None },
                // A connection that is in no transaction, also in none that sqlx does not
                // know of because it was begun as text.
                Err(error) if is_outside(&error) && !connection.is_in_transaction() => {
                    let before = swap(connection, wanted).await?;
                    *self = Self::Setting { before, timeout_ms: wanted };
                    return Ok(());
                }
                Err(error) => return Err(sorted(&error)),
            },
        }
        let limit = argument(&wanted.to_string())?;
        execute::fixed::<Postgres>("SELECT set_config('statement_timeout', $1, true)", limit)
            .execute(connection)
            .await
            .map_err(|error| sorted(&error))?;
        *self = Self::Savepoint { timeout_ms: Some(wanted) };
        Ok(())
    }

    /// After a failed statement: a transaction takes nothing more until it is rolled back
    /// to the savepoint, which also undoes the limit.
    pub(super) async fn recover(&mut self, connection: &mut PgConnection) -> Result<(), DbError> {
        if let Self::Savepoint { timeout_ms } = self {
            *timeout_ms = None;
            connection.execute("ROLLBACK TO SAVEPOINT ormai").await.map_err(|error| sorted(&error))?;
        }
        Ok(())
    }

    pub(super) async fn leave(&mut self, connection: &mut PgConnection) -> Result<(), DbError> {
        match self {
            Self::Outside | Self::Pooled => {}
            Self::Savepoint { .. } => {
                connection
                    .execute("ROLLBACK TO SAVEPOINT ormai; RELEASE SAVEPOINT ormai")
                    .await
                    .map_err(|error| sorted(&error))?;
            }
            Self::Setting { before, .. } => {
                let before = argument(before)?;
                execute::fixed::<Postgres>(SET, before).execute(connection).await.map_err(|error| sorted(&error))?;
            }
            Self::Opened { with_ms, timeout_ms } => {
                if with_ms != timeout_ms {
                    set(connection, *with_ms).await?;
                    *timeout_ms = *with_ms;
                }
                return Ok(());
            }
        }
        *self = Self::Outside;
        Ok(())
    }
}

const SET: &str = "SELECT set_config('statement_timeout', $1, false)";

/// Sets the limit of a connection until it is set again.
pub(super) async fn set(connection: &mut PgConnection, timeout_ms: u64) -> Result<(), DbError> {
    let limit = argument(&timeout_ms.to_string())?;
    execute::fixed::<Postgres>(SET, limit).execute(connection).await.map_err(|error| sorted(&error))?;
    Ok(())
}

/// Sets the limit and tells what it was, in one round trip.
async fn swap(connection: &mut PgConnection, timeout_ms: u64) -> Result<String, DbError> {
    let limit = argument(&timeout_ms.to_string())?;
    let row = execute::fixed::<Postgres>(
        // PostgreSQL computes a list of columns from left to right.
        "SELECT current_setting('statement_timeout'), set_config('statement_timeout', $1, false)",
        limit,
    )
    .fetch_one(connection)
    .await
    .map_err(|error| sorted(&error))?;
    row.try_get(0).map_err(|error| sorted(&error))
}

fn argument(text: &str) -> Result<PgArguments, DbError> {
    let mut arguments = PgArguments::default();
    arguments.add(text).map_err(|error| DbError::failed(error.to_string()))?;
    Ok(arguments)
}

fn is_outside(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "25P01")
}
