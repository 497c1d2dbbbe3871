//! The table that is written to, what is kept of each write in the same transaction, and the policy.

use ormai_testkit::Engine;

/// Rows of one life of the program have numbers of their own: so many marks and keys each.
pub(super) const MARKS: i64 = 1_000_000;

/// Every write puts a mark of its own into the rows that it changes. Triggers keep it in `kept`,
/// in the transaction of the write: what is there was committed, and nothing else was.
pub(super) const TABLES: &str = "
    CREATE TABLE notes (
        id bigint NOT NULL PRIMARY KEY,
        tenant_id varchar(20) NOT NULL,
        mark bigint NOT NULL,
        CONSTRAINT mark_positive CHECK (mark > 0)
    );
    CREATE TABLE kept (
        note bigint NOT NULL,
        mark bigint NOT NULL,
        PRIMARY KEY (note, mark)
    )";

/// The mark of a row that was deleted.
pub(super) const DELETED: i64 = -1;

pub(super) fn triggers(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => {
            "CREATE TRIGGER made AFTER INSERT ON notes BEGIN INSERT INTO kept VALUES (NEW.id, NEW.mark); END;
            CREATE TRIGGER changed AFTER UPDATE ON notes BEGIN INSERT INTO kept VALUES (NEW.id, NEW.mark); END;
            CREATE TRIGGER deleted AFTER DELETE ON notes BEGIN INSERT INTO kept VALUES (OLD.id, -1); END"
        }
        Engine::Postgres => {
            "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF TG_OP = 'DELETE' THEN INSERT INTO kept VALUES (OLD.id, -1);
                ELSE INSERT INTO kept VALUES (NEW.id, NEW.mark); END IF;
                RETURN NULL;
            END $$;
            CREATE TRIGGER keeps AFTER INSERT OR UPDATE OR DELETE ON notes FOR EACH ROW EXECUTE FUNCTION keep()"
        }
        Engine::MySql => {
            "CREATE TRIGGER made AFTER INSERT ON notes FOR EACH ROW INSERT INTO kept VALUES (NEW.id, NEW.mark);
            CREATE TRIGGER changed AFTER UPDATE ON notes FOR EACH ROW INSERT INTO kept VALUES (NEW.id, NEW.mark);
            CREATE TRIGGER deleted AFTER DELETE ON notes FOR EACH ROW INSERT INTO kept VALUES (OLD.id, -1)"
        }
    }
}

/// Rows that one call may change.
pub(super) const CAP: usize = 4;

pub(super) const POLICY: &str = "
version: 1
models:
  Note:
    allowed: true
    fields: {id: allow, tenant_id: allow, mark: allow}
    scoping: {tenant_id: principal.tenant_id}
    row_policies:
      - {name: auditor, condition: \"'auditor' IN principal.roles\", bypass: true}
    write_policy:
      create: allow
      update: allow
      delete: allow
      bulk_update: allow
      auto_set: {tenant_id: principal.tenant_id}
      immutable_fields: [tenant_id]
      max_affected_rows: 4
";
