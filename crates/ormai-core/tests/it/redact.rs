//! The way out: every value passes its field's action, and nothing else comes along.

use ormai_core::answer::Fetched;
use ormai_core::error::ErrorCode;
use ormai_core::plan::{Shape, Step};
use ormai_core::redact::{Harvest, HashKey, Redactor, answer};
use ormai_core::request::{Aggregate, Get, Include, Query, Request};
use ormai_core::value::Value;
use serde_json::{Value as Json, json};

use crate::world::{POLICY, World, acme, call};

/// The answer to a request when each step of its plan returns the rows of its turn, in which
/// every column that is not given holds its own name.
fn answered(request: impl Into<Request>, mut turns: Vec<Vec<Json>>) -> Result<Json, ErrorCode> {
    let world = World::new(POLICY);
    let call = call(acme());
    let mut plan = world.plan_for(request, &call).unwrap();
    turns.reverse();
    let mut rows = |step: &Step| {
        let model = world.catalog().model(step.source().unwrap().model);
        let Shape::Select(select) = step.shape() else { panic!("not rows") };
        let value = |row: &Json, name: &str| match &row[name] {
            Json::Null if row.get(name).is_some() => Value::Null,
            Json::Null => Value::from(name),
            Json::String(text) => Value::from(text.as_str()),
            other => Value::Int(other.as_i64().unwrap()),
        };
        let turn = turns.pop().unwrap();
        let values = turn.iter().flat_map(|row| {
            select.outputs.iter().map(|field| value(row, &model.field(*field).name)).collect::<Vec<_>>()
        });
        Fetched::new(select.outputs.len(), values.collect())
    };
    let mut harvest = Harvest::default();
    harvest.root(rows(&plan.take_root()));
    while let Some(step) = harvest.next_include(&plan).unwrap() {
        harvest.include(rows(&step));
    }
    let key = HashKey::new([1; 32]).unwrap();
    let redactor = Redactor::new(Some(&key), &call.principal);
    let answer = answer(plan, harvest, &redactor, &world.cursors, world.policy.version(), &call);
    answer.map(|answer| json!(answer)).map_err(|error| error.code)
}

#[test]
fn each_field_appears_as_its_action_says() {
    let user = json!({"email": "ada@example.com", "ssn": "123-45-6789", "phone": "5551234", "remarks": "x"});
    let answer = answered(Get::model("User", "u1"), vec![vec![user]]).unwrap();
    let hash = answer["token"].as_str().unwrap().to_owned();
    assert_eq!(hash.len(), 64);
    assert_eq!(
        answer,
        json!({"id": "id", "name": "name", "email": "a***@***", "ssn": "***-**-6789", "phone": "****", "token": hash,
               "remarks": "[REDACTED]"})
    );
    let none = json!({"ssn": null, "remarks": null});
    let answer = answered(Get::model("User", "u1").select(["ssn", "remarks"]), vec![vec![none]]).unwrap();
    assert_eq!(answer, json!({"ssn": null, "remarks": "[REDACTED]"}));
}

#[test]
fn columns_that_only_the_plan_needs_do_not_come_back() {
    // The key, for the cursor; `user_id`, to find the user.
    let query = Query::model("Order").select(["status"]).include(Include::relation("user").select(["name"]));
    let orders =
        vec![json!({"id": 1, "user_id": "u1"}), json!({"id": 2, "user_id": "u2"}), json!({"id": 3, "user_id": null})];
    let answer = answered(query, vec![orders, vec![json!({"id": "u1", "name": "Ada"})]]).unwrap();
    assert_eq!(
        answer,
        json!({"rows": [{"status": "status", "user": {"name": "Ada"}}, {"status": "status", "user": null},
                        {"status": "status", "user": null}],
               "has_more": false, "next_cursor": null})
    );
}

#[test]
fn related_rows_stand_in_their_own_row_and_are_redacted_as_well() {
    let query = Query::model("Order")
        .select(["id"])
        .include(Include::relation("items").select(["sku"]).limit(1))
        .include(Include::relation("user").select(["email"]));
    let orders = vec![json!({"id": 1, "user_id": "u1"}), json!({"id": 2, "user_id": "u1"})];
    let items = vec![
        json!({"order_id": 1, "sku": "A"}),
        json!({"order_id": 1, "sku": "B"}),
        json!({"order_id": 9, "sku": "C"}),
    ];
    let users = vec![json!({"id": "u1", "email": "ada@example.com"})];
    let user = json!({"email": "a***@***"});
    assert_eq!(
        answered(query, vec![orders, items, users]).unwrap()["rows"],
        json!([{"id": 1, "items": {"rows": [{"sku": "A"}], "has_more": true}, "user": user},
               {"id": 2, "items": {"rows": [], "has_more": false}, "user": user}])
    );
}

#[test]
fn a_page_shows_its_limit_and_says_that_there_is_more() {
    let rows = |count: i64| (1..=count).map(|id| json!({"id": id})).collect::<Vec<_>>();
    let of = |count: i64| answered(Query::model("Order").select(["id"]).limit(2), vec![rows(count)]).unwrap();
    assert_eq!(of(2), json!({"rows": [{"id": 1}, {"id": 2}], "has_more": false, "next_cursor": null}));
    let more = of(3);
    assert_eq!((&more["rows"], &more["has_more"]), (&json!([{"id": 1}, {"id": 2}]), &json!(true)));
    assert!(more["next_cursor"].is_string());
    assert_eq!(of(0), json!({"rows": [], "has_more": false, "next_cursor": null}));
}

#[test]
fn no_row_of_a_get_is_not_found() {
    assert_eq!(answered(Get::model("Order", 7), vec![vec![]]), Err(ErrorCode::RecordNotFound));
}

#[test]
fn groups_are_named_as_the_request_names_them() {
    let world = World::new(POLICY);
    let call = call(acme());
    let request = Aggregate::model("Order").count("n").sum("total", "sum").group_by(["status"]).limit(1);
    let plan = world.plan_for(request, &call).unwrap();
    let mut harvest = Harvest::default();
    let row = |status: &str| [Value::from(status), Value::Int(2), Value::Null];
    harvest.root(Fetched::new(3, [row("open"), row("paid")].concat()));
    let answer = answer(plan, harvest, &Redactor::new(None, &call.principal), &world.cursors, "1", &call).unwrap();
    assert_eq!(json!(answer), json!({"rows": [{"status": "open", "n": 2, "sum": null}], "has_more": true}));
}

#[test]
fn secrets_are_not_written_by_debug() {
    let world = World::new(POLICY);
    assert_eq!(format!("{:?} {:?}", world.cursors, HashKey::new([1; 32])), "CursorKey(…) Some(HashKey(…))");
    let shown = format!("{:?}", acme().metadata("api_key", "s3cret"));
    assert!(shown.contains("api_key") && !shown.contains("s3cret"), "{shown}");
}
