//! The one place where a compiled statement becomes text for a driver.

use std::sync::Arc;

#[expect(clippy::disallowed_types, reason = "the only place: ormai-sql prints texts, and puts no value into them")]
use sqlx::AssertSqlSafe;
use sqlx::database::HasStatementCache;
use sqlx::query::Query;

/// A compiled statement with its arguments. The text is shared, not copied.
///
/// `persistent` keeps it prepared on its connection.
#[expect(clippy::disallowed_methods, reason = "the text was printed by ormai-sql")]
pub(crate) fn compiled<DB: sqlx::Database + HasStatementCache>(
    text: &Arc<str>,
    arguments: DB::Arguments,
    persistent: bool,
) -> Query<'static, DB, DB::Arguments>
where
    DB::Arguments: sqlx::IntoArguments<DB>,
{
    sqlx::query_with(AssertSqlSafe(Arc::clone(text)), arguments).persistent(persistent)
}

/// A statement of this crate's own, written out in its source.
#[expect(clippy::disallowed_methods, reason = "the text is a constant of this crate")]
pub(crate) fn fixed<DB: sqlx::Database>(
    text: &'static str,
    arguments: DB::Arguments,
) -> Query<'static, DB, DB::Arguments>
where
    DB::Arguments: sqlx::IntoArguments<DB>,
{
    sqlx::query_with(text, arguments)
}

/// A script of native row-level security. Several statements in one text take no arguments.
#[cfg(feature = "postgres")]
#[expect(clippy::disallowed_methods, reason = "the text was printed by ormai-sql")]
pub(crate) fn script(script: &ormai_sql::rls::Script) -> sqlx::RawSql {
    sqlx::raw_sql(AssertSqlSafe(Arc::clone(script.body())))
}
