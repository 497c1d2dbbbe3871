//! Attack 17: a unique key that another tenant's row holds.

use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use super::shop::{OPEN, acme, globex, shop, stocked};
use super::{done, filter, introspected, refused};
use crate::support::{ask, code};

fn task(id: i64, code: &str) -> Json {
    json!({"model": "Task", "data": {"id": id, "team_id": 1, "code": code, "title": "x"}})
}

/// What would tell which key, which value, which constraint.
fn tells_no_key(answer: &Json) {
    let text = answer.to_string();
    for word in [
        "G-1", "A-1", "A-2", "`code`", "slug", "green", "red", "pkey", "PRIMARY", "_key", "`id`", "tasks", "teams",
        "globex", "unique_",
    ] {
        assert!(!text.contains(word), "{word}: {answer}");
    }
}

every_engine! {
    async fn attack_17_a_key_that_is_theirs_is_taken_as_one_of_mine_is(test: &TestDatabase) {
        let ormai = shop(test).await;
        let mine = refused(test, &ormai, &acme(), "create", task(1, "A-9")).await;
        assert_eq!((code(&mine), &mine["error"]["retryable"]), ("CONFLICT", &json!(false)));
        tells_no_key(&mine);
        for (id, value) in [(3, "A-9"), (9, "A-1"), (9, "G-1"), (3, "G-1"), (1, "A-1"), (1, "G-1"), (3, "A-2")] {
            let answer = refused(test, &ormai, &acme(), "create", task(id, value)).await;
            assert_eq!(answer.to_string(), mine.to_string(), "{id} {value}");
        }
        for (tool, arguments) in [
            ("update", json!({"model": "Task", "id": 1, "data": {"code": "A-2"}})), ("update", json!({"model": "Task", "id": 1, "data": {"code": "G-1"}})),
            ("bulk_update", json!({"model": "Task", "ids": [1], "data": {"code": "G-1"}})), ("bulk_update", json!({"model": "Task", "ids": [1, 2], "data": {"code": "NEW"}})),
            ("bulk_update", json!({"model": "Task", "filters": [filter("id", "eq", 1)], "data": {"code": "A-2"}})),
        ] {
            assert_eq!(refused(test, &ormai, &acme(), tool, arguments).await.to_string(), mine.to_string());
        }
    }

    async fn attack_17_a_key_that_is_hidden_from_me_in_my_own_tenant_is_taken_alike(test: &TestDatabase) {
        stocked(test).await;
        let policy = OPEN.replace("  Task:\n", "  Task:\n    row_policies: [{name: early, condition: id != 2}]\n");
        let ormai = introspected(test, &policy).await;
        assert_eq!(code(&ask(&ormai, &acme(), "get", json!({"model": "Task", "id": 2})).await), "RECORD_NOT_FOUND");
        let hidden = refused(test, &ormai, &acme(), "create", task(9, "A-2")).await;
        let theirs = refused(test, &ormai, &acme(), "create", task(9, "G-1")).await;
        let hidden_key = refused(test, &ormai, &acme(), "create", task(2, "A-9")).await;
        let their_key = refused(test, &ormai, &acme(), "create", task(3, "A-9")).await;
        assert_eq!(code(&hidden), "CONFLICT");
        assert!([theirs, hidden_key, their_key].iter().all(|answer| *answer == hidden));
        tells_no_key(&hidden);
    }

    async fn attack_17_a_write_onto_a_taken_key_changes_nothing_of_its_row(test: &TestDatabase) {
        let ormai = shop(test).await;
        for key in ["upsert", "on_conflict", "replace", "merge", "ignore"] {
            let mut arguments = task(3, "G-1");
            arguments[key] = json!(true);
            assert_eq!(code(&refused(test, &ormai, &acme(), "create", arguments).await), "VALIDATION_ERROR");
        }
        // The owner sees it as it was.
        let row = ask(&ormai, &globex(), "get", json!({"model": "Task", "id": 3})).await;
        assert_eq!((&row["data"]["title"], &row["data"]["team_id"]), (&json!("three"), &json!(3)));
    }

    async fn attack_17_a_key_within_the_tenant_is_nothing_to_others(test: &TestDatabase) {
        let ormai = shop(test).await;
        // `globex 7` is there; `acme 7` is another key.
        let person = done(&ormai, &acme(), "create", json!({"model": "Person", "data": {"number": 7, "name": "Amy"}})).await;
        assert_eq!(person, json!({"tenant_id": "acme", "number": 7, "name": "Amy"}));
        assert_eq!(code(&refused(test, &ormai, &acme(), "create", json!({"model": "Person", "data": {"number": 1, "name": "Amy"}})).await), "CONFLICT");
    }

    async fn attack_17_a_key_within_another_tenant_is_asked_of_by_nobody(test: &TestDatabase) {
        stocked(test).await;
        test.execute("CREATE TABLE rooms (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, door varchar(20) NOT NULL, UNIQUE (tenant_id, door));
            INSERT INTO rooms VALUES (1, 'acme', 'a'), (2, 'globex', 'g')").await;
        let policy = "
models:
  Room:
    fields: {id: allow, tenant_id: allow, door: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow}
";
        let ormai = introspected(test, policy).await;
        let create = |door: &str| json!({"model": "Room", "data": {"id": 9, "tenant_id": "globex", "door": door}});
        let update = |door: &str| json!({"model": "Room", "id": 1, "data": {"tenant_id": "globex", "door": door}});
        let bulk = |door: &str| json!({"model": "Room", "ids": [1], "data": {"tenant_id": "globex", "door": door}});
        // Whether globex has a door `g` is nothing that a row given to globex may find out.
        for (tool, taken, free) in [("create", create("g"), create("h")), ("update", update("g"), update("h")), ("bulk_update", bulk("g"), bulk("h"))] {
            let (taken, free) = (refused(test, &ormai, &acme(), tool, taken).await, refused(test, &ormai, &acme(), tool, free).await);
            assert_eq!((taken.to_string(), code(&free)), (free.to_string(), "WRITE_NOT_ALLOWED"), "{tool}");
        }
        assert_eq!(done(&ormai, &acme(), "create", json!({"model": "Room", "data": {"id": 9, "tenant_id": "acme", "door": "g"}})).await["door"], "g");
    }
}
