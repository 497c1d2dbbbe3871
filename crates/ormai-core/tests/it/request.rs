//! The door: what a request may look like, and what is said of one that does not.

use insta::assert_snapshot;
use ormai_core::plan::Direction;
use ormai_core::request::{
    Aggregate, Filter, Get, Include, Match, Operator, Query, Request, Tool, field, limits, relation,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value as Json, json};

use crate::world::{POLICY, World, acme, report, told};

pub(crate) fn refusals(tool: Tool, requests: &[&str]) -> String {
    let outcome = |request: &&str| match Request::from_json(tool, request.as_bytes()) {
        Ok(read) => panic!("`{request}` is read as {read:?}"),
        Err(error) => told(&error),
    };
    report(requests.iter().map(|request| (*request, outcome(request))))
}

#[test]
fn a_query_that_is_not_well_formed_is_told_where_and_how() {
    let told = refusals(
        Tool::Query,
        &[
            "",
            "null",
            "[]",
            "{}",
            r#"{"model": "Order"} {}"#,
            r#"{"model": "Order", "model": "User"}"#,
            r#"{"model": null}"#,
            r#"{"model": 7}"#,
            r#"{"model": ""}"#,
            r#"{"model": "Order", "filter": []}"#,
            r#"{"model": "Order", "where": {}}"#,
            r#"{"model": "Order", "Limit": 3}"#,
            r#"{"model": "Order", "select": "id"}"#,
            r#"{"model": "Order", "select": [7]}"#,
            r#"{"model": "Order", "select": [["id"]]}"#,
            r#"{"model": "Order", "limit": 0}"#,
            r#"{"model": "Order", "limit": -1}"#,
            r#"{"model": "Order", "limit": 2.5}"#,
            r#"{"model": "Order", "limit": "20"}"#,
            r#"{"model": "Order", "limit": 18446744073709551616}"#,
            r#"{"model": "Order", "limit": NaN}"#,
            r#"{"model": "Order", "limit": 1e999}"#,
            r#"{"model": "Order", "with_total": "yes"}"#,
            r#"{"model": "Order", "cursor": 7}"#,
            r#"{"model": "Order", "cursor": {"id": 7}}"#,
            r#"{"model": "Order", "order": "id"}"#,
            r#"{"model": "Order", "order": ["id"]}"#,
            r#"{"model": "Order", "order": [{"field": "id", "direction": "descending"}]}"#,
            r#"{"model": "Order", "order": [{"field": "id", "direction": "des"}]}"#,
            r#"{"model": "Order", "order": [{"field": "id", "direction": "desc; DROP TABLE orders"}]}"#,
            r#"{"model": "Order", "order": [{"field": "id", "direction": 7}]}"#,
            r#"{"model": "Order", "order": [{"direction": "desc"}]}"#,
            r#"{"model": "Order", "include": [{"relation": "items", "filter": []}]}"#,
            r#"{"model": "Order", "include": [{"select": ["id"]}]}"#,
            r#"{"model": "Order", "include": [{"relation": "items", "include": [{"relation": 7}]}]}"#,
            r#"{"model": "Order", "include": [7]}"#,
            r#"{"model": "\ud800"}"#,
            "{\"model\": \"a\u{1}\"}",
        ],
    );
    assert_snapshot!(told);
}

#[test]
fn a_filter_that_could_widen_is_refused() {
    let told = refusals(
        Tool::Query,
        &[
            r#"{"model": "Order", "filters": null}"#,
            r#"{"model": "Order", "filters": {}}"#,
            r#"{"model": "Order", "filters": {"or": []}}"#,
            r#"{"model": "Order", "filters": [null]}"#,
            r#"{"model": "Order", "filters": [{}]}"#,
            r#"{"model": "Order", "filters": [[]]}"#,
            r#"{"model": "Order", "filters": [{"or": []}]}"#,
            r#"{"model": "Order", "filters": [{"and": []}]}"#,
            r#"{"model": "Order", "filters": [{"or": null}]}"#,
            r#"{"model": "Order", "filters": [{"and": {}}]}"#,
            r#"{"model": "Order", "filters": [{"or": [{}]}]}"#,
            r#"{"model": "Order", "filters": [{"not": {}}]}"#,
            r#"{"model": "Order", "filters": [{"not": null}]}"#,
            r#"{"model": "Order", "filters": [{"not": []}]}"#,
            r#"{"model": "Order", "filters": [{"not": {"and": []}}]}"#,
            r#"{"model": "Order", "filters": [{"and": [], "or": []}]}"#,
            r#"{"model": "Order", "filters": [{"or": [{"field": "id", "value": 1}], "field": "id"}]}"#,
            r#"{"model": "Order", "filters": [{"field": "status"}]}"#,
            r#"{"model": "Order", "filters": [{"field": null, "op": "eq", "value": 1}]}"#,
            r#"{"model": "Order", "filters": [{"field": "status", "op": null, "value": 1}]}"#,
            r#"{"model": "Order", "filters": [{"field": "status", "op": "equals", "value": 1}]}"#,
            r#"{"model": "Order", "filters": [{"field": "status", "op": "=", "value": 1}]}"#,
            r#"{"model": "Order", "filters": [{"field": "status", "op": "EQ", "value": 1}]}"#,
            r#"{"model": "Order", "filters": [{"field": "status", "op": "contain", "value": 1}]}"#,
            r#"{"model": "Order", "filters": [{"field": "status", "op": "regex", "value": ".*"}]}"#,
            r#"{"model": "Order", "filters": [{"field": "status", "op": ["eq"], "value": 1}]}"#,
            r#"{"model": "Order", "filters": [{"field": "status", "operator": "eq", "value": 1}]}"#,
            r#"{"model": "Order", "filters": [{"field": "status", "op": "eq", "value": 1, "value": 2}]}"#,
            r#"{"model": "Order", "filters": [{"status": "open"}]}"#,
            r#"{"model": "Order", "filters": [{"relation": "items", "match": "some"}]}"#,
            r#"{"model": "Order", "filters": [{"relation": "items", "match": "al"}]}"#,
            r#"{"model": "Order", "filters": [{"relation": "items", "match": 1}]}"#,
            r#"{"model": "Order", "filters": [{"relation": "items", "filters": null}]}"#,
            r#"{"model": "Order", "filters": [{"relation": "items", "filters": [{"or": []}]}]}"#,
        ],
    );
    assert_snapshot!(told);
}

#[test]
fn get_and_aggregate_are_read_as_strictly() {
    let told = refusals(
        Tool::Get,
        &[
            r#"{"model": "Order"}"#,
            r#"{"id": 7}"#,
            r#"{"model": "Order", "id": 7, "filters": []}"#,
            r#"{"model": "Order", "ids": [7]}"#,
        ],
    );
    assert_snapshot!(told);
    let told = refusals(
        Tool::Aggregate,
        &[
            r#"{"model": "Order"}"#,
            r#"{"model": "Order", "aggregations": [{"function": "median", "field": "total"}]}"#,
            r#"{"model": "Order", "aggregations": [{"function": "cuont"}]}"#,
            r#"{"model": "Order", "aggregations": [{"function": "sum"}]}"#,
            r#"{"model": "Order", "aggregations": [{"function": "sum", "field": null}]}"#,
            r#"{"model": "Order", "aggregations": [{"function": "count", "alias": ""}]}"#,
            r#"{"model": "Order", "aggregations": [{"function": "count"}], "groupby": ["status"]}"#,
            r#"{"model": "Order", "aggregations": [{"function": "count"}], "filters": null}"#,
            r#"{"model": "Order", "aggregations": "count"}"#,
        ],
    );
    assert_snapshot!(told);
    let told = refusals(Tool::DescribeSchema, &[r#"{"models": ["Order"]}"#, r#"{"model": ["Order"]}"#, "7"]);
    assert_snapshot!(told);
}

#[test]
fn an_unknown_tool_is_told_the_nearest() {
    let check = |name: &str, expected: &str| assert_eq!(told(&Tool::from_name(name).unwrap_err()), expected);
    check("querry", "VALIDATION_ERROR: there is no tool `querry`\n  hint: did you mean `query`?");
    check(
        "sql",
        "VALIDATION_ERROR: there is no tool `sql`\n  hint: known: aggregate, bulk_update, create, delete, describe_schema, get, query, update",
    );
    check(
        "Query\n\u{1b}[2J",
        "VALIDATION_ERROR: there is no tool `Query  [2J`\n  hint: known: aggregate, bulk_update, create, delete, describe_schema, get, query, update",
    );
}

/// Requests too long to print, each with what is said of it.
#[test]
fn nothing_unbounded_comes_through_the_door() {
    let nested = |open: &str, inner: &str, close: &str, depth: usize| {
        format!(r#"{{"model": "Order", "filters": [{}{inner}{}]}}"#, open.repeat(depth), close.repeat(depth))
    };
    let atom = r#"{"field": "id", "value": 1}"#;
    let ones = |count: usize| vec!["1"; count].join(",");
    let cases = [
        ("a text of 1 MB", format!(r#"{{"model": "{}"}}"#, "x".repeat(limits::REQUEST_BYTES))),
        ("a name of 200 bytes", format!(r#"{{"model": "{}"}}"#, "x".repeat(200))),
        ("an unknown key of 1,000 bytes", format!(r#"{{"{}": 1}}"#, "y".repeat(1_000))),
        ("an unknown operator of 1,000 bytes", {
            format!(
                r#"{{"model": "Order", "filters": [{{"field": "id", "op": "{}", "value": 1}}]}}"#,
                "z".repeat(1_000)
            )
        }),
        ("filters nested 1,000 deep in NOT", nested(r#"{"not": "#, atom, "}", 1_000)),
        ("filters nested 1,000 deep in OR", nested(r#"{"or": ["#, atom, "]}", 1_000)),
        ("100,000 brackets", "[".repeat(100_000)),
        ("100,000 braces", r#"{"a":"#.repeat(100_000)),
        ("a value nested 1,000 deep", {
            let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
            format!(r#"{{"model": "Order", "filters": [{{"field": "id", "value": {deep}}}]}}"#)
        }),
        ("200,000 selected fields", {
            format!(r#"{{"model": "Order", "select": [{}]}}"#, vec![r#""a""#; 200_000].join(","))
        }),
        ("10,001 filters", format!(r#"{{"model": "Order", "filters": [{}]}}"#, vec![atom; 10_001].join(","))),
        ("20,000 selected fields", {
            format!(r#"{{"model": "Order", "select": [{}]}}"#, vec![r#""a""#; 20_000].join(","))
        }),
        ("a cursor of 9,000 bytes", format!(r#"{{"model": "Order", "cursor": "{}"}}"#, "c".repeat(9_000))),
        ("20,000 includes", format!(r#"{{"model": "Order", "include": [{}]}}"#, ones(20_000))),
    ];
    let outcome = |request: &str| told(&Request::from_json(Tool::Query, request.as_bytes()).unwrap_err());
    let told = report(cases.iter().map(|(case, request)| (*case, outcome(request))));
    assert_snapshot!(told);
}

#[test]
fn a_document_that_was_parsed_elsewhere_is_bounded_as_well() {
    let deep = (0..100).fold(json!({"field": "id", "value": 1}), |inner, _| json!({"not": inner}));
    let request = json!({"model": "Order", "filters": [deep]});
    let error = Request::from_value(Tool::Query, &request).unwrap_err();
    assert_eq!(told(&error), "VALIDATION_ERROR: the request nests deeper than 64 levels");
    let wide = json!({"model": "Order", "filters": vec![Json::Null; 200_000]});
    let error = Request::from_value(Tool::Query, &wide).unwrap_err();
    assert_eq!(error.message, "a list has at most 10000 items");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    for bytes in [&b"\xff\xfe"[..], b"{\"model\": \"\xc3\x28\"}", b"\x00", b"{\"model\": \"\xed\xa0\x80\"}"] {
        let error = Request::from_json(Tool::Query, bytes).unwrap_err();
        assert_eq!(error.code.as_str(), "VALIDATION_ERROR", "{bytes:?}");
    }
}

#[test]
fn a_twin_is_read_as_its_operator() {
    let read = |word: &str| {
        let request = json!({"model": "Order", "filters": [{"field": "status", "op": word, "value": "a"}]});
        match Request::from_value(Tool::Query, &request).unwrap() {
            Request::Query(query) => match &query.filters[..] {
                [Filter::Field { op, .. }] => *op,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(read("neq"), Operator::Ne);
    assert_eq!(read("startswith"), Operator::StartsWith);
    assert_eq!(read("endswith"), Operator::EndsWith);
    for op in Operator::ALL {
        assert_eq!(read(op.as_str()), *op);
    }
}

#[test]
fn what_is_left_out_has_its_usual_meaning() {
    let read = |json: Json| Request::from_value(Tool::Query, &json).unwrap();
    let bare = Request::from(Query::model("Order"));
    assert_eq!(read(json!({"model": "Order"})), bare);
    // Null where nothing could be widened by it.
    assert_eq!(
        read(json!({"model": "Order", "select": null, "order": null, "include": null, "limit": null, "cursor": null,
                    "with_total": null, "filters": []})),
        bare
    );
    assert_eq!(
        read(json!({"model": "Order", "filters": [{"field": "id", "value": 7}], "include": ["user"],
                    "order": [{"field": "id"}]})),
        Query::model("Order").filter(field("id").eq(7)).include(Include::relation("user")).order_asc("id").into()
    );
    assert_eq!(
        read(json!({"model": "Order", "filters": [{"relation": "items"}]})),
        Query::model("Order").filter(relation("items").any([])).into()
    );
}

/// Names that are open, hidden, masked, mistyped and made up.
pub(crate) fn name() -> impl Strategy<Value = String> {
    let open = ["id", "status", "total", "items", "user", "name", "email", "note", "orders", "User", "Member"];
    let hidden = ["margin", "audits", "Secret", "password", "secrets", "ssn", "token", "tenant_id"];
    let mistyped = ["margn", "audit", "Secrt", "pasword", "secret", "statsu", "itmes", "Usr", "tennant_id"];
    prop_oneof![
        6 => select(open.to_vec()).prop_map(str::to_owned),
        1 => select(hidden.to_vec()).prop_map(str::to_owned),
        1 => select(mistyped.to_vec()).prop_map(str::to_owned),
        1 => "[^\0]{1,12}",
    ]
}

pub(crate) fn value() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_filter("JSON knows no such number", |float| float.is_finite()).prop_map(Json::from),
        any::<String>().prop_map(Json::from),
        prop::collection::vec(any::<i32>().prop_map(Json::from), 0..4).prop_map(Json::from),
        Just(json!({"$ne": null})),
    ]
}

pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    let leaf = (name(), select(Operator::ALL.to_vec()), value())
        .prop_map(|(name, op, value)| filter_of(&json!({"field": name, "op": op.as_str(), "value": value})));
    leaf.prop_recursive(3, 12, 3, |inner| {
        let some = prop::collection::vec(inner.clone(), 1..3);
        let matching = select(vec![Match::Any, Match::All, Match::None]);
        prop_oneof![
            some.clone().prop_map(|and| Filter::And { and }),
            some.prop_map(|or| Filter::Or { or }),
            inner.clone().prop_map(|not| Filter::Not { not: Box::new(not) }),
            (name(), matching, prop::collection::vec(inner, 0..3)).prop_map(
                |(name, matching, filters)| match matching {
                    Match::Any => relation(name).any(filters),
                    Match::All => relation(name).all(filters),
                    Match::None => relation(name).none(filters),
                }
            ),
        ]
    })
}

fn filter_of(json: &Json) -> Filter {
    match Request::from_value(Tool::Query, &json!({"model": "Order", "filters": [json]})) {
        Ok(Request::Query(mut query)) => query.filters.remove(0),
        other => panic!("{other:?}"),
    }
}

fn include() -> impl Strategy<Value = Include> {
    let one = (name(), prop::option::of(prop::collection::vec(name(), 0..3)), prop::option::of(1..2_000_u64)).prop_map(
        |(name, select, limit)| {
            let mut include = Include::relation(name).order_desc("id");
            (include.select, include.limit) = (select, limit);
            include
        },
    );
    (one, prop::collection::vec(filter(), 0..2))
        .prop_recursive(3, 6, 2, |inner| {
            (inner.clone(), prop::collection::vec(inner, 0..2)).prop_map(|((outer, filters), inner)| {
                (inner.into_iter().fold(outer, |outer, (include, _)| outer.include(include)), filters)
            })
        })
        .prop_map(|(include, filters)| filters.into_iter().fold(include, Include::filter))
}

pub(crate) fn any_request() -> impl Strategy<Value = Request> {
    let select = || prop::option::of(prop::collection::vec(name(), 0..4));
    let includes = || prop::collection::vec(include(), 0..3);
    let filters = || prop::collection::vec(filter(), 0..3);
    let order = || prop::collection::vec((name(), any::<bool>()), 0..3);
    let query = (
        name(),
        filters(),
        select(),
        order(),
        includes(),
        prop::option::of(1..2_000_u64),
        any::<bool>(),
        prop::option::of("[A-Za-z0-9_-]{0,40}"),
    )
        .prop_map(|(model, filters, select, order, include, limit, with_total, cursor)| {
            let model =
                if model.starts_with(|first: char| first.is_ascii_uppercase()) { model } else { "Order".to_owned() };
            let mut query = filters.into_iter().fold(Query::model(model), Query::filter);
            for (name, descending) in order {
                query = if descending { query.order_desc(name) } else { query.order_asc(name) };
            }
            (query.select, query.include, query.limit) = (select, include, limit);
            (query.with_total, query.cursor) = (with_total, cursor);
            Request::from(query)
        });
    let get = (value(), select(), includes()).prop_map(|(id, select, include)| {
        let mut get = Get::model("Order", id);
        (get.select, get.include) = (select, include);
        Request::from(get)
    });
    let aggregate =
        (name(), name(), filters(), prop::collection::vec(name(), 0..2)).prop_map(|(over, alias, filters, groups)| {
            let aggregate = Aggregate::model("Order").count("n").sum(over, alias.clone()).group_by(groups);
            Request::from(filters.into_iter().fold(aggregate, Aggregate::filter).order_desc(alias))
        });
    prop_oneof![4 => query, 1 => get, 1 => aggregate]
}

/// A request as a caller writes it.
fn written(request: &Request) -> Json {
    match request {
        Request::Query(query) => json!(query),
        Request::Get(get) => json!(get),
        Request::Aggregate(aggregate) => json!(aggregate),
        other => panic!("{other:?}"),
    }
}

/// Puts something else at one place of a document.
fn replaced(json: &mut Json, at: &mut usize, with: &Json) {
    if *at == 0 {
        *json = with.clone();
    }
    *at = at.wrapping_sub(1);
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| replaced(item, at, with)),
        Json::Object(entries) => entries.values_mut().for_each(|value| replaced(value, at, with)),
        _ => {}
    }
}

fn tool() -> impl Strategy<Value = Tool> {
    select(Tool::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(tool in tool(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Request::from_json(tool, &bytes);
    }

    #[test]
    fn a_request_is_written_as_it_is_read(request in any_request()) {
        let text = serde_json::to_vec(&written(&request)).unwrap();
        prop_assert_eq!(Request::from_json(request.tool(), &text), Ok(request));
    }

    #[test]
    fn a_request_with_damage_is_read_or_refused_and_never_widened_into_a_panic(
        request in any_request(), at in any::<Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut text = serde_json::to_vec(&written(&request)).unwrap();
        let at = at.index(text.len());
        if cut { _ = text.remove(at) } else { text[at] = byte }
        if let Ok(read) = Request::from_json(request.tool(), &text) {
            let _ = World::new(POLICY).plan(read, acme());
        }
    }

    #[test]
    fn a_request_with_something_else_in_it_is_decided_or_refused(
        request in any_request(), at in 0..40_usize, other in value(),
    ) {
        let mut json = written(&request);
        replaced(&mut json, &mut at.clone(), &other);
        if let Ok(read) = Request::from_value(request.tool(), &json) {
            let _ = World::new(POLICY).plan(read, acme());
        }
    }
}

#[test]
fn a_direction_is_one_of_two() {
    let Request::Query(query) =
        Request::from_json(Tool::Query, br#"{"model": "A", "order": [{"field": "b", "direction": "desc"}]}"#).unwrap()
    else {
        panic!("not a query")
    };
    assert_eq!(query.order.iter().map(|key| key.direction).collect::<Vec<_>>(), [Direction::Desc]);
}
