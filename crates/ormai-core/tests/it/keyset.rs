//! Pages: walked to the end they give every visible row once, in order.

use std::cmp::Ordering;

use ormai_core::answer::{Answer, Cell, Fetched, Page};
use ormai_core::catalog::{Catalog, CatalogBuilder, FieldId, ModelBuilder, RelationId};
use ormai_core::condition::evaluate::{Row, compare_values};
use ormai_core::error::ErrorCode;
use ormai_core::plan::{Direction, OrderBy, OrderKey, ScopedPlan, Shape, Truth};
use ormai_core::principal::Principal;
use ormai_core::redact::{Harvest, Redactor, answer};
use ormai_core::request::{Query, field};
use ormai_core::value::{ColumnType, Value};
use proptest::prelude::*;

use crate::meaning::Reading;
use crate::world::{World, acme, call};

const POLICY: &str = "
models:
  Thing:
    fields: {a: allow, b: allow, c: allow, d: allow}
    scoping: {tenant_id: principal.tenant_id}
";

/// A model with a composite key that is not open, and columns in which NULL and doubles occur.
fn things() -> Catalog {
    let thing = ModelBuilder::table("Thing", "things")
        .field("tenant_id", ColumnType::Text)
        .field("shard", ColumnType::Int)
        .field("number", ColumnType::Int)
        .nullable("a", ColumnType::Int)
        .nullable("b", ColumnType::Text)
        .field("c", ColumnType::Bool)
        .nullable("d", ColumnType::enumeration("size", ["small", "large"]))
        .primary_key(["shard", "number"]);
    CatalogBuilder::new().model(thing).build().unwrap()
}

#[derive(Clone, Debug)]
struct Thing(Vec<Value>);

impl Row for Thing {
    fn value(&self, field: FieldId) -> Value {
        self.0[field.index()].clone()
    }

    fn related(&self, _: RelationId) -> Vec<Box<dyn Row + '_>> {
        Vec::new()
    }
}

fn thing() -> impl Strategy<Value = Thing> {
    let text = |texts: &'static [&'static str]| prop::sample::select(texts.to_vec()).prop_map(Value::from);
    let or_null = |values: BoxedStrategy<Value>| prop_oneof![3 => values, 1 => Just(Value::Null)];
    (
        text(&["acme", "acme", "acme", "globex"]),
        (0..2_i64).prop_map(Value::Int),
        or_null((-1..2_i64).prop_map(Value::Int).boxed()),
        or_null(text(&["", "A", "a", "é"]).boxed()),
        any::<bool>().prop_map(Value::Bool),
        or_null(text(&["small", "large"]).boxed()),
    )
        .prop_map(|(tenant, shard, a, b, c, d)| Thing(vec![tenant, shard, Value::Null, a, b, c, d]))
}

/// Rows whose keys are distinct.
fn table() -> impl Strategy<Value = Vec<Thing>> {
    prop::collection::vec(thing(), 0..24).prop_map(|mut rows| {
        for (number, row) in rows.iter_mut().enumerate() {
            row.0[2] = Value::Int(i64::try_from(number).unwrap());
        }
        rows
    })
}

/// NULL is greater than every value.
fn by_key(catalog: &Catalog, key: &OrderKey, a: &Thing, b: &Thing) -> Ordering {
    let OrderBy::Field(field) = key.by else { panic!("rows are ordered by fields") };
    let model = catalog.model(catalog.find("Thing").unwrap());
    let (a, b) = (a.value(field), b.value(field));
    assert!(key.nullable || !(a.is_null() || b.is_null()), "a NULL where the plan expects none");
    let ascending = match (a.is_null(), b.is_null()) {
        (false, false) => compare_values(&a, &b, &model.field(field).ty).unwrap(),
        (a, b) => a.cmp(&b),
    };
    if key.direction == Direction::Desc { ascending.reverse() } else { ascending }
}

/// Runs the plan's one statement over rows in memory.
fn run(catalog: &Catalog, plan: &mut ScopedPlan, rows: &[Thing]) -> Fetched {
    let step = plan.take_root();
    let Shape::Select(select) = step.shape() else { panic!("not rows") };
    let reading = Reading { catalog, binds: step.binds() };
    let model = select.source.model;
    let holds = |row: &&Thing| {
        let after = select.after.iter();
        [&select.source.scope, &select.filter]
            .into_iter()
            .chain(after)
            .all(|p| reading.truth(p, model, *row) == Truth::True)
    };
    let mut found: Vec<&Thing> = rows.iter().filter(holds).collect();
    found.sort_by(|a, b| {
        select.order.iter().map(|key| by_key(catalog, key, a, b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
    let Value::Int(limit) = step.binds()[select.limit.index()] else { panic!("a limit is a number") };
    found.truncate(usize::try_from(limit).unwrap());
    let values = found.iter().flat_map(|row| select.outputs.iter().map(|field| row.value(*field))).collect();
    Fetched::new(select.outputs.len(), values)
}

fn page(world: &World, query: Query, principal: &Principal, rows: &[Thing]) -> Page {
    let call = call(principal.clone());
    let mut plan = world.plan_for(query, &call).unwrap();
    let mut harvest = Harvest::default();
    harvest.root(run(world.catalog(), &mut plan, rows));
    let redactor = Redactor::new(None, principal);
    match answer(plan, harvest, &redactor, &world.cursors, world.policy.version(), &call).unwrap() {
        Answer::Page(page) => page,
        other => panic!("not a page: {other:?}"),
    }
}

fn cells(page: &Page) -> Vec<Vec<Value>> {
    let value = |(_, cell): (&str, &Cell)| match cell {
        Cell::Value(value) => value.clone(),
        other => panic!("not a value: {other:?}"),
    };
    page.rows.iter().map(|row| row.cells().map(value).collect()).collect()
}

fn ordered(order: &[(usize, bool)]) -> Query {
    order.iter().fold(Query::model("Thing"), |query, (field, descending)| {
        let name = ["a", "b", "c", "d"][*field];
        if query.order.iter().any(|known| known.field == name) {
            query
        } else if *descending {
            query.order_desc(name)
        } else {
            query.order_asc(name)
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_walked_to_the_end_are_the_whole_list(
        rows in table(), order in prop::collection::vec((0..4_usize, any::<bool>()), 0..4), limits in prop::collection::vec(1..5_u64, 1..4),
    ) {
        let world = World::over(things(), POLICY);
        let whole = page(&world, ordered(&order).limit(1_000), &acme(), &rows);
        prop_assert!(!whole.has_more && whole.next_cursor.is_none());
        prop_assert_eq!(whole.rows.len(), rows.iter().filter(|row| row.0[0] == Value::from("acme")).count());

        let (mut walked, mut cursor) = (Vec::new(), None);
        // The size of a page may change on the way.
        for limit in limits.iter().cycle() {
            let mut query = ordered(&order).limit(*limit);
            query.cursor = cursor;
            let page = page(&world, query, &acme(), &rows);
            walked.extend(cells(&page));
            prop_assert_eq!(page.has_more, page.next_cursor.is_some());
            prop_assert!(walked.len() <= rows.len(), "the walk goes in circles");
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        prop_assert_eq!(walked, cells(&whole));
    }

    #[test]
    fn rows_of_other_tenants_change_no_page_and_no_cursor(
        rows in table(), others in table(), order in prop::collection::vec((0..4_usize, any::<bool>()), 0..3),
    ) {
        let world = World::over(things(), POLICY);
        let own = |row: &Thing| row.0[0] == Value::from("acme");
        let mine: Vec<Thing> = rows.into_iter().filter(own).collect();
        let among_others: Vec<Thing> = others.into_iter().filter(|row| !own(row)).chain(mine.clone()).collect();
        let of = |rows: &[Thing]| page(&world, ordered(&order).limit(3), &acme(), rows);
        prop_assert_eq!(of(&mine), of(&among_others));
    }
}

#[test]
fn a_cursor_serves_only_the_request_that_it_came_from() {
    let world = World::over(things(), POLICY);
    let rows: Vec<Thing> = (0..4)
        .map(|number| {
            let (tenant, small) = (Value::from("acme"), Value::from("small"));
            Thing(vec![
                tenant,
                Value::Int(0),
                Value::Int(number),
                Value::Int(number),
                Value::Null,
                Value::Bool(true),
                small,
            ])
        })
        .collect();
    let query = || Query::model("Thing").order_desc("a").limit(2);
    let cursor = page(&world, query(), &acme(), &rows).next_cursor.unwrap();
    let check = |why: &str, query: Query, principal: Principal, policy: &str| {
        let error = World::over(things(), policy).plan(query.after(cursor.clone()), principal).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidCursor, "{why}");
    };
    assert!(world.plan(query().limit(9).with_total().after(cursor.clone()), acme()).is_ok());
    check("another tenant", query(), Principal::new("globex").user("u1"), POLICY);
    check("another user", query(), Principal::new("acme").user("u2"), POLICY);
    check("another role", query(), acme().role("support"), POLICY);
    check("another attribute", query(), acme().metadata("region", "eu"), POLICY);
    check("another order", Query::model("Thing").order_asc("a").limit(2), acme(), POLICY);
    check("another filter", query().filter(field("a").gt(0)), acme(), POLICY);
    check("another selection", query().select(["a"]), acme(), POLICY);
    check("another policy", query(), acme(), &POLICY.replace("d: allow", "d: mask"));
}

#[test]
fn the_key_of_a_page_is_not_shown() {
    let world = World::over(things(), POLICY);
    let row = Thing(vec!["acme".into(), 7.into(), 8.into(), Value::Null, "x".into(), Value::Bool(true), Value::Null]);
    let page = page(&world, Query::model("Thing"), &acme(), &[row]);
    let names: Vec<&str> = page.rows[0].cells().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
}
