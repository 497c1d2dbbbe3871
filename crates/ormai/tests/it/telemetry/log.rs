//! The log: it tells what went wrong, and nothing of the rows that it went wrong with.

use ormai::policy::Format;
use ormai::prelude::*;
use ormai_testkit::{Engine, TestDatabase, every_engine};
use serde_json::{Value as Json, json};
use tokio::sync::Mutex;
use tracing::instrument::WithSubscriber as _;

use super::recorder::Recorder;
use crate::support::{code, database, outcome};

/// Whether drivers' words are told is a matter of the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

/// A table whose rows a database prints when it does not take them, with the secret in each.
async fn strict(test: &TestDatabase) -> OrmAi {
    test.execute(
        "CREATE TABLE strict_things (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, name varchar(40) NOT NULL UNIQUE,
            needed varchar(10) NOT NULL, small smallint NOT NULL DEFAULT 1, CONSTRAINT the_small_ones CHECK (small < 1000));
        INSERT INTO strict_things VALUES (1, 'acme', 'opensesame', 'n', 1)",
    )
    .await;
    test.execute(match test.engine() {
        Engine::Sqlite => {
            "CREATE TRIGGER watch BEFORE INSERT ON strict_things WHEN NEW.id = 5 BEGIN SELECT RAISE(ABORT, 'trigger says opensesame'); END"
        }
        Engine::Postgres => {
            "CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.id = 5 THEN RAISE EXCEPTION 'trigger says %', NEW.name USING DETAIL = NEW.name; END IF; RETURN NEW; END $$;
            CREATE TRIGGER watch BEFORE INSERT ON strict_things FOR EACH ROW EXECUTE FUNCTION say()"
        }
        Engine::MySql => {
            "CREATE TRIGGER watch BEFORE INSERT ON strict_things FOR EACH ROW
                IF NEW.id = 5 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'trigger says opensesame'; END IF"
        }
    })
    .await;
    let policy = "
models:
  StrictThing:
    fields: {id: allow, name: allow, needed: allow, small: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, auto_set: {tenant_id: principal.tenant_id}}
";
    OrmAi::builder().database(database(test)).policy_text(policy, Format::Yaml).build().await.unwrap()
}

/// Rows that a database does not take: a NULL, a broken check, a key that is taken, a trigger's word.
fn refused() -> [(Json, &'static str); 4] {
    let row = |id: u32, name: &str, small: u32| json!({"id": id, "name": name, "needed": "n", "small": small});
    [
        (json!({"id": 2, "name": "opensesame2", "needed": null}), "not_null"),
        (row(3, "opensesame3", 5_000), "check"),
        (row(4, "opensesame", 1), "unique"),
        (row(5, "opensesame5", 1), "refused"),
    ]
}

/// The log of all of them.
async fn logged(ormai: &OrmAi) -> String {
    let recorder = Recorder::default();
    for (row, class) in refused() {
        let ctx = RunContext::new(Principal::new("acme").user("u")).request_id("call-1");
        let arguments = json!({"model": "StrictThing", "data": row});
        let answer = outcome(&ctx, ormai, "create", &arguments).with_subscriber(recorder.dispatch()).await;
        assert!(["VALIDATION_ERROR", "CONFLICT"].contains(&code(&answer)), "{class}: {answer}");
    }
    recorder.log()
}

every_engine! {
    async fn a_row_that_the_database_does_not_take_is_not_in_the_log_at_any_level(test: &TestDatabase) {
        let _alone = ALONE.lock().await;
        let ormai = strict(test).await;
        let log = logged(&ormai).await;
        for word in ["opensesame", "trigger", "strict_things", "the_small_ones", "acme"] {
            assert!(!log.contains(word), "`{word}` in {log}");
        }
        // A NULL is refused before the database could.
        for (_, class) in &refused()[1..] {
            assert!(log.contains(&format!("class={class} ")), "`{class}` is not in {log}");
        }
        assert!(log.contains("request_id=call-1"), "{log}");
    }

    async fn an_operator_who_asks_for_drivers_words_gets_them_under_a_target_of_their_own(test: &TestDatabase) {
        let _alone = ALONE.lock().await;
        let ormai = strict(test).await;
        ormai::telemetry::log_driver_text(true);
        let log = logged(&ormai).await;
        ormai::telemetry::log_driver_text(false);
        assert!(log.contains("opensesame"), "{log}");
        let (detail, rest): (Vec<_>, Vec<_>) = log.lines().partition(|line| line.starts_with("DEBUG ormai::detail "));
        assert!(!detail.is_empty());
        assert!(!rest.join("\n").contains("opensesame"), "{log}");
    }
}
