//! The door for writes: each names its rows and what it changes, and nothing widens.

use insta::assert_snapshot;
use ormai_core::request::{BulkUpdate, Chosen, Create, Delete, Filter, Request, Tool, Update, field, limits, relation};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value as Json, json};

use crate::request::{filter, name, refusals, value};
use crate::world::{POLICY, World, acme, report, told};

#[test]
fn a_create_that_is_not_well_formed_is_told_where_and_how() {
    let told = refusals(
        Tool::Create,
        &[
            "",
            "[]",
            "{}",
            r#"{"model": "Order"}"#,
            r#"{"data": {}}"#,
            r#"{"model": "Order", "data": null}"#,
            r#"{"model": "Order", "data": []}"#,
            r#"{"model": "Order", "data": [{"status": "new"}]}"#,
            r#"{"model": "Order", "data": "status=new"}"#,
            r#"{"model": "Order", "data": {"": 1}}"#,
            r#"{"model": "Order", "data": {"status": "new", "status": "paid"}}"#,
            r#"{"model": "Order", "data": {"status": "\ud800"}}"#,
            r#"{"model": "Order", "data": {"total": NaN}}"#,
            r#"{"model": "Order", "data": {"total": 1e999}}"#,
            r#"{"model": "Order", "data": {}, "data": {}}"#,
            r#"{"model": "Order", "date": {}}"#,
            r#"{"model": "Order", "data": {}, "id": 7}"#,
            r#"{"model": "Order", "data": {}, "resaon": "why"}"#,
            r#"{"model": "Order", "data": {}, "on_conflict": "update"}"#,
            r#"{"model": "Order", "data": {}, "tenant_id": "globex"}"#,
            r#"{"model": "Order", "data": {}, "reason": 7}"#,
            r#"{"model": "Order", "data": {}, "reason": ""}"#,
            r#"{"model": "Order", "data": {}, "reason": " \n\t\u00a0"}"#,
            r#"{"model": "Order", "data": {}, "reason": "a\u0000b"}"#,
            r#"{"model": "Order", "data": {}, "idempotency_key": 7}"#,
            r#"{"model": "Order", "data": {}, "idempotency_key": ""}"#,
            r#"{"model": "Order", "data": {}, "idempotency_key": "a\nb"}"#,
            r#"{"model": "Order", "data": {}, "idempotency_key": "a\u0000b"}"#,
            r#"{"model": "Order", "data": {}, "idempotency_key": "\u007f"}"#,
            r#"{"model": "Order", "data": {}, "idempotency_key": "clé"}"#,
            r#"{"model": "Order", "data": {}, "dry_run": "false"}"#,
            r#"{"model": "Order", "data": {}, "dry_run": 1}"#,
        ],
    );
    assert_snapshot!(told);
}

#[test]
fn an_update_or_a_delete_without_its_row_is_refused() {
    let told = refusals(
        Tool::Update,
        &[
            r#"{"model": "Order", "data": {"status": "paid"}}"#,
            r#"{"model": "Order", "id": null, "data": {"status": "paid"}}"#,
            r#"{"model": "Order", "id": [], "data": {"status": "paid"}}"#,
            r#"{"model": "Order", "id": [7], "data": {"status": "paid"}}"#,
            r#"{"model": "Order", "ids": [7], "data": {"status": "paid"}}"#,
            r#"{"model": "Order", "filters": [], "data": {"status": "paid"}}"#,
            r#"{"model": "Order", "id": 7}"#,
            r#"{"model": "Order", "id": 7, "data": {}}"#,
            r#"{"model": "Order", "id": 7, "data": null}"#,
            r#"{"model": "Order", "id": 7, "data": {"status": "paid"}, "upsert": true}"#,
            r#"{"model": "Order", "id": 7, "data": {"status": "paid"}, "reason": " "}"#,
        ],
    );
    assert_snapshot!(told);
    let told = refusals(
        Tool::Delete,
        &[
            r#"{"model": "Order"}"#,
            r#"{"model": "Order", "id": null}"#,
            r#"{"model": "Order", "id": [1, 2]}"#,
            r#"{"model": "Order", "ids": [1, 2]}"#,
            r#"{"model": "Order", "filters": [{"field": "id", "value": 1}]}"#,
            r#"{"model": "Order", "id": 7, "data": {}}"#,
            r#"{"model": "Order", "id": 7, "cascade": true}"#,
            r#"{"model": "Order", "id": 7, "idempotency_key": ""}"#,
        ],
    );
    assert_snapshot!(told);
}

#[test]
fn a_bulk_update_that_could_widen_is_refused() {
    let told = refusals(
        Tool::BulkUpdate,
        &[
            r#"{"model": "Order", "data": {"status": "paid"}}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "filters": []}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "filters": null}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "filters": {}}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "filters": [{}]}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "filters": [null]}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "filters": [{"or": []}]}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "filters": [{"and": []}]}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "filters": [{"not": {}}]}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "filters": [{"not": {"or": []}}]}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "ids": []}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "ids": null}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "ids": 7}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "ids": {"id": 7}}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "ids": [7, null]}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "ids": [[7]]}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "ids": [7], "filters": []}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "ids": [7], "filters": null}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "ids": [], "filters": [{"field": "id", "value": 7}]}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "ids": null, "filters": [{"field": "id", "value": 7}]}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "ids": [7], "filters": [{"field": "id", "value": 7}]}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "id": 7}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "filter": [{"field": "id", "value": 7}]}"#,
            r#"{"model": "Order", "data": {"status": "paid"}, "ids": [7], "limit": 1}"#,
            r#"{"model": "Order", "data": {}, "ids": [7]}"#,
            r#"{"model": "Order", "ids": [7]}"#,
        ],
    );
    assert_snapshot!(told);
}

/// A write that was never JSON is held to the same, before anything of the policy is read.
#[test]
fn a_write_built_in_rust_is_held_to_the_door_as_well() {
    let paid = || BulkUpdate::new("Order").set("status", "paid");
    let no_ids: [i64; 0] = [];
    let long = "r".repeat(limits::REASON_BYTES + 1);
    let cases: [(&str, Request); 13] = [
        ("neither filters nor ids", paid().into()),
        ("no ids", paid().ids(no_ids).into()),
        ("no ids beside a filter", paid().ids(no_ids).filter(field("id").eq(7)).into()),
        ("ids and a filter", paid().ids([7]).filter(field("id").eq(7)).into()),
        ("a null among the ids", paid().ids([json!(7), Json::Null]).into()),
        ("10,001 ids", paid().ids(0..10_001).into()),
        ("a bulk update of nothing", BulkUpdate::new("Order").ids([7]).into()),
        ("an update of nothing", Update::new("Order", 7).into()),
        ("an update of no row", Update::new("Order", Json::Null).set("status", "paid").into()),
        ("a delete of no row", Delete::new("Order", Json::Null).into()),
        ("a blank reason", Delete::new("Order", 7).reason(" ").into()),
        ("a long reason", Create::new("Order").reason(long).into()),
        ("a key of two lines", Create::new("Order").idempotency_key("a\nb").into()),
    ];
    let outcome = |request: Request| {
        let error = request.check().unwrap_err();
        assert_eq!(World::new(POLICY).plan(request, acme()).unwrap_err(), error);
        told(&error)
    };
    let told = report(cases.map(|(case, request)| (case, outcome(request))));
    assert_snapshot!(told);
}

#[test]
fn nothing_unbounded_comes_through_the_door_of_a_write() {
    let create = |rest: &str| format!(r#"{{"model": "Order", {rest}}}"#);
    let keys = |count: usize| (0..count).map(|key| format!(r#""f{key}": 1"#)).collect::<Vec<_>>().join(",");
    let cases = [
        ("a data key of 1,000 bytes", Tool::Create, create(&format!(r#""data": {{"{}": 1}}"#, "k".repeat(1_000)))),
        ("5,000 fields", Tool::Create, create(&format!(r#""data": {{{}}}"#, keys(5_000)))),
        ("a value of 1 MB", Tool::Create, create(&format!(r#""data": {{"note": "{}"}}"#, "n".repeat(1 << 20)))),
        ("a value nested 1,000 deep", Tool::Create, {
            create(&format!(r#""data": {{"extra": {}{}}}"#, "[".repeat(1_000), "]".repeat(1_000)))
        }),
        ("a key nested 1,000 deep", Tool::Delete, {
            create(&format!(r#""id": {}1{}"#, r#"{"a":"#.repeat(1_000), "}".repeat(1_000)))
        }),
        ("a reason of 2,001 bytes", Tool::Delete, create(&format!(r#""id": 7, "reason": "{}""#, "r".repeat(2_001)))),
        ("an idempotency key of 201 bytes", Tool::Delete, {
            create(&format!(r#""id": 7, "idempotency_key": "{}""#, "i".repeat(201)))
        }),
        ("10,001 ids", Tool::BulkUpdate, {
            create(&format!(r#""data": {{"status": "paid"}}, "ids": [{}]"#, vec!["1"; 10_001].join(",")))
        }),
        ("10,001 filters", Tool::BulkUpdate, {
            let filters = vec![r#"{"field": "id", "value": 1}"#; 10_001].join(",");
            create(&format!(r#""data": {{"status": "paid"}}, "filters": [{filters}]"#))
        }),
    ];
    let outcome = |tool: Tool, request: &str| told(&Request::from_json(tool, request.as_bytes()).unwrap_err());
    let told = report(cases.iter().map(|(case, tool, request)| (*case, outcome(*tool, request))));
    assert_snapshot!(told);
}

#[test]
fn what_is_at_a_limit_is_within_it() {
    let reason = "r".repeat(limits::REASON_BYTES);
    let key = "k".repeat(limits::IDEMPOTENCY_KEY_BYTES);
    let data: serde_json::Map<String, Json> =
        (0..limits::DATA_FIELDS).map(|field| (format!("{field:0>128}"), Json::Null)).collect();
    let request = json!({"model": "Order", "data": data, "reason": reason, "idempotency_key": key});
    let read = Request::from_json(Tool::Create, request.to_string().as_bytes()).unwrap();
    assert_eq!((read.reason(), read.idempotency_key()), (Some(&*reason), Some(&*key)));
    let ids: Vec<u64> = (0..10_000).collect();
    let request = json!({"model": "Order", "data": {"status": "paid"}, "ids": ids});
    assert_eq!(
        Request::from_value(Tool::BulkUpdate, &request).unwrap(),
        BulkUpdate::new("Order").set("status", "paid").ids(ids).into()
    );
}

#[test]
fn a_write_says_the_same_in_json_and_in_rust() {
    let check = |tool: Tool, json: Json, rust: Request| {
        assert_eq!(Request::from_value(tool, &json), Ok(rust.clone()));
        assert_eq!(rust.tool(), tool);
        assert_eq!(rust.model(), Some("Order"));
        assert_eq!(rust.arguments(), Ok(json));
    };
    check(Tool::Create, json!({"model": "Order", "data": {}}), Create::new("Order").into());
    check(
        Tool::Create,
        json!({"model": "Order", "data": {"status": "new", "note": null}, "reason": "asked by phone",
               "idempotency_key": "call 17", "dry_run": true}),
        Create::new("Order")
            .set("status", "new")
            .set("note", Json::Null)
            .reason("asked by phone")
            .idempotency_key("call 17")
            .dry_run()
            .into(),
    );
    check(
        Tool::Update,
        json!({"model": "Order", "id": {"order": 1, "line": 2}, "data": {"extra": {"a": [1]}}}),
        Update::new("Order", json!({"order": 1, "line": 2})).set("extra", json!({"a": [1]})).into(),
    );
    check(
        Tool::Delete,
        json!({"model": "Order", "id": "a-7", "reason": "twice"}),
        Delete::new("Order", "a-7").reason("twice").into(),
    );
    check(
        Tool::BulkUpdate,
        json!({"model": "Order", "ids": [1, {"id": 2}], "data": {"status": "paid"}}),
        BulkUpdate::new("Order").ids([json!(1)]).ids([json!({"id": 2})]).set("status", "paid").into(),
    );
    check(
        Tool::BulkUpdate,
        json!({"model": "Order", "data": {"status": "paid"}, "idempotency_key": "k", "filters": [
            {"field": "status", "op": "eq", "value": "new"}, {"relation": "items", "match": "any", "filters": []}]}),
        BulkUpdate::new("Order")
            .filter(field("status").eq("new"))
            .filter(relation("items").any([]))
            .set("status", "paid")
            .idempotency_key("k")
            .into(),
    );
}

#[test]
fn null_where_nothing_could_be_widened_by_it_is_left_out() {
    let request = json!({"model": "Order", "id": 7, "reason": null, "idempotency_key": null, "dry_run": null});
    assert_eq!(Request::from_value(Tool::Delete, &request), Ok(Delete::new("Order", 7).into()));
}

pub(crate) fn any_write() -> impl Strategy<Value = Request> {
    let data = || prop::collection::btree_map(name(), value(), 1..4);
    let id = || value().prop_filter("no key", |id| !id.is_null() && !id.is_array());
    let options = || (prop::option::of("[a-z]{1,9}"), prop::option::of("[ -~]{1,40}"), any::<bool>());
    let create = (name(), prop::collection::btree_map(name(), value(), 0..4), options()).prop_map(
        |(model, data, (reason, key, dry_run))| {
            let mut create =
                data.into_iter().fold(Create::new(model), |create, (field, value)| create.set(field, value));
            (create.reason, create.idempotency_key, create.dry_run) = (reason, key, dry_run);
            Request::from(create)
        },
    );
    let update = (name(), id(), data(), options()).prop_map(|(model, id, data, (reason, key, dry_run))| {
        let mut update = Update::new(model, id);
        update.data = data.into_iter().collect();
        (update.reason, update.idempotency_key, update.dry_run) = (reason, key, dry_run);
        Request::from(update)
    });
    let delete = (name(), id(), options()).prop_map(|(model, id, (reason, key, dry_run))| {
        let mut delete = Delete::new(model, id);
        (delete.reason, delete.idempotency_key, delete.dry_run) = (reason, key, dry_run);
        Request::from(delete)
    });
    let rows = prop_oneof![
        prop::collection::vec(filter(), 1..3).prop_map(|filters| (filters, None)),
        prop::collection::vec(id(), 1..4).prop_map(|ids| (Vec::new(), Some(ids))),
    ];
    let bulk = (name(), rows, data(), options()).prop_map(
        |(model, (filters, ids), data, (reason, key, dry_run)): (_, (Vec<Filter>, _), _, _)| {
            let mut bulk = BulkUpdate::new(model);
            (bulk.filters, bulk.ids, bulk.data) = (filters, ids, data.into_iter().collect());
            (bulk.reason, bulk.idempotency_key, bulk.dry_run) = (reason, key, dry_run);
            Request::from(bulk)
        },
    );
    prop_oneof![create, update, delete, bulk]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_write_is_written_as_it_is_read(request in any_write()) {
        let text = request.arguments().unwrap().to_string();
        prop_assert_eq!(Request::from_json(request.tool(), text.as_bytes()), Ok(request));
    }

    #[test]
    fn a_write_with_damage_is_read_or_refused_and_names_its_rows(
        request in any_write(), at in any::<Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut text = request.arguments().unwrap().to_string().into_bytes();
        let at = at.index(text.len());
        if cut { _ = text.remove(at) } else { text[at] = byte }
        if let Ok(read) = Request::from_json(request.tool(), &text) {
            names_its_rows(&read);
        }
    }

    #[test]
    fn a_write_with_something_left_out_or_empty_is_refused_or_names_its_rows(
        request in any_write(),
        key in select(vec!["model", "id", "ids", "filters", "data", "reason", "idempotency_key", "dry_run"]),
        other in prop::option::of(select(vec![json!(null), json!([]), json!({}), json!(""), json!([null]), json!([{}])])),
    ) {
        let mut json = request.arguments().unwrap();
        let entries = json.as_object_mut().unwrap();
        match other {
            None => _ = entries.remove(key),
            Some(other) => _ = entries.insert(key.to_owned(), other),
        }
        if let Ok(read) = Request::from_value(request.tool(), &json) {
            names_its_rows(&read);
        }
    }
}

fn names_its_rows(read: &Request) {
    match read {
        Request::Create(_) => {}
        Request::Update(update) => assert!(!update.id.is_null() && !update.data.is_empty(), "{read:?}"),
        Request::Delete(delete) => assert!(!delete.id.is_null(), "{read:?}"),
        Request::BulkUpdate(bulk) => {
            assert!(!bulk.data.is_empty(), "{read:?}");
            match bulk.chosen().unwrap() {
                Chosen::Filters(filters) => assert!(!filters.is_empty() && bulk.ids.is_none(), "{read:?}"),
                Chosen::Ids(ids) => assert!(!ids.is_empty() && bulk.filters.is_empty(), "{read:?}"),
            }
        }
        other => panic!("{other:?}"),
    }
}
