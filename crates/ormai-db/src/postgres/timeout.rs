//! Time limits on connections that are not ours: changed for a session, and put back.

use std::borrow::Cow;

use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, Connection as _, Executor as _, PgConnection, Postgres, Row as _};

use crate::error::DbError;
use crate::execute;
use crate::postgres::{codes, sorted};

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
    /// A savepoint that is a transaction of ours in the caller's, with a limit local to it
    /// once that is set. The transaction itself keeps the former value.
    Joined { timeout_ms: Option<u64> },
    /// The setting itself, of which the former value is kept.
    Setting { before: String, timeout_ms: Option<u64> },
    /// The setting itself, on a connection whose pool opens it with a limit: a statement
    /// with that same limit costs nothing extra.
    Opened { with_ms: u64, timeout_ms: Option<u64> },
}

/// The savepoint and the former limit, which is there as long as the savepoint is.
const JOIN: &str = "SAVEPOINT ormai_1; \
                    SELECT set_config('ormai.statement_timeout', current_setting('statement_timeout'), true)";

/// All of it at once, so that nobody who is dropped half way leaves a part of it.
const KEEP: &str = "SELECT set_config('statement_timeout', current_setting('ormai.statement_timeout'), true), \
                    set_config('ormai.statement_timeout', '', true); RELEASE SAVEPOINT ormai_1";

/// The statements of [`JOIN`], one by one.
pub(crate) fn join_texts() -> impl Iterator<Item = Cow<'static, str>> {
    JOIN.split("; ").map(Cow::Borrowed)
}

/// The statements of [`KEEP`], one by one.
pub(crate) fn keep_texts() -> impl Iterator<Item = Cow<'static, str>> {
    KEEP.split("; ").map(Cow::Borrowed)
}

const UNDO: &str = "ROLLBACK TO SAVEPOINT ormai_1; RELEASE SAVEPOINT ormai_1";

const IS_JOINED: &str = "SELECT coalesce(current_setting('ormai.statement_timeout', true), '') <> ''";

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
            Some(limit) => Self::Opened { with_ms: limit, timeout_ms: Some(limit) },
            None => Self::Pooled,
        }
    }

    /// Whether nothing of ours is left on the connection.
    pub(super) fn is_left(&self) -> bool {
        match self {
            Self::Outside | Self::Pooled => true,
            Self::Opened { with_ms, timeout_ms } => Some(*with_ms) == *timeout_ms,
            Self::Savepoint { .. } | Self::Joined { .. } | Self::Setting { .. } => false,
        }
    }

    /// After something was undone, and a limit that was set since with it.
    pub(super) fn reset_limit(&mut self, limit: Option<u64>) {
        match self {
            Self::Outside | Self::Pooled => {}
            Self::Savepoint { timeout_ms }
            | Self::Joined { timeout_ms }
            | Self::Setting { timeout_ms, .. }
            | Self::Opened { timeout_ms, .. } => *timeout_ms = limit,
        }
    }

    /// Begins a transaction of ours in one of the caller's; `false` when that is in none.
    pub(super) async fn join(&mut self, connection: &mut PgConnection, wanted: u64) -> Result<bool, DbError> {
        // What is kept must not be behind the savepoint of what was only read.
        if matches!(self, Self::Savepoint { .. }) {
            self.leave(connection).await?;
        }
        if !matches!(self, Self::Outside) {
            return Ok(false);
        }
        match connection.execute(JOIN).await {
            Ok(_) => *self = Self::Joined { timeout_ms: None },
            Err(error) if is_outside(&error) && !connection.is_in_transaction() => return Ok(false),
            Err(error) => return Err(sorted(&error)),
        }
        let limited = self.enter(connection, wanted).await;
        if !matches!(limited, Ok(()) | Err(DbError::Unavailable(_))) {
            self.undo(connection).await?;
        }
        limited.map(|()| true)
    }

    /// Leaves what was done since [`Scope::join`] to the caller's transaction.
    pub(super) async fn keep(&mut self, connection: &mut PgConnection) -> Result<(), DbError> {
        connection.execute(KEEP).await.map_err(|error| sorted(&error))?;
        *self = Self::Outside;
        Ok(())
    }

    /// Undoes what was done since [`Scope::join`].
    pub(super) async fn undo(&mut self, connection: &mut PgConnection) -> Result<(), DbError> {
        connection.execute(UNDO).await.map_err(|error| sorted(&error))?;
        *self = Self::Outside;
        Ok(())
    }

    /// [`Scope::undo`], when nobody knows whether it was joined or has been left.
    pub(super) async fn undo_if_joined(&mut self, connection: &mut PgConnection) -> Result<(), DbError> {
        let joined = match connection.fetch_one(IS_JOINED).await {
            Ok(row) => row.try_get(0).map_err(|error| sorted(&error))?,
            // Nobody can join a transaction that failed, so it failed since.
            Err(error) if is_failed(&error) => true,
            Err(error) if is_lost(&error) => return Err(sorted(&error)),
            Err(_) => false,
        };
        if joined {
            return self.undo(connection).await;
        }
        *self = Self::Outside;
        Ok(())
    }

    pub(super) async fn enter(&mut self, connection: &mut PgConnection, wanted: u64) -> Result<(), DbError> {
        match self {
            Self::Savepoint { timeout_ms: Some(now) }
            | Self::Joined { timeout_ms: Some(now) }
            | Self::Setting { timeout_ms: Some(now), .. }
            | Self::Opened { timeout_ms: Some(now), .. }
                if *now == wanted =>
            {
                return Ok(());
            }
            Self::Setting { timeout_ms, .. } | Self::Opened { timeout_ms, .. } => {
                *timeout_ms = None;
                set(connection, wanted).await?;
                *timeout_ms = Some(wanted);
                return Ok(());
            }
            Self::Savepoint { .. } | Self::Joined { .. } => {}
            Self::Pooled => {
                let before = swap(connection, wanted).await?;
                *self = Self::Setting { before, timeout_ms: Some(wanted) };
                return Ok(());
            }
            Self::Outside => match connection.execute("SAVEPOINT ormai").await {
                Ok(_) => *self = Self::Savepoint { timeout_ms: None },
                // A connection that is in no transaction, also in none that sqlx does not
                // know of because it was begun as text.
                Err(error) if is_outside(&error) && !connection.is_in_transaction() => {
                    let before = swap(connection, wanted).await?;
                    *self = Self::Setting { before, timeout_ms: Some(wanted) };
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
        self.reset_limit(Some(wanted));
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
            Self::Joined { .. } => return self.undo(connection).await,
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
                if *timeout_ms != Some(*with_ms) {
                    *timeout_ms = None;
                    set(connection, *with_ms).await?;
                    *timeout_ms = Some(*with_ms);
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
    has_code(error, codes::OUTSIDE)
}

fn is_failed(error: &sqlx::Error) -> bool {
    has_code(error, codes::FAILED)
}

fn is_lost(error: &sqlx::Error) -> bool {
    matches!(sorted(error), DbError::Unavailable(_))
}

fn has_code(error: &sqlx::Error, expected: &str) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == expected)
}
