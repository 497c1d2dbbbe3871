//! What statements rely on in a session: how texts and times are read, that nothing is
//! coerced or cut in silence, and the time limit. On connections that are not ours it is
//! changed for a session, and put back.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use ormai_core::answer::Fetched;
use ormai_core::value::{ColumnType, Value};
use sqlx::mysql::MySqlArguments;
use sqlx::{Arguments as _, MySql, MySqlConnection};
use uuid::Uuid;

use super::{decode, sorted};
use crate::error::DbError;
use crate::execute;

/// All settings at once. MariaDB reads one half of the comments and MySQL the other, so that
/// nobody has to ask which of the two it is.
///
/// `sql_mode` as a whole, because there are modes that change what a statement means; of a key 0
/// that is stored the server would make the next one of an AUTO_INCREMENT, were it not told.
/// `collation_connection` is that of texts that come from no column. (Not of values that are
/// bound: two of them compare without regard to case whatever is set, so no statement
/// compares two.) Texts that begin with the same `max_sort_length` bytes are not told apart
/// by an order or a window; a sort takes no more memory for a greater one, but has to be
/// allowed to. MariaDB's `subquery_cache` remembers what a subquery came to for a text, and takes
/// that for every text that its collation calls equal: what was found for `ä` would be told of
/// `A`. Of `sql_select_limit` and `sql_auto_is_null` a session may have values that
/// take rows away or add some; with `system_versioning_asof` it reads rows as they were,
/// which may have been another tenant's since. Without `derived_merge` no index serves a scope,
/// and EXISTS fails in a statement that runs again.
const SET: &str = "
SET character_set_client = utf8mb4, character_set_results = utf8mb4, collation_connection = utf8mb4_bin,
    sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO',
    time_zone = '+00:00',
    max_sort_length = 65536, sort_buffer_size = GREATEST(@@sort_buffer_size, 4194304),
    sql_select_limit = 18446744073709551615, sql_auto_is_null = 0,
    /*M!100304 system_versioning_asof = DEFAULT, */
    /*M!100101 optimizer_switch = 'subquery_cache=off,derived_merge=on', max_statement_time = ? * 0.000001 */
    /*!50708 max_execution_time = ? DIV 1000 */";

/// The same settings as they are, to be put back.
pub(crate) const READ: &str = "
SELECT /*M!100304 @@system_versioning_asof */ /*!50708 'DEFAULT' */,
       @@character_set_client, @@character_set_results, @@collation_connection, @@sql_mode, @@time_zone,
       @@optimizer_switch, CAST(@@max_sort_length AS CHAR), CAST(@@sort_buffer_size AS CHAR),
       CAST(@@sql_select_limit AS CHAR), CAST(@@sql_auto_is_null AS SIGNED),
       /*M!100101 CAST(@@max_statement_time * 1000000 AS SIGNED) */ /*!50708 @@max_execution_time * 1000 */";

const RESTORE: &str = "
SET character_set_client = ?, character_set_results = ?, collation_connection = ?, sql_mode = ?, time_zone = ?,
    optimizer_switch = ?, max_sort_length = CAST(? AS UNSIGNED), sort_buffer_size = CAST(? AS UNSIGNED),
    sql_select_limit = CAST(? AS UNSIGNED), sql_auto_is_null = ?,
    /*M!100101 max_statement_time = ? * 0.000001 */ /*!50708 max_execution_time = ? DIV 1000 */";

/// A point in time is read in the session's time zone, so this comes last; `DEFAULT` is a word
/// and no value.
const RESTORE_PAST: &str = "SET system_versioning_asof = ?";

/// What was changed on a connection and has to be put back.
///
/// No setting belongs to a transaction, so it is the same inside of one and outside.
#[derive(Default)]
pub(super) struct Scope {
    before: Option<Before>,
    /// The limit that stands; `None` when that is not known.
    limit_us: Option<u64>,
}

/// The settings of somebody's session.
pub(crate) struct Before {
    /// When it reads rows as they were.
    past: Option<String>,
    texts: Vec<Option<String>>,
    auto_is_null: i64,
    limit_us: i64,
}

impl Scope {
    /// Whether nothing of ours is left on the connection.
    pub(super) fn is_left(&self) -> bool {
        self.before.is_none()
    }

    pub(super) async fn enter(&mut self, connection: &mut MySqlConnection, wanted: u64) -> Result<(), DbError> {
        if self.limit_us == Some(wanted) {
            return Ok(());
        }
        if self.before.is_none() {
            self.before = Some(Before::read(connection).await?);
        }
        self.limit_us = None;
        set(connection, wanted).await?;
        self.limit_us = Some(wanted);
        Ok(())
    }

    /// After a statement of ours was dropped half way, which may have been the one that sets.
    pub(super) fn forget_limit(&mut self) {
        self.limit_us = None;
    }

    pub(super) async fn leave(&mut self, connection: &mut MySqlConnection) -> Result<(), DbError> {
        if let Some(before) = &self.before {
            self.limit_us = None;
            before.restore(connection).await?;
            self.before = None;
        }
        Ok(())
    }
}

impl Before {
    async fn read(connection: &mut MySqlConnection) -> Result<Self, DbError> {
        let query = execute::fixed::<MySql>(READ, MySqlArguments::default());
        let row = query.fetch_one(connection).await.map_err(|error| sorted(&error))?;
        Self::of(&decode::fetched(&[row], &columns())?)
    }

    /// Of what [`READ`] answers, with [`columns`].
    pub(crate) fn of(rows: &Fetched) -> Result<Self, DbError> {
        let read = || {
            let row: Vec<_> = rows.rows().next()?.iter().collect();
            let (past, [texts @ .., auto_is_null, limit_us]) = row.split_first()? else { return None };
            let past = text(past)?.filter(|past| past != "DEFAULT");
            let texts = texts.iter().map(|value| text(value)).collect::<Option<Vec<_>>>()?;
            Some(Self { past, texts, auto_is_null: integer(auto_is_null)?, limit_us: integer(limit_us)? })
        };
        read().ok_or_else(|| DbError::failed("the settings of the session cannot be read"))
    }

    /// The texts that put them back, for drivers that write values into a text themselves. `None` for a
    /// setting that would have to be escaped, which none has.
    pub(crate) fn texts(&self) -> Option<Vec<String>> {
        let literal = |text: &String| {
            let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'\'' | b'\\'));
            is_plain.then(|| format!("'{text}'"))
        };
        let text = |text: &Option<String>| text.as_ref().map_or_else(|| Some("NULL".to_owned()), literal);
        let mut literals = self.texts.iter().map(text).collect::<Option<Vec<_>>>()?;
        literals.push(self.auto_is_null.to_string());
        // Of the two places for it a server reads one.
        literals.extend([self.limit_us.to_string(), self.limit_us.to_string()]);
        let mut texts = vec![filled(RESTORE, &literals)];
        if let Some(past) = &self.past {
            texts.push(filled(RESTORE_PAST, &[literal(past)?]));
        }
        Some(texts)
    }

    async fn restore(&self, connection: &mut MySqlConnection) -> Result<(), DbError> {
        let mut arguments = MySqlArguments::default();
        let bound = self.texts.iter().try_for_each(|text| arguments.add(text));
        bound
            .and_then(|()| arguments.add(self.auto_is_null))
            .and_then(|()| arguments.add(self.limit_us))
            .map_err(|error| DbError::failed(error.to_string()))?;
        let query = execute::fixed::<MySql>(RESTORE, arguments);
        query.execute(&mut *connection).await.map_err(|error| sorted(&error))?;
        if let Some(past) = &self.past {
            let mut arguments = MySqlArguments::default();
            arguments.add(past).map_err(|error| DbError::failed(error.to_string()))?;
            let query = execute::fixed::<MySql>(RESTORE_PAST, arguments);
            query.execute(connection).await.map_err(|error| sorted(&error))?;
        }
        Ok(())
    }
}

/// The columns of [`READ`].
pub(crate) fn columns() -> Vec<ColumnType> {
    let texts = std::iter::repeat_n(ColumnType::Text, 10);
    texts.chain([ColumnType::Int, ColumnType::Int]).collect()
}

/// A text; the outer `None` is for something else.
fn text(value: &Value) -> Option<Option<String>> {
    match value {
        Value::Null => Some(None),
        Value::Text(text) => Some(Some(text.clone())),
        _ => None,
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(int) => Some(*int),
        _ => None,
    }
}

/// The text that sets everything, for drivers that write values into a text themselves.
pub(crate) fn set_text(limit_us: u64) -> String {
    let limit = limit_us.to_string();
    filled(SET, &[limit.clone(), limit])
}

/// A text of this module with numbers and plain words in its places.
fn filled(text: &str, literals: &[String]) -> String {
    let mut literals = literals.iter();
    let parts = text.split_inclusive('?');
    parts
        .map(|part| {
            part.strip_suffix('?').map_or_else(
                || part.to_owned(),
                |part| format!("{part}{}", literals.next().map_or("NULL", String::as_str)),
            )
        })
        .collect()
}

/// Sets everything on a connection until it is set again.
pub(super) async fn set(connection: &mut MySqlConnection, limit_us: u64) -> Result<(), DbError> {
    let mut arguments = MySqlArguments::default();
    arguments.add(limit_us).map_err(|error| DbError::failed(error.to_string()))?;
    execute::fixed::<MySql>(SET, arguments).execute(connection).await.map_err(|error| sorted(&error))?;
    Ok(())
}

/// Goes on with a connection on which a statement was dropped half way: reads what the server
/// still sends, and proves by a word nobody could guess that an answer is that of its question.
pub(super) async fn synchronize(connection: &mut MySqlConnection, patience: Duration) -> Result<(), DbError> {
    let lost = || DbError::unavailable("a statement was dropped half way, and the connection with it");
    let synchronized = async {
        // The first may be given the dropped statement's error.
        if !echoes(connection).await && !echoes(connection).await {
            return Err(lost());
        }
        Ok(())
    };
    tokio::time::timeout(patience, contained(synchronized)).await.map_err(|_| lost())?.unwrap_or_else(|| Err(lost()))
}

/// `None` when the driver panics, as it does over an answer that it takes for another one's: a
/// statement that was dropped while it was prepared leaves one.
async fn contained<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    })
    .await
}

async fn echoes(connection: &mut MySqlConnection) -> bool {
    let word = Uuid::new_v4().to_string();
    let mut arguments = MySqlArguments::default();
    if arguments.add(&word).is_err() {
        return false;
    }
    let answer = execute::fixed::<MySql>("SELECT ?", arguments).fetch_one(connection).await;
    answer.is_ok_and(|row| decode::text(&row, 0).flatten() == Some(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_written_into_their_texts() {
        let set = set_text(2_500_000);
        assert!(set.contains("max_statement_time = 2500000 * 0.000001 */"), "{set}");
        assert!(set.contains("max_execution_time = 2500000 DIV 1000 */") && !set.contains('?'), "{set}");
        let texts = |past: Option<&str>, mode: &str| Before {
            past: past.map(str::to_owned),
            texts: ["utf8mb4", "utf8mb4", "utf8mb4_bin", mode, "SYSTEM", "a=on,b=off", "1024", "2", "3"]
                .map(|text| Some(text.to_owned()))
                .to_vec(),
            auto_is_null: 1,
            limit_us: 0,
        };
        let restored = texts(Some("2024-05-01 12:00:00"), "ANSI").texts().unwrap();
        assert!(restored[0].contains("sql_mode = 'ANSI', time_zone = 'SYSTEM'"), "{restored:?}");
        assert!(restored[0].contains("sql_auto_is_null = 1,") && !restored[0].contains('?'), "{restored:?}");
        assert_eq!(restored[1], "SET system_versioning_asof = '2024-05-01 12:00:00'");
        assert_eq!(texts(None, "ANSI").texts().unwrap().len(), 1);
        assert!(texts(None, "it's").texts().is_none());
    }
}
