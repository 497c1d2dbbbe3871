//! What an audit record tells of a call: its inputs, what was decided, and what was written.

use ormai_core::audited::{Decided, HIDDEN, inputs, limits, unread};
use ormai_core::error::Result;
use ormai_core::principal::Principal;
use ormai_core::request::{Create, Filter, Include, Query, Request, Tool, Update, field, relation};
use serde_json::{Value as Json, json};

use crate::world::{POLICY, World, acme, call, report};

mod laws;
mod snapshots;

fn told(world: &World, roles: &[&str], request: impl Into<Request>) -> Json {
    let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
    inputs(&request.into(), world.catalog(), &world.policy.view(&roles))
}

fn told_json(tool: Tool, arguments: &Json) -> Json {
    told(&World::new(POLICY), &[], Request::from_value(tool, arguments).unwrap())
}

fn pretty(json: &Json) -> String {
    serde_json::to_string_pretty(json).unwrap()
}

#[test]
fn inputs_have_the_shape_of_the_request_without_the_values_of_hidden_fields() {
    let query = json!({
        "model": "Order",
        "filters": [
            {"field": "status", "op": "eq", "value": "pending"},
            {"or": [{"field": "total", "op": "between", "value": [1, 2]},
                    {"not": {"field": "tenant_id", "op": "in", "value": ["globex"]}}]},
            {"field": "margin", "op": "lt", "value": 7},
            {"field": "card", "value": "4242"},
            {"relation": "user", "match": "none", "filters": [
                {"field": "name", "value": "Ada"}, {"field": "email", "value": "ada@example.com"},
                {"field": "phone", "value": "555"}]},
            {"relation": "audits", "filters": [{"field": "id", "value": 3}]}],
        "select": ["id", "status"],
        "order": [{"field": "created_at", "direction": "desc"}],
        "include": [{"relation": "items", "filters": [{"field": "sku", "op": "starts_with", "value": "A-"}], "limit": 5,
                     "include": ["order"]}],
        "limit": 20, "cursor": "abc", "with_total": true,
    });
    let aggregate = json!({
        "model": "Order", "aggregations": [{"function": "sum", "field": "total", "alias": "revenue"}],
        "filters": [{"field": "paid", "value": true}], "group_by": ["status"],
        "order": [{"field": "revenue", "direction": "desc"}],
    });
    let create = json!({
        "model": "User", "data": {"name": "Ada", "email": "ada@example.com", "ssn": null, "token": "t", "nix": {"a": 1}},
        "reason": "asked for", "idempotency_key": "k-1", "dry_run": true,
    });
    let by_ids =
        json!({"model": "Member", "ids": [7, {"tenant_id": "acme", "number": 7, "nix": 1}], "data": {"name": "x"}});
    let unknown = json!({"model": "Secret", "id": 7, "data": {"id": 8}});
    let cases = [
        ("query", Tool::Query, query),
        ("get", Tool::Get, json!({"model": "Order", "id": 7})),
        ("aggregate", Tool::Aggregate, aggregate),
        ("create", Tool::Create, create),
        ("bulk_update", Tool::BulkUpdate, by_ids),
        ("update of a model that is not open", Tool::Update, unknown),
        ("delete", Tool::Delete, json!({"model": "Tenant", "id": {"id": "acme"}})),
        ("describe_schema", Tool::DescribeSchema, json!({})),
    ];
    let told = cases.map(|(case, tool, arguments)| (case, pretty(&told_json(tool, &arguments))));
    insta::assert_snapshot!(report(told));
    assert_eq!(unread(40), json!({"unread": true, "bytes": 40}));
}

#[test]
fn what_is_hidden_goes_by_the_roles_that_decide() {
    let world = World::new(
        "
models:
  User:
    fields: {id: allow, name: allow, email: mask}
    scoping: {tenant_id: principal.tenant_id}
    roles:
      support: {fields: {name: deny}}
      auditor: {grants: true, fields: {email: allow}}
",
    );
    let seen = |roles: &[&str], name: &str| {
        let told = told(&world, roles, Query::model("User").filter(field(name).eq("value")));
        told["filters"][0]["value"] == "value"
    };
    assert_eq!([seen(&[], "name"), seen(&["support"], "name"), seen(&["auditor"], "name")], [true, false, true]);
    assert_eq!([seen(&[], "email"), seen(&["support"], "email"), seen(&["auditor"], "email")], [false, false, true]);
}

#[test]
fn inputs_cannot_grow_without_end() {
    let world = World::new(POLICY);
    let long = "é".repeat(600);
    let told_of =
        |filter: Filter| told(&world, &[], Query::model("Order").filter(filter))["filters"][0]["value"].clone();
    assert_eq!(told_of(field("note").eq(long.as_str())), json!(format!("{}…[+176 bytes]", "é".repeat(512))));
    let many = told_of(field("id").is_in(0..250));
    assert_eq!((many.as_array().map(Vec::len), &many[99], &many[100]), (Some(101), &json!(99), &json!("[+150 items]")));
    assert_eq!(told_of(field("id").is_in(0..100)).as_array().map(Vec::len), Some(100));
    // Names come from whoever asks.
    let name = "n".repeat(4_000);
    let unknown = told(&world, &[], Create::new(&name).set(&name, 1));
    let cut = format!("{}…[+3872 bytes]", "n".repeat(limits::NAME_BYTES));
    assert_eq!(unknown, json!({"model": cut, "data": {&cut: HIDDEN}}));
    // All of it together.
    let wide = |filters: usize| {
        (0..filters).fold(Query::model("Order"), |query, _| query.filter(field("note").eq("\u{1}".repeat(1_000))))
    };
    let fits = told(&world, &[], wide(10)).to_string().len();
    assert!((60_000..=limits::BYTES).contains(&fits), "{fits}");
    assert_eq!(told(&world, &[], wide(11)), json!({"model": "Order", "oversize": true}));
    // Deeper than anything that is read.
    let deep = (0..2_000).fold(field("id").eq(1), |filter, _| Filter::Not { not: Box::new(filter) });
    assert!(told(&world, &[], Query::model("Order").filter(deep)).to_string().contains(HIDDEN));
    let document = (0..100).fold(json!(1), |inner, _| json!([inner]));
    assert!(told(&world, &[], Update::new("Order", 1).set("details", document)).to_string().len() < 300);
}

const RULES: &str = "
budget: {max_complexity_score: 1000}
models:
  Tenant: {fields: {id: allow, name: allow}, relations: {users: {allowed: true}}, scoping: {id: principal.tenant_id}}
  User:
    fields: {id: allow, name: allow, email: mask, ssn: redact, token: hash}
    relations: {orders: {allowed: true}}
    scoping: {tenant_id: principal.tenant_id}
    row_policies:
      - {name: staff, condition: \"'staff' IN principal.roles\", bypass: true}
  Order:
    fields: {id: allow, status: allow, user_id: allow, note: mask}
    relations: {user: {allowed: true}, items: {allowed: true}}
    scoping: {tenant_id: principal.tenant_id, organization_id: principal.metadata.org}
    row_policies:
      - {name: parents, condition: tenant_id IN principal.metadata.parents}
      - {name: also, condition: tenant_id = principal.metadata.also, effect: permit}
      - {name: open, condition: status != 'draft'}
      - {name: admin, condition: \"'admin' IN principal.roles\", bypass: true}
    aggregations: {count: true}
    write_policy: {create: allow, update: allow}
  OrderItem:
    fields: {id: allow, price: redact}
    scoping: {tenant_id: principal.tenant_id}
";

fn decided(request: impl Into<Request>, principal: Principal) -> Result<Decided> {
    let (world, request) = (World::new(RULES), request.into());
    let (call, view) = (call(principal), world.policy.view(&[]));
    if request.tool().writes() {
        let plan = world.planned(&request, &call, false, true)?;
        return Ok(Decided::of_write(&plan, world.catalog(), &view));
    }
    let plan = world.plan_for(request, &call)?;
    Ok(Decided::of_read(&plan, world.catalog(), &view))
}

#[test]
fn scopes_bypasses_and_redacted_fields_are_known_before_anything_runs() {
    let who = || acme().metadata("org", 7);
    let orders = || Query::model("Order").select(["id"]);
    let with_users = || orders().include(Include::relation("user").select(["id", "email", "ssn"]));
    let deep = Query::model("User").select(["id", "token"]).include(
        Include::relation("orders")
            .select(["note"])
            .include(Include::relation("items"))
            .include(Include::relation("user").select(["email"])),
    );
    let cases = [
        ("the scopes of the model", decided(orders(), who())),
        ("a list of tenants", decided(orders(), Principal::new(json!(["acme", "o'hara"])).metadata("org", 7))),
        ("a permit that is inferred, and one that is said", {
            decided(orders(), who().metadata("parents", json!(["globex"])).metadata("also", "initech"))
        }),
        ("an include", decided(with_users(), who())),
        ("includes of includes", decided(deep, who())),
        ("a bypass", decided(orders(), who().role("admin"))),
        ("a bypass of an include", decided(with_users(), who().role("staff"))),
        ("a bypass of a relation filter", {
            decided(orders().filter(relation("user").any([field("name").eq("Ada")])), who().role("staff"))
        }),
        ("an aggregate", {
            let count = ormai_core::request::Aggregate::model("Order").count("n");
            decided(count, who().role("admin"))
        }),
        ("a create", decided(Create::new("Order").set("status", "open"), who())),
        ("an update under a bypass", decided(Update::new("Order", 1).set("status", "open"), who().role("admin"))),
    ];
    let told = cases.map(|(case, decided)| (case, pretty(&json!(decided.unwrap()))));
    insta::assert_snapshot!(report(told));
}

#[test]
fn a_long_list_of_tenants_is_told_by_its_beginning() {
    let tenants: Vec<String> = (0..250).map(|tenant| format!("t{tenant}")).collect();
    let decided = decided(Query::model("User"), Principal::new(json!(tenants))).unwrap();
    let [scope] = decided.scopes_injected.as_slice() else { panic!("{decided:?}") };
    assert!(scope.starts_with("tenant_id IN ('t0', 't1', ") && scope.ends_with("'t99', …+150)"), "{scope}");
}
