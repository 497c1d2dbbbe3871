//! What each write does, through the tools.

use ormai_testkit::{Dataset, TestDatabase, every_engine, guide_catalog, writes_policy};
use serde_json::json;

use crate::support::{acme, ask, globex, with_policy};

async fn each_write(test: TestDatabase) {
    test.load(&Dataset::demo()).await;
    let ormai = with_policy(&test, writes_policy(), guide_catalog()).await;
    let created = ask(&ormai, &acme(), "create", json!({"model": "Order", "data": {"id": 9001, "status": "pending", "user_id": "user-123", "total": "1.50"}})).await;
    println!("{created}");
    let id = created["data"]["id"].clone();
    let updated = ask(&ormai, &acme(), "update", json!({"model": "Order", "id": id, "data": {"status": "paid"}})).await;
    println!("{updated}");
    let foreign = ask(&ormai, &globex(), "update", json!({"model": "Order", "id": id, "data": {"status": "paid"}})).await;
    println!("{foreign}");
    let dry = ask(&ormai, &acme(), "update", json!({"model": "Order", "id": id, "data": {"status": "x"}, "dry_run": true})).await;
    println!("{dry}");
    let bulk = ask(&ormai, &acme(), "bulk_update", json!({"model": "Order", "filters": [{"field": "status", "op": "eq", "value": "paid"}], "data": {"status": "y"}})).await;
    println!("{bulk}");
    let bulk = ask(&ormai, &acme(), "bulk_update", json!({"model": "Order", "ids": [id], "data": {"status": "y"}})).await;
    println!("{bulk}");
    let reference = ask(&ormai, &acme(), "create", json!({"model": "Order", "data": {"id": 9002, "total": "1", "status": "pending", "user_id": "user-201"}})).await;
    println!("{reference}");
    let deleted = ask(&ormai, &acme(), "delete", json!({"model": "Order", "id": id})).await;
    println!("{deleted}");
}
every_engine!(each_write);
