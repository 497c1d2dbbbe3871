//! Values beside texts, and the cache of texts.

use std::sync::Arc;

use ormai_core::catalog::CatalogBuilder;
use ormai_core::error::{Error, ErrorCode};
use ormai_core::plan::testing::{aggregate, figure, list, order, per_parent, slot};
use ormai_core::plan::{AggregateFunction, Direction, OrderBy, Predicate, Shape, Step};
use ormai_core::value::{ColumnType, Value};
use ormai_sql::{Bind, CompileError, Compiler, Dialect, Statement};

use crate::{DIALECTS, of, shop};

fn compile(dialect: Dialect, shape: Shape, values: Vec<Value>) -> Result<Statement, CompileError> {
    Compiler::new(shop(), dialect).compile(Step::for_tests(shape, values))
}

/// What is bound, one word per placeholder.
fn binds(statement: &Statement) -> Vec<String> {
    let one = |value: &Value| match value {
        Value::Int(int) => int.to_string(),
        Value::Text(text) => text.clone(),
        other => format!("{other:?}"),
    };
    let word = |bind| match bind {
        Bind::Value(value) | Bind::Stored(value, _) => one(value),
        Bind::Array(values, ty) => format!("{ty}[{}]", values.iter().map(one).collect::<Vec<_>>().join(" ")),
    };
    statement.binds().map(word).collect()
}

fn ints(values: impl IntoIterator<Item = i64>) -> Value {
    Value::Array(values.into_iter().map(Value::Int).collect())
}

/// Users of a tenant by a list of ids and a pattern: slots are tenant, limit, ids.
fn by_ids(negated: bool) -> Shape {
    let catalog = shop();
    let users = of(&catalog, "User");
    users.filtered(Predicate::In { term: users.column("id"), list: list(2, 2), negated })
}

#[test]
fn values_are_bound_in_the_order_of_the_text() {
    let values = || vec!["acme".into(), Value::Int(51), ints([7, 8, 9])];
    let check = |dialect, expected: &[&str]| {
        assert_eq!(binds(&compile(dialect, by_ids(false), values()).unwrap()), expected);
    };
    check(Dialect::Postgres, &["acme", "integer[7 8 9]", "51"]);
    check(Dialect::Sqlite, &["acme", "7", "8", "9", "9", "51"]);
    check(Dialect::MySql, &["acme", "acme", "7", "8", "9", "9", "51"]);
}

#[test]
fn composite_keys_are_bound_side_by_side() {
    let catalog = shop();
    let items = of(&catalog, "OrderItem");
    let mut select = items.read(["sku"]);
    select.per_parent = Some(per_parent(items.fields(["order_id", "line"]), vec![list(2, 2), list(3, 2)], false));
    for dialect in DIALECTS {
        let values = vec!["acme".into(), Value::Null, ints([1, 2, 3]), ints([10, 20, 30])];
        let statement = compile(dialect, Shape::Select(select.clone()), values).unwrap();
        let mut binds = binds(&statement);
        // What text says twice is bound twice.
        binds.dedup_by(|again, word| again == word && *word == "acme");
        assert_eq!(binds, ["acme", "1", "10", "2", "20", "3", "30", "3", "30"]);
    }
}

#[test]
fn the_text_is_the_same_for_all_values() {
    let hostile = "'; DROP TABLE users; --";
    for dialect in DIALECTS {
        let compiler = Compiler::new(shop(), dialect);
        let text = |tenant: &str, ids: Value, limit: i64| {
            let values = vec![tenant.into(), Value::Int(limit), ids];
            Arc::clone(compiler.compile(Step::for_tests(by_ids(true), values)).unwrap().sql())
        };
        let first = text("acme", ints([1, 2, 3]), 51);
        let second = text(hostile, ints([4]), 2);
        assert_eq!(first, second);
        assert!(Arc::ptr_eq(&first, &second), "two tenants share one text");
        assert!(!first.contains("acme") && !first.contains("51") && !first.contains("DROP"));
        assert_eq!(compiler.cache_len(), 1);
    }
}

#[test]
fn no_literal_but_the_fixed_ones_stands_in_a_text() {
    let catalog = shop();
    let users = of(&catalog, "User");
    let filter = Predicate::And(vec![
        Predicate::In { term: users.column("id"), list: list(2, 3), negated: false },
        Predicate::Matches { term: users.column("region"), pattern: slot(3), negated: false },
    ]);
    let Shape::Select(mut select) = users.filtered(filter) else { unreachable!() };
    select.order = vec![order(OrderBy::Field(users.field("id")), Direction::Asc, false)];
    let check = |dialect, mark: char, expected: usize| {
        let text = Compiler::new(shop(), dialect).compile_uncached(&Shape::Select(select.clone())).unwrap();
        let outside: String = text.sql().split(['"', '`']).step_by(2).collect();
        assert_eq!(outside.matches(mark).count(), expected, "{outside}");
        let literals: Vec<&str> = outside.split(|c: char| !c.is_ascii_digit() && c != '$').collect();
        assert!(literals.iter().all(|word| word.is_empty() || word.starts_with('$')), "{outside}");
    };
    check(Dialect::Postgres, '$', 4);
    check(Dialect::Sqlite, '?', 1 + 8 + 1 + 1);
    check(Dialect::MySql, '?', 2 + 8 + 1 + 1);
}

#[test]
fn columns_come_back_with_their_types() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let mut select = orders.ids();
    select.outputs = orders.fields(["id", "total", "placed_at"]);
    let figures = vec![
        figure(AggregateFunction::Count, None),
        figure(AggregateFunction::Sum, Some(orders.field("items"))),
        figure(AggregateFunction::Sum, Some(orders.field("weight"))),
        figure(AggregateFunction::Avg, Some(orders.field("total"))),
        figure(AggregateFunction::Min, Some(orders.field("items"))),
    ];
    let groups = aggregate(orders.scoped(), orders.fields(["currency"]), figures, 1);
    for dialect in DIALECTS {
        let values = || vec!["acme".into(), Value::Int(1)];
        let rows = compile(dialect, Shape::Select(select.clone()), values()).unwrap();
        assert_eq!(rows.columns(), [ColumnType::Int, ColumnType::Decimal, ColumnType::Timestamp]);
        let figures = compile(dialect, Shape::Aggregate(groups.clone()), values()).unwrap();
        assert_eq!(
            figures.columns(),
            [
                ColumnType::Char,
                ColumnType::Int,
                ColumnType::Decimal,
                ColumnType::Float,
                ColumnType::Float,
                ColumnType::Int32
            ]
        );
    }
}

#[test]
fn what_is_no_limit_is_refused() {
    for dialect in DIALECTS {
        let check = |values: Vec<Value>| {
            let found = compile(dialect, by_ids(false), values);
            assert_eq!(found.unwrap_err(), CompileError::Values { slot: 1 });
        };
        check(vec!["acme".into()]);
        check(vec!["acme".into(), Value::Null, ints([1])]);
        check(vec!["acme".into(), Value::Int(-1), ints([1])]);
        check(vec!["acme".into(), "ALL".into(), ints([1])]);
    }
}

#[test]
fn a_value_of_another_kind_than_its_column_is_not_bound() {
    for dialect in DIALECTS {
        let check = |tenant: Value, ids: Value| compile(dialect, by_ids(false), vec![tenant, Value::Int(9), ids]).err();
        assert_eq!(check("acme".into(), ints([1])), None);
        assert_eq!(check(Value::Null, ints([1])), None);
        // For MySQL every word is 0.
        assert_eq!(check(Value::Int(0), ints([1])), Some(CompileError::Values { slot: 0 }));
        let words = Value::Array(vec![Value::Int(1), "2".into()]);
        assert_eq!(check("acme".into(), words), Some(CompileError::Values { slot: 2 }));
    }
}

#[test]
fn a_list_that_is_too_long_or_empty_or_none_is_refused() {
    for (dialect, most) in [(Dialect::Postgres, 100), (Dialect::Sqlite, 4)] {
        let check = |list: Value| compile(dialect, by_ids(true), vec!["acme".into(), Value::Int(1), list]).map(|_| ());
        assert_eq!(check(ints(0..most)), Ok(()));
        assert_eq!(check(ints([])), Err(CompileError::Values { slot: 2 }));
        assert_eq!(check(Value::Null), Err(CompileError::Values { slot: 2 }));
        if dialect == Dialect::Sqlite {
            assert_eq!(check(ints(0..=most)), Err(CompileError::Values { slot: 2 }));
        }
    }
}

#[test]
fn an_engine_is_not_sent_more_placeholders_than_it_takes() {
    let catalog = shop();
    let users = of(&catalog, "User");
    for bucket in [15, 16, 63, 64, 255] {
        let filter = Predicate::In { term: users.column("id"), list: list(2, bucket), negated: false };
        let found = Compiler::new(shop(), Dialect::Sqlite).compile_uncached(&users.filtered(filter));
        assert!(matches!(found, Err(CompileError::TooManyPlaces { .. })), "{bucket}");
    }
}

#[test]
fn a_plan_for_another_catalog_is_refused() {
    let other = Arc::new(CatalogBuilder::new().build().unwrap());
    for dialect in DIALECTS {
        let found = Compiler::new(Arc::clone(&other), dialect).compile_uncached(&by_ids(false));
        assert_eq!(found.unwrap_err(), CompileError::ForeignCatalog);
    }
}

#[test]
fn the_cache_is_bounded() {
    let catalog = shop();
    let users = of(&catalog, "User");
    let compiler = Compiler::new(shop(), Dialect::Sqlite);
    for at in 2..3000 {
        let mut values: Vec<Value> = vec!["acme".into()];
        values.resize(usize::from(at) + 1, Value::Int(1));
        compiler.compile(Step::for_tests(users.filtered(users.is("id", at)), values)).unwrap();
        assert!(compiler.cache_len() <= 1024);
    }
    assert!(compiler.cache_len() > 512);
}

#[test]
fn a_failure_tells_the_caller_nothing_of_the_database() {
    let error = Error::from(CompileError::Tables("`secrets` is read and not named".to_owned()));
    assert_eq!(error.code, ErrorCode::Internal);
    assert!(!error.to_string().contains("secrets"));
}

#[test]
fn nothing_shows_values_when_printed() {
    let statement = compile(Dialect::Sqlite, by_ids(false), vec!["acme".into(), Value::Int(51), ints([7])]).unwrap();
    let shown = format!("{statement:?}");
    assert!(!shown.contains("acme") && !shown.contains("51"), "{shown}");
}

#[test]
fn threads_share_a_compiler() {
    let compiler = Compiler::new(shop(), Dialect::Postgres);
    let texts: Vec<Arc<str>> = std::thread::scope(|scope| {
        let one = || {
            let values = vec!["acme".into(), Value::Int(1), ints([1])];
            Arc::clone(compiler.compile(Step::for_tests(by_ids(false), values)).unwrap().sql())
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(texts.windows(2).all(|pair| Arc::ptr_eq(&pair[0], &pair[1])));
}
