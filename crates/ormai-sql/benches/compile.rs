//! What a statement costs: from the cache on every call, printed once per shape.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot begin has to stop")]

use std::sync::Arc;

use divan::Bencher;
use ormai_core::catalog::{Catalog, CatalogBuilder, ModelBuilder};
use ormai_core::plan::testing::{exists, list, order, select, slot, source};
use ormai_core::plan::{Comparison, Direction, OrderBy, Predicate, RelatedRows, Shape, Step, Term};
use ormai_core::value::{ColumnType, Value};
use ormai_sql::{Compiler, Dialect};

fn main() {
    divan::main();
}

fn catalog() -> Arc<Catalog> {
    let model = |name: &str, table: &str| {
        ModelBuilder::table(name, table)
            .field("id", ColumnType::Int)
            .field("tenant_id", ColumnType::Text)
            .field("user_id", ColumnType::Int)
            .field("total", ColumnType::Decimal)
    };
    Arc::new(CatalogBuilder::new().model(model("Order", "orders")).model(model("User", "users")).build().unwrap())
}

/// A page of orders with three filters, one of them over a relation, a cursor and two keys.
fn page(catalog: &Catalog) -> Shape {
    let (orders, users) = (catalog.find("Order").unwrap(), catalog.find("User").unwrap());
    let field = |name| catalog.model(orders).find_field(name).unwrap();
    let is = |name, op, at| Predicate::Compare { op, left: Term::Column(field(name)), right: Term::Bind(slot(at)) };
    let scoped = |model| source(model, is("tenant_id", Comparison::Eq, 0));
    let mut page = select(scoped(orders), vec![field("id"), field("user_id"), field("total")], 1);
    page.filter = Predicate::And(vec![
        is("total", Comparison::Gt, 2),
        Predicate::In { term: Term::Column(field("user_id")), list: list(3, 3), negated: false },
        exists(
            vec![(field("user_id"), field("id"))],
            RelatedRows::Scoped(scoped(users)),
            is("id", Comparison::Ne, 4),
            false,
        ),
    ]);
    page.after = Some(Predicate::Or(vec![
        is("total", Comparison::Lt, 5),
        Predicate::And(vec![is("total", Comparison::Eq, 5), is("id", Comparison::Gt, 6)]),
    ]));
    page.order = vec![
        order(OrderBy::Field(field("total")), Direction::Desc, false),
        order(OrderBy::Field(field("id")), Direction::Asc, false),
    ];
    Shape::Select(page)
}

fn values() -> Vec<Value> {
    let ids = Value::Array((0..8).map(Value::Int).collect());
    vec!["acme".into(), Value::Int(51), Value::Int(9), ids, Value::Int(3), Value::Int(8), Value::Int(1)]
}

const DIALECTS: [Dialect; 3] = [Dialect::Postgres, Dialect::Sqlite, Dialect::MySql];

#[divan::bench(args = DIALECTS)]
fn warm(bencher: Bencher<'_, '_>, dialect: Dialect) {
    let catalog = catalog();
    let compiler = Compiler::new(Arc::clone(&catalog), dialect);
    let shape = page(&catalog);
    bencher
        .with_inputs(|| Step::for_tests(shape.clone(), values()))
        .bench_values(|step| compiler.compile(step).unwrap());
}

#[divan::bench(args = DIALECTS)]
fn cold(bencher: Bencher<'_, '_>, dialect: Dialect) {
    let catalog = catalog();
    let compiler = Compiler::new(Arc::clone(&catalog), dialect);
    let shape = page(&catalog);
    bencher.bench(|| compiler.compile_uncached(&shape).unwrap());
}
