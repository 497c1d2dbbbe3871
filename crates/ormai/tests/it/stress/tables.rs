//! The tables that writers share, and the policy over them.

use ormai_testkit::Engine;

use super::{TENANTS, WRITERS};

/// Every row of `notes` says who wrote it. The two shared rows of a tenant are only ever written
/// both in one transaction, so that they always have the same mark.
pub(super) const TABLES: &str = "
    CREATE TABLE shared (
        id bigint NOT NULL PRIMARY KEY,
        tenant_id varchar(20) NOT NULL,
        mark bigint NOT NULL
    );
    CREATE TABLE notes (
        id bigint NOT NULL PRIMARY KEY,
        tenant_id varchar(20) NOT NULL,
        writer bigint NOT NULL,
        shared_id bigint NOT NULL,
        word varchar(40) NOT NULL,
        amount bigint NOT NULL,
        CONSTRAINT word_once UNIQUE (tenant_id, word),
        CONSTRAINT amount_positive CHECK (amount >= 0),
        FOREIGN KEY (shared_id) REFERENCES shared (id)
    )";

/// Amounts that a row with them is refused for: by the check of the table, by a trigger that
/// raises, and by one that takes longer than a statement may.
pub(super) const NEGATIVE: i64 = -1;
pub(super) const RAISES: i64 = 666;
pub(super) const TAKES_LONG: i64 = 999;

/// Rows that one call may change.
pub(super) const CAP: usize = 4;

pub(super) fn trigger(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => {
            "CREATE TRIGGER raises BEFORE INSERT ON notes WHEN NEW.amount = 666 BEGIN SELECT RAISE(ABORT, 'no such amount'); END;
            CREATE TRIGGER takes_long BEFORE INSERT ON notes WHEN NEW.amount = 999 BEGIN
                SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT i FROM n);
            END"
        }
        Engine::Postgres => {
            "CREATE FUNCTION looks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.amount = 666 THEN RAISE EXCEPTION 'no such amount'; END IF;
                IF NEW.amount = 999 THEN PERFORM pg_sleep(20); END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER looks BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION looks()"
        }
        Engine::MySql => {
            "CREATE TRIGGER looks BEFORE INSERT ON notes FOR EACH ROW BEGIN
                IF NEW.amount = 666 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no such amount'; END IF;
                IF NEW.amount = 999 THEN DO SLEEP(20); END IF;
            END"
        }
    }
}

/// The two shared rows of each tenant: 2 t and 2 t + 1.
pub(super) fn shared_rows() -> String {
    let rows = (0..2 * TENANTS).map(|id| format!("({id}, '{}', 0)", tenant_of(id / 2)));
    format!("INSERT INTO shared VALUES {}", rows.collect::<Vec<_>>().join(", "))
}

/// The tenant of a number.
pub(super) fn tenant_of(number: usize) -> String {
    format!("tenant-{}", number % TENANTS)
}

/// The first key of a writer's rows; the others follow.
pub(super) fn first_key(writer: usize) -> i64 {
    i64::try_from((writer + 1) * 1_000_000).unwrap()
}

/// Whose row a key is.
pub(super) fn writer_of(key: i64) -> Option<usize> {
    let writer = usize::try_from(key / 1_000_000).ok()?.checked_sub(1)?;
    (writer < WRITERS).then_some(writer)
}

pub(super) const POLICY: &str = "
version: 1
budget: {statement_timeout_ms: 1000}
models:
  Shared:
    allowed: true
    fields: {id: allow, tenant_id: allow, mark: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {update: allow}
  Note:
    allowed: true
    fields: {id: allow, tenant_id: allow, writer: allow, shared_id: allow, word: allow, amount: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy:
      create: allow
      update: allow
      delete: allow
      bulk_update: allow
      auto_set: {tenant_id: principal.tenant_id}
      immutable_fields: [tenant_id, writer]
      max_affected_rows: 4
";
