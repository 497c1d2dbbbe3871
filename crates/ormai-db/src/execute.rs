//! The one place where a compiled statement becomes text for a driver.

use std::borrow::Cow;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
#[expect(clippy::disallowed_types, reason = "the only place: ormai-sql prints texts, and puts no value into them")]
use sqlx::AssertSqlSafe;
use sqlx::Either;
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

/// What is done with a savepoint.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mark {
    /// It is set.
    Set,
    /// It is forgotten, and what was done since stays.
    Keep,
    /// What was done since is undone, and it is forgotten.
    Undo,
}

/// Statements about the savepoint of a depth. On MariaDB and MySQL a savepoint takes the place of
/// another one of the same name, so each depth has its own.
pub(crate) fn savepoint_texts(mark: Mark, depth: usize) -> Vec<Cow<'static, str>> {
    let release = || format!("RELEASE SAVEPOINT ormai_{depth}").into();
    match mark {
        Mark::Set => vec![format!("SAVEPOINT ormai_{depth}").into()],
        Mark::Keep => vec![release()],
        Mark::Undo => vec![format!("ROLLBACK TO SAVEPOINT ormai_{depth}").into(), release()],
    }
}

/// The same as one text.
#[expect(clippy::disallowed_methods, reason = "the text is a constant of this crate but for a number")]
pub(crate) fn savepoint(mark: Mark, depth: usize) -> sqlx::RawSql {
    sqlx::raw_sql(AssertSqlSafe(savepoint_texts(mark, depth).join("; ")))
}

/// What a driver tells of a statement, as it comes.
type Answer<'a, DB> =
    BoxStream<'a, Result<Either<<DB as sqlx::Database>::QueryResult, <DB as sqlx::Database>::Row>, sqlx::Error>>;

/// The rows of a statement, and what else came of it.
pub(crate) async fn collected<DB: sqlx::Database>(
    mut answer: Answer<'_, DB>,
) -> Result<(Vec<DB::Row>, DB::QueryResult), sqlx::Error> {
    let (mut rows, mut result) = (Vec::new(), DB::QueryResult::default());
    while let Some(part) = answer.try_next().await? {
        match part {
            Either::Left(more) => result.extend([more]),
            Either::Right(row) => rows.push(row),
        }
    }
    Ok((rows, result))
}

/// A script of native row-level security. Several statements in one text take no arguments.
#[cfg(feature = "postgres")]
#[expect(clippy::disallowed_methods, reason = "the text was printed by ormai-sql")]
pub(crate) fn script(script: &ormai_sql::rls::Script) -> sqlx::RawSql {
    sqlx::raw_sql(AssertSqlSafe(Arc::clone(script.body())))
}
