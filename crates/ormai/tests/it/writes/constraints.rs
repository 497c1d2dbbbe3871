//! Attack 19: what the database says about a row that it does not take goes to the log.

use ormai::prelude::*;
use ormai_testkit::{Engine, TestDatabase, every_engine};
use serde_json::{Value as Json, json};

use super::{done, filter, introspected, refused};
use crate::support::code;

/// One row each of two tenants. `secret` is denied, and every engine would print it.
async fn strict(test: &TestDatabase) -> OrmAi {
    test.execute(
        "CREATE TABLE strict_things (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, secret varchar(40) NOT NULL DEFAULT 'sesame',
            name varchar(10) NOT NULL, small smallint NOT NULL DEFAULT 1, price numeric(6, 2) NOT NULL DEFAULT 1, needed varchar(10) NOT NULL,
            CONSTRAINT the_small_ones CHECK (small < 1000), CONSTRAINT no_bad_names CHECK (name <> 'bad'));
        INSERT INTO strict_things VALUES (1, 'acme', 'opensesame', 'one', 1, 1.25, 'n'), (2, 'globex', 'theirs', 'two', 2, 2.25, 'n')",
    )
    .await;
    test.execute(match test.engine() {
        Engine::Sqlite => "
            CREATE TRIGGER watch_in BEFORE INSERT ON strict_things WHEN NEW.name = 'raise' BEGIN SELECT RAISE(ABORT, 'trigger says sesame of globex'); END;
            CREATE TRIGGER watch_up BEFORE UPDATE ON strict_things WHEN NEW.name = 'raise' BEGIN SELECT RAISE(ABORT, 'trigger says sesame of globex'); END;
            CREATE TRIGGER watch_out BEFORE DELETE ON strict_things WHEN OLD.name = 'stay' BEGIN SELECT RAISE(ABORT, 'trigger says sesame of globex'); END",
        Engine::Postgres => "
            CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF TG_OP <> 'DELETE' AND NEW.name = 'raise' OR TG_OP = 'DELETE' AND OLD.name = 'stay' THEN
                    RAISE EXCEPTION 'trigger says % of globex', 'sesame' USING DETAIL = 'sesame', HINT = 'globex';
                END IF;
                IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                RETURN NEW; END $$;
            CREATE TRIGGER watch BEFORE INSERT OR UPDATE OR DELETE ON strict_things FOR EACH ROW EXECUTE FUNCTION say()",
        Engine::MySql => "
            CREATE TRIGGER watch_in BEFORE INSERT ON strict_things FOR EACH ROW
                IF NEW.name = 'raise' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'trigger says sesame of globex'; END IF;
            CREATE TRIGGER watch_up BEFORE UPDATE ON strict_things FOR EACH ROW
                IF NEW.name = 'raise' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'trigger says sesame of globex'; END IF;
            CREATE TRIGGER watch_out BEFORE DELETE ON strict_things FOR EACH ROW
                IF OLD.name = 'stay' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'trigger says sesame of globex'; END IF",
    })
    .await;
    let policy = "
models:
  StrictThing:
    fields: {id: allow, name: allow, small: allow, price: allow, needed: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, auto_set: {tenant_id: principal.tenant_id}}
";
    introspected(test, policy).await
}

fn tells_nothing_of_the_row(answer: &Json) {
    let text = answer.to_string().to_lowercase();
    for word in [
        "sesame",
        "trigger",
        "the_small_ones",
        "no_bad_names",
        "strict_things",
        "check",
        "failing row",
        "theirs",
        "violat",
        "truncat",
        "signal",
        "overflow",
        "numeric",
        "data too long",
        "incorrect",
        "secret",
        "tenant_id",
    ] {
        assert!(!text.contains(word), "{word}: {answer}");
    }
}

/// Refused as a value that does not fit, with nothing of the row in it.
async fn unfit(test: &TestDatabase, ormai: &OrmAi, data: &Json) {
    let mut whole = json!({"id": 9, "name": "nine", "needed": "y"});
    whole.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
    for (tool, arguments) in [
        ("create", json!({"model": "StrictThing", "data": whole})),
        ("update", json!({"model": "StrictThing", "id": 1, "data": data})),
        ("bulk_update", json!({"model": "StrictThing", "ids": [1], "data": data})),
        ("bulk_update", json!({"model": "StrictThing", "filters": [filter("id", "gt", 0)], "data": data})),
    ] {
        for dry_run in [false, true] {
            let mut arguments = arguments.clone();
            arguments["dry_run"] = json!(dry_run);
            let answer = refused(test, ormai, &Principal::new("acme"), tool, arguments).await;
            assert_eq!(
                (code(&answer), &answer["error"]["retryable"]),
                ("VALIDATION_ERROR", &json!(false)),
                "{tool} {data}: {answer}"
            );
            tells_nothing_of_the_row(&answer);
        }
    }
}

every_engine! {
    async fn attack_19_a_null_is_refused_without_the_row(test: &TestDatabase) {
        let ormai = strict(test).await;
        for data in [json!({"needed": null}), json!({"name": null}), json!({"small": null}), json!({"price": null})] {
            unfit(test, &ormai, &data).await;
        }
        let missing = refused(test, &ormai, &Principal::new("acme"), "create", json!({"model": "StrictThing", "data": {"id": 9, "name": "x"}})).await;
        assert_eq!((code(&missing), &missing["error"]["hint"]), ("VALIDATION_ERROR", &json!("give a value to `needed`")));
        tells_nothing_of_the_row(&missing);
    }

    async fn attack_19_a_check_is_refused_without_the_row(test: &TestDatabase) {
        let ormai = strict(test).await;
        for data in [json!({"small": 1_000}), json!({"small": 32_767}), json!({"name": "bad"})] {
            unfit(test, &ormai, &data).await;
        }
    }

    async fn attack_19_a_trigger_that_raises_is_not_heard(test: &TestDatabase) {
        let ormai = strict(test).await;
        unfit(test, &ormai, &json!({"name": "raise"})).await;
        test.execute("UPDATE strict_things SET name = 'stay'").await;
        let answer = refused(test, &ormai, &Principal::new("acme"), "delete", json!({"model": "StrictThing", "id": 1})).await;
        assert_eq!(code(&answer), "VALIDATION_ERROR", "{answer}");
        tells_nothing_of_the_row(&answer);
        // It is not heard for a row of theirs at all.
        let theirs = refused(test, &ormai, &Principal::new("acme"), "delete", json!({"model": "StrictThing", "id": 2})).await;
        assert_eq!(code(&theirs), "RECORD_NOT_FOUND");
    }

    async fn attack_19_a_text_that_is_too_long_is_refused_and_not_cut(test: &TestDatabase) {
        let ormai = strict(test).await;
        for data in [json!({"name": "elevenchars"}), json!({"needed": "x".repeat(100_000)}), json!({"name": "\u{1F980}".repeat(11)})] {
            unfit(test, &ormai, &data).await;
        }
        let ten = done(&ormai, &Principal::new("acme"), "update", json!({"model": "StrictThing", "id": 1, "data": {"name": "\u{1F980}".repeat(10)}})).await;
        assert_eq!(ten["name"], "\u{1F980}".repeat(10));
    }

    async fn attack_19_a_number_out_of_range_is_refused_and_not_bent(test: &TestDatabase) {
        let ormai = strict(test).await;
        for data in [json!({"small": 32_768}), json!({"small": i64::MAX}), json!({"small": 1e30}), json!({"small": 1.5}), json!({"small": "1"}),
            json!({"price": "NaN"}), json!({"price": "Infinity"}), json!({"price": "1e400000"}), json!({"price": ""}), json!({"price": true}), json!({"price": [1]})] {
            unfit(test, &ormai, &data).await;
        }
        // SQLite holds a decimal to no number of digits, and a small integer to no size.
        if test.engine() != Engine::Sqlite {
            for data in [json!({"small": -32_769}), json!({"price": "10000.01"}), json!({"price": -10_000}), json!({"price": "1e300"})] {
                unfit(test, &ormai, &data).await;
            }
        }
    }

    async fn attack_19_a_row_that_a_trigger_keeps_out_is_not_there(test: &TestDatabase) {
        let ormai = strict(test).await;
        // MariaDB has no trigger that keeps a row out in silence.
        test.execute(match test.engine() {
            Engine::Sqlite => "CREATE TRIGGER silent_in BEFORE INSERT ON strict_things WHEN NEW.name = 'quiet' BEGIN SELECT RAISE(IGNORE); END;
                CREATE TRIGGER silent_up BEFORE UPDATE ON strict_things WHEN NEW.name = 'quiet' BEGIN SELECT RAISE(IGNORE); END",
            Engine::Postgres => "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.name = 'quiet' THEN RETURN NULL; END IF; RETURN NEW; END $$;
                CREATE TRIGGER silent BEFORE INSERT OR UPDATE ON strict_things FOR EACH ROW EXECUTE FUNCTION quiet()",
            Engine::MySql => "SELECT 1",
        }).await;
        if test.engine() == Engine::MySql {
            return;
        }
        let acme = Principal::new("acme");
        for (tool, arguments) in [
            ("create", json!({"model": "StrictThing", "data": {"id": 9, "name": "quiet", "needed": "y"}})),
            ("update", json!({"model": "StrictThing", "id": 1, "data": {"name": "quiet"}})),
            ("bulk_update", json!({"model": "StrictThing", "ids": [1], "data": {"name": "quiet"}})),
        ] {
            let answer = refused(test, &ormai, &acme, tool, arguments).await;
            tells_nothing_of_the_row(&answer);
        }
    }
}
