//! The ledger of idempotency keys: what was asked under a key, and what was answered.
//!
//! It stands in the database of the writes, because a record is made in the write's own
//! transaction. `answer` is NULL from the claim until that transaction is about to commit.

use ormai_core::value::{ColumnType, Value};

use super::{Said, text};
use crate::dialect::Dialect;
use crate::statement::Statement;

/// The records of approved requests are kept: they say that an approval is used.
pub const KEPT: &str = "approval:";

/// Text that compares by its bytes on every engine.
const CREATE: Said = Said {
    sqlite: "CREATE TABLE IF NOT EXISTS ormai_idempotency (
    id TEXT NOT NULL PRIMARY KEY, fingerprint TEXT NOT NULL, answer TEXT, created_at INTEGER NOT NULL)",
    postgres: "CREATE TABLE IF NOT EXISTS ormai_idempotency (
    id text COLLATE \"C\" NOT NULL PRIMARY KEY, fingerprint text NOT NULL, answer text, created_at bigint NOT NULL)",
    mysql: "CREATE TABLE IF NOT EXISTS ormai_idempotency (
    id varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    fingerprint varchar(160) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    answer longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, created_at bigint NOT NULL) ENGINE = InnoDB",
};

const DROP: Said = Said::alike("DROP TABLE ormai_idempotency");

const PROBE: Said = Said::alike("SELECT created_at FROM ormai_idempotency WHERE 1 = 0");

/// Waits for a transaction that claims the same id, and does nothing when that one commits.
const CLAIM: Said = Said {
    sqlite: "INSERT INTO ormai_idempotency (id, fingerprint, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    postgres: "INSERT INTO ormai_idempotency (id, fingerprint, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    mysql: "INSERT IGNORE INTO ormai_idempotency (id, fingerprint, created_at) VALUES (?, ?, ?)",
};

/// InnoDB reads what was there when the transaction began to read, unless it locks; and a lock
/// that is shared is one that those who waited for the claim have already.
const FIND: Said = Said {
    sqlite: "SELECT fingerprint, answer FROM ormai_idempotency WHERE id = $1",
    postgres: "SELECT fingerprint, answer FROM ormai_idempotency WHERE id = $1",
    mysql: "SELECT fingerprint, answer FROM ormai_idempotency WHERE id = ? LOCK IN SHARE MODE",
};

const RECORD: Said = Said {
    sqlite: "UPDATE ormai_idempotency SET answer = $1 WHERE id = $2 AND answer IS NULL",
    postgres: "UPDATE ormai_idempotency SET answer = $1 WHERE id = $2 AND answer IS NULL",
    mysql: "UPDATE ormai_idempotency SET answer = ? WHERE id = ? AND answer IS NULL",
};

const FORGET: Said = Said {
    sqlite: "DELETE FROM ormai_idempotency WHERE created_at < $1 AND substr(id, 1, 9) <> $2",
    postgres: "DELETE FROM ormai_idempotency WHERE created_at < $1 AND substr(id, 1, 9) <> $2",
    mysql: "DELETE FROM ormai_idempotency WHERE created_at < ? AND substr(id, 1, 9) <> ?",
};

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

/// Changes one row, or none when the id is taken.
pub fn claim(dialect: Dialect, id: &str, fingerprint: &str, now_ms: i64) -> Statement {
    CLAIM.with(dialect, [text(id), text(fingerprint), Value::Int(now_ms)], &[])
}

/// The fingerprint and the answer of an id.
pub fn find(dialect: Dialect, id: &str) -> Statement {
    FIND.with(dialect, [text(id)], &[ColumnType::Text, ColumnType::Text])
}

/// Puts the answer beside its claim.
pub fn record(dialect: Dialect, id: &str, answer: &str) -> Statement {
    RECORD.with(dialect, [text(answer), text(id)], &[])
}

/// Forgets what was claimed before, except for what is [`KEPT`].
pub fn forget(dialect: Dialect, before_ms: i64) -> Statement {
    FORGET.with(dialect, [Value::Int(before_ms), text(KEPT)], &[])
}
