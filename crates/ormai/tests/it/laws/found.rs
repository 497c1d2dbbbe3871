//! What the laws have found, each as a test that can be read.

use ormai::catalog::{CatalogBuilder, Collation, ModelBuilder};
use ormai::prelude::*;
use ormai::value::ColumnType::{Date, DateTime, Int, Text, Timestamp};
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

    /// MariaDB remembers what a subquery came to for a text, for all texts that a collation calls
    /// equal.
    async fn a_row_is_not_judged_by_that_of_a_similar_key(test: &TestDatabase) {
        let options = if test.engine() == Engine::MySql { "COLLATE utf8mb4_general_ci" } else { "" };
        test.execute(&format!(
            "CREATE TABLE places (code varchar(9) {options} NOT NULL PRIMARY KEY, owner bigint);
             CREATE TABLE visits (id bigint PRIMARY KEY, place varchar(9) {options});
             INSERT INTO places VALUES ('A', 17);
             INSERT INTO visits VALUES (15, '\u{e4}'), (49, 'A');"
        ))
        .await;
        let mut place = ModelBuilder::table("Place", "places").field("code", Text).nullable("owner", Int);
        let mut visit = ModelBuilder::table("Visit", "visits").field("id", Int).nullable("place", Text);
        visit.fields[1].name = "place_code".to_owned();
        if test.engine() == Engine::MySql {
            place.fields[0].collation = Collation::Folded("utf8mb4_general_ci".into());
            visit.fields[1].collation = Collation::Folded("utf8mb4_general_ci".into());
        }
        let place = place.primary_key(["code"]);
        let visit = visit.primary_key(["id"]).to_one("place", "Place", [("place_code", "code")]);
        let catalog = CatalogBuilder::new().model(place).model(visit).build().unwrap();
        let policy = "{default_field_action: allow, models: {Visit: {scoping: {},
            row_policies: [{name: nobodys, condition: place.owner IS NULL}]}}}";
        let ormai = with_policy(test, policy, catalog).await;
        let found = ask(&ormai, &Principal::new("acme"), "query", json!({"model": "Visit"})).await;
        assert_eq!(column(&found, "id"), [json!(15)]);
    }
}
