//! Requests that wait for an approval.
//!
//! Every change of state names the state that it leaves, so that of two who decide at once one
//! finds nothing to change.

use ormai_core::value::{ColumnType, Value};

use super::{Said, text};
use crate::dialect::Dialect;
use crate::statement::Statement;

/// What is decided is never changed; what becomes of it (`decision`, `outcome`) is added.
const CREATE: Said = Said {
    sqlite: "CREATE TABLE IF NOT EXISTS ormai_approvals (
    id TEXT NOT NULL PRIMARY KEY, status TEXT NOT NULL, tenant TEXT NOT NULL, requested_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL, request TEXT NOT NULL, decision TEXT, outcome TEXT)",
    postgres: "CREATE TABLE IF NOT EXISTS ormai_approvals (
    id text COLLATE \"C\" NOT NULL PRIMARY KEY, status text NOT NULL, tenant text NOT NULL, requested_at bigint NOT NULL,
    expires_at bigint NOT NULL, request text NOT NULL, decision text, outcome text)",
    mysql: "CREATE TABLE IF NOT EXISTS ormai_approvals (
    id varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    status varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    tenant char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    requested_at bigint NOT NULL, expires_at bigint NOT NULL,
    request longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    decision longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    outcome longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin) ENGINE = InnoDB",
};

const DROP: Said = Said::alike("DROP TABLE ormai_approvals");

const PROBE: Said = Said::alike("SELECT requested_at FROM ormai_approvals WHERE 1 = 0");

const PARK: Said = Said {
    sqlite: "INSERT INTO ormai_approvals (id, status, tenant, requested_at, expires_at, request)
VALUES ($1, $2, $3, $4, $5, $6)",
    postgres: "INSERT INTO ormai_approvals (id, status, tenant, requested_at, expires_at, request)
VALUES ($1, $2, $3, $4, $5, $6)",
    mysql: "INSERT INTO ormai_approvals (id, status, tenant, requested_at, expires_at, request)
VALUES (?, ?, ?, ?, ?, ?)",
};

const FIND: Said = Said {
    sqlite: "SELECT id, status, request, decision, outcome FROM ormai_approvals WHERE id = $1",
    postgres: "SELECT id, status, request, decision, outcome FROM ormai_approvals WHERE id = $1",
    mysql: "SELECT id, status, request, decision, outcome FROM ormai_approvals WHERE id = ?",
};

/// Newest first: an id begins with the time.
const LIST: Said = Said {
    sqlite: "SELECT id, status, request, decision, outcome FROM ormai_approvals
WHERE id < $1 AND ($2 = '' OR status = $3) AND ($4 = '' OR tenant = $5) ORDER BY id DESC LIMIT $6",
    postgres: "SELECT id, status, request, decision, outcome FROM ormai_approvals
WHERE id < $1 AND ($2 = '' OR status = $3) AND ($4 = '' OR tenant = $5) ORDER BY id DESC LIMIT $6",
    mysql: "SELECT id, status, request, decision, outcome FROM ormai_approvals
WHERE id < ? AND (? = '' OR status = ?) AND (? = '' OR tenant = ?) ORDER BY id DESC LIMIT ?",
};

const CLOSE: Said = Said {
    sqlite: "UPDATE ormai_approvals SET status = $1 WHERE id = $2 AND status = $3",
    postgres: "UPDATE ormai_approvals SET status = $1 WHERE id = $2 AND status = $3",
    mysql: "UPDATE ormai_approvals SET status = ? WHERE id = ? AND status = ?",
};

const DECIDE: Said = Said {
    sqlite: "UPDATE ormai_approvals SET status = $1, decision = $2 WHERE id = $3 AND status = $4",
    postgres: "UPDATE ormai_approvals SET status = $1, decision = $2 WHERE id = $3 AND status = $4",
    mysql: "UPDATE ormai_approvals SET status = ?, decision = ? WHERE id = ? AND status = ?",
};

const SETTLE: Said = Said {
    sqlite: "UPDATE ormai_approvals SET status = $1, outcome = $2 WHERE id = $3 AND status = $4",
    postgres: "UPDATE ormai_approvals SET status = $1, outcome = $2 WHERE id = $3 AND status = $4",
    mysql: "UPDATE ormai_approvals SET status = ?, outcome = ? WHERE id = ? AND status = ?",
};

const COLUMNS: [ColumnType; 5] =
    [ColumnType::Text, ColumnType::Text, ColumnType::Text, ColumnType::Text, ColumnType::Text];

/// Takes the table away, with all that is in it.
pub fn drop(dialect: Dialect) -> Statement {
    DROP.with(dialect, [], &[])
}

/// Makes the table, if it is not there.
pub fn create(dialect: Dialect) -> Statement {
    CREATE.with(dialect, [], &[])
}

/// No rows, and an error when the table is not there.
pub fn probe(dialect: Dialect) -> Statement {
    PROBE.with(dialect, [], &[ColumnType::Int])
}

/// A new request, with the times in milliseconds; `tenant` is a digest.
pub fn park(
    dialect: Dialect,
    [id, status, tenant]: [&str; 3],
    [requested_at, expires_at]: [i64; 2],
    request: &str,
) -> Statement {
    let times = [Value::Int(requested_at), Value::Int(expires_at)];
    PARK.with(dialect, [text(id), text(status), text(tenant)].into_iter().chain(times).chain([text(request)]), &[])
}

/// One request: its id, status, request, decision and outcome.
pub fn find(dialect: Dialect, id: &str) -> Statement {
    FIND.with(dialect, [text(id)], &COLUMNS)
}

/// Requests before an id, the newest first; `""` stands for every status and for every tenant.
pub fn list(dialect: Dialect, before: &str, status: &str, tenant: &str, limit: u32) -> Statement {
    let words = [before, status, status, tenant, tenant].map(text);
    LIST.with(dialect, words.into_iter().chain([Value::Int(i64::from(limit))]), &COLUMNS)
}

/// From one state to another.
pub fn close(dialect: Dialect, id: &str, from: &str, to: &str) -> Statement {
    CLOSE.with(dialect, [to, id, from].map(text), &[])
}

/// From one state to another, with who decided.
pub fn decide(dialect: Dialect, id: &str, from: &str, to: &str, decision: &str) -> Statement {
    DECIDE.with(dialect, [to, decision, id, from].map(text), &[])
}

/// From one state to another, with what came of it.
pub fn settle(dialect: Dialect, id: &str, from: &str, to: &str, outcome: &str) -> Statement {
    SETTLE.with(dialect, [to, outcome, id, from].map(text), &[])
}
