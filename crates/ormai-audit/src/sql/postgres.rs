//! PostgreSQL: what makes the tables, how it is connected to, and what its codes mean.

use std::str::FromStr;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use super::dialect::{Dialect, Object};
use super::fault::Fault;
use super::indexes;
use super::pool::{ACQUIRE, CONNECTIONS, TRUSTED};
use crate::store::StoreError;

pub(super) static DIALECT: Dialect = Dialect {
    name: "PostgreSQL",
    begin: "BEGIN",
    // The key is that of no chain: it is a number of its own.
    begin_install: "BEGIN; SELECT pg_advisory_xact_lock(7237954630903265893)",
    end_install: "",
    // Only the owner can, and whoever writes waits until the end of the transaction.
    open: &["ALTER TABLE ormai_audit DISABLE TRIGGER ormai_audit_append_only"],
    close: &["ALTER TABLE ormai_audit ENABLE ALWAYS TRIGGER ormai_audit_append_only"],
    present: "SELECT relname::text FROM pg_class WHERE relname LIKE 'ormai%' AND pg_table_is_visible(oid)
UNION ALL SELECT tgname::text FROM pg_trigger WHERE tgrelid = to_regclass('ormai_audit')",
    objects: &[
        Object {
            name: "ormai_audit",
            make: "CREATE TABLE ormai_audit (
    n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seq BIGINT NOT NULL,
    at BIGINT,
    success BOOLEAN,
    bypass BOOLEAN,
    chain TEXT COLLATE \"C\" NOT NULL,
    kind TEXT COLLATE \"C\" NOT NULL,
    id TEXT COLLATE \"C\",
    tenant_id TEXT COLLATE \"C\",
    user_id TEXT COLLATE \"C\",
    tool_name TEXT COLLATE \"C\",
    model TEXT COLLATE \"C\",
    action TEXT COLLATE \"C\",
    outcome TEXT COLLATE \"C\",
    error_code TEXT COLLATE \"C\",
    request_id TEXT COLLATE \"C\",
    trace_id TEXT COLLATE \"C\",
    approval_id TEXT COLLATE \"C\",
    transaction_id TEXT COLLATE \"C\",
    parent TEXT COLLATE \"C\",
    entry TEXT COLLATE \"C\" NOT NULL,
    UNIQUE (chain, seq),
    UNIQUE (id, kind)
);
REVOKE UPDATE, DELETE, TRUNCATE ON ormai_audit FROM PUBLIC",
        },
        Object {
            name: "ormai_audit_writers",
            make: "CREATE TABLE ormai_audit_writers (
    chain TEXT COLLATE \"C\" NOT NULL PRIMARY KEY,
    entered_at TIMESTAMPTZ NOT NULL DEFAULT now()
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
        // For each statement: it is refused also where it would find no row. `ALWAYS`: a session
        // that says it replicates does not go around it.
        Object {
            name: "ormai_audit_append_only",
            make: "CREATE OR REPLACE FUNCTION ormai_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ormai_audit is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER ormai_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ormai_audit
    FOR EACH STATEMENT EXECUTE FUNCTION ormai_audit_refuse();
ALTER TABLE ormai_audit ENABLE ALWAYS TRIGGER ormai_audit_append_only",
        },
    ],
};

pub(super) const LOCK: &str = "SELECT pg_try_advisory_lock(";
pub(super) const UNLOCK: &str = "SELECT pg_advisory_unlock(";
/// Keeps a connection that only holds locks; older servers do not know it.
pub(super) const KEEP_IDLE: &str = "SET idle_session_timeout = 0";

pub(super) async fn connect(url: &str) -> Result<PgPool, StoreError> {
    // The parser's own words could repeat a part of the URL.
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| StoreError::Failed("the PostgreSQL URL cannot be read".to_owned()))?
        .disable_statement_logging();
    let pool = PgPoolOptions::new().acquire_timeout(ACQUIRE).max_connections(CONNECTIONS).test_before_acquire(false);
    let pool = pool.before_acquire(|connection, idle| {
        Box::pin(async move { Ok(idle.idle_for < TRUSTED || sqlx::Connection::ping(connection).await.is_ok()) })
    });
    pool.connect_with(options).await.map_err(|error| sorted(&error).before_it_began().into())
}

/// PostgreSQL's SQLSTATEs.
pub(super) fn sorted(error: &sqlx::Error) -> Fault {
    Fault::of(error, |code, said| match code {
        "42P01" => Fault::NotInstalled,
        // An operator ended the session, or the server crashed.
        "57P01" | "57P02" => Fault::Lost(said),
        // Rights, a server that may only read, and a transaction that was undone.
        "42501" | "25006" | "40001" | "40P01" | "55P03" => Fault::Unavailable(said),
        // Out of resources, cancelled, no login, no database, trouble around the server.
        _ if ["53", "57", "28", "3D", "58"].iter().any(|class| code.starts_with(class)) => Fault::Unavailable(said),
        _ if code.starts_with("08") => Fault::Lost(said),
        _ => Fault::Failed(said),
    })
}
