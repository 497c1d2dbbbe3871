//! What the laws have found, each as a test that can be read.

use ormai::catalog::{CatalogBuilder, ModelBuilder};
use ormai::prelude::*;
use ormai::value::ColumnType::{Date, DateTime, Int, Timestamp};
use ormai_testkit::{Engine, every_engine};
use serde_json::json;

use crate::support::{ask, column, with_policy};

every_engine! {
    /// MariaDB looks for a time by halving a list that it has not sorted.
    async fn a_time_is_found_wherever_it_stands_in_a_list(test: &TestDatabase) {
        let (point, zone, local) = match test.engine() {
            Engine::Postgres => ("timestamptz", "+00", "timestamp"),
            Engine::Sqlite => ("timestamp", "", "datetime"),
            Engine::MySql => ("timestamp NULL", "", "datetime"),
        };
        test.execute(&format!(
            "CREATE TABLE visits (id bigint PRIMARY KEY, point {point}, local {local}, day date);
             INSERT INTO visits VALUES (1, '2024-06-01 11:59:59{zone}', '2024-06-01 11:59:59', '2024-06-01')"
        ))
        .await;
        let visit = ModelBuilder::table("Visit", "visits").field("id", Int).nullable("point", Timestamp);
        let visit = visit.nullable("local", DateTime).nullable("day", Date).primary_key(["id"]);
        let catalog = CatalogBuilder::new().model(visit).build().unwrap();
        let policy = "{default_field_action: allow, models: {Visit: {scoping: {}}}}";
        let ormai = with_policy(test, policy, catalog).await;
        let lists = [
            ("point", ["2024-06-01T11:59:59Z", "2024-06-01T12:00:01Z", "2031-02-28T08:30:00Z"]),
            ("local", ["2024-06-01T11:59:59", "2024-06-01T12:00:01", "2031-02-28T08:30:00"]),
            ("day", ["2024-06-01", "2024-06-02", "2031-02-28"]),
        ];
        for (field, list) in lists {
            for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                let value = order.map(|index| list[index]);
                for (op, expected) in [("in", vec![json!(1)]), ("not_in", vec![])] {
                    let request = json!({"model": "Visit", "filters": [{"field": field, "op": op, "value": value}]});
                    let found = ask(&ormai, &Principal::new("acme"), "query", request.clone()).await;
                    assert_eq!(column(&found, "id"), expected, "{request}");
                }
            }
        }
    }
}
