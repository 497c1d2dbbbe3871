//! What statements rely on in a session: how texts and times are read, that nothing is
//! coerced or cut in silence, and the time limit. On connections that are not ours it is
//! changed for a session, and put back.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use sqlx::mysql::{MySqlArguments, MySqlRow};
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
const READ: &str = "
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
struct Before {
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
        Self::of(&row).ok_or_else(|| DbError::failed("the settings of the session cannot be read"))
    }

    fn of(row: &MySqlRow) -> Option<Self> {
        let past = decode::text(row, 0)?.filter(|past| past != "DEFAULT");
        let texts = (1..10).map(|at| decode::text(row, at)).collect::<Option<Vec<_>>>()?;
        Some(Self { past, texts, auto_is_null: decode::integer(row, 10)?, limit_us: decode::integer(row, 11)? })
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
