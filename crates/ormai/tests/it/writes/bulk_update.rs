//! `bulk_update`: the same values in several rows, all of them or none.

use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use super::{done, filter, refused, under, writable};
use crate::support::{acme, admin, ask, child, code, column};

const WIDE: &str = "
models:
  Order:
    fields: {id: allow, status: allow, total: allow, note: allow}
    relations: {items: {}, user: {}}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {bulk_update: allow, create: deny, update: deny, delete: deny}
  OrderItem: {fields: {id: allow, sku: allow, quantity: allow}, scoping: {tenant_id: principal.tenant_id}}
  User: {fields: {id: allow, name: allow}, scoping: {tenant_id: principal.tenant_id}}
";

fn pending() -> Json {
    filter("status", "eq", "pending")
}

every_engine! {
    async fn bulk_update_by_filters_changes_the_rows_that_can_be_read(test: &TestDatabase) {
        let ormai = writable(test).await;
        let changed = done(&ormai, &acme(), "bulk_update", json!({"model": "Order", "filters": [pending()], "data": {"status": "late", "note": null}})).await;
        assert_eq!(changed, json!({"updated_count": 2}));
        let late = ask(&ormai, &admin(), "query", json!({"model": "Order", "filters": [filter("status", "eq", "late")]})).await;
        assert_eq!(column(&late, "id"), [json!(1), json!(3)]);
        let none = done(&ormai, &acme(), "bulk_update", json!({"model": "Order", "filters": [pending()], "data": {"status": "late"}})).await;
        assert_eq!(none, json!({"updated_count": 0}));
    }

    async fn bulk_update_by_ids_leaves_out_what_is_not_there_for_me(test: &TestDatabase) {
        let ormai = writable(test).await;
        let changed = done(&ormai, &acme(), "bulk_update", json!({"model": "Order", "ids": [1, 4, 404, 3, 1], "data": {"status": "late"}})).await;
        assert_eq!(changed, json!({"updated_count": 2}));
        let theirs = done(&ormai, &acme(), "bulk_update", json!({"model": "Order", "ids": [4, 5, 6, 7, 8], "data": {"status": "mine"}})).await;
        let nobodys = done(&ormai, &acme(), "bulk_update", json!({"model": "Order", "ids": [404, 405], "data": {"status": "mine"}})).await;
        assert_eq!((&theirs, &nobodys), (&json!({"updated_count": 0}), &json!({"updated_count": 0})));
        let all = ask(&ormai, &admin(), "query", json!({"model": "Order"})).await;
        assert_eq!(column(&all, "status"), ["late", "paid", "late", "pending", "shipped", "paid", "pending", "pending"]);
    }

    async fn bulk_update_counts_rows_that_stay_as_they_were(test: &TestDatabase) {
        let ormai = writable(test).await;
        let before = test.contents().await;
        let same = done(&ormai, &acme(), "bulk_update", json!({"model": "Order", "filters": [pending()], "data": {"status": "pending"}})).await;
        assert_eq!((same, test.contents().await), (json!({"updated_count": 2}), before));
    }

    async fn bulk_update_through_relations_looks_at_rows_of_mine(test: &TestDatabase) {
        let ormai = under(test, WIDE).await;
        let bulk = async |filters: Json| done(&ormai, &acme(), "bulk_update", json!({"model": "Order", "filters": filters, "data": {"note": "seen"}})).await["updated_count"].clone();
        assert_eq!(bulk(json!([{"relation": "items", "filters": [filter("sku", "eq", "B-1")]}])).await, 1);
        assert_eq!(bulk(json!([{"relation": "items", "filters": [filter("sku", "eq", "C-1")]}])).await, 0);
        assert_eq!(bulk(json!([{"relation": "items", "match": "none", "filters": []}])).await, 1);
        assert_eq!(bulk(json!([{"relation": "user", "filters": [filter("name", "eq", "Gus")]}])).await, 0);
        assert_eq!(bulk(json!([{"relation": "user", "filters": [filter("name", "eq", "Ann")]}, filter("total", "gt", 20)])).await, 1);
        let other = ask(&ormai, &crate::support::globex(), "query", json!({"model": "Order", "filters": [filter("note", "eq", "seen")]})).await;
        assert_eq!(other["data"]["rows"], json!([]));
    }

    async fn bulk_update_of_a_field_that_its_own_filter_names(test: &TestDatabase) {
        let ormai = writable(test).await;
        let changed = done(&ormai, &acme(), "bulk_update", json!({"model": "Order", "filters": [{"or": [pending(), filter("note", "is_null", true)]}], "data": {"status": "x", "note": "y"}})).await;
        assert_eq!(changed, json!({"updated_count": 2}));
    }

    async fn bulk_update_changes_nothing_that_is_read_by_a_permit(test: &TestDatabase) {
        let ormai = writable(test).await;
        let visible = ask(&ormai, &child(), "query", json!({"model": "Order"})).await;
        assert_eq!(column(&visible, "id"), [json!(6), json!(7), json!(8)]);
        let changed = done(&ormai, &child(), "bulk_update", json!({"model": "Order", "filters": [filter("id", "gte", 0)], "data": {"status": "x"}})).await;
        assert_eq!(changed, json!({"updated_count": 1}));
    }

    async fn bulk_update_by_one_of_the_two_ways_and_no_other(test: &TestDatabase) {
        let ormai = writable(test).await;
        let data = json!({"status": "x"});
        for more in [
            json!({}), json!({"filters": []}), json!({"ids": []}), json!({"filters": null}), json!({"ids": null}), json!({"filters": null, "ids": null}),
            json!({"filters": [], "ids": []}), json!({"filters": [], "ids": [1]}), json!({"filters": [pending()], "ids": []}),
            json!({"filters": [pending()], "ids": [1]}), json!({"id": 1}), json!({"ids": 1}), json!({"ids": {"id": 1}}), json!({"ids": [null]}),
            json!({"ids": [[1]]}), json!({"ids": [1, null]}), json!({"ids": [{}]}), json!({"ids": ["1"]}), json!({"ids": "all"}), json!({"ids": ["*"]}),
        ] {
            let mut arguments = json!({"model": "Order", "data": data});
            arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            assert_eq!(code(&refused(test, &ormai, &acme(), "bulk_update", arguments).await), "VALIDATION_ERROR", "{more}");
        }
        for data in [json!({}), json!(null), json!([]), json!([{"status": "x"}])] {
            let answer = refused(test, &ormai, &acme(), "bulk_update", json!({"model": "Order", "ids": [1], "data": data})).await;
            assert_eq!(code(&answer), "VALIDATION_ERROR", "{data}");
        }
    }

    async fn attack_11_a_filter_of_a_bulk_update_never_widens(test: &TestDatabase) {
        let ormai = writable(test).await;
        for filters in [
            json!({"or": []}), json!({"and": []}), json!({"not": {}}), json!([{"or": []}]), json!([{"and": []}]), json!([{"not": {}}]),
            json!([{"not": []}]), json!([{"not": null}]), json!([{}]), json!([null]), json!([[]]), json!(""), json!(false), json!({}),
            json!([{"or": [{}]}]), json!([{"or": null}]), json!([{"and": [null]}]), json!([{"not": {"or": []}}]), json!([{"not": {"and": []}}]),
            json!([pending(), {"or": []}]), json!([{"or": [pending(), {"and": []}]}]), json!([{"relation": "items"}, {"or": []}]),
            json!([filter("status", "eq", Json::Null)]), json!([filter("status", "ne", Json::Null)]), json!([filter("status", "in", Json::Null)]),
            json!([filter("status", "in", json!([null]))]), json!([filter("status", "not_in", json!([null]))]), json!([{"field": "status", "op": "eq"}]),
            json!([{"field": "status", "op": null, "value": "paid"}]), json!([{"field": null, "op": "eq", "value": "paid"}]), json!([{"op": "eq", "value": "paid"}]),
            json!([{"field": "status", "value": null}]), json!([true]), json!(["1=1"]), json!([{"field": "status", "op": "eq", "value": "x", "or": []}]),
        ] {
            let answer = refused(test, &ormai, &acme(), "bulk_update", json!({"model": "Order", "filters": filters, "data": {"status": "x"}})).await;
            assert_eq!(code(&answer), "VALIDATION_ERROR", "{filters}");
        }
        // These say something, and it is nothing.
        let before = test.contents().await;
        for filters in [json!([filter("id", "in", json!([]))]), json!([{"not": filter("id", "not_in", json!([]))}])] {
            let answer = ask(&ormai, &acme(), "bulk_update", json!({"model": "Order", "filters": filters, "data": {"status": "x"}})).await;
            assert_eq!(answer["data"], json!({"updated_count": 0}), "{filters}");
        }
        assert_eq!(test.contents().await, before);
        // This one says everything, and the cap stops it.
        let all = refused(test, &ormai, &acme(), "bulk_update", json!({"model": "Order", "filters": [filter("id", "not_in", json!([]))], "data": {"status": "x"}})).await;
        assert_eq!(code(&all), "MAX_AFFECTED_ROWS_EXCEEDED");
    }
}
