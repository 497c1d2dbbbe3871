//! Deciding: which rows a principal may touch, rule by rule.

use ormai_core::catalog::Catalog;
use ormai_core::plan::{Exists, Predicate, RelatedRows, Shape, Step};
use ormai_core::principal::Principal;
use ormai_core::request::{Aggregate, Get, Include, Query, field, relation};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::world::{POLICY, World, acme};

/// The orders under these rules, which stand inside a YAML mapping.
fn orders(rules: &str) -> World {
    World::new(&format!("models: {{Order: {{fields: {{id: allow, status: allow}}, {rules}}}}}"))
}

/// The rows that a principal may read, in words; or the refusal.
fn visible(world: &World, principal: Principal) -> String {
    match world.plan(Query::model("Order"), principal) {
        Ok(plan) => plan.root().show_scope(world.catalog()),
        Err(error) => format!("{}: {}", error.code, error.message),
    }
}

fn check(rules: &str, principal: Principal, expected: &str) {
    assert_eq!(visible(&orders(rules), principal), expected, "{rules}");
}

const TENANT: &str = "scoping: {tenant_id: principal.tenant_id}";

#[test]
fn a_scope_compares_its_field_with_the_principal() {
    check(TENANT, acme(), "tenant_id = 'acme'");
    check(
        "scoping: {tenant_id: principal.tenant_id, organization_id: principal.metadata.org}",
        acme().metadata("org", 7),
        "tenant_id = 'acme' AND organization_id = 7",
    );
    check("scoping: {user_id: principal.user_id}", acme(), "user_id = 'u1'");
    check("scoping: {organization_id: 7}", acme(), "organization_id = 7");
    check("scoping: {tenant_id: \"'acme'\"}", Principal::new("globex"), "tenant_id = 'acme'");
    // Shared by all tenants, in so many words.
    check("scoping: {}", Principal::without_tenant(), "TRUE");
}

#[test]
fn a_list_in_a_scope_means_in() {
    check(TENANT, Principal::new(json!(["acme", "globex"])), "tenant_id IN ('acme', 'globex')");
    check(TENANT, Principal::new(json!(["acme"])), "tenant_id IN ('acme')");
    check(TENANT, Principal::new(json!([])), "TENANT_SCOPE_REQUIRED: `principal.tenant_id` must be a value");
}

#[test]
fn a_scope_without_its_value_is_a_refusal() {
    let tenant = |tenant: Json, why: &str| {
        check(TENANT, Principal::new(tenant), &format!("TENANT_SCOPE_REQUIRED: `principal.tenant_id` must be {why}"));
    };
    tenant(Json::Null, "a value");
    tenant(json!(""), "a value");
    tenant(json!(0), "text");
    tenant(json!(7), "text");
    tenant(json!(true), "text");
    tenant(json!({"eq": "acme"}), "a single text value");
    tenant(json!(["acme", null]), "a list of text values without null and empty text");
    tenant(json!(["acme", ""]), "a list of text values without null and empty text");
    tenant(json!(["acme", 7]), "a list whose items are all text");
    tenant(json!([["acme"]]), "a list whose items are all a single text value");
    tenant(json!("ac\0me"), "text without NUL characters");

    let owner = |user: Json, why: &str| {
        let rules = "scoping: {tenant_id: principal.tenant_id, user_id: principal.user_id}";
        let expected = format!("PRINCIPAL_INCOMPLETE: `principal.user_id` must be {why}");
        check(rules, Principal::new("acme").user(user), &expected);
    };
    owner(Json::Null, "a value");
    owner(json!(""), "a value");
    owner(json!(0), "text");
    owner(json!({}), "a single text value");

    let organization = |given: Json, expected: &str| {
        let rules = "scoping: {organization_id: principal.metadata.org}";
        check(rules, acme().metadata("org", given), expected);
    };
    let refused = |why: &str| format!("PRINCIPAL_INCOMPLETE: `principal.metadata.org` must be {why}");
    let integer = refused("an integer from -9223372036854775808 to 9223372036854775807");
    organization(json!(7), "organization_id = 7");
    // One way to write a number, so that no other reader sees another one.
    organization(json!("7"), "organization_id = 7");
    organization(json!(0), "organization_id = 0");
    organization(json!("7abc"), &integer);
    organization(json!("07"), &integer);
    organization(json!(" 7"), &integer);
    organization(json!(7.5), &integer);
    organization(json!(1e30), &integer);
    organization(json!(false), &integer);
    organization(Json::Null, &refused("a value"));
    check("scoping: {organization_id: principal.metadata.org}", acme(), &refused("a value"));
}

#[test]
fn only_the_tenant_itself_is_the_tenant() {
    check(TENANT, Principal::without_tenant().metadata("tenant_id", "acme"), {
        "TENANT_SCOPE_REQUIRED: `principal.tenant_id` must be a value"
    });
    check(TENANT, acme().metadata("tenant_id", "globex"), "tenant_id = 'acme'");
    // Case, blanks and patterns are the value's own.
    for tenant in ["ACME", "acme ", "ácme", "acm_", "acme%", "acme' OR '1'='1"] {
        check(TENANT, Principal::new(tenant), &format!("tenant_id = '{}'", tenant.replace('\'', "''")));
    }
}

const HIERARCHY: &str = "{name: parents, condition: tenant_id IN principal.metadata.parents}";

fn with(scoping: &str, policies: &str) -> String {
    format!("{scoping}, row_policies: [{policies}]")
}

#[test]
fn a_condition_that_could_only_deny_is_taken_for_a_permit() {
    let parents = || acme().metadata("parents", json!(["p1", "p2"]));
    check(&with(TENANT, HIERARCHY), parents(), "tenant_id = 'acme' OR tenant_id IN ('p1', 'p2')");
    check(&with(TENANT, HIERARCHY), acme().metadata("parents", json!([])), "tenant_id = 'acme'");
    // A missing list is unknown, and only what is true admits a row.
    check(&with(TENANT, HIERARCHY), acme(), "tenant_id = 'acme'");
    let parent = "{name: parent, condition: principal.metadata.parent = tenant_id}";
    check(&with(TENANT, parent), acme().metadata("parent", "p1"), "tenant_id = 'acme' OR tenant_id = 'p1'");
    // Anything else restricts.
    let null = "{name: set, condition: tenant_id IS NOT NULL}";
    check(&with(TENANT, null), acme(), "tenant_id = 'acme' AND tenant_id IS NOT NULL");
    let literal = "{name: literal, condition: tenant_id = 'p1'}";
    check(&with(TENANT, literal), acme(), "tenant_id = 'acme' AND tenant_id = 'p1'");
    let unscoped = "{name: own, condition: user_id = principal.user_id}";
    check(&with(TENANT, unscoped), acme(), "tenant_id = 'acme' AND user_id = 'u1'");
    let told_otherwise = "{name: own, condition: tenant_id = principal.metadata.parent, effect: restrict}";
    check(&with(TENANT, told_otherwise), acme().metadata("parent", "p1"), "tenant_id = 'acme' AND tenant_id = 'p1'");
}

#[test]
fn a_permit_widens_one_scope_and_no_other() {
    let two = "scoping: {tenant_id: principal.tenant_id, user_id: principal.user_id}";
    let parents = || acme().metadata("parents", json!(["p1"]));
    check(&with(two, HIERARCHY), parents(), "(tenant_id = 'acme' OR tenant_id IN ('p1')) AND user_id = 'u1'");
    let explicit = "{name: open, condition: status = 'open', effect: permit, field: user_id}";
    check(&with(two, explicit), acme(), "tenant_id = 'acme' AND (user_id = 'u1' OR status = 'open')");
    // A permit lifts no restriction.
    let restricted = format!("{HIERARCHY}, {{name: live, condition: status <> 'void'}}");
    check(&with(TENANT, &restricted), parents(), "(tenant_id = 'acme' OR tenant_id IN ('p1')) AND status <> 'void'");
    // A permit does not stand in for a missing tenant.
    let nobody = Principal::without_tenant().metadata("parents", json!(["p1"]));
    check(&with(TENANT, HIERARCHY), nobody, "TENANT_SCOPE_REQUIRED: `principal.tenant_id` must be a value");
}

#[test]
fn a_rule_is_about_its_operations_only() {
    let of = |operations: &str| {
        let policy = format!("{{name: live, condition: status <> 'void', operations: [{operations}]}}");
        visible(&orders(&with(TENANT, &policy)), acme())
    };
    assert_eq!(of("read"), "tenant_id = 'acme' AND status <> 'void'");
    assert_eq!(of("read, update"), "tenant_id = 'acme' AND status <> 'void'");
    assert_eq!(of("create, update, delete"), "tenant_id = 'acme'");
    let bypass = "{name: cleaner, condition: \"'cleaner' IN principal.roles\", bypass: true, operations: [delete]}";
    check(&with(TENANT, bypass), acme().role("cleaner"), "tenant_id = 'acme'");
    let permit = "{name: wide, condition: tenant_id = principal.metadata.p, effect: permit, operations: [update]}";
    check(&with(TENANT, permit), acme().metadata("p", "p1"), "tenant_id = 'acme'");
}

#[test]
fn several_restrictions_must_all_hold() {
    let two = "{name: live, condition: status <> 'void'}, {name: cheap, condition: total < 100 OR paid}";
    check(&with(TENANT, two), acme(), "tenant_id = 'acme' AND status <> 'void' AND (total < '100' OR paid = true)");
    let deleted = format!("{}, soft_delete: due", TENANT);
    check(&deleted, acme(), "tenant_id = 'acme' AND due IS NULL");
}

const ADMIN: &str = "{name: admin, condition: \"'super_admin' IN principal.roles\", bypass: true}";

#[test]
fn a_bypass_is_by_a_role_of_the_principal_letter_by_letter() {
    let admin = with(TENANT, &format!("{ADMIN}, {{name: live, condition: status <> 'void'}}"));
    let scoped = "tenant_id = 'acme' AND status <> 'void'";
    check(&admin, acme().role("super_admin"), "TRUE");
    check(&admin, acme().role("support").role("super_admin"), "TRUE");
    check(&admin, acme(), scoped);
    for role in ["Super_Admin", "SUPER_ADMIN", "super_admin ", "super_admi", "super_admins", "super_admin,x"] {
        check(&admin, acme().role(role), scoped);
    }
    check(
        &admin,
        acme().role(""),
        "PRINCIPAL_INCOMPLETE: `principal.roles` must be a list of text values without null and empty text",
    );
    // Metadata is no role, whatever it is called.
    check(&admin, acme().metadata("roles", json!(["super_admin"])).metadata("role", "super_admin"), scoped);
    // Under a bypass not even a tenant is needed.
    check(&admin, Principal::without_tenant().role("super_admin"), "TRUE");
}

#[test]
fn a_bypass_that_is_not_true_does_not_lift_anything() {
    let bypass = |condition: &str| with(TENANT, &format!("{{name: b, condition: \"{condition}\", bypass: true}}"));
    let scoped = "tenant_id = 'acme'";
    check(&bypass("principal.metadata.trusted"), acme(), scoped);
    check(&bypass("NOT principal.metadata.trusted"), acme(), scoped);
    check(&bypass("principal.metadata.level >= 3"), acme(), scoped);
    check(&bypass("principal.metadata.level >= 3"), acme().metadata("level", 2), scoped);
    check(&bypass("principal.metadata.level >= 3"), acme().metadata("level", 3), "TRUE");
    check(
        &bypass("principal.metadata.level >= 3"),
        acme().metadata("level", "high"),
        "PRINCIPAL_INCOMPLETE: `principal.metadata.level` must be an integer from -9223372036854775808 to \
         9223372036854775807",
    );
    // A missing attribute inside another value is unknown as well.
    check(&bypass("coalesce(principal.metadata.a, principal.user_id) IS NULL"), acme(), scoped);
}

#[test]
fn a_missing_attribute_makes_its_atom_unknown() {
    let restrict = |condition: &str| with("scoping: {}", &format!("{{name: r, condition: {condition}}}"));
    let public = restrict("paid = true OR tenant_id = principal.tenant_id");
    check(&public, acme(), "paid = true OR tenant_id = 'acme'");
    for missing in [Json::Null, json!("")] {
        check(&public, Principal::new(missing), "paid = true");
    }
    // In the end only TRUE admits a row, so an unknown is written as the refusal that it is,
    // except under NOT, where it is not the same.
    check(&restrict("paid AND user_id = principal.user_id"), Principal::new("acme"), "FALSE");
    check(
        &restrict("NOT (paid AND user_id = principal.user_id)"),
        Principal::new("acme"),
        "NOT (paid = true AND UNKNOWN)",
    );
    // What is unknown throughout admits nothing.
    check(&restrict("user_id = principal.user_id"), Principal::new("acme"), "FALSE");
    check(&restrict("NOT (user_id = principal.user_id)"), Principal::new("acme"), "FALSE");
    check(&restrict("user_id IS DISTINCT FROM principal.user_id"), Principal::new("acme"), "FALSE");
    check(&restrict("status LIKE principal.metadata.pattern"), acme(), "FALSE");
    check(&restrict("status NOT IN principal.metadata.hidden"), acme(), "FALSE");
    check(&restrict("principal.user_id IS NULL"), Principal::new("acme"), "TRUE");
    check(&restrict("principal.user_id IS NULL"), acme(), "FALSE");
    // One that is there and of another type is a refusal, even beside what would decide alone.
    let wrong = Principal::new(7);
    check(&public, wrong, "PRINCIPAL_INCOMPLETE: `principal.tenant_id` must be text");
    let hidden = restrict("status NOT IN principal.metadata.hidden");
    check(
        &hidden,
        acme().metadata("hidden", "void"),
        "PRINCIPAL_INCOMPLETE: `principal.metadata.hidden` must be a list of text values",
    );
}

#[test]
fn in_an_empty_list_is_nothing_and_not_in_it_is_everything() {
    let restrict = |condition: &str, list: Json| {
        let rules = with("scoping: {}", &format!("{{name: r, condition: '{condition}'}}"));
        visible(&orders(&rules), acme().metadata("list", list))
    };
    assert_eq!(restrict("status IN principal.metadata.list", json!([])), "FALSE");
    assert_eq!(restrict("status NOT IN principal.metadata.list", json!([])), "TRUE");
    assert_eq!(restrict("NOT (status IN principal.metadata.list)", json!([])), "TRUE");
    assert_eq!(restrict("paid OR status IN principal.metadata.list", json!([])), "paid = true");
    assert_eq!(restrict("status IN principal.metadata.list", json!(["a", "b"])), "status IN ('a', 'b')");
    assert_eq!(restrict("status NOT IN principal.metadata.list", json!(["a"])), "status NOT IN ('a')");
    assert_eq!(restrict("status IN ()", json!(null)), "FALSE");

    // The same for what a caller writes.
    let world = World::new(POLICY);
    let filter =
        |filter| world.plan(Query::model("Order").filter(filter), acme()).unwrap().root().show_filter(world.catalog());
    assert_eq!(filter(field("status").is_in(Vec::<Json>::new())), "FALSE");
    assert_eq!(filter(field("status").not_in(Vec::<Json>::new())), "TRUE");
}

/// Every table in a predicate that a request brought in, with its scope.
fn scoped_tables(predicate: &Predicate, found: &mut Vec<(usize, String)>, show: &dyn Fn(&Exists) -> String) {
    match predicate {
        Predicate::And(parts) | Predicate::Or(parts) => parts.iter().for_each(|part| scoped_tables(part, found, show)),
        Predicate::Not(part) | Predicate::NotTrue(part) => scoped_tables(part, found, show),
        Predicate::Exists(exists) => {
            let RelatedRows::Scoped(source) = &exists.rows else { panic!("a request reads a table as stored") };
            assert_ne!(source.scope, Predicate::Const(ormai_core::plan::Truth::True), "no scope");
            found.push((source.model.index(), show(exists)));
            scoped_tables(&exists.filter, found, show);
        }
        _ => {}
    }
}

#[test]
fn a_relation_filter_sees_only_what_its_own_model_shows() {
    let world = World::new(POLICY);
    let filter =
        |filter| world.plan(Query::model("Order").filter(filter), acme()).unwrap().root().show_filter(world.catalog());
    assert_eq!(
        filter(relation("items").any([field("sku").eq("A")])),
        "EXISTS (OrderItem WHERE tenant_id = 'acme' AND sku = 'A')"
    );
    assert_eq!(
        filter(relation("items").none([field("sku").eq("A")])),
        "NOT EXISTS (OrderItem WHERE tenant_id = 'acme' AND sku = 'A')"
    );
    // Each visible one: there is none of which it is false or unknown.
    assert_eq!(
        filter(relation("items").all([field("sku").eq("A"), field("price").gt(1)])),
        "NOT EXISTS (OrderItem WHERE tenant_id = 'acme' AND (sku = 'A' AND price > '1') IS NOT TRUE)"
    );
    assert_eq!(filter(relation("items").any([])), "EXISTS (OrderItem WHERE tenant_id = 'acme' AND TRUE)");
    assert_eq!(
        filter(relation("user").any([relation("orders").none([field("name").eq("x")].into_iter().take(0))])),
        "EXISTS (User WHERE tenant_id = 'acme' AND NOT EXISTS (Order WHERE tenant_id = 'acme' AND TRUE))"
    );
    // A bypass of one model is not a bypass of another.
    let admin = POLICY.replace("  OrderItem:\n", &format!("    row_policies: [{ADMIN}]\n  OrderItem:\n"));
    let world = World::new(&admin);
    let plan = world.plan(Query::model("Order").filter(relation("items").any([])), acme().role("super_admin")).unwrap();
    assert_eq!(plan.root().show_scope(world.catalog()), "TRUE");
    assert_eq!(plan.root().show_filter(world.catalog()), "EXISTS (OrderItem WHERE tenant_id = 'acme' AND TRUE)");
}

#[test]
fn every_table_of_a_deep_filter_is_scoped() {
    let world = World::new(POLICY);
    let deep = relation("items").any([relation("order").all([relation("tenant").none([])])]);
    let plan = world.plan(Query::model("Order").filter(deep), acme()).unwrap();
    let Shape::Select(select) = plan.root().shape() else { panic!("not rows") };
    let mut found = Vec::new();
    scoped_tables(&select.filter, &mut found, &|exists| format!("{}", exists.negated));
    let names: Vec<&str> = {
        let models: Vec<&str> = world.catalog().models().map(|(_, model)| model.name.as_str()).collect();
        found.iter().map(|(model, _)| models[*model]).collect()
    };
    assert_eq!(names, ["OrderItem", "Order", "Tenant"]);
}

/// Every step of a plan: the root, the count, and the includes, each with one parent row.
fn steps(world: &World, query: Query, principal: Principal) -> Vec<Step> {
    use ormai_core::answer::Fetched;
    use ormai_core::redact::Harvest;
    use ormai_core::value::Value;

    let mut plan = world.plan(query, principal).unwrap();
    let mut found = vec![plan.take_root()];
    let mut harvest = Harvest::default();
    let row = |step: &Step| {
        let Shape::Select(select) = step.shape() else { panic!("not rows") };
        Fetched::new(select.outputs.len(), vec![Value::Int(1); select.outputs.len()])
    };
    harvest.root(row(&found[0]));
    found.extend(plan.take_total());
    while let Some(step) = harvest.next_include(&plan).unwrap() {
        harvest.include(row(&step));
        found.push(step);
    }
    found
}

#[test]
fn includes_and_counts_carry_the_scope_of_their_own_model() {
    let world = World::new(POLICY);
    let query = || {
        Query::model("Order")
            .include(Include::relation("user").include(Include::relation("orders").filter(field("paid").eq(true))))
            .include(Include::relation("items"))
            .include(Include::relation("tenant"))
            .with_total()
    };
    let shown = |steps: &[Step], catalog: &Catalog| -> Vec<String> {
        let name = |step: &Step| catalog.model(step.source().unwrap().model).name.clone();
        steps.iter().map(|step| format!("{}: {}", name(step), step.show_scope(catalog))).collect()
    };
    assert_eq!(
        shown(&steps(&world, query(), acme()), world.catalog()),
        [
            "Order: tenant_id = 'acme'",
            "Order: tenant_id = 'acme'",
            "User: tenant_id = 'acme'",
            "Order: tenant_id = 'acme'",
            "OrderItem: tenant_id = 'acme'",
            "Tenant: id = 'acme'",
        ]
    );
}

#[test]
fn get_and_aggregate_are_scoped_like_a_query() {
    let world = World::new(POLICY);
    let get = world.plan(Get::model("Order", 7), acme()).unwrap();
    assert_eq!(get.root().show_scope(world.catalog()), "tenant_id = 'acme'");
    assert_eq!(get.root().show_filter(world.catalog()), "id = 7");
    let sum = Aggregate::model("Order").sum("total", "s").group_by(["status"]).filter(field("paid").eq(true));
    let sum = world.plan(sum, acme()).unwrap();
    assert_eq!(sum.root().show_scope(world.catalog()), "tenant_id = 'acme'");
    assert_eq!(sum.root().show_filter(world.catalog()), "paid = true");
}

#[test]
fn a_condition_of_the_policy_reads_related_rows_as_they_are_stored() {
    let condition = "tenant.name = 'x' OR EXISTS (items WHERE price > 1)";
    check(
        &with(TENANT, &format!("{{name: r, condition: {condition}}}")),
        acme(),
        "tenant_id = 'acme' AND (Tenant → name = 'x' OR EXISTS (OrderItem WHERE price > '1'))",
    );
}

#[test]
fn a_list_of_the_principal_is_never_longer_than_a_budget() {
    let long: Vec<String> = (0..1_001).map(|number| format!("item-{number}")).collect();
    let refused = |max: u32, list: &str| {
        format!("PRINCIPAL_INCOMPLETE: `principal.metadata.{list}` must be a list of at most {max} values")
    };
    let rule = |condition: &str, more: &str| {
        format!("{TENANT}, row_policies: [{{name: r, condition: \"{condition}\", effect: restrict}}]{more}")
    };
    let own = rule("status IN principal.metadata.known", ", budget: {max_list_length: 3}");
    check(&own, acme().metadata("known", json!(["a", "b", "c", "d"])), &refused(3, "known"));
    // Items are not open here, so no policy says how long a list about them may be.
    let behind = rule("EXISTS (items WHERE sku IN principal.metadata.skus)", "");
    check(&behind, acme().metadata("skus", json!(long)), &refused(1_000, "skus"));
}

#[test]
fn a_role_changes_the_view_as_its_overlay_says() {
    let world = World::new(
        "
models:
  Order:
    fields: {id: allow, status: allow, total: allow}
    scoping: {tenant_id: principal.tenant_id}
    roles:
      junior:
        fields: {total: deny}
        row_policies: [{name: drafts, condition: kind <> 'draft'}]
        budget: {max_rows: 10}
      auditor:
        grants: true
        fields: {note: allow}
        row_policies:
          - {name: all, condition: \"'auditor' IN principal.roles\", bypass: true}
      blocked: {allowed: false}
",
    );
    let check = |roles: &[&str], query: Query, expected: &str| {
        let principal = roles.iter().fold(acme(), |principal, role| principal.role(*role));
        let outcome = match world.plan(query, principal) {
            Ok(plan) => plan.root().show_scope(world.catalog()),
            Err(error) => format!("{}: {}", error.code, error.message),
        };
        assert_eq!(outcome, expected, "{roles:?}");
    };
    let total = || Query::model("Order").select(["total"]);
    let note = || Query::model("Order").select(["note"]);
    let draftless = "tenant_id = 'acme' AND kind <> 'draft'";
    check(&[], total(), "tenant_id = 'acme'");
    check(&["junior"], Query::model("Order"), draftless);
    check(&["JUNIOR"], Query::model("Order"), "tenant_id = 'acme'");
    check(&["junior"], total(), "FIELD_NOT_ALLOWED: `Order` has no field `total` for you");
    check(&["junior"], Query::model("Order").limit(11), "QUERY_BUDGET_EXCEEDED: 11 rows are more than the 10 allowed");
    check(&[], note(), "FIELD_NOT_ALLOWED: `Order` has no field `note` for you");
    check(&["auditor"], note(), "TRUE");
    // Narrowing has the last word over fields, and a bypass over rows.
    check(&["auditor", "junior"], total(), "FIELD_NOT_ALLOWED: `Order` has no field `total` for you");
    check(&["auditor", "junior"], note(), "TRUE");
    check(&["blocked"], Query::model("Order"), "MODEL_NOT_ALLOWED: there is no model `Order` for you");
    check(&["auditor", "blocked"], Query::model("Order"), "MODEL_NOT_ALLOWED: there is no model `Order` for you");
}

/// A policy that uses everything that a principal can bring along.
const BUSY: &str = "
models:
  Order:
    fields: {id: allow, status: allow, total: allow}
    relations: {items: {allowed: true}}
    scoping: {tenant_id: principal.tenant_id, organization_id: principal.metadata.org}
    row_policies:
      - {name: parents, condition: tenant_id IN principal.metadata.parents}
      - {name: own, condition: status <> 'draft' OR user_id = principal.user_id}
      - {name: like, condition: status LIKE principal.metadata.pattern}
  OrderItem:
    fields: {id: allow, sku: allow}
    scoping: {tenant_id: principal.tenant_id}
";

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 %_'\"\\\\é;-]{1,12}"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn principals_of_one_shape_share_a_shape_and_no_value_is_in_it(
        first in (word(), any::<i64>(), word(), word(), prop::collection::vec(word(), 3..=4)),
        second in (word(), any::<i64>(), word(), word(), prop::collection::vec(word(), 3..=4)),
        values in ((word(), any::<i32>(), word()), (word(), any::<i32>(), word())),
    ) {
        let world = World::new(BUSY);
        let principal = |(tenant, org, user, pattern, parents): (String, i64, String, String, Vec<String>)| {
            Principal::new(format!("zz{tenant}")).user(user).metadata("org", org).metadata("pattern", pattern).metadata("parents", parents)
        };
        let query = |(status, total, sku): (String, i32, String)| {
            Query::model("Order")
                .filter(field("status").contains(&status))
                .filter(field("total").between(total, 7))
                .filter(relation("items").any([field("sku").eq(sku)]))
        };
        let tenants = [format!("zz{}", first.0), format!("zz{}", second.0)];
        let one = world.plan(query(values.0), principal(first)).unwrap();
        let other = world.plan(query(values.1), principal(second)).unwrap();
        prop_assert_eq!(one.root().shape(), other.root().shape());
        let shape = format!("{:?}", one.root().shape());
        for tenant in tenants {
            prop_assert!(!shape.contains(&tenant), "{} stands in {}", tenant, shape);
        }
    }
}
