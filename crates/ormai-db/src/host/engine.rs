//! What differs between the engines, for sessions over hosts.

use std::borrow::Cow;
use std::time::Duration;

use ormai_core::answer::Fetched;
use ormai_core::value::ColumnType;
use ormai_sql::Dialect;

use super::session::Kept;
use super::{Answered, Cell, Forms, HostError};
use crate::error::DbError;
use crate::execute::{Mark, savepoint_texts};
#[cfg(any(feature = "mysql", feature = "postgres"))]
use crate::limits::milliseconds;
#[cfg(feature = "mysql")]
use crate::mysql;
#[cfg(feature = "postgres")]
use crate::postgres;
use crate::session::Changed;
#[cfg(feature = "sqlite")]
use crate::sqlite;

type Texts = Vec<Cow<'static, str>>;

/// A limit as it is set: whole milliseconds, in microseconds.
pub(super) fn limit_us(limit: Duration) -> u64 {
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    return milliseconds(limit) * 1_000;
    #[cfg(not(any(feature = "mysql", feature = "postgres")))]
    return u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
}

/// The settings that have to be put back later. On PostgreSQL they belong to a savepoint and go with
/// it; on SQLite there are none.
pub(super) fn settings_to_keep(dialect: Dialect) -> Option<Kept> {
    match dialect {
        #[cfg(feature = "mysql")]
        Dialect::MySql => Some(Kept {
            text: mysql::settings::READ,
            columns: mysql::settings::columns(),
            restore: |rows| {
                let texts = mysql::settings::Before::of(rows)?.texts();
                let texts = texts.ok_or_else(|| DbError::failed("a setting of the session cannot be put back"))?;
                Ok(texts.into_iter().map(Cow::Owned).collect())
            },
        }),
        _ => None,
    }
}

/// Sets the time limit, and on MariaDB and MySQL what else statements rely on.
pub(super) fn set_limit(dialect: Dialect, limit_us: u64) -> Texts {
    match dialect {
        #[cfg(feature = "postgres")]
        Dialect::Postgres => vec![format!("SET LOCAL statement_timeout = {}", limit_us / 1_000).into()],
        #[cfg(feature = "mysql")]
        Dialect::MySql => vec![mysql::settings::set_text(limit_us).into()],
        _ => {
            let _ = limit_us;
            Vec::new()
        }
    }
}

/// Begins a transaction of ours in the host's.
pub(super) fn join(dialect: Dialect, settings: Texts) -> Texts {
    let set = savepoint_texts(Mark::Set, 1);
    match dialect {
        // What it changes locally would stay with what is kept, so what stood before is kept too.
        #[cfg(feature = "postgres")]
        Dialect::Postgres => postgres::timeout::join_texts().chain(settings).collect(),
        // Outside of a transaction a savepoint is gone at once, which undoing it proves.
        Dialect::MySql => settings.into_iter().chain(set).chain(["ROLLBACK TO SAVEPOINT ormai_1".into()]).collect(),
        _ => set,
    }
}

/// Leaves what was done since [`join`] to the host's transaction.
pub(super) fn leave(dialect: Dialect) -> Texts {
    match dialect {
        #[cfg(feature = "postgres")]
        Dialect::Postgres => postgres::timeout::keep_texts().collect(),
        _ => savepoint_texts(Mark::Keep, 1),
    }
}

/// What came back, as the declared types.
pub(super) fn fetched(
    dialect: Dialect,
    forms: Forms,
    rows: Vec<Vec<Cell>>,
    columns: &[ColumnType],
) -> Result<Fetched, DbError> {
    match dialect {
        #[cfg(feature = "postgres")]
        Dialect::Postgres => postgres::cells::fetched(rows, columns),
        #[cfg(feature = "mysql")]
        Dialect::MySql => mysql::cells::fetched(rows, columns),
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => sqlite::cells::fetched(rows, columns, forms),
        _ => Err(not_built_in()),
    }
}

/// What a statement that writes came to.
pub(super) fn changed(
    dialect: Dialect,
    forms: Forms,
    answered: Answered,
    columns: &[ColumnType],
) -> Result<Changed, DbError> {
    let Answered { rows, affected, made } = answered;
    #[cfg(feature = "mysql")]
    if dialect == Dialect::MySql {
        return mysql::changed(rows.is_empty(), made, affected, columns, || fetched(dialect, forms, rows, columns));
    }
    let _ = made;
    let rows = fetched(dialect, forms, rows, columns)?;
    // Some drivers count nothing where rows come back.
    let affected = affected.max(u64::try_from(rows.len()).unwrap_or(u64::MAX));
    Ok(Changed { affected, rows })
}

/// What an error is.
pub(super) fn sorted(dialect: Dialect, code: Option<&str>, words: &str, writes: bool) -> DbError {
    match dialect {
        #[cfg(feature = "postgres")]
        Dialect::Postgres if writes => postgres::codes::refused(code, words),
        #[cfg(feature = "postgres")]
        Dialect::Postgres => postgres::codes::sorted(code, words),
        #[cfg(feature = "mysql")]
        Dialect::MySql if writes => mysql::codes::refused(number(code), words),
        #[cfg(feature = "mysql")]
        Dialect::MySql => mysql::codes::sorted(number(code), words),
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => sqlite::codes::sorted(code, words),
        _ => {
            let _ = (code, words, writes);
            not_built_in()
        }
    }
}

/// Whether the database undid the whole transaction with what failed.
pub(super) fn undoes_everything(dialect: Dialect, error: &HostError) -> bool {
    match (dialect, error) {
        #[cfg(feature = "mysql")]
        (Dialect::MySql, HostError::Refused { code, .. }) => number(code.as_deref()) == Some(mysql::codes::DEADLOCK),
        _ => false,
    }
}

/// Whether a savepoint was refused because there is no transaction.
pub(super) fn is_outside(dialect: Dialect, error: &HostError) -> bool {
    match (dialect, error) {
        #[cfg(feature = "postgres")]
        (Dialect::Postgres, HostError::Refused { code, .. }) => code.as_deref() == Some(postgres::codes::OUTSIDE),
        #[cfg(feature = "mysql")]
        (Dialect::MySql, HostError::Refused { code, .. }) => {
            number(code.as_deref()) == Some(mysql::codes::NO_SAVEPOINT)
        }
        _ => false,
    }
}

/// Whether the transaction of the host failed before, and takes nothing but its end.
pub(super) fn is_failed_before(dialect: Dialect, error: &HostError) -> bool {
    match (dialect, error) {
        #[cfg(feature = "postgres")]
        (Dialect::Postgres, HostError::Refused { code, .. }) => code.as_deref() == Some(postgres::codes::FAILED),
        _ => false,
    }
}

/// Whether a savepoint is not there, and so neither is what it stood in.
pub(super) fn is_no_savepoint(dialect: Dialect, error: &HostError) -> bool {
    let HostError::Refused { code, message } = error else { return false };
    match dialect {
        #[cfg(feature = "postgres")]
        Dialect::Postgres => {
            matches!(code.as_deref(), Some(postgres::codes::NO_SAVEPOINT | postgres::codes::OUTSIDE))
        }
        #[cfg(feature = "mysql")]
        Dialect::MySql => number(code.as_deref()) == Some(mysql::codes::NO_SAVEPOINT),
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => sqlite::codes::is_no_savepoint(message),
        _ => message.is_empty() && code.is_none(),
    }
}

#[cfg(feature = "mysql")]
fn number(code: Option<&str>) -> Option<u16> {
    code?.parse().ok()
}

fn not_built_in() -> DbError {
    DbError::failed("the dialect of the host is not built in")
}
