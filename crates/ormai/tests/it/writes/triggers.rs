//! Triggers that change what was written: the check looks at the row as it is stored.

use ormai::prelude::*;
use ormai_testkit::{Engine, TestDatabase, every_engine};
use serde_json::{Value as Json, json};

use super::{done, introspected, refused};
use crate::support::{ask, code};

const NOTES: &str =
    "CREATE TABLE notes (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, body varchar(40));
    INSERT INTO notes VALUES (1, 'acme', 'a'), (2, 'globex', 'g'), (3, 'acme', 'c')";

const POLICY: &str = "
models:
  Note:
    fields: {id: allow, body: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, auto_set: {tenant_id: principal.tenant_id}}
";

/// A trigger that runs a change where the body is a word; SQLite has none that changes a new row
/// before it is there, and MariaDB none that changes the table that it is on.
fn before(engine: Engine, set: &str) -> String {
    match engine {
        Engine::Sqlite => String::new(),
        Engine::Postgres => format!(
            "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.body = 'go' THEN NEW.{} ; END IF; RETURN NEW; END $$;
             CREATE TRIGGER t BEFORE INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION t()",
            set.replacen(" = ", " := ", 1)
        ),
        Engine::MySql => format!(
            "CREATE TRIGGER t_in BEFORE INSERT ON notes FOR EACH ROW IF NEW.body = 'go' THEN SET NEW.{set}; END IF;
             CREATE TRIGGER t_up BEFORE UPDATE ON notes FOR EACH ROW IF NEW.body = 'go' THEN SET NEW.{set}; END IF"
        ),
    }
}

fn after(engine: Engine, set: &str) -> String {
    match engine {
        Engine::Sqlite => format!(
            "CREATE TRIGGER t_in AFTER INSERT ON notes WHEN NEW.body = 'go' BEGIN UPDATE notes SET {set} WHERE id = NEW.id; END;
             CREATE TRIGGER t_up AFTER UPDATE OF body ON notes WHEN NEW.body = 'go' BEGIN UPDATE notes SET {set} WHERE id = NEW.id; END"
        ),
        Engine::Postgres => format!(
            "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.body = 'go' AND pg_trigger_depth() = 1 THEN UPDATE notes SET {set} WHERE id = NEW.id; END IF; RETURN NULL; END $$;
             CREATE TRIGGER t AFTER INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION t()"
        ),
        Engine::MySql => String::new(),
    }
}

fn writes() -> [(&'static str, Json); 4] {
    [
        ("create", json!({"model": "Note", "data": {"id": 9, "body": "go"}})),
        ("update", json!({"model": "Note", "id": 1, "data": {"body": "go"}})),
        ("bulk_update", json!({"model": "Note", "ids": [1, 3], "data": {"body": "go"}})),
        ("bulk_update", json!({"model": "Note", "filters": [super::filter("id", "eq", 3)], "data": {"body": "go"}})),
    ]
}

/// Every write under a trigger is refused, and so is its dry run.
async fn all_refused(test: &TestDatabase, trigger: &str) {
    if trigger.is_empty() {
        return;
    }
    test.execute(NOTES).await;
    test.execute(trigger).await;
    let ormai = introspected(test, POLICY).await;
    for (tool, arguments) in writes() {
        for dry_run in [false, true] {
            let mut arguments = arguments.clone();
            arguments["dry_run"] = json!(dry_run);
            let answer = refused(test, &ormai, &Principal::new("acme"), tool, arguments).await;
            assert_eq!(code(&answer), "WRITE_NOT_ALLOWED", "{tool}: {answer}");
        }
    }
    // It was the trigger.
    assert_eq!(
        done(&ormai, &Principal::new("acme"), "update", json!({"model": "Note", "id": 1, "data": {"body": "x"}})).await
            ["body"],
        "x"
    );
}

every_engine! {
    async fn attack_15_a_trigger_before_that_gives_the_row_away_is_refused(test: &TestDatabase) {
        all_refused(test, &before(test.engine(), "tenant_id = 'globex'")).await;
    }

    async fn attack_15_a_trigger_after_that_gives_the_row_away_is_refused(test: &TestDatabase) {
        all_refused(test, &after(test.engine(), "tenant_id = 'globex'")).await;
    }

    async fn attack_15_a_trigger_that_gives_the_row_to_a_lookalike_is_refused(test: &TestDatabase) {
        let set = "tenant_id = 'ACME'";
        let trigger = if test.engine() == Engine::Sqlite { after(Engine::Sqlite, set) } else { before(test.engine(), set) };
        all_refused(test, &trigger).await;
    }

    async fn attack_18_a_trigger_that_changes_the_key_of_a_changed_row_is_refused(test: &TestDatabase) {
        let set = "id = NEW.id + 1000";
        let trigger = if test.engine() == Engine::Sqlite { after(Engine::Sqlite, set) } else { before(test.engine(), set) };
        test.execute(NOTES).await;
        test.execute(&trigger).await;
        let ormai = introspected(test, POLICY).await;
        for (tool, arguments) in writes().into_iter().skip(1) {
            assert_eq!(code(&refused(test, &ormai, &Principal::new("acme"), tool, arguments).await), "WRITE_NOT_ALLOWED");
        }
        // A new row has the key that comes back of it, or none that can be read.
        let before = test.contents().await;
        let answer = ask(&ormai, &Principal::new("acme"), "create", json!({"model": "Note", "data": {"id": 9, "body": "go"}})).await;
        match answer.get("error") {
            Some(_) => assert_eq!((code(&answer), test.contents().await), ("WRITE_NOT_ALLOWED", before)),
            None => assert_eq!(answer["data"], json!({"id": 1009, "body": "go"})),
        }
    }

    async fn attack_18_a_trigger_that_trades_keys_shows_nobody_elses_row(test: &TestDatabase) {
        // The row that was changed gets another key, and under its own stands another row of mine.
        if test.engine() == Engine::MySql {
            return;
        }
        test.execute(NOTES).await;
        let swap = "UPDATE notes SET id = -1 WHERE id = NEW.id; UPDATE notes SET id = NEW.id, tenant_id = 'globex' WHERE id = 3";
        test.execute(&match test.engine() {
            Engine::Sqlite => format!("CREATE TRIGGER t AFTER UPDATE OF body ON notes WHEN NEW.body = 'go' BEGIN {swap}; END"),
            _ => format!("CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.body = 'go' AND pg_trigger_depth() = 1 THEN {swap}; END IF; RETURN NULL; END $$;
                CREATE TRIGGER t AFTER UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION t()"),
        }).await;
        let ormai = introspected(test, POLICY).await;
        let answer = refused(test, &ormai, &Principal::new("acme"), "update", json!({"model": "Note", "id": 1, "data": {"body": "go"}})).await;
        assert_eq!(code(&answer), "WRITE_NOT_ALLOWED");
    }

    async fn a_trigger_that_completes_a_row_shows_in_the_answer(test: &TestDatabase) {
        let set = "body = 'done'";
        let trigger = if test.engine() == Engine::Sqlite { after(Engine::Sqlite, set) } else { before(test.engine(), set) };
        test.execute(NOTES).await;
        test.execute(&trigger).await;
        let ormai = introspected(test, POLICY).await;
        for (tool, arguments) in writes().into_iter().take(2) {
            assert_eq!(done(&ormai, &Principal::new("acme"), tool, arguments).await["body"], "done");
        }
    }

    async fn attack_18_a_trigger_that_deletes_the_written_row_is_refused(test: &TestDatabase) {
        if test.engine() == Engine::MySql {
            return;
        }
        test.execute(NOTES).await;
        test.execute(match test.engine() {
            Engine::Sqlite => "CREATE TRIGGER t_in AFTER INSERT ON notes WHEN NEW.body = 'go' BEGIN DELETE FROM notes WHERE id = NEW.id; END;
                CREATE TRIGGER t_up AFTER UPDATE ON notes WHEN NEW.body = 'go' BEGIN DELETE FROM notes WHERE id = NEW.id; END",
            _ => "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.body = 'go' THEN DELETE FROM notes WHERE id = NEW.id; END IF; RETURN NULL; END $$;
                CREATE TRIGGER t AFTER INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION t()",
        }).await;
        let ormai = introspected(test, POLICY).await;
        for (tool, arguments) in writes() {
            assert_eq!(code(&refused(test, &ormai, &Principal::new("acme"), tool, arguments).await), "WRITE_NOT_ALLOWED");
        }
    }
}
