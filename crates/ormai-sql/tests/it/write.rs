//! Rows that are looked for, new rows, new values in rows, and rows that go.

use std::sync::Arc;

use insta::assert_snapshot;
use ormai_core::catalog::{Catalog, CatalogBuilder, ModelBuilder, ModelKind, TableName};
use ormai_core::plan::testing::{self, delete, exists, insert, keys, list, present, related, slot, target, update};
use ormai_core::plan::{
    Comparison, Direction, Keys, OrderBy, Predicate, RelatedRows, Shape, Step, Target, Term, Truth,
};
use ormai_core::value::{ColumnType, Value};
use ormai_sql::{CompileError, Compiler, Dialect};

use crate::{DIALECTS, Of, TRUE, each, of, one, shop};

/// The tenant's row with the id in slot 1.
fn by_id(of: &Of<'_>) -> Target {
    target(of.scoped(), of.is("id", 1), None)
}

/// New values for fields, from slot 5 on.
fn set<const N: usize>(of: &Of<'_>, target: Target, names: [&str; N]) -> Shape {
    Shape::Update(update(target, of.fields(names).into_iter().zip((5..).map(slot)).collect()))
}

fn new_row<const N: usize>(of: &Of<'_>, names: [&str; N], key: &[&str]) -> Shape {
    let set = of.fields(names).into_iter().zip((0..).map(slot)).collect();
    Shape::Insert(insert(of.id, set, key.iter().map(|name| of.field(name)).collect()))
}

fn two_keys(of: &Of<'_>, names: [&str; 2]) -> Keys {
    keys(of.fields(names).to_vec(), vec![list(3, 1), list(4, 1)])
}

#[test]
fn a_new_row_and_its_key() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    assert_snapshot!(each(&catalog, &new_row(&orders, ["tenant_id", "status", "total"], &["id"])));
}

#[test]
fn a_new_row_with_a_key_of_several_columns() {
    let catalog = shop();
    let items = of(&catalog, "OrderItem");
    assert_snapshot!(each(&catalog, &new_row(&items, ["line", "sku"], &["tenant_id", "order_id", "line"])));
}

#[test]
fn a_new_row_of_which_nothing_is_said() {
    let catalog = shop();
    assert_snapshot!(each(&catalog, &new_row(&of(&catalog, "Order"), [], &["id"])));
}

#[test]
fn the_scope_stands_in_the_changes_own_condition() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    assert_snapshot!(each(&catalog, &set(&orders, by_id(&orders), ["status", "total", "placed_at"])));
}

#[test]
fn a_row_goes_within_the_scope() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    assert_snapshot!(each(&catalog, &Shape::Delete(delete(by_id(&orders)))));
}

#[test]
fn several_rows_by_their_keys() {
    let catalog = shop();
    let users = of(&catalog, "User");
    let ids = keys(users.fields(["id"]), vec![list(3, 2)]);
    assert_snapshot!(each(&catalog, &set(&users, target(users.scoped(), TRUE, Some(ids)), ["region"])));
}

#[test]
fn several_rows_by_keys_of_two_columns() {
    let catalog = shop();
    let items = of(&catalog, "OrderItem");
    let scoped = target(items.scoped(), TRUE, Some(two_keys(&items, ["order_id", "line"])));
    assert_snapshot!(each(&catalog, &set(&items, scoped, ["sku"])));
}

#[test]
fn restrictions_reach_other_tables_from_the_one_that_is_changed() {
    let catalog = shop();
    let (orders, users, items) = (of(&catalog, "Order"), of(&catalog, "User"), of(&catalog, "OrderItem"));
    let user = vec![(orders.field("user_id"), users.field("id"))];
    let has_items = vec![(orders.field("id"), items.field("order_id"))];
    let region = related(users.id, user.clone(), users.column("region"));
    let scope = Predicate::And(vec![
        orders.is("tenant_id", 0),
        Predicate::Compare { op: Comparison::Eq, left: region, right: Term::Bind(slot(2)) },
        exists(has_items, RelatedRows::Stored(items.id), items.is("sku", 3), true),
    ]);
    let theirs = exists(user, RelatedRows::Scoped(users.scoped()), users.is("id", 4), false);
    let filter = Predicate::And(vec![orders.is("id", 1), theirs]);
    let target = target(testing::source(orders.id, scope), filter, None);
    assert_snapshot!(each(&catalog, &set(&orders, target.clone(), ["total"])));
    assert_snapshot!(each(&catalog, &Shape::Delete(delete(target))));
}

/// A table whose rows have parents among themselves, under a name.
fn family(table: TableName) -> Arc<Catalog> {
    let mut model = ModelBuilder::table("It", "x")
        .field("id", ColumnType::Int)
        .field("tenant_id", ColumnType::Text)
        .nullable("parent", ColumnType::Int)
        .primary_key(["id"]);
    model.table = table;
    Arc::new(CatalogBuilder::new().model(model).build().unwrap())
}

/// Rows of [`family`] whose parents have parents.
fn grandchildren(catalog: &Catalog) -> Target {
    let it = of(catalog, "It");
    let up = || vec![(it.field("parent"), it.field("id"))];
    let parents = exists(up(), RelatedRows::Scoped(it.scoped()), TRUE, false);
    let scope = Predicate::And(vec![
        it.is("tenant_id", 0),
        exists(up(), RelatedRows::Stored(it.id), parents, false),
        Predicate::IsNull { term: related(it.id, up(), it.column("id")), negated: true },
    ]);
    target(testing::source(it.id, scope), it.is("id", 1), None)
}

#[test]
fn no_alias_is_the_name_of_the_table_that_is_changed() {
    for name in ["a1", "A1", "t2", "T3", "w4", "\u{e1}1"] {
        let catalog = family(TableName { schema: None, name: name.to_owned() });
        let number = name.trim_start_matches(|sign: char| !sign.is_ascii_digit());
        for dialect in DIALECTS {
            for shape in [
                set(&of(&catalog, "It"), grandchildren(&catalog), ["parent"]),
                Shape::Delete(delete(grandchildren(&catalog))),
            ] {
                let text = one(&catalog, dialect, &shape);
                let (quote, text) = if text.contains('`') { ('`', text) } else { ('"', text.replace('`', "")) };
                let names: Vec<&str> = text.split(quote).skip(1).step_by(2).collect();
                assert!(names.len() > 10, "{text}");
                let alike = |other: &&&str| **other != name && other.ends_with(number) && other.chars().count() == 2;
                assert_eq!(names.iter().find(alike), None, "{text}");
            }
        }
    }
}

#[test]
fn a_table_named_like_an_alias() {
    let catalog = family(TableName { schema: None, name: "a1".to_owned() });
    assert_snapshot!(each(&catalog, &set(&of(&catalog, "It"), grandchildren(&catalog), ["parent"])));
}

#[test]
fn a_table_of_a_schema() {
    let catalog = family(TableName { schema: Some("north".to_owned()), name: "orders".to_owned() });
    let it = of(&catalog, "It");
    assert_snapshot!(each(&catalog, &set(&it, grandchildren(&catalog), ["parent"])));
    assert_snapshot!(each(&catalog, &Shape::Delete(delete(by_id(&it)))));
    assert_snapshot!(each(&catalog, &new_row(&it, ["tenant_id"], &["id"])));
}

#[test]
fn rows_are_looked_for_within_the_scope() {
    let catalog = shop();
    let (users, items) = (of(&catalog, "User"), of(&catalog, "OrderItem"));
    let rows = vec![
        (users.scoped(), users.is("id", 1)),
        (items.scoped(), Predicate::And(vec![items.is("order_id", 2), items.is("line", 3)])),
        (testing::source(users.id, Predicate::Const(Truth::False)), users.is("id", 1)),
    ];
    assert_snapshot!(each(&catalog, &Shape::Present(present(rows))));
}

#[test]
fn rows_that_will_be_changed_are_locked_and_no_others() {
    let catalog = shop();
    let (orders, users) = (of(&catalog, "Order"), of(&catalog, "User"));
    let user = vec![(orders.field("user_id"), users.field("id"))];
    let in_region = exists(user, RelatedRows::Stored(users.id), users.is("region", 2), false);
    let source = testing::source(orders.id, Predicate::And(vec![orders.is("tenant_id", 0), in_region]));
    let mut select = testing::select(source, orders.fields(["id", "total"]), 1);
    select.filter = orders.is("items", 3);
    select.order = vec![testing::order(OrderBy::Field(orders.field("id")), Direction::Asc, false)];
    select.for_update = true;
    assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn rows_that_their_keys_name_are_locked_as_well() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let mut select = testing::select(orders.scoped(), orders.fields(["id", "total"]), 1);
    select.per_parent = Some(testing::per_parent(orders.fields(["id"]), vec![list(2, 2)], false));
    select.order = vec![testing::order(OrderBy::Field(orders.field("id")), Direction::Asc, false)];
    select.for_update = true;
    assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn what_has_no_rows_of_its_own_cannot_be_locked() {
    let catalog = shop();
    let users = of(&catalog, "User");
    let mut included = users.ids();
    included.for_update = true;
    included.per_parent = Some(testing::per_parent(users.fields(["id"]), vec![list(2, 0)], true));
    let view = a_view();
    let mut viewed = of(&view, "It").ids();
    viewed.for_update = true;
    for dialect in DIALECTS {
        let refused = |why: &str| format!("{dialect:?}: the plan is malformed: {why}");
        let found = one(&catalog, dialect, &Shape::Select(included.clone()));
        assert_eq!(found, refused("rows of several parents that are locked"));
        assert_eq!(one(&view, dialect, &Shape::Select(viewed.clone())), refused("a change of a view"));
    }
}

fn a_view() -> Arc<Catalog> {
    let view = ModelBuilder::table("It", "it").field("id", ColumnType::Int).field("tenant_id", ColumnType::Text);
    let view = ModelBuilder { kind: ModelKind::View, ..view };
    Arc::new(CatalogBuilder::new().model(view).build().unwrap())
}

#[test]
fn a_change_that_contradicts_itself_has_no_statement() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let twice = vec![(orders.field("total"), slot(5)), (orders.field("total"), slot(6))];
    let check = |shape: Shape, expected: &str| {
        for dialect in DIALECTS {
            assert_eq!(one(&catalog, dialect, &shape), format!("{dialect:?}: {expected}"));
        }
    };
    check(set(&orders, by_id(&orders), []), "the plan is malformed: nothing is changed");
    check(Shape::Update(update(by_id(&orders), twice.clone())), "the plan is malformed: a column with two values");
    check(
        Shape::Insert(insert(orders.id, twice, orders.fields(["id"]))),
        "the plan is malformed: a column with two values",
    );
    check(new_row(&orders, ["total"], &[]), "the plan is malformed: a new row of which no key comes back");
    check(Shape::Present(present(Vec::new())), "the plan is malformed: nothing is looked for");
    let shape = "column `shape` of table `orders` has a type that is not supported";
    check(new_row(&orders, ["shape"], &["id"]), shape);
    check(set(&orders, by_id(&orders), ["shape"]), shape);
}

#[test]
fn rows_that_nobody_named_are_not_changed() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let expected = "the plan is malformed: a change of rows that nobody named";
    for nobody in [TRUE, Predicate::And(vec![TRUE])] {
        for source in [orders.scoped(), testing::source(orders.id, TRUE)] {
            let all = target(source, nobody.clone(), None);
            for shape in [set(&orders, all.clone(), ["total"]), Shape::Delete(delete(all))] {
                for dialect in DIALECTS {
                    assert_eq!(one(&catalog, dialect, &shape), format!("{dialect:?}: {expected}"));
                }
            }
        }
    }
}

#[test]
fn nothing_is_changed_in_a_view() {
    let catalog = a_view();
    let it = of(&catalog, "It");
    let shapes =
        [new_row(&it, ["tenant_id"], &["id"]), set(&it, by_id(&it), ["id"]), Shape::Delete(delete(by_id(&it)))];
    for shape in shapes {
        for dialect in DIALECTS {
            assert_eq!(
                one(&catalog, dialect, &shape),
                format!("{dialect:?}: the plan is malformed: a change of a view")
            );
        }
    }
}

fn compile(dialect: Dialect, shape: Shape, values: Vec<Value>) -> Result<ormai_sql::Statement, CompileError> {
    Compiler::new(shop(), dialect).compile(Step::for_tests(shape, values))
}

#[test]
fn a_value_that_its_column_cannot_hold_is_not_stored() {
    let catalog = shop();
    let (orders, documents) = (of(&catalog, "Order"), of(&catalog, "Document"));
    let check = |of: &Of<'_>, name: &str, value: Value, fits: bool| {
        for dialect in DIALECTS {
            let values = ["acme".into(), Value::Int(1), Value::Null, Value::Null, Value::Null, value.clone()];
            let found = compile(dialect, set(of, by_id(of), [name]), values.to_vec()).map(|_| ());
            let target = if name == "is_public" { "Document" } else { "Order" };
            assert_eq!(found, if fits { Ok(()) } else { Err(CompileError::Values { slot: 5 }) }, "{target} {value:?}");
            let found = compile(dialect, new_row(of, [name], &["id"]), vec![value.clone()]).map(|_| ());
            assert_eq!(found, if fits { Ok(()) } else { Err(CompileError::Values { slot: 0 }) }, "{value:?}");
        }
    };
    let decimal = || Value::Decimal("1.5".parse().unwrap());
    for (name, value, fits) in [
        ("total", Value::Int(1), true),
        ("total", decimal(), true),
        ("total", Value::Float(1.5), false),
        ("total", "1".into(), false),
        ("items", Value::Int(1), true),
        ("items", decimal(), false),
        ("items", Value::Bool(true), false),
        ("items", Value::Array(vec![Value::Int(1)]), false),
        ("weight", Value::Float(1.5), true),
        ("weight", Value::Null, true),
        ("weight", decimal(), false),
        ("status", "open".into(), true),
        ("status", Value::Int(0), false),
        ("currency", "EUR".into(), true),
        ("currency", Value::Bytes(vec![65]), false),
        ("placed_at", "2024-05-01".into(), false),
    ] {
        check(&orders, name, value, fits);
    }
    let by_title = target(documents.scoped(), documents.is("title", 1), None);
    for dialect in DIALECTS {
        let values = ["acme".into(), "x".into(), Value::Null, Value::Null, Value::Null, Value::Int(1)];
        let found = compile(dialect, set(&documents, by_title.clone(), ["is_public"]), values.to_vec());
        assert_eq!(found.unwrap_err(), CompileError::Values { slot: 5 });
    }
}

#[test]
fn a_change_says_that_it_is_one_and_what_comes_back() {
    let catalog = shop();
    let (orders, items) = (of(&catalog, "Order"), of(&catalog, "OrderItem"));
    for dialect in DIALECTS {
        let values = || vec!["acme".into(), Value::Int(1), Value::Null, Value::Null, Value::Null, Value::Null];
        let check = |shape: Shape, values: Vec<Value>, change: bool, columns: &[ColumnType]| {
            let statement = compile(dialect, shape, values).unwrap();
            assert_eq!((statement.is_change(), statement.columns()), (change, columns));
        };
        check(set(&orders, by_id(&orders), ["total"]), values(), true, &[]);
        check(Shape::Delete(delete(by_id(&orders))), values(), true, &[]);
        let new = new_row(&items, ["line"], &["tenant_id", "order_id", "line"]);
        check(new, vec![Value::Int(1)], true, &[ColumnType::Text, ColumnType::Int, ColumnType::Int32]);
        let looked_for = Shape::Present(present(vec![(orders.scoped(), orders.is("id", 1))]));
        check(looked_for, values(), false, &[ColumnType::Bool]);
        check(Shape::Select(orders.ids()), values(), false, &[ColumnType::Int]);
    }
    let catalog = family(TableName { schema: None, name: "orders".to_owned() });
    for (target, own) in [(grandchildren(&catalog), true), (by_id(&of(&catalog, "It")), false)] {
        let shape = Shape::Delete(delete(target));
        let step = Step::for_tests(shape, vec!["acme".into(), Value::Int(1)]);
        let statement = Compiler::new(Arc::clone(&catalog), Dialect::Sqlite).compile(step).unwrap();
        assert_eq!(statement.reads_what_it_changes(), own);
    }
}
