//! `dry_run`: what would happen, told and not kept.

use ormai::prelude::*;
use ormai_testkit::{TestDatabase, every_engine};
use serde_json::{Value as Json, json};

use super::{filter, refused, writable};
use crate::support::{acme, code, outcome};

/// The preview of a write, which leaves every byte as it was.
async fn preview(test: &TestDatabase, ormai: &OrmAi, tool: &str, mut arguments: Json) -> Json {
    arguments["dry_run"] = json!(true);
    let before = test.contents().await;
    let ctx = RunContext::new(acme()).now("2026-03-01T00:00:00Z".parse().unwrap());
    let answer = outcome(&ctx, ormai, tool, &arguments).await;
    assert_eq!(test.contents().await, before, "{tool} {arguments}");
    answer["data"].clone()
}

fn ids(rows: &Json) -> Vec<&Json> {
    rows.as_array().unwrap().iter().map(|row| &row["id"]).collect()
}

every_engine! {
    async fn dry_run_of_a_create_shows_the_row_that_would_be(test: &TestDatabase) {
        let ormai = writable(test).await;
        let data = json!({"id": 9, "user_id": "user-123", "status": "pending", "total": "12.51"});
        assert_eq!(preview(test, &ormai, "create", json!({"model": "Order", "data": data})).await, json!({
            "dry_run": true, "affected_count": 1, "before": [],
            "after": [{"id": 9, "tenant_id": "acme-corp", "user_id": "user-123", "status": "pending", "total": "12.51",
                "note": null, "created_at": "2026-03-01T00:00:00Z"}],
        }));
    }

    async fn dry_run_of_an_update_shows_the_row_before_and_after(test: &TestDatabase) {
        let ormai = writable(test).await;
        let shown = preview(test, &ormai, "update", json!({"model": "Order", "id": 1, "data": {"status": "paid", "note": "n"}})).await;
        let mut row = json!({"id": 1, "tenant_id": "acme-corp", "user_id": "user-123", "status": "pending", "total": "19.99",
            "note": null, "created_at": "2026-02-01T09:00:00Z"});
        assert_eq!(shown["before"], json!([row]));
        row["status"] = json!("paid");
        row["note"] = json!("n");
        assert_eq!((&shown["after"], &shown["affected_count"]), (&json!([row]), &json!(1)));
    }

    async fn dry_run_of_a_delete_shows_the_row_that_would_go(test: &TestDatabase) {
        let ormai = writable(test).await;
        let shown = preview(test, &ormai, "delete", json!({"model": "Order", "id": 3})).await;
        assert_eq!((&shown["affected_count"], ids(&shown["before"]), &shown["after"]), (&json!(1), vec![&json!(3)], &json!([])));
    }

    async fn dry_run_of_a_bulk_update_shows_the_rows_before_and_after(test: &TestDatabase) {
        let ormai = writable(test).await;
        for chosen in [json!({"filters": [filter("status", "eq", "pending")]}), json!({"ids": [3, 1, 4, 404]})] {
            let mut arguments = json!({"model": "Order", "data": {"status": "late"}});
            arguments.as_object_mut().unwrap().extend(chosen.as_object().unwrap().clone());
            let shown = preview(test, &ormai, "bulk_update", arguments).await;
            assert_eq!(shown["affected_count"], 2);
            let statuses = |rows: &Json| rows.as_array().unwrap().iter().map(|row| row["status"].clone()).collect::<Vec<_>>();
            assert_eq!((statuses(&shown["before"]), statuses(&shown["after"])), (vec![json!("pending"); 2], vec![json!("late"); 2]));
            assert!(!shown.to_string().contains("globex"));
        }
    }

    async fn dry_run_shows_hidden_values_hidden(test: &TestDatabase) {
        let ormai = writable(test).await;
        let shown = preview(test, &ormai, "update", json!({"model": "User", "id": "user-123", "data": {"email": "new@acme.example", "ssn": "999-99-9999"}})).await.to_string();
        for raw in ["ann@", "new@", "6789", "9999", "acme.example", "created_at"] {
            assert!(!shown.contains(raw), "{raw}: {shown}");
        }
    }

    async fn dry_run_is_refused_as_the_write_would_be(test: &TestDatabase) {
        let ormai = writable(test).await;
        let order = |more: Json| {
            let mut data = json!({"id": 9, "user_id": "user-123", "status": "pending", "total": "1.25"});
            data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"model": "Order", "data": data})
        };
        for (tool, mut arguments) in [
            ("create", order(json!({"id": 4}))), ("create", order(json!({"id": 1}))), ("create", order(json!({"user_id": "user-201"}))),
            ("create", order(json!({"user_id": "nobody"}))), ("create", order(json!({"tenant_id": "globex"}))), ("create", order(json!({"status": null}))),
            ("create", order(json!({"total": "99999999999999.99"}))),
            ("update", json!({"model": "Order", "id": 4, "data": {"status": "x"}})), ("update", json!({"model": "Order", "id": 404, "data": {"status": "x"}})),
            ("update", json!({"model": "Order", "id": 1, "data": {"tenant_id": "globex"}})), ("update", json!({"model": "Order", "id": 1, "data": {"user_id": "user-201"}})),
            ("delete", json!({"model": "Order", "id": 4})), ("delete", json!({"model": "Order", "id": 1})), ("delete", json!({"model": "OrderItem", "id": 1})),
            ("delete", json!({"model": "Tenant", "id": "acme-corp"})),
            ("bulk_update", json!({"model": "Order", "filters": [filter("id", "gt", 0)], "data": {"status": "x"}})),
            ("bulk_update", json!({"model": "Order", "ids": [1], "data": {"user_id": "user-201"}})),
        ] {
            // SQLite holds a decimal to no number of digits.
            if test.engine() == ormai_testkit::Engine::Sqlite && arguments["data"]["total"] == "99999999999999.99" {
                continue;
            }
            let real = refused(test, &ormai, &acme(), tool, arguments.clone()).await;
            arguments["dry_run"] = json!(true);
            assert_eq!(refused(test, &ormai, &acme(), tool, arguments).await, real);
        }
        let odd = refused(test, &ormai, &acme(), "delete", json!({"model": "Order", "id": 3, "dry_run": "yes"})).await;
        assert_eq!(code(&odd), "VALIDATION_ERROR");
    }

    async fn dry_run_in_a_transaction_leaves_what_was_written_before(test: &TestDatabase) {
        let ormai = writable(test).await;
        let tools = ormai.tools();
        let ctx = RunContext::new(acme());
        tools.transaction(&ctx, async |tx| {
            tools.update(tx, Update::new("Order", 1).set("status", "kept")).await?;
            tools.update(tx, Update::new("Order", 1).set("status", "tried").dry_run()).await?;
            tools.delete(tx, Delete::new("Order", 3).dry_run()).await?;
            Ok(())
        }).await.unwrap();
        let row = outcome(&ctx, &ormai, "get", &json!({"model": "Order", "id": 1})).await;
        assert_eq!((&row["data"]["status"], test.count("orders").await), (&json!("kept"), 8));
    }
}
