//! Names, values and limits: what is asked, held against what is open.

use std::sync::atomic::{AtomicUsize, Ordering};

use insta::assert_snapshot;
use ormai_core::error::ErrorCode;
use ormai_core::request::{Aggregate, Filter, Get, Include, Query, Request, Tool, field, relation};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value as Json, json};

use crate::request::any_request;
use crate::world::{POLICY, World, acme, catalog, report, told};

/// The policy with what is hidden denied in so many words.
fn denying() -> String {
    let denied = [
        ("fields:\n      id: allow\n", "fields:\n      password: deny\n      id: allow\n"),
        ("{id: allow, organization_id", "{margin: deny, id: allow, organization_id"),
        ("      items: {allowed: true}", "      audits: {allowed: false}\n      items: {allowed: true}"),
    ];
    let policy = denied.iter().fold(POLICY.to_owned(), |policy, (from, to)| {
        assert!(policy.contains(from), "{from}");
        policy.replacen(from, to, 1)
    });
    format!("{policy}  Secret:\n    allowed: false\n    fields: {{id: allow}}\n    scoping: {{}}\n")
}

/// A request that uses a name in one way.
type Ask<'a> = &'a dyn Fn(&str) -> Request;

/// One name in one place, so that what is open is met as often as what is not.
fn plain_request() -> impl Strategy<Value = Request> {
    let names = ["id", "status", "total", "name", "items", "user", "orders", "margin", "password", "audits", "Secret"];
    (prop::sample::select(vec!["Order", "User", "Secret"]), prop::sample::select(names.to_vec()), 0..6).prop_map(
        |(model, name, place)| match place {
            0 => Query::model(model).select([name]).into(),
            1 => Query::model(model).order_desc(name).into(),
            2 => Query::model(model).filter(field(name).is_null(false)).into(),
            3 => Query::model(model).include(Include::relation(name)).into(),
            4 => Query::model(model).filter(relation(name).none([])).into(),
            _ => Aggregate::model(model).count("n").group_by([name]).into(),
        },
    )
}

#[test]
fn what_is_hidden_is_as_if_it_were_not_there() {
    const CASES: u32 = 2_048;
    let unmentioned = World::over(catalog(true), POLICY);
    let denied = World::over(catalog(true), &denying());
    let absent = World::over(catalog(false), POLICY);
    let outcome = |world: &World, request: Request| match world.plan(request, acme()) {
        Ok(plan) => format!("{:?}", plan.root()),
        Err(error) => json!(error).to_string(),
    };
    let (planned, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let requests = prop_oneof![any_request(), plain_request()];
    let law = runner.run(&requests, |request| {
        let there = outcome(&absent, request.clone());
        prop_assert_eq!(&outcome(&unmentioned, request.clone()), &there);
        prop_assert_eq!(&outcome(&denied, request), &there);
        let counter = if there.starts_with('{') { &refused } else { &planned };
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    law.unwrap_or_else(|failure| panic!("{failure}"));
    let (planned, refused) = (planned.into_inner(), refused.into_inner());
    assert!(planned * 20 > CASES as usize && refused > planned, "{planned} requests are planned and {refused} refused");
}

#[test]
fn unknown_and_forbidden_names_are_told_the_same() {
    let world = World::over(catalog(true), &denying());
    let check = |of: Ask<'_>, forbidden: &str, unknown: &str| {
        let refusal = |name: &str| world.plan(of(name), acme()).map(|plan| plan.includes()).unwrap_err();
        let (forbidden, unknown) =
            (told(&refusal(forbidden)).replace(forbidden, "…"), told(&refusal(unknown)).replace(unknown, "…"));
        assert_eq!(forbidden, unknown);
    };
    let order = || Query::model("Order");
    let fields: [Ask<'_>; 9] = [
        &|name| order().select([name]).into(),
        &|name| order().order_asc(name).into(),
        &|name| order().filter(field(name).eq(1)).into(),
        &|name| order().filter(relation("items").any([relation("order").any([field(name).is_null(true)])])).into(),
        &|name| order().filter(Filter::Not { not: Box::new(field(name).gt("nonsense")) }).into(),
        &|name| Get::model("Order", 7).select([name]).into(),
        &|name| Aggregate::model("Order").sum(name, "s").into(),
        &|name| Aggregate::model("Order").count("n").group_by([name]).into(),
        &|name| Query::model("OrderItem").include(Include::relation("order").select([name])).into(),
    ];
    for of in fields {
        check(of, "margin", "zzzzzz");
        check(of, "tenant_id", "zzzzzzzzz");
    }
    check(&|name| order().include(Include::relation(name)).into(), "audits", "zzzzzz");
    check(&|name| order().filter(relation(name).any([])).into(), "audits", "zzzzzz");
    check(&|name| Query::model(name).into(), "Secret", "Zzzzzz");
    check(&|name| Get::model(name, 7).into(), "Secret", "Zzzzzz");
    check(&|name| Aggregate::model(name).count("n").into(), "Secret", "Zzzzzz");
    // A relation opens some fields of its target, and no others.
    check(&|name| order().include(Include::relation("user").select([name])).into(), "phone", "zzzzz");
    check(&|name| order().filter(relation("user").any([field(name).eq("x")])).into(), "phone", "zzzzz");
}

#[test]
fn what_is_not_shown_as_it_is_can_only_be_selected() {
    let world = World::new(POLICY);
    let uses: [(&str, Ask<'_>); 17] = [
        ("select", &|name| Query::model("User").select([name]).into()),
        ("eq", &|name| Query::model("User").filter(field(name).eq("x")).into()),
        ("in", &|name| Query::model("User").filter(field(name).is_in(["x"])).into()),
        ("ne", &|name| Query::model("User").filter(field(name).ne("x")).into()),
        ("not_in", &|name| Query::model("User").filter(field(name).not_in(["x"])).into()),
        ("lt", &|name| Query::model("User").filter(field(name).lt("x")).into()),
        ("gte", &|name| Query::model("User").filter(field(name).gte("x")).into()),
        ("between", &|name| Query::model("User").filter(field(name).between("a", "x")).into()),
        ("contains", &|name| Query::model("User").filter(field(name).contains("x")).into()),
        ("starts_with", &|name| Query::model("User").filter(field(name).starts_with("x")).into()),
        ("ends_with", &|name| Query::model("User").filter(field(name).ends_with("x")).into()),
        ("is_null", &|name| Query::model("User").filter(field(name).is_null(true)).into()),
        ("order", &|name| Query::model("User").order_asc(name).into()),
        ("group_by", &|name| Aggregate::model("User").count("n").group_by([name]).into()),
        ("min", &|name| Aggregate::model("User").min(name, "m").into()),
        ("count", &|name| {
            Request::from_value(
                Tool::Aggregate,
                &json!({"model": "User", "aggregations": [{"function": "count", "field": name}]}),
            )
            .unwrap()
        }),
        ("through a relation", &|name| {
            Query::model("Tenant").filter(relation("users").any([field(name).starts_with("x")])).into()
        }),
    ];
    let open_for = |name: &str| -> Vec<&str> {
        uses.iter()
            .filter(|(_, of)| match world.plan(of(name), acme()) {
                Ok(_) => true,
                Err(error) => {
                    assert_eq!(error.code, ErrorCode::FieldNotAllowed, "{error}");
                    false
                }
            })
            .map(|(way, _)| *way)
            .collect()
    };
    for hidden in ["email", "ssn", "token", "remarks"] {
        assert_eq!(open_for(hidden), ["select"], "{hidden}");
    }
    // `filter: equality` opens equality, and no way to find a value letter by letter.
    assert_eq!(open_for("phone"), ["select", "eq", "in"]);
    assert_eq!(open_for("password"), [""; 0]);
    assert_eq!(open_for("name").len(), uses.len());
}

#[test]
fn a_value_that_does_not_fit_is_told_what_would() {
    let world = World::new(POLICY);
    let cases = [
        json!({"field": "id", "op": "eq", "value": "7"}),
        json!({"field": "id", "op": "eq", "value": 7.5}),
        json!({"field": "id", "op": "eq", "value": 1e30}),
        json!({"field": "id", "op": "eq", "value": [7]}),
        json!({"field": "id", "op": "eq", "value": {"$gt": 0}}),
        json!({"field": "id", "op": "eq", "value": null}),
        json!({"field": "id", "op": "ne", "value": null}),
        json!({"field": "id", "op": "in", "value": 7}),
        json!({"field": "id", "op": "in", "value": [7, null]}),
        json!({"field": "id", "op": "in", "value": ["7"]}),
        json!({"field": "id", "op": "is_null", "value": "yes"}),
        json!({"field": "id", "op": "is_null", "value": null}),
        json!({"field": "id", "op": "between", "value": [1]}),
        json!({"field": "id", "op": "between", "value": [1, 2, 3]}),
        json!({"field": "id", "op": "between", "value": {"low": 1}}),
        json!({"field": "id", "op": "contains", "value": "7"}),
        json!({"field": "status", "op": "eq", "value": 7}),
        json!({"field": "status", "op": "eq", "value": "a\u{0}b"}),
        json!({"field": "status", "op": "contains", "value": 7}),
        json!({"field": "status", "op": "contains", "value": "\u{0}"}),
        json!({"field": "code", "op": "eq", "value": "a "}),
        json!({"field": "kind", "op": "eq", "value": "Draft"}),
        json!({"field": "kind", "op": "starts_with", "value": "d"}),
        json!({"field": "paid", "op": "eq", "value": 1}),
        json!({"field": "paid", "op": "eq", "value": "true"}),
        json!({"field": "priority", "op": "eq", "value": 40_000}),
        json!({"field": "total", "op": "eq", "value": "12,50"}),
        json!({"field": "total", "op": "eq", "value": 1e20}),
        json!({"field": "total", "op": "eq", "value": "1e999999999"}),
        json!({"field": "weight", "op": "eq", "value": "NaN"}),
        json!({"field": "created_at", "op": "gte", "value": "2024-05-01"}),
        json!({"field": "created_at", "op": "gte", "value": "2024-05-01T12:00:00"}),
        json!({"field": "created_at", "op": "gte", "value": 1_714_564_800}),
        json!({"field": "created_at", "op": "gte", "value": "99999-01-01T00:00:00Z"}),
        json!({"field": "due", "op": "eq", "value": "2024-02-30"}),
        json!({"field": "digest", "op": "eq", "value": "***"}),
        json!({"field": "digest", "op": "lt", "value": "AP8="}),
        json!({"field": "details", "op": "eq", "value": {}}),
        json!({"field": "details", "op": "contains", "value": "a"}),
        json!({"field": "user", "op": "eq", "value": "u1"}),
    ];
    let texts: Vec<String> = cases.iter().map(Json::to_string).collect();
    let outcome =
        |filter: &Json| told(&world.refusal(Tool::Query, &json!({"model": "Order", "filters": [filter]}).to_string()));
    let told = report(texts.iter().zip(&cases).map(|(text, filter)| (text.as_str(), outcome(filter))));
    assert_snapshot!(told);
}

#[test]
fn a_key_is_given_whole() {
    let world = World::new(POLICY);
    let cases = [
        r#"{"model": "Order", "id": "7"}"#,
        r#"{"model": "Order", "id": null}"#,
        r#"{"model": "Order", "id": [7]}"#,
        r#"{"model": "Order", "id": {"id": 7, "tenant_id": "globex"}}"#,
        r#"{"model": "Order", "id": {"$ne": null}}"#,
        r#"{"model": "Member", "id": 7}"#,
        r#"{"model": "Member", "id": {"number": 7}}"#,
        r#"{"model": "Member", "id": {"number": 7, "tenant_id": null}}"#,
        r#"{"model": "Member", "id": {"number": "7", "tenant_id": "acme"}}"#,
        r#"{"model": "Member", "id": {"number": 7, "tenant_id": "acme", "name": "x"}}"#,
        r#"{"model": "Event", "id": 7}"#,
        r#"{"model": "Order", "id": 7, "select": []}"#,
    ];
    let told = report(cases.iter().map(|case| (*case, told(&world.refusal(Tool::Get, case)))));
    assert_snapshot!(told);
    let filter = |get: Get| world.plan(get, acme()).unwrap().root().show_filter(world.catalog());
    assert_eq!(filter(Get::model("Order", 7)), "id = 7");
    assert_eq!(filter(Get::model("Order", json!({"id": 7}))), "id = 7");
    // Beside the scope, not in its place.
    let key = json!({"number": 7, "tenant_id": "globex"});
    assert_eq!(filter(Get::model("Member", key)), "tenant_id = 'globex' AND number = 7");
}

const TIGHT: &str = "
budget: {max_rows: 10, max_include_depth: 2, max_selected_fields: 4, max_complexity_score: 1000, max_list_length: 3, max_filter_depth: 3}
models:
  User:
    fields: {id: allow, name: allow}
    relations: {orders: {allowed: true}}
    scoping: {tenant_id: principal.tenant_id}
  Order:
    fields: {id: allow, status: allow, total: allow}
    relations: {user: {allowed: true, max_depth: 1}, items: {allowed: true}}
    scoping: {tenant_id: principal.tenant_id}
    aggregations: {count: true, sum: [total]}
  OrderItem:
    fields: {id: allow, sku: allow, price: allow}
    relations: {order: {allowed: true}}
    scoping: {tenant_id: principal.tenant_id}
    budget: {max_rows: 5}
";

#[test]
fn a_limit_may_be_reached_and_not_passed() {
    let world = World::new(TIGHT);
    let order = || Query::model("Order").select(["id"]);
    let items = |limit: u64| Include::relation("items").select(["id"]).limit(limit);
    let statuses = |count: usize| field("status").is_in(vec!["x"; count]);
    let nots = |count: usize| (1..count).fold(field("id").eq(1), |inner, _| Filter::Not { not: Box::new(inner) });
    let deeper = |levels: usize| {
        let names = ["items", "order", "items"];
        names.iter().take(levels).rev().fold(None, |inner: Option<Include>, name| {
            let include = Include::relation(*name).select(["id"]).limit(1);
            Some(match inner {
                Some(inner) => include.include(inner),
                None => include,
            })
        })
    };
    let over = |at: Request, over: Request, expected: &str| {
        if let Err(error) = world.plan(at.clone(), acme()) {
            panic!("{at:?} is refused: {error}");
        }
        let error = world.plan(over, acme()).unwrap_err();
        assert_eq!(error.code, ErrorCode::QueryBudgetExceeded, "{error}");
        assert_eq!(format!("{} at {}", error.message, error.details["path"]), expected);
    };
    over(order().limit(10).into(), order().limit(11).into(), "11 rows are more than the 10 allowed at \"limit\"");
    over(
        order().include(items(5)).into(),
        order().include(items(6)).into(),
        "6 rows are more than the 5 allowed at \"include[0].limit\"",
    );
    let wide =
        |items: &[&str]| order().select(["id", "total"]).include(Include::relation("items").select(items.to_vec()));
    over(
        wide(&["id", "sku"]).into(),
        wide(&["id", "sku", "price"]).into(),
        "5 selected fields are more than the 4 allowed at \"include[0].select\"",
    );
    over(
        order().filter(statuses(3)).into(),
        order().filter(statuses(4)).into(),
        "4 values in a list are more than the 3 allowed at \"filters[0]\"",
    );
    over(
        order().filter(nots(3)).into(),
        order().filter(nots(4)).into(),
        "4 levels of filters are more than the 3 allowed at \"filters[0].not.not.not\"",
    );
    over(
        order().include(deeper(2).unwrap()).into(),
        order().include(deeper(3).unwrap()).into(),
        "3 levels of relations are more than the 2 allowed at \"include[0].include[0].include[0]\"",
    );
    // A relation may allow less than the budget does.
    let user = |item: bool| {
        let user = Include::relation("user").select(["id"]);
        if item {
            Query::model("OrderItem").select(["id"]).include(Include::relation("order").select(["id"]).include(user))
        } else {
            order().include(user)
        }
    };
    over(
        user(false).into(),
        user(true).into(),
        "2 levels of relations are more than the 1 allowed at \"include[0].include[0]\"",
    );
    let related = |levels: usize| {
        ["items", "order", "items"]
            .iter()
            .take(levels)
            .rev()
            .fold(None, |inner: Option<Filter>, name| Some(relation(*name).any(inner)))
    };
    over(
        order().filter(related(2).unwrap()).into(),
        order().filter(related(3).unwrap()).into(),
        "3 levels of relations are more than the 2 allowed at \"filters[0].filters[0].filters[0]\"",
    );
    let figures = |count: usize| (0..count).fold(Aggregate::model("Order"), |sum, n| sum.count(format!("n{n}")));
    over(
        figures(4).into(),
        figures(4).group_by(["status"]).into(),
        "5 selected fields are more than the 4 allowed at \"aggregations\"",
    );
    over(figures(1).limit(10).into(), figures(1).limit(11).into(), "11 rows are more than the 10 allowed at \"limit\"");
}

#[test]
fn a_limit_that_is_not_given_is_the_smaller_of_fifty_and_the_budget() {
    let limit = |policy: &str| {
        let plan = World::new(policy).plan(Query::model("Order").select(["id"]), acme()).unwrap();
        plan.root().binds().last().cloned()
    };
    // One more than the page shows, to know whether there is more.
    assert_eq!(limit(TIGHT), Some(11.into()));
    assert_eq!(limit(&TIGHT.replace("max_rows: 10,", "max_rows: 200,")), Some(51.into()));
}

#[test]
fn what_would_cost_without_bound_is_refused() {
    let world = World::new(POLICY);
    let check = |why: &str, request: Request, code: ErrorCode| {
        let error = world.plan(request, acme()).unwrap_err();
        assert_eq!(error.code, code, "{why}: {error}");
    };
    let order = || Query::model("Order");
    let many = |count: usize| field("id").is_in(vec![1; count]);
    for count in [0, 1, 11, 1_000] {
        assert!(world.plan(order().filter(many(count)), acme()).is_ok(), "{count} values");
    }
    check("a list of 200,000", order().filter(many(200_000)).into(), ErrorCode::QueryBudgetExceeded);
    let filters = (0..5_000).fold(order(), |query, _| query.filter(field("id").gt(0)));
    check("5,000 filters", filters.into(), ErrorCode::QueryTooBroad);
    check("10,000 fields", order().select(vec!["id"; 10_000]).into(), ErrorCode::QueryBudgetExceeded);
    let nested = (0..1_000).fold(field("id").gt(0), |inner, _| Filter::Not { not: Box::new(inner) });
    check("1,000 deep", order().filter(nested).into(), ErrorCode::QueryBudgetExceeded);
    let cycle = (0..51).fold(Include::relation("order"), |inner, level| {
        Include::relation(if level % 2 == 0 { "items" } else { "order" }).limit(1).include(inner)
    });
    check("an include cycle", order().include(cycle).into(), ErrorCode::QueryBudgetExceeded);
    let wide = Include::relation("items").limit(1_000).include(Include::relation("order"));
    check("a million rows to follow", order().limit(1_000).include(wide).into(), ErrorCode::QueryTooBroad);
}

#[test]
fn a_name_stands_once_where_it_names_something() {
    let world = World::new(POLICY);
    let check = |request: Request, expected: &str| {
        let error = world.plan(request, acme()).unwrap_err();
        assert_eq!(format!("{}: {}", error.code, error.message), expected);
    };
    let order = || Query::model("Order");
    check(order().order_asc("id").order_desc("id").into(), "VALIDATION_ERROR: `id` stands twice in `order`");
    let twice = order().include(Include::relation("user")).include(Include::relation("user"));
    check(twice.into(), "VALIDATION_ERROR: `user` stands twice in `include`");
    let count = || Aggregate::model("Order").count("n");
    check(count().count("n").into(), "VALIDATION_ERROR: the name `n` stands twice in the answer");
    check(count().group_by(["status", "status"]).into(), "VALIDATION_ERROR: `status` stands twice in `group_by`");
    let taken = Aggregate::model("Order").count("status").group_by(["status"]);
    check(taken.into(), "VALIDATION_ERROR: the name `status` stands twice in the answer");
    check(count().order_desc("total").into(), "VALIDATION_ERROR: `total` is neither a group field nor an alias");
    check(count().group_by(["digest"]).into(), "VALIDATION_ERROR: `digest` makes no groups: it is bytes");
    check(order().order_asc("details").into(), "VALIDATION_ERROR: `details` has no order: it is json");
    check(
        Aggregate::model("Order").avg("total", "a").into(),
        "AGGREGATION_NOT_ALLOWED: `avg` is not open on this field of `Order`",
    );
    check(
        Aggregate::model("OrderItem").count("n").into(),
        "AGGREGATION_NOT_ALLOWED: `OrderItem` has no aggregations for you",
    );
    check(Aggregate::model("Order").into(), "VALIDATION_ERROR: `aggregations` needs at least one figure");
    // Selected twice is selected once.
    assert!(world.plan(order().select(["id", "id"]), acme()).is_ok());
}
