//! SQLite: what makes the tables, how the file is opened, and what its codes mean.

use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::dialect::{Dialect, Object};
use super::fault::Fault;
use super::indexes;
use super::pool::{ACQUIRE, CONNECTIONS};
use crate::store::StoreError;

/// How long somebody waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

/// What the guard against `INSERT OR REPLACE` says. A trigger's refusal has no code of its own.
const IS_THERE: &str = "ormai_audit has a line at this place, or a record with this name, already";

const NO_UPDATE: &str = "CREATE TRIGGER ormai_audit_no_update BEFORE UPDATE ON ormai_audit \
                         BEGIN SELECT RAISE(ABORT, 'ormai_audit is append-only'); END";
const NO_DELETE: &str = "CREATE TRIGGER ormai_audit_no_delete BEFORE DELETE ON ormai_audit \
                         BEGIN SELECT RAISE(ABORT, 'ormai_audit is append-only'); END";

pub(super) static DIALECT: Dialect = Dialect {
    name: "SQLite",
    begin: "BEGIN IMMEDIATE",
    begin_install: "BEGIN IMMEDIATE",
    end_install: "",
    // Triggers are made and dropped in the transaction, and nobody else writes meanwhile.
    open: &["DROP TRIGGER ormai_audit_no_update", "DROP TRIGGER ormai_audit_no_delete"],
    close: &[NO_UPDATE, NO_DELETE],
    present: "SELECT name FROM sqlite_master WHERE name LIKE 'ormai%'",
    objects: &[
        Object {
            name: "ormai_audit",
            make: "CREATE TABLE ormai_audit (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    chain TEXT NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id TEXT,
    at INTEGER,
    tenant_id TEXT,
    user_id TEXT,
    tool_name TEXT,
    model TEXT,
    action TEXT,
    outcome TEXT,
    success BOOLEAN,
    error_code TEXT,
    request_id TEXT,
    trace_id TEXT,
    approval_id TEXT,
    transaction_id TEXT,
    parent TEXT,
    bypass BOOLEAN,
    entry TEXT NOT NULL,
    UNIQUE (chain, seq),
    UNIQUE (id, kind)
)",
        },
        Object {
            name: "ormai_audit_writers",
            make: "CREATE TABLE ormai_audit_writers (
    chain TEXT NOT NULL PRIMARY KEY,
    entered_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
)",
        },
        indexes::TENANT,
        indexes::NEWEST,
        indexes::REQUEST,
        indexes::TRACE,
        indexes::APPROVAL,
        indexes::TRANSACTION,
        indexes::PARENT,
        indexes::INTENT,
        Object { name: "ormai_audit_no_update", make: NO_UPDATE },
        Object { name: "ormai_audit_no_delete", make: NO_DELETE },
        // What `INSERT OR REPLACE` deletes fires no trigger for deleting.
        Object {
            name: "ormai_audit_no_replace",
            make: "CREATE TRIGGER ormai_audit_no_replace BEFORE INSERT ON ormai_audit
WHEN EXISTS (SELECT 1 FROM ormai_audit WHERE n = NEW.n)
  OR EXISTS (SELECT 1 FROM ormai_audit WHERE chain = NEW.chain AND seq = NEW.seq)
  OR EXISTS (SELECT 1 FROM ormai_audit WHERE id = NEW.id AND kind = NEW.kind)
BEGIN SELECT RAISE(ABORT, 'ormai_audit has a line at this place, or a record with this name, already'); END",
        },
    ],
};

pub(super) async fn connect(url: &str) -> Result<SqlitePool, StoreError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| StoreError::Failed("the SQLite URL cannot be read".to_owned()))?
        .busy_timeout(BUSY)
        .disable_statement_logging();
    let asks_for_a_mode = url.split_once('?').is_some_and(|(_, parameters)| parameters.contains("mode="));
    let options = match asks_for_a_mode {
        true => options,
        // A commit is on stable storage when it returns.
        false => {
            let options = options.create_if_missing(true).synchronous(SqliteSynchronous::Full);
            if is_in_memory(url) { options } else { options.journal_mode(SqliteJournalMode::Wal) }
        }
    };
    let pool = SqlitePoolOptions::new().acquire_timeout(ACQUIRE).test_before_acquire(false);
    // What is in memory is its connection's alone.
    let pool = match is_in_memory(url) {
        true => pool.max_connections(1).idle_timeout(None).max_lifetime(None),
        false => pool.max_connections(CONNECTIONS),
    };
    pool.connect_with(options).await.map_err(|error| sorted(&error).before_it_began().into())
}

fn is_in_memory(url: &str) -> bool {
    url.contains(":memory:") || url.contains("mode=memory")
}

const IS_TRIGGER: u32 = 1811;

/// SQLite's result codes, the extended ones by their last byte where that says enough.
pub(super) fn sorted(error: &sqlx::Error) -> Fault {
    Fault::of(error, |code, said| {
        let code = code.parse::<u32>().unwrap_or_default();
        match code & 0xff {
            1 if said.contains("no such table: ormai_audit") => Fault::NotInstalled,
            _ if code == IS_TRIGGER && said.contains(IS_THERE) => Fault::Duplicate(said),
            // Something failed on the way to the disk.
            10 => Fault::Lost(said),
            // Rights, locks, a file that may only be read, is damaged, full, gone or no database.
            3 | 5 | 6 | 8 | 11 | 13 | 14 | 23 | 26 => Fault::Unavailable(said),
            _ => Fault::Failed(said),
        }
    })
}
