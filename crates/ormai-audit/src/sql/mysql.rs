//! MariaDB and MySQL: what makes the tables, how it is connected to, and what its numbers mean.

use std::str::FromStr;

use sqlx::ConnectOptions as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlPool, MySqlPoolOptions};

use super::dialect::{Dialect, Object};
use super::fault::Fault;
use super::pool::{ACQUIRE, CONNECTIONS, TRUSTED};
use super::statement::Run as _;
use crate::store::StoreError;

pub(super) static DIALECT: Dialect = Dialect {
    name: "MariaDB",
    begin: "START TRANSACTION",
    // Each statement that makes something is a transaction of its own.
    begin_install: "DO GET_LOCK('ormai_audit.install', 30)",
    end_install: "DO RELEASE_LOCK('ormai_audit.install')",
    // A trigger cannot be lifted inside of a transaction, so these ask the session.
    open: &["SET @ormai_audit_prunes = 'records'"],
    close: &["SET @ormai_audit_prunes = NULL"],
    present: "SELECT CAST(table_name AS CHAR) FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name LIKE 'ormai%'
UNION ALL SELECT CAST(trigger_name AS CHAR) FROM information_schema.triggers
WHERE trigger_schema = DATABASE() AND trigger_name LIKE 'ormai%'",
    objects: &[
        Object {
            name: "ormai_audit",
            make: "CREATE TABLE ormai_audit (
    n BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    chain VARCHAR(36) NOT NULL,
    seq BIGINT NOT NULL,
    kind VARCHAR(16) NOT NULL,
    id VARCHAR(190),
    at BIGINT,
    tenant_id VARCHAR(190),
    user_id VARCHAR(190),
    tool_name VARCHAR(190),
    model VARCHAR(190),
    action VARCHAR(32),
    outcome VARCHAR(32),
    success BOOLEAN,
    error_code VARCHAR(190),
    request_id VARCHAR(190),
    trace_id VARCHAR(190),
    approval_id VARCHAR(190),
    transaction_id VARCHAR(190),
    parent VARCHAR(190),
    bypass BOOLEAN,
    entry LONGTEXT NOT NULL,
    UNIQUE KEY ormai_audit_place (chain, seq),
    UNIQUE KEY ormai_audit_id (id, kind),
    KEY ormai_audit_tenant (tenant_id, kind, id, at, model, success),
    KEY ormai_audit_newest (kind, id, at, error_code, success, bypass),
    KEY ormai_audit_request (request_id),
    KEY ormai_audit_trace (trace_id),
    KEY ormai_audit_approval (approval_id),
    KEY ormai_audit_transaction (transaction_id),
    KEY ormai_audit_parent (parent)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        },
        // TRUNCATE fires no trigger. It is refused for a table to which another one refers: `n`
        // is for that alone, and always NULL.
        Object {
            name: "ormai_audit_writers",
            make: "CREATE TABLE ormai_audit_writers (
    chain VARCHAR(36) NOT NULL PRIMARY KEY,
    entered_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    n BIGINT,
    FOREIGN KEY (n) REFERENCES ormai_audit (n)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        },
        Object {
            name: "ormai_audit_no_update",
            make: "CREATE TRIGGER ormai_audit_no_update BEFORE UPDATE ON ormai_audit FOR EACH ROW
IF NOT (@ormai_audit_prunes <=> 'records' AND OLD.kind IN ('record', 'intent') AND NEW.kind = 'pruned'
        AND NEW.n = OLD.n AND NEW.chain = OLD.chain AND NEW.seq = OLD.seq)
THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'ormai_audit is append-only'; END IF",
        },
        Object {
            name: "ormai_audit_no_delete",
            make: "CREATE TRIGGER ormai_audit_no_delete BEFORE DELETE ON ormai_audit FOR EACH ROW
IF NOT (@ormai_audit_prunes <=> 'records' AND OLD.kind IN ('record', 'intent'))
THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'ormai_audit is append-only'; END IF",
        },
    ],
};

pub(super) const LOCK: &str = "SELECT CAST(COALESCE(GET_LOCK(";
pub(super) const LOCK_END: &str = ", 0), 0) AS SIGNED)";
pub(super) const UNLOCK: &str = "SELECT CAST(COALESCE(RELEASE_LOCK(";
pub(super) const UNLOCK_END: &str = "), 0) AS SIGNED)";
/// Keeps a connection that only holds locks.
pub(super) const KEEP_IDLE: &str = "SET SESSION wait_timeout = 31536000";

/// How long a line waits for another transaction, in seconds.
const LOCK_WAIT: &str = "SET SESSION innodb_lock_wait_timeout = 5";

pub(super) async fn connect(url: &str) -> Result<MySqlPool, StoreError> {
    // The parser's own words could repeat a part of the URL.
    let options = MySqlConnectOptions::from_str(url)
        .map_err(|_| StoreError::Failed("the MySQL URL cannot be read".to_owned()))?
        .disable_statement_logging();
    let pool = MySqlPoolOptions::new().acquire_timeout(ACQUIRE).max_connections(CONNECTIONS).test_before_acquire(false);
    let pool = pool
        .after_connect(|connection, _| {
            Box::pin(async move {
                // Without it one waits a little longer.
                let _ = connection.run_text(LOCK_WAIT).await;
                Ok(())
            })
        })
        .before_acquire(|connection, idle| {
            Box::pin(async move { Ok(idle.idle_for < TRUSTED || sqlx::Connection::ping(connection).await.is_ok()) })
        });
    pool.connect_with(options).await.map_err(|error| sorted(&error).before_it_began().into())
}

/// MariaDB's error numbers.
pub(super) fn sorted(error: &sqlx::Error) -> Fault {
    let number = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    let number = number.map(MySqlDatabaseError::number);
    Fault::of(error, |_, said| match number {
        Some(1146) => Fault::NotInstalled,
        // The server goes, went, or ended the session or the statement.
        Some(1053 | 1158..=1161 | 1317 | 1927 | 2006 | 2013) => Fault::Lost(said),
        // Full.
        Some(1021 | 1114)
        // Memory, connections, rights.
        | Some(1037 | 1038 | 1040..=1045 | 1049 | 1080 | 1129 | 1130 | 1135 | 1142 | 1143 | 1152 | 1153 | 1184)
        | Some(1203 | 1226 | 1227 | 1370 | 1461 | 1698 | 3159)
        // Locks, and what may only be read.
        | Some(1205 | 1213 | 1290 | 1792 | 1836 | 3572) => Fault::Unavailable(said),
        _ => Fault::Failed(said),
    })
}
