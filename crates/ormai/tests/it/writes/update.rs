//! `update`: one row, by its whole key.

use ormai::prelude::*;
use ormai_testkit::every_engine;
use serde_json::json;

use super::{done, filter, refused, writable};
use crate::support::{acme, admin, ask, code, globex};

every_engine! {
    async fn update_changes_what_is_said_and_nothing_else(test: &TestDatabase) {
        let ormai = writable(test).await;
        let order = done(&ormai, &acme(), "update", json!({"model": "Order", "id": 2, "data": {"status": "shipped", "note": null}})).await;
        assert_eq!(order, json!({"id": 2, "tenant_id": "acme-corp", "user_id": "user-123", "status": "shipped", "total": "250.01",
            "note": null, "created_at": "2026-02-02T09:00:00Z"}));
        let before = test.contents().await;
        // The same once more: nothing changes, and the row is there.
        let again = done(&ormai, &acme(), "update", json!({"model": "Order", "id": 2, "data": {"status": "shipped", "note": null}})).await;
        assert_eq!((again, test.contents().await), (order, before));
    }

    async fn update_does_not_set_what_the_policy_sets_on_new_rows(test: &TestDatabase) {
        let ormai = writable(test).await;
        let order = done(&ormai, &acme(), "update", json!({"model": "Order", "id": 1, "data": {"status": "paid"}})).await;
        assert_eq!(order["created_at"], "2026-02-01T09:00:00Z");
    }

    async fn update_answers_redacted(test: &TestDatabase) {
        let ormai = writable(test).await;
        let user = done(&ormai, &acme(), "update", json!({"model": "User", "id": "user-124", "data": {"email": "new@acme.example", "ssn": "999-99-9999"}})).await;
        let text = user.to_string();
        assert_eq!(user["ssn"], "[REDACTED]");
        assert!(!text.contains("new@") && !text.contains("999"), "{text}");
        let cleared = done(&ormai, &acme(), "update", json!({"model": "User", "id": "user-124", "data": {"ssn": null}})).await;
        assert_eq!(cleared["ssn"], "[REDACTED]");
    }

    async fn update_of_a_row_that_is_not_there_or_not_mine_is_the_same(test: &TestDatabase) {
        let ormai = writable(test).await;
        let ask = async |id: serde_json::Value| refused(test, &ormai, &acme(), "update", json!({"model": "Order", "id": id, "data": {"status": "x"}})).await;
        let nobodys = ask(json!(404)).await;
        assert_eq!(code(&nobodys), "RECORD_NOT_FOUND");
        for id in [4, 5, 6, 7, 8] {
            assert_eq!(ask(json!(id)).await, nobodys);
        }
        // What can be read through a permit for reads cannot be changed.
        let child = crate::support::child();
        assert_eq!(ask_get(&ormai, &child, 7).await, 7);
        let parents = refused(test, &ormai, &child, "update", json!({"model": "Order", "id": 7, "data": {"status": "x"}})).await;
        assert_eq!(parents, nobodys);
    }

    async fn update_by_a_bypass_reaches_every_row(test: &TestDatabase) {
        let ormai = writable(test).await;
        let order = done(&ormai, &admin(), "update", json!({"model": "Order", "id": 4, "data": {"status": "audited"}})).await;
        assert_eq!((&order["tenant_id"], &order["status"]), (&json!("globex"), &json!("audited")));
        // It does not lift what is immutable, nor is a role what it is not.
        for (who, data, expected) in [
            (admin(), json!({"tenant_id": "acme-corp"}), "WRITE_NOT_ALLOWED"),
            (admin(), json!({"id": 44}), "WRITE_NOT_ALLOWED"),
            (acme().role("SUPER_ADMIN"), json!({"status": "x"}), "RECORD_NOT_FOUND"),
            (acme().role("super_admin "), json!({"status": "x"}), "RECORD_NOT_FOUND"),
        ] {
            let error = refused(test, &ormai, &who, "update", json!({"model": "Order", "id": 4, "data": data})).await;
            assert_eq!(code(&error), expected);
        }
    }

    async fn update_of_nothing_is_refused(test: &TestDatabase) {
        let ormai = writable(test).await;
        for arguments in [
            json!({"model": "Order", "id": 1, "data": {}}), json!({"model": "Order", "id": 1}), json!({"model": "Order", "id": 1, "data": null}),
            json!({"model": "Order", "data": {"status": "x"}}), json!({"model": "Order", "id": null, "data": {"status": "x"}}),
            json!({"model": "Order", "id": [1], "data": {"status": "x"}}), json!({"model": "Order", "ids": [1], "data": {"status": "x"}}),
            json!({"model": "Order", "id": 1, "filters": [], "data": {"status": "x"}}), json!({"model": "Order", "id": "", "data": {"status": "x"}}),
            json!({"model": "Order", "id": {}, "data": {"status": "x"}}), json!({"model": "Order", "id": 1.0, "data": {"status": "x"}}),
            json!({"model": "Order", "id": true, "data": {"status": "x"}}), json!({"model": "Order", "id": "1", "data": {"status": "x"}}),
        ] {
            assert_eq!(code(&refused(test, &ormai, &acme(), "update", arguments).await), "VALIDATION_ERROR");
        }
    }

    async fn update_keeps_a_written_row_from_whoever_does_not_see_it(test: &TestDatabase) {
        let ormai = writable(test).await;
        done(&ormai, &acme(), "update", json!({"model": "Order", "id": 1, "data": {"note": "for acme only"}})).await;
        let theirs = ask(&ormai, &globex(), "query", json!({"model": "Order", "filters": [filter("note", "contains", "acme")]})).await;
        assert_eq!(theirs["data"]["rows"], json!([]));
    }
}

async fn ask_get(ormai: &OrmAi, who: &Principal, id: i64) -> serde_json::Value {
    ask(ormai, who, "get", json!({"model": "Order", "id": id})).await["data"]["id"].clone()
}
