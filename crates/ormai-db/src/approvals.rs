//! Requests that wait for an approval, in a table.

use std::time::Duration;

use ormai_core::value::Value;
use ormai_sql::Statement;
use ormai_sql::own::approvals as statements;

use crate::database::Database;
use crate::error::DbError;
use crate::session::Session;

/// A request as it is stored. What is in its texts is the business of whoever stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Its name, which begins with the time.
    pub id: String,
    /// What became of it.
    pub status: String,
    /// What was asked, by whom, as JSON.
    pub request: String,
    /// Who decided, as JSON.
    pub decision: Option<String>,
    /// What came of it, as JSON.
    pub outcome: Option<String>,
}

/// Which requests a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Only those before this one.
    pub before: Option<String>,
    /// Only those with this status.
    pub status: Option<String>,
    /// Only those of the tenant with this digest.
    pub tenant: Option<String>,
    /// The most of them.
    pub limit: u32,
}

/// What is added with a change of status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added<'a> {
    /// Nothing.
    Nothing,
    /// Who decided, as JSON.
    Decision(&'a str),
    /// What came of it, as JSON.
    Outcome(&'a str),
}

/// Long enough for a statement about one row.
const LIMIT: Duration = Duration::from_secs(10);

/// Greater than every id.
const LAST: &str = "~";

impl Database {
    /// Stores a new request: its name, status and tenant's digest, and the times in milliseconds
    /// at which it was made and expires.
    ///
    /// # Errors
    ///
    /// [`DbError::NotThere`] when the table is not installed.
    pub async fn park(&self, words: [&str; 3], times: [i64; 2], request: &str) -> Result<(), DbError> {
        self.changed(&statements::park(self.dialect(), words, times, request)).await.map(|_| ())
    }

    /// A stored request.
    ///
    /// # Errors
    ///
    /// As [`Database::park`].
    pub async fn parked(&self, id: &str) -> Result<Option<Parked>, DbError> {
        Ok(self.read(&statements::find(self.dialect(), id)).await?.pop())
    }

    /// Stored requests, the newest first.
    ///
    /// # Errors
    ///
    /// As [`Database::park`].
    pub async fn all_parked(&self, chosen: &Chosen) -> Result<Vec<Parked>, DbError> {
        let word = |word: &'_ Option<String>| word.clone().unwrap_or_default();
        let before = chosen.before.as_deref().unwrap_or(LAST);
        let (status, tenant) = (word(&chosen.status), word(&chosen.tenant));
        self.read(&statements::list(self.dialect(), before, &status, &tenant, chosen.limit)).await
    }

    /// Takes a stored request from one status to another, if it has the one; tells whether.
    ///
    /// # Errors
    ///
    /// As [`Database::park`].
    pub async fn advance(&self, id: &str, from: &str, to: &str, added: Added<'_>) -> Result<bool, DbError> {
        let dialect = self.dialect();
        let update = match added {
            Added::Nothing => statements::close(dialect, id, from, to),
            Added::Decision(decision) => statements::decide(dialect, id, from, to, decision),
            Added::Outcome(outcome) => statements::settle(dialect, id, from, to, outcome),
        };
        Ok(self.changed(&update).await? == 1)
    }

    async fn changed(&self, statement: &Statement) -> Result<u64, DbError> {
        let mut session = Session::from_pool(self).await?;
        let changed = session.alone(statement, LIMIT).await;
        session.finish().await?;
        changed
    }

    async fn read(&self, statement: &Statement) -> Result<Vec<Parked>, DbError> {
        let mut session = Session::from_pool(self).await?;
        let fetched = session.run(statement, LIMIT).await;
        session.finish().await?;
        fetched?.rows().map(parked).collect()
    }
}

fn parked(row: &[Value]) -> Result<Parked, DbError> {
    let optional = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    match row {
        [Value::Text(id), Value::Text(status), Value::Text(request), decision, outcome] => Ok(Parked {
            id: id.clone(),
            status: status.clone(),
            request: request.clone(),
            decision: optional(decision),
            outcome: optional(outcome),
        }),
        _ => Err(DbError::failed("a stored request is not in its form")),
    }
}
